"""The policy for notifications from strangers, and those of them who wait to be let through."""

from collections.abc import Sequence

from linnet.actions import notification_requests as actions
from linnet.client_api.door import Door, page, path_id
from linnet.client_api.rendering import joined
from linnet.domain.errors import NotFound
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import notification_requests as rendering
from linnet.mastodon import parsing
from linnet.queries import notification_requests as queries
from linnet.queries.notification_requests import Waiting

IDS_MAX = 100


async def policy(door: Door, request: Request) -> Response:
    """GET /api/v2/notifications/policy"""
    return json(rendering.policy(*await queries.summary(door.database, request.context.account_id)))


async def set_policy(door: Door, request: Request) -> Response:
    """PATCH /api/v2/notifications/policy"""
    wanted = rendering.policy_changes(await request.params())
    await actions.set_policy(door.database, request.context.account_id, wanted, door.operation(request))
    return await policy(door, request)


async def old_policy(door: Door, request: Request) -> Response:
    """GET /api/v1/notifications/policy"""
    return json(rendering.old_policy(*await queries.summary(door.database, request.context.account_id)))


async def set_old_policy(door: Door, request: Request) -> Response:
    """PATCH, PUT /api/v1/notifications/policy"""
    wanted = rendering.old_policy_changes(await request.params())
    await actions.set_policy(door.database, request.context.account_id, wanted, door.operation(request))
    return await old_policy(door, request)


async def index(door: Door, request: Request) -> Response:
    """GET /api/v1/notifications/requests"""
    found = await queries.page(door.database, request.context.account_id, page(request, 40, 80))
    cursors = (found[-1].id, found[0].id) if found else None
    return Response(joined(await _rendered(door, request, found)), headers=door.links(request, cursors))


async def show(door: Door, request: Request) -> Response:
    """GET /api/v1/notifications/requests/:id"""
    found = await queries.one(door.database, request.context.account_id, path_id(request))
    bodies = await _rendered(door, request, (found,))
    if not bodies:
        raise NotFound
    return Response(bodies[0])


async def accept(door: Door, request: Request) -> Response:
    """POST /api/v1/notifications/requests/:id/accept"""
    actor, ids = request.context.account_id, (path_id(request),)
    await actions.accept(door.database, actor, ids, door.operation(request), strict=True)
    return json({})


async def dismiss(door: Door, request: Request) -> Response:
    """POST /api/v1/notifications/requests/:id/dismiss"""
    actor, ids = request.context.account_id, (path_id(request),)
    await actions.dismiss(door.database, actor, ids, door.operation(request), strict=True)
    return json({})


async def accept_many(door: Door, request: Request) -> Response:
    """POST /api/v1/notifications/requests/accept"""
    ids = parsing.id_list(await request.params(), "id", IDS_MAX)
    await actions.accept(door.database, request.context.account_id, ids, door.operation(request))
    return json({})


async def dismiss_many(door: Door, request: Request) -> Response:
    """POST /api/v1/notifications/requests/dismiss"""
    ids = parsing.id_list(await request.params(), "id", IDS_MAX)
    await actions.dismiss(door.database, request.context.account_id, ids, door.operation(request))
    return json({})


async def merged(door: Door, request: Request) -> Response:
    """GET /api/v1/notifications/requests/merged"""
    return json({"merged": await queries.merged(door.database, request.context.account_id)})


async def _rendered(door: Door, request: Request, found: Sequence[Waiting]) -> list[bytes]:
    accounts = await door.rendering.accounts_by_id(one.account for one in found)
    places = {one.id: one.status for one in found if one.status is not None}
    statuses = await door.rendering.statuses_by_id(tuple(places.values()), request.context)
    shown = {id: statuses.get(place.row.id) for id, place in places.items()}
    return [
        rendering.request(one.id, one.latest, one.notifications, accounts[one.account.id], shown.get(one.id))
        for one in found
        if one.account.id in accounts
    ]
