"""Emoji reactions, as apps of the Pleroma and glitch-soc families ask for them."""

from collections.abc import Iterable

from linnet.actions import reactions as actions
from linnet.client_api.door import Door, path_id
from linnet.client_api.statuses import one
from linnet.domain import reactions as rules
from linnet.domain.notifications import REACTION
from linnet.domain.views import NotificationRow
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import reactions as rendering
from linnet.queries import reactions as queries
from linnet.queries import statuses


async def put(door: Door, request: Request) -> Response:
    """PUT /api/v1/pleroma/statuses/:id/reactions/:emoji"""
    return await _react(door, request, request.segments["emoji"])


async def delete(door: Door, request: Request) -> Response:
    """DELETE /api/v1/pleroma/statuses/:id/reactions/:emoji"""
    return await _unreact(door, request, request.segments["emoji"])


async def react(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses/:id/react/:name"""
    return await _react(door, request, request.segments["name"])


async def unreact(door: Door, request: Request) -> Response:
    """POST /api/v1/statuses/:id/unreact/:name"""
    return await _unreact(door, request, request.segments["name"])


async def index(door: Door, request: Request) -> Response:
    """GET /api/v1/pleroma/statuses/:id/reactions"""
    return await _listed(door, request)


async def of_emoji(door: Door, request: Request) -> Response:
    """GET /api/v1/pleroma/statuses/:id/reactions/:emoji"""
    return await _listed(door, request, rules.parse(request.segments["emoji"]))


async def _react(door: Door, request: Request, name: str) -> Response:
    reader, operation = request.context.account_id, door.operation(request)
    return await one(
        door, request, await actions.react(door.database, door.site, reader, path_id(request), name, operation)
    )


async def _unreact(door: Door, request: Request, name: str) -> Response:
    reader, operation = request.context.account_id, door.operation(request)
    return await one(door, request, await actions.unreact(door.database, reader, path_id(request), name, operation))


async def _listed(door: Door, request: Request, emoji: str = "") -> Response:
    reader = request.context.account_id
    row = (await statuses.one(door.database, path_id(request), reader)).row
    if emoji:
        emoji = rules.spelling(emoji, rules.counts(row.reactions))
    found = await queries.who(door.database, row.id, reader, emoji)
    accounts = await door.rendering.accounts_by_id({one.id: one for some in found.values() for one in some}.values())
    who = {name: [accounts[one.id] for one in some if one.id in accounts] for name, some in found.items()}
    emojis = await door.rendering.emojis_called(rendering.shortcodes(row))
    return json(rendering.with_accounts(door.site, row, who, emojis))


async def told_of(door: Door, rows: Iterable[NotificationRow]) -> dict[int, bytes]:
    """Notification -> what it has of the emoji that it tells of; looked up only where one does."""
    pairs = {row.id: (row.status_id, row.from_account_id) for row in rows if row.type == REACTION}
    if not pairs:
        return {}
    latest = await queries.latest(door.database, pairs.values())
    codes = (rules.shortcode(emoji) for emoji in latest.values())
    emojis = await door.rendering.emojis_called(code for code in codes if code)
    return {id: rendering.told(door.site, latest[pair], emojis) for id, pair in pairs.items() if pair in latest}
