"""Announcements: listed, put away, reacted to."""

from collections.abc import Sequence
from typing import Any

from linnet.actions import announcements as actions
from linnet.client_api.door import Door, path_id
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import announcements as rendering
from linnet.queries import announcements as queries
from linnet.queries import emojis
from linnet.queries.announcements import Told


async def index(door: Door, request: Request) -> Response:
    """GET /api/v1/announcements"""
    return json(await rendered(door, await queries.standing(door.database, request.context.account_id)))


async def rendered(door: Door, found: Sequence[Told]) -> list[dict[str, Any]]:
    """One Announcement each."""
    codes = {code for told in found for code in rendering.shortcodes(told.announcement, told.reactions)}
    known, _ = await emojis.named(door.database, codes) if codes else ({}, 0)
    return [
        rendering.announcement(door.site, told.announcement, told.reactions, known, read=told.read) for told in found
    ]


async def dismiss(door: Door, request: Request) -> Response:
    """POST /api/v1/announcements/:id/dismiss"""
    await actions.dismiss(door.database, request.context.account_id, path_id(request), door.operation(request))
    return json({})


async def react(door: Door, request: Request) -> Response:
    """PUT /api/v1/announcements/:id/reactions/:name"""
    reader, id, name = request.context.account_id, path_id(request), request.segments["name"]
    await actions.react(door.database, reader, id, name, door.operation(request))
    return json({})


async def unreact(door: Door, request: Request) -> Response:
    """DELETE /api/v1/announcements/:id/reactions/:name"""
    reader, id, name = request.context.account_id, path_id(request), request.segments["name"]
    await actions.unreact(door.database, reader, id, name, door.operation(request))
    return json({})
