"""How far timelines were read."""

from linnet.actions import markers as actions
from linnet.client_api.door import Door
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import markers as rendering
from linnet.queries import markers as queries


async def show(door: Door, request: Request) -> Response:
    """GET /api/v1/markers"""
    wanted = rendering.timelines(request.query())
    return json(rendering.markers(await queries.of(door.database, request.context.account_id, wanted)))


async def put(door: Door, request: Request) -> Response:
    """POST /api/v1/markers"""
    positions = rendering.positions(await request.params())
    views = await actions.put(door.database, request.context.account_id, positions, door.operation(request))
    return json(rendering.markers(views))
