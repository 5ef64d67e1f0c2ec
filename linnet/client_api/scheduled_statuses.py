"""Scheduled statuses: kept for later, looked at, moved, and cancelled."""

from linnet.actions import scheduled as actions
from linnet.client_api.door import Door, page, path_id
from linnet.domain.errors import Invalid
from linnet.domain.statuses import Draft
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import scheduled as rendering
from linnet.queries import drafts as queries


async def create(door: Door, request: Request, draft: Draft, at: int) -> Response:
    """POST /api/v1/statuses with ``scheduled_at``"""
    author, operation = request.context.account_id, door.operation(request)
    return await _one(door, request, await actions.schedule(door.database, door.site, author, draft, at, operation))


async def index(door: Door, request: Request) -> Response:
    """GET /api/v1/scheduled_statuses"""
    found = await queries.page(door.database, request.context.account_id, page(request), scheduled=True)
    cursors = (found[-1].id, found[0].id) if found else None
    return json([rendering.scheduled(door.site, view) for view in found], headers=door.links(request, cursors))


async def show(door: Door, request: Request) -> Response:
    """GET /api/v1/scheduled_statuses/:id"""
    return await _one(door, request, path_id(request))


async def update(door: Door, request: Request) -> Response:
    """PUT /api/v1/scheduled_statuses/:id"""
    scheduled_id = path_id(request)
    # Whose it is comes first, as on Mastodon: what is not one's own is not there, whatever the time.
    await queries.one(door.database, request.context.account_id, scheduled_id, scheduled=True)
    at = rendering.time(await request.params())
    if at is None:
        raise Invalid("scheduled_at", "can't be blank", "ERR_BLANK")
    operation = door.operation(request)
    await actions.reschedule(door.database, door.site, request.context.account_id, scheduled_id, at, operation)
    return await _one(door, request, scheduled_id)


async def delete(door: Door, request: Request) -> Response:
    """DELETE /api/v1/scheduled_statuses/:id"""
    await actions.cancel(door.database, request.context.account_id, path_id(request), door.operation(request))
    return json({})


async def _one(door: Door, request: Request, scheduled_id: int) -> Response:
    view = await queries.one(door.database, request.context.account_id, scheduled_id, scheduled=True)
    return json(rendering.scheduled(door.site, view))
