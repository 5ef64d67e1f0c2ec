"""What is done to a status: favourite, reblog, bookmark, pin, mute, and each taken back."""

from collections.abc import Awaitable, Callable

from linnet.actions import interactions as actions
from linnet.client_api.door import Door, path_id
from linnet.client_api.statuses import one
from linnet.domain.visibility import Visibility
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.mastodon import drafts
from linnet.storage.database import Database, Operation

Deed = Callable[[Database, int, int, Operation], Awaitable[int]]
"""Of the account that does it and the status that it is done to; the status to answer with."""


async def favourite(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses/:id/favourite"""
    return await _done(door, request, actions.favourite)


async def unfavourite(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses/:id/unfavourite"""
    return await _done(door, request, actions.unfavourite)


async def reblog(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses/:id/reblog"""
    reader, operation = request.context.account_id, door.operation(request)
    visibility = drafts.visibility(await request.params(), Visibility.PUBLIC)
    new = await actions.reblog(door.database, door.site, reader, path_id(request), visibility, operation)
    return await one(door, request, new)


async def unreblog(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses/:id/unreblog"""
    return await _done(door, request, actions.unreblog)


async def bookmark(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses/:id/bookmark"""
    return await _done(door, request, actions.bookmark)


async def unbookmark(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses/:id/unbookmark"""
    return await _done(door, request, actions.unbookmark)


async def pin(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses/:id/pin"""
    reader, operation = request.context.account_id, door.operation(request)
    return await one(door, request, await actions.pin(door.database, door.site, reader, path_id(request), operation))


async def unpin(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses/:id/unpin"""
    return await _done(door, request, actions.unpin)


async def mute(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses/:id/mute"""
    return await _done(door, request, actions.mute_thread)


async def unmute(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses/:id/unmute"""
    return await _done(door, request, actions.unmute_thread)


async def _done(door: Door, request: Request, deed: Deed) -> Response:
    reader, operation = request.context.account_id, door.operation(request)
    return await one(door, request, await deed(door.database, reader, path_id(request), operation))
