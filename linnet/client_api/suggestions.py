"""Suggestions whom to follow."""

from linnet.actions import suggestions as actions
from linnet.client_api.door import Door, page, path_id
from linnet.client_api.rendering import joined
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import accounts as rendering
from linnet.queries import suggestions as queries


async def v1(door: Door, request: Request) -> Response:
    """GET /api/v1/suggestions"""
    found = await queries.all(door.database, request.context.account_id, page(request, 40, 80).limit)
    return Response(joined(await door.rendering.accounts([one.row for one in found])))


async def v2(door: Door, request: Request) -> Response:
    """GET /api/v2/suggestions"""
    found = await queries.all(door.database, request.context.account_id, page(request, 40, 80).limit)
    bodies = await door.rendering.accounts([one.row for one in found])
    pairs = zip(found, bodies, strict=True)
    return Response(joined(rendering.suggestion(body, friends=one.friends) for one, body in pairs))


async def decline(door: Door, request: Request) -> Response:
    """DELETE /api/v1/suggestions/:account_id"""
    reader, target = request.context.account_id, path_id(request, "account_id")
    await actions.decline(door.database, reader, target, door.operation(request))
    return json({})
