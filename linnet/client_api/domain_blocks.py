"""Servers that somebody blocks for themselves."""

from linnet.actions import domain_blocks as actions
from linnet.client_api.door import Door, page
from linnet.domain import servers
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import parsing
from linnet.queries import domain_blocks as queries


async def index(door: Door, request: Request) -> Response:
    """GET /api/v1/domain_blocks"""
    found = await queries.all(door.database, request.context.account_id, page(request, 100, 200))
    return json(found.names, headers=door.links(request, found.cursors))


async def preview(door: Door, request: Request) -> Response:
    """GET /api/v1/domain_blocks/preview"""
    domain = servers.domain(parsing.text(request.query(), "domain"), door.site.domain)
    following, followers = await queries.preview(door.database, request.context.account_id, domain)
    return json({"following_count": following, "followers_count": followers})


async def block(door: Door, request: Request) -> Response:
    """POST /api/v1/domain_blocks"""
    domain = parsing.text(await request.params(), "domain")
    await actions.block(door.database, door.site, request.context.account_id, domain, door.operation(request))
    return json({})


async def unblock(door: Door, request: Request) -> Response:
    """DELETE /api/v1/domain_blocks"""
    domain = parsing.text(await request.params(), "domain")
    await actions.unblock(door.database, door.site, request.context.account_id, domain, door.operation(request))
    return json({})
