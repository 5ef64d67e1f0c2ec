"""Notifications: listed, looked at, counted and put away."""

from collections.abc import Sequence

from linnet.actions import notifications as actions
from linnet.client_api import reactions, reports
from linnet.client_api.door import Door, page, path_id
from linnet.client_api.rendering import joined
from linnet.domain.errors import NotFound
from linnet.domain.notifications import UNREAD_MAX, chosen
from linnet.domain.views import Identity
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import notifications as rendering
from linnet.mastodon import parsing
from linnet.queries import notifications as queries
from linnet.queries.notifications import Told, Wanted

TYPES_MAX = 100


async def index(door: Door, request: Request) -> Response:
    """GET /api/v1/notifications"""
    reader = request.context.account_id
    found = await queries.page(door.database, reader, wanted(request), page(request, 40, 80))
    cursors = (found[-1].row.id, found[0].row.id) if found else None
    return Response(joined(await rendered(door, found, request.context)), headers=door.links(request, cursors))


async def show(door: Door, request: Request) -> Response:
    """GET /api/v1/notifications/:id"""
    reader = request.context.account_id
    bodies = await rendered(door, (await queries.one(door.database, reader, path_id(request)),), request.context)
    if not bodies:
        raise NotFound
    return Response(bodies[0])


async def dismiss(door: Door, request: Request) -> Response:
    """POST /api/v1/notifications/:id/dismiss"""
    await actions.dismiss(door.database, request.context.account_id, path_id(request), door.operation(request))
    return json({})


async def clear(door: Door, request: Request) -> Response:
    """POST /api/v1/notifications/clear"""
    await actions.clear(door.database, request.context.account_id, door.operation(request))
    return json({})


async def unread_count(door: Door, request: Request) -> Response:
    """GET /api/v1/notifications/unread_count"""
    limit = page(request, 100, UNREAD_MAX).limit
    return json({"count": await queries.unread(door.database, request.context.account_id, wanted(request), limit)})


def wanted(request: Request) -> Wanted:
    """Which notifications a page, or a count, is asked for."""
    query = request.query()
    types = parsing.text_list(query, "types", TYPES_MAX)
    understood = (
        *parsing.text_list(query, "supported_types", TYPES_MAX),
        *parsing.text_list(query, "include_types", TYPES_MAX),
    )
    return Wanted(
        chosen(types, parsing.text_list(query, "exclude_types", TYPES_MAX), understood),
        parsing.id_(query, "account_id"),
        parsing.flag(query, "include_filtered"),
    )


async def rendered(door: Door, found: Sequence[Told], reader: Identity) -> list[bytes]:
    """One JSON object each; what was deleted in between is left out."""
    accounts = await door.rendering.accounts_by_id(told.account for told in found)
    places = {told.status.row.id: told.status for told in found if told.status is not None}
    statuses = await door.rendering.statuses_by_id(tuple(places.values()), reader)
    reported = await reports.told_of(door, ((told.row.id, told.row.type, told.account.id) for told in found))
    reacted = await reactions.told_of(door, (told.row for told in found))
    return [
        rendering.notification(
            told.row,
            accounts[told.account.id],
            statuses.get(told.row.status_id),
            reported.get(told.row.id),
            reacted.get(told.row.id, b""),
        )
        for told in found
        if told.account.id in accounts and (told.status is None or told.row.status_id in statuses)
    ]
