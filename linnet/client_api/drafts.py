"""Drafts that are kept on the server: Linnet's own, with the parameters that a status has."""

import msgspec

from linnet.actions import drafts as actions
from linnet.actions.statuses import Written
from linnet.client_api import statuses
from linnet.client_api.door import Door, page, path_id
from linnet.domain.statuses import Draft
from linnet.domain.views import Identity
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import drafts as parameters
from linnet.mastodon import scheduled as rendering
from linnet.queries import drafts as queries


async def index(door: Door, request: Request) -> Response:
    """GET /api/v1/drafts"""
    found = await queries.page(door.database, request.context.account_id, page(request), scheduled=False)
    cursors = (found[-1].id, found[0].id) if found else None
    return json([rendering.draft(door.site, view) for view in found], headers=door.links(request, cursors))


async def create(door: Door, request: Request) -> Response:
    """POST /api/v1/drafts"""
    draft, operation = await _draft(door, request), door.operation(request)
    new = await actions.save(door.database, door.site, request.context.account_id, draft, operation)
    return await _one(door, request, new)


async def show(door: Door, request: Request) -> Response:
    """GET /api/v1/drafts/:id"""
    return await _one(door, request, path_id(request))


async def update(door: Door, request: Request) -> Response:
    """PUT /api/v1/drafts/:id"""
    draft, operation, draft_id = await _draft(door, request), door.operation(request), path_id(request)
    await actions.change(door.database, door.site, request.context.account_id, draft_id, draft, operation)
    return await _one(door, request, draft_id)


async def delete(door: Door, request: Request) -> Response:
    """DELETE /api/v1/drafts/:id"""
    await actions.delete(door.database, request.context.account_id, path_id(request), door.operation(request))
    return json({})


async def publish(door: Door, request: Request) -> Response:
    """POST /api/v1/drafts/:id/publish: answers with the status."""
    reader: Identity = request.context
    written: list[Written] = []
    new = await actions.publish(
        door.database, door.site, reader.account_id, path_id(request), door.operation(request), written.append
    )
    if written and written[-1].row.id == new:
        door.rendering.keep(written[-1].row, msgspec.structs.replace(written[-1].content, username=reader.username))
    return await statuses.one(door, request, new)


async def _draft(door: Door, request: Request) -> Draft:
    reader: Identity = request.context
    return parameters.draft(await request.params(), reader.defaults, reader)


async def _one(door: Door, request: Request, draft_id: int) -> Response:
    view = await queries.one(door.database, request.context.account_id, draft_id, scheduled=False)
    return json(rendering.draft(door.site, view))
