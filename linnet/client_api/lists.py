"""Lists of accounts, their members and their timelines."""

from linnet.actions import lists as actions
from linnet.client_api.door import Door, page, path_id
from linnet.domain.lists import MEMBERS_MAX
from linnet.domain.paging import Page
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import lists as rendering
from linnet.mastodon import parsing
from linnet.queries import accounts
from linnet.queries import lists as queries


async def index(door: Door, request: Request) -> Response:
    """GET /api/v1/lists"""
    return json([rendering.one(view) for view in await queries.all(door.database, request.context.account_id)])


async def show(door: Door, request: Request) -> Response:
    """GET /api/v1/lists/:id"""
    return await _one(door, request, path_id(request))


async def create(door: Door, request: Request) -> Response:
    """POST /api/v1/lists"""
    wanted = rendering.changes(await request.params())
    new = await actions.create(door.database, request.context.account_id, wanted, door.operation(request))
    return await _one(door, request, new)


async def update(door: Door, request: Request) -> Response:
    """PUT /api/v1/lists/:id"""
    wanted, list_id = rendering.changes(await request.params()), path_id(request)
    await actions.update(door.database, request.context.account_id, list_id, wanted, door.operation(request))
    return await _one(door, request, list_id)


async def delete(door: Door, request: Request) -> Response:
    """DELETE /api/v1/lists/:id"""
    await actions.delete(door.database, request.context.account_id, path_id(request), door.operation(request))
    return json({})


async def members(door: Door, request: Request) -> Response:
    """GET /api/v1/lists/:id/accounts"""
    # The published word for all of them at once.
    whole = request.query().get("limit") == "0"
    part = Page(MEMBERS_MAX) if whole else page(request, 40, 80)
    found = await queries.members(door.database, request.context.account_id, path_id(request), part)
    return await door.accounts(request, found._replace(cursors=None) if whole else found)


async def add(door: Door, request: Request) -> Response:
    """POST /api/v1/lists/:id/accounts"""
    targets, list_id = parsing.id_list(await request.params(), "account_ids", MEMBERS_MAX), path_id(request)
    await actions.add(door.database, request.context.account_id, list_id, targets, door.operation(request))
    return json({})


async def remove(door: Door, request: Request) -> Response:
    """DELETE /api/v1/lists/:id/accounts"""
    targets, list_id = parsing.id_list(await request.params(), "account_ids", MEMBERS_MAX), path_id(request)
    await actions.remove(door.database, request.context.account_id, list_id, targets, door.operation(request))
    return json({})


async def of_account(door: Door, request: Request) -> Response:
    """GET /api/v1/accounts/:id/lists"""
    account = await accounts.one(door.database, path_id(request))
    views = await queries.with_member(door.database, request.context.account_id, account.id)
    return json([rendering.one(view) for view in views])


async def timeline(door: Door, request: Request) -> Response:
    """GET /api/v1/timelines/list/:list_id"""
    reader, list_id = request.context.account_id, path_id(request, "list_id")
    return await door.statuses(request, await queries.timeline(door.database, reader, list_id, page(request)))


async def _one(door: Door, request: Request, list_id: int) -> Response:
    return json(rendering.one(await queries.one(door.database, request.context.account_id, list_id)))
