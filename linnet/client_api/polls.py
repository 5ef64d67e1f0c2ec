"""Polls: looked at, and voted in."""

from linnet.actions import votes as actions
from linnet.client_api.door import Door, path_id
from linnet.domain.errors import NotFound
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.mastodon import polls as parameters
from linnet.queries import statuses as queries


async def show(door: Door, request: Request) -> Response:
    """GET /api/v1/polls/:id"""
    return await _one(door, request, path_id(request))


async def vote(door: Door, request: Request) -> Response:
    """POST /api/v1/polls/:id/votes"""
    choices = parameters.choices(await request.params())
    reader, operation = request.context.account_id, door.operation(request)
    return await _one(door, request, await actions.vote(door.database, reader, path_id(request), choices, operation))


async def _one(door: Door, request: Request, status_id: int) -> Response:
    """A poll has the id of its status, and whoever may see the one may see the other."""
    reader = request.context.account_id
    place = await queries.one(door.database, status_id, reader)
    if place.row.poll is None:
        raise NotFound
    return Response(await door.rendering.poll(place.row, reader))
