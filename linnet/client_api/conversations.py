"""Conversations: direct statuses by who takes part."""

from collections.abc import Awaitable, Callable, Sequence

from linnet.actions import conversations as actions
from linnet.client_api.door import Door, page, path_id
from linnet.client_api.rendering import joined
from linnet.domain.views import Identity
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.queries import conversations as queries
from linnet.queries.conversations import Conversation
from linnet.storage.database import Database, Operation

_Mark = Callable[[Database, int, int, Operation], Awaitable[int]]


async def index(door: Door, request: Request) -> Response:
    """GET /api/v1/conversations"""
    found = await queries.page(door.database, request.context.account_id, page(request))
    cursors = (found[-1].cursor, found[0].cursor) if found else None
    return Response(joined(await rendered(door, found, request.context)), headers=door.links(request, cursors))


async def read(door: Door, request: Request) -> Response:
    """POST /api/v1/conversations/:id/read"""
    return await _mark(door, request, actions.read)


async def unread(door: Door, request: Request) -> Response:
    """POST /api/v1/conversations/:id/unread"""
    return await _mark(door, request, actions.unread)


async def _mark(door: Door, request: Request, mark: _Mark) -> Response:
    reader, id = request.context.account_id, path_id(request)
    await mark(door.database, reader, id, door.operation(request))
    return Response((await rendered(door, (await queries.one(door.database, reader, id),), request.context))[0])


async def delete(door: Door, request: Request) -> Response:
    """DELETE /api/v1/conversations/:id"""
    await actions.delete(door.database, request.context.account_id, path_id(request), door.operation(request))
    return json({})


async def timeline(door: Door, request: Request) -> Response:
    """GET /api/v1/timelines/direct: what the conversations hold, as one timeline."""
    found = await queries.timeline(door.database, request.context.account_id, page(request))
    return await door.statuses(request, found)


async def rendered(door: Door, found: Sequence[Conversation], reader: Identity) -> list[bytes]:
    """One JSON object each."""
    accounts = await door.rendering.accounts_by_id(person for one in found for person in one.people)
    places = tuple(one.status for one in found if one.status is not None)
    statuses = await door.rendering.statuses_by_id(places, reader)
    return [
        b'{"id":"%d","unread":%b,"accounts":%b,"last_status":%b}'
        % (
            one.id,
            b"true" if one.unread else b"false",
            joined(accounts[person.id] for person in one.people if person.id in accounts),
            statuses.get(one.cursor, b"null"),
        )
        for one in found
    ]
