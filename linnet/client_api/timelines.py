"""Timelines: home, public, hashtags."""

from linnet.client_api.door import Door, page
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.mastodon import parsing
from linnet.queries import timelines
from linnet.queries.timelines import Tagged

TAGS_MAX = 4
"""How many further hashtags each of any, all and none takes, as in Mastodon."""


async def home(door: Door, request: Request) -> Response:
    """GET /api/v1/timelines/home"""
    reader = request.context.account_id
    waiting = await door.waiting(request, reader)
    return await door.statuses(request, await timelines.home(door.database, reader, page(request)), waiting=waiting)


async def public(door: Door, request: Request) -> Response:
    """GET /api/v1/timelines/public"""
    query, reader = request.query(), request.context.account_id
    if parsing.flag(query, "remote"):
        return await door.statuses(request, ())
    only_media = parsing.flag(query, "only_media")
    return await door.statuses(
        request, await timelines.public(door.database, reader, page(request), only_media=only_media)
    )


async def tag(door: Door, request: Request) -> Response:
    """GET /api/v1/timelines/tag/:hashtag"""
    query, reader = request.query(), request.context.account_id
    if parsing.flag(query, "remote"):
        return await door.statuses(request, ())
    any_, all_, none = (parsing.text_list(query, name, TAGS_MAX) for name in ("any", "all", "none"))
    tagged = Tagged(request.segments["hashtag"], any_, all_, none)
    only_media = parsing.flag(query, "only_media")
    return await door.statuses(
        request, await timelines.tag(door.database, reader, tagged, page(request), only_media=only_media)
    )
