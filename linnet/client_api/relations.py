"""How accounts stand to each other: follow, block, mute, note, and the lists of each."""

from collections.abc import Awaitable, Callable

from linnet.actions import blocks, follows
from linnet.client_api.door import Door, page, path_id
from linnet.client_api.rendering import joined
from linnet.domain.errors import NotFound
from linnet.domain.paging import Page
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import parsing
from linnet.mastodon import relations as rendering
from linnet.queries import accounts
from linnet.queries import relations as queries
from linnet.queries.accounts import Accounts
from linnet.storage.database import Database, Operation

IDS_MAX = 500

_Change = Callable[[Database, int, int, Operation], Awaitable[None]]


async def follow(door: Door, request: Request) -> Response:
    """POST /api/v1/accounts/:id/follow"""
    options = rendering.follow_options(await request.params())
    reader, target = request.context.account_id, path_id(request)
    await follows.follow(door.database, door.site, reader, target, options, door.operation(request))
    return await _one(door, reader, target)


async def unfollow(door: Door, request: Request) -> Response:
    """POST /api/v1/accounts/:id/unfollow"""
    return await changed(door, request, follows.unfollow)


async def remove_from_followers(door: Door, request: Request) -> Response:
    """POST /api/v1/accounts/:id/remove_from_followers"""
    return await changed(door, request, follows.remove_follower)


async def authorize(door: Door, request: Request) -> Response:
    """POST /api/v1/follow_requests/:account_id/authorize"""
    return await changed(door, request, follows.authorize, "account_id")


async def reject(door: Door, request: Request) -> Response:
    """POST /api/v1/follow_requests/:account_id/reject"""
    return await changed(door, request, follows.reject, "account_id")


async def block(door: Door, request: Request) -> Response:
    """POST /api/v1/accounts/:id/block"""
    return await changed(door, request, blocks.block)


async def unblock(door: Door, request: Request) -> Response:
    """POST /api/v1/accounts/:id/unblock"""
    return await changed(door, request, blocks.unblock)


async def mute(door: Door, request: Request) -> Response:
    """POST /api/v1/accounts/:id/mute"""
    terms = rendering.mute(await request.params())
    reader, target = request.context.account_id, path_id(request)
    await blocks.mute(door.database, reader, target, terms, door.operation(request))
    return await _one(door, reader, target)


async def unmute(door: Door, request: Request) -> Response:
    """POST /api/v1/accounts/:id/unmute"""
    return await changed(door, request, blocks.unmute)


async def note(door: Door, request: Request) -> Response:
    """POST /api/v1/accounts/:id/note"""
    comment = parsing.text(await request.params(), "comment")
    reader, target = request.context.account_id, path_id(request)
    await blocks.note(door.database, reader, target, comment, door.operation(request))
    return await _one(door, reader, target)


async def relationships(door: Door, request: Request) -> Response:
    """GET /api/v1/accounts/relationships"""
    query = request.query()
    ids = parsing.id_list(query, "id", IDS_MAX)
    suspended = parsing.flag(query, "with_suspended")
    views = await queries.relationships(door.database, request.context.account_id, ids, with_suspended=suspended)
    return json([rendering.relationship(view) for view in views])


async def followers(door: Door, request: Request) -> Response:
    """GET /api/v1/accounts/:id/followers"""
    return await _connections(door, request, queries.followers)


async def following(door: Door, request: Request) -> Response:
    """GET /api/v1/accounts/:id/following"""
    return await _connections(door, request, queries.following)


async def list_blocks(door: Door, request: Request) -> Response:
    """GET /api/v1/blocks"""
    return await door.accounts(
        request, await queries.blocks(door.database, request.context.account_id, page(request, 40, 80))
    )


async def list_requests(door: Door, request: Request) -> Response:
    """GET /api/v1/follow_requests"""
    return await door.accounts(
        request, await queries.requests(door.database, request.context.account_id, page(request, 40, 80))
    )


async def list_mutes(door: Door, request: Request) -> Response:
    """GET /api/v1/mutes"""
    found = await queries.mutes(door.database, request.context.account_id, page(request, 40, 80))
    bodies = await door.rendering.accounts_by_id(found.page.rows)
    items = [rendering.muted(bodies[row.id], found.ends.get(row.id)) for row in found.page.rows if row.id in bodies]
    return Response(joined(items), headers=door.links(request, found.page.cursors))


async def familiar_followers(door: Door, request: Request) -> Response:
    """GET /api/v1/accounts/familiar_followers"""
    # Mastodon.py sends the ids as the JSON body of its GET.
    ids = parsing.id_list(await request.params(), "id", 40)
    found = await queries.familiar(door.database, request.context.account_id, ids)
    bodies = await door.rendering.accounts_by_id(row for rows in found.values() for row in rows)
    items = (
        b'{"id":"%d","accounts":%b}' % (id, joined(bodies[row.id] for row in rows if row.id in bodies))
        for id, rows in found.items()
    )
    return Response(joined(items))


async def _connections(
    door: Door, request: Request, query: Callable[[Database, int, int, Page], Awaitable[Accounts]]
) -> Response:
    owner = await accounts.one(door.database, path_id(request))
    found = await query(door.database, owner.id, request.context.account_id, page(request, 40, 80))
    return await door.accounts(request, found)


async def changed(door: Door, request: Request, change: _Change, name: str = "id") -> Response:
    reader, target = request.context.account_id, path_id(request, name)
    await change(door.database, reader, target, door.operation(request))
    return await _one(door, reader, target)


async def _one(door: Door, reader: int, target: int) -> Response:
    views = await queries.relationships(door.database, reader, (target,), with_suspended=True)
    if not views:
        raise NotFound
    return json(rendering.relationship(views[0]))
