"""Hashtags: one by name, followed, and shown on profiles."""

from collections.abc import Awaitable, Callable

from linnet.actions import tags as actions
from linnet.client_api.door import Door, page, path_id
from linnet.domain.views import FeaturedTagView
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import parsing
from linnet.mastodon import tags as rendering
from linnet.queries import accounts
from linnet.queries import tags as queries
from linnet.storage.database import Database, Operation

_Change = Callable[[Database, int, str, Operation], Awaitable[object]]


async def show(door: Door, request: Request) -> Response:
    """GET /api/v1/tags/:name"""
    view = await queries.one(door.database, request.context.account_id, request.segments["name"])
    return json(rendering.tag(door.site, view, signed_in=request.context.signed_in))


async def follow(door: Door, request: Request) -> Response:
    """POST /api/v1/tags/:name/follow"""
    return await _change(door, request, actions.follow)


async def unfollow(door: Door, request: Request) -> Response:
    """POST /api/v1/tags/:name/unfollow"""
    return await _change(door, request, actions.unfollow)


async def feature(door: Door, request: Request) -> Response:
    """POST /api/v1/tags/:name/feature"""

    async def again(database: Database, actor: int, name: str, operation: Operation) -> str:
        return await actions.feature(database, actor, name, operation, again=True)

    return await _change(door, request, again)


async def unfeature(door: Door, request: Request) -> Response:
    """POST /api/v1/tags/:name/unfeature"""
    return await _change(door, request, actions.unfeature)


async def followed(door: Door, request: Request) -> Response:
    """GET /api/v1/followed_tags"""
    found = await queries.followed(door.database, request.context.account_id, page(request, 100, 200))
    items = [rendering.tag(door.site, view, signed_in=True) for view in found.views]
    return json(items, headers=door.links(request, found.cursors))


async def list_featured(door: Door, request: Request) -> Response:
    """GET /api/v1/featured_tags"""
    return _featured(door, await queries.featured(door.database, request.context.account_id))


async def create_featured(door: Door, request: Request) -> Response:
    """POST /api/v1/featured_tags"""
    reader, name = request.context, parsing.text(await request.params(), "name")
    tag = await actions.feature(door.database, reader.account_id, name, door.operation(request))
    view = await queries.featured_one(door.database, reader.account_id, tag)
    return json(rendering.featured(door.site, view))


async def delete_featured(door: Door, request: Request) -> Response:
    """DELETE /api/v1/featured_tags/:id"""
    reader = request.context.account_id
    await actions.unfeature_by_id(door.database, reader, path_id(request), door.operation(request))
    return json({})


async def suggestions(door: Door, request: Request) -> Response:
    """GET /api/v1/featured_tags/suggestions"""
    views = await queries.suggestions(door.database, request.context.account_id)
    return json([rendering.tag(door.site, view, signed_in=True) for view in views])


async def of_account(door: Door, request: Request) -> Response:
    """GET /api/v1/accounts/:id/featured_tags"""
    account = await accounts.one(door.database, path_id(request))
    shown = account.suspended_at is None
    return _featured(door, await queries.featured(door.database, account.id) if shown else ())


def _featured(door: Door, views: tuple[FeaturedTagView, ...]) -> Response:
    return json([rendering.featured(door.site, view) for view in views])


async def _change(door: Door, request: Request, change: _Change) -> Response:
    await change(door.database, request.context.account_id, request.segments["name"], door.operation(request))
    return await show(door, request)
