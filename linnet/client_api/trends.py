"""What is much used at the moment: hashtags, statuses, links."""

from linnet.client_api.door import Door, page
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import cards, parsing
from linnet.mastodon import tags as rendered_tags
from linnet.queries import trends as queries

OFFSET_MAX = 1_000


async def tags(door: Door, request: Request) -> Response:
    """GET /api/v1/trends and /api/v1/trends/tags"""
    limit, offset = _window(request, 10, 20)
    reader = request.context
    found = await queries.trending_tags(door.database, reader.account_id, limit, offset)
    return json([rendered_tags.tag(door.site, view, signed_in=reader.signed_in) for view in found])


async def statuses(door: Door, request: Request) -> Response:
    """GET /api/v1/trends/statuses"""
    limit, offset = _window(request, 20, 40)
    found = await queries.trending_statuses(door.database, request.context.account_id, limit, offset)
    return await door.statuses(request, found, linked=False)


async def links(door: Door, request: Request) -> Response:
    """GET /api/v1/trends/links"""
    limit, offset = _window(request, 10, 20)
    found = await queries.trending_links(door.database, limit, offset)
    return json([cards.trending(door.site, view.card, view.history) for view in found])


async def link(door: Door, request: Request) -> Response:
    """GET /api/v1/timelines/link"""
    url = parsing.text(request.query(), "url")
    return await door.statuses(
        request, await queries.with_link(door.database, request.context.account_id, url, page(request))
    )


def _window(request: Request, default: int, most: int) -> tuple[int, int]:
    return page(request, default, most).limit, parsing.number(request.query(), "offset", 0, OFFSET_MAX)
