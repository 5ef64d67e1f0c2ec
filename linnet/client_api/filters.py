"""Filters: what somebody does not want to read, in both versions of the API over the same data."""

from linnet.actions import filters as actions
from linnet.client_api.door import Door, path_id
from linnet.domain.errors import Invalid
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import filters as rendering
from linnet.mastodon import parsing
from linnet.queries import filters as queries

# -- version 2 --------------------------------------------------------------------------------------------------------


async def index(door: Door, request: Request) -> Response:
    """GET /api/v2/filters"""
    found = await queries.all(door.database, request.context.account_id)
    return json([rendering.filter_(one) for one in found])


async def create(door: Door, request: Request) -> Response:
    """POST /api/v2/filters"""
    draft = rendering.draft(await request.params())
    new = await actions.create(door.database, request.context.account_id, draft, door.operation(request))
    return await _one(door, request, new)


async def show(door: Door, request: Request) -> Response:
    """GET /api/v2/filters/:id"""
    return await _one(door, request, path_id(request))


async def update(door: Door, request: Request) -> Response:
    """PUT /api/v2/filters/:id"""
    draft, id = rendering.draft(await request.params()), path_id(request)
    await actions.update(door.database, request.context.account_id, id, draft, door.operation(request))
    return await _one(door, request, id)


async def delete(door: Door, request: Request) -> Response:
    """DELETE /api/v2/filters/:id"""
    await actions.delete(door.database, request.context.account_id, path_id(request), door.operation(request))
    return json({})


async def _one(door: Door, request: Request, id: int) -> Response:
    return json(rendering.filter_(await queries.one(door.database, request.context.account_id, id)))


async def keywords(door: Door, request: Request) -> Response:
    """GET /api/v2/filters/:filter_id/keywords"""
    one = await queries.one(door.database, request.context.account_id, path_id(request, "filter_id"))
    return json([rendering.keyword(each) for each in one.keywords])


async def add_keyword(door: Door, request: Request) -> Response:
    """POST /api/v2/filters/:filter_id/keywords"""
    reader, id = request.context.account_id, path_id(request, "filter_id")
    change = rendering.keyword_change(await request.params())
    return await _keyword(
        door, reader, await actions.add_keyword(door.database, reader, id, change, door.operation(request))
    )


async def show_keyword(door: Door, request: Request) -> Response:
    """GET /api/v2/filters/keywords/:id"""
    return await _keyword(door, request.context.account_id, path_id(request))


async def update_keyword(door: Door, request: Request) -> Response:
    """PUT /api/v2/filters/keywords/:id"""
    reader, id = request.context.account_id, path_id(request)
    change = rendering.keyword_change(await request.params())
    await actions.update_keyword(door.database, reader, id, change, door.operation(request))
    return await _keyword(door, reader, id)


async def delete_keyword(door: Door, request: Request) -> Response:
    """DELETE /api/v2/filters/keywords/:id"""
    await actions.delete_keyword(door.database, request.context.account_id, path_id(request), door.operation(request))
    return json({})


async def _keyword(door: Door, reader: int, id: int) -> Response:
    return json(rendering.keyword((await queries.keyword(door.database, reader, id))[1]))


async def statuses(door: Door, request: Request) -> Response:
    """GET /api/v2/filters/:filter_id/statuses"""
    one = await queries.one(door.database, request.context.account_id, path_id(request, "filter_id"))
    return json([rendering.status(each) for each in one.statuses])


async def add_status(door: Door, request: Request) -> Response:
    """POST /api/v2/filters/:filter_id/statuses"""
    reader, id = request.context.account_id, path_id(request, "filter_id")
    await queries.one(door.database, reader, id)
    status_id = parsing.id_(await request.params(), "status_id")
    if status_id is None:
        raise Invalid("status_id", "can't be blank", "ERR_BLANK")
    entry = await actions.add_status(door.database, reader, id, status_id, door.operation(request))
    return json(rendering.status(await queries.status(door.database, reader, entry)))


async def show_status(door: Door, request: Request) -> Response:
    """GET /api/v2/filters/statuses/:id"""
    return json(rendering.status(await queries.status(door.database, request.context.account_id, path_id(request))))


async def delete_status(door: Door, request: Request) -> Response:
    """DELETE /api/v2/filters/statuses/:id: answers with what it was."""
    reader, id = request.context.account_id, path_id(request)
    before = await queries.status(door.database, reader, id)
    await actions.delete_status(door.database, reader, id, door.operation(request))
    return json(rendering.status(before))


# -- version 1: each keyword is a filter of its own -------------------------------------------------------------------


async def index_v1(door: Door, request: Request) -> Response:
    """GET /api/v1/filters"""
    found = await queries.all(door.database, request.context.account_id)
    return json([rendering.v1(one, each) for one in found for each in one.keywords])


async def create_v1(door: Door, request: Request) -> Response:
    """POST /api/v1/filters"""
    reader = request.context.account_id
    draft = rendering.draft_v1(await request.params())
    new = await actions.create(door.database, reader, draft, door.operation(request))
    one = await queries.one(door.database, reader, new)
    return json(rendering.v1(one, one.keywords[0]))


async def show_v1(door: Door, request: Request) -> Response:
    """GET /api/v1/filters/:id"""
    return await _v1(door, request.context.account_id, path_id(request))


async def update_v1(door: Door, request: Request) -> Response:
    """PUT /api/v1/filters/:id"""
    reader, id = request.context.account_id, path_id(request)
    draft = rendering.draft_v1(await request.params())
    await actions.update_only(door.database, reader, id, draft, door.operation(request))
    return await _v1(door, reader, id)


async def delete_v1(door: Door, request: Request) -> Response:
    """DELETE /api/v1/filters/:id"""
    await actions.delete_only(door.database, request.context.account_id, path_id(request), door.operation(request))
    return json({})


async def _v1(door: Door, reader: int, id: int) -> Response:
    return json(rendering.v1(*(await queries.keyword(door.database, reader, id))))
