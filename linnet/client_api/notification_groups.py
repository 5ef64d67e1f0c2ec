"""Notifications in groups: listed, looked at, counted and put away."""

import re

from linnet.actions import notifications as actions
from linnet.client_api import reports
from linnet.client_api.door import Door, page
from linnet.client_api.notifications import wanted
from linnet.domain.errors import NotFound
from linnet.domain.notifications import UNREAD_MAX
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import notifications as rendering
from linnet.queries import accounts
from linnet.queries import notification_groups as queries
from linnet.queries.notification_groups import Groups

_KEY = re.compile(r"[\w.:-]{1,100}", re.ASCII)


async def index(door: Door, request: Request) -> Response:
    """GET /api/v2/notifications"""
    query = request.query()
    reader, kinds, partial = request.context.account_id, rendering.grouped(query), rendering.partial(query)
    found = await queries.page(door.database, reader, wanted(request), page(request, 40, 80), kinds)
    body = await _rendered(door, request, found, paged=True, partial=partial)
    return Response(body, headers=door.links(request, found.cursors))


async def unread_count(door: Door, request: Request) -> Response:
    """GET /api/v2/notifications/unread_count"""
    limit, kinds = page(request, 100, UNREAD_MAX).limit, rendering.grouped(request.query())
    count = await queries.unread(door.database, request.context.account_id, wanted(request), kinds, limit)
    return json({"count": count})


async def show(door: Door, request: Request) -> Response:
    """GET /api/v2/notifications/:group_key"""
    found = await queries.one(door.database, request.context.account_id, _key(request))
    return Response(await _rendered(door, request, found, paged=False, partial=False))


async def senders(door: Door, request: Request) -> Response:
    """GET /api/v2/notifications/:group_key/accounts"""
    key = _key(request)
    found = await queries.senders(door.database, request.context.account_id, key, page(request, 40, 80))
    return await door.accounts(request, found)


async def dismiss(door: Door, request: Request) -> Response:
    """POST /api/v2/notifications/:group_key/dismiss"""
    await actions.dismiss_group(door.database, request.context.account_id, _key(request), door.operation(request))
    return json({})


def _key(request: Request) -> str:
    key = request.segments["group_key"]
    if not _KEY.fullmatch(key):
        raise NotFound
    return key


async def _rendered(door: Door, request: Request, found: Groups, *, paged: bool, partial: bool) -> bytes:
    """With ``partial``, only the latest sender of each group is a whole account."""
    whole = {group.senders[0] for group in found.groups} if partial else found.accounts.keys()
    bodies = await door.rendering.accounts_by_id(row for id, row in found.accounts.items() if id in whole)
    statuses = await door.rendering.statuses_by_id(found.statuses, request.context)
    reported = await reports.told_of(door, ((one.newest, one.type, one.senders[0]) for one in found.groups))
    groups = [
        rendering.group(group, paged=paged, report=reported.get(group.newest))
        for group in found.groups
        if (not group.status_id or group.status_id in statuses) and all(id in found.accounts for id in group.senders)
    ]
    rest = await accounts.profiles(door.database, found.accounts.keys() - whole) if partial else {}
    partials = [rendering.partial_account(door.site, profile) for profile in rest.values()] if partial else None
    return rendering.results(groups, bodies.values(), statuses.values(), partials)
