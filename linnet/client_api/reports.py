"""Reports: telling the moderators of an account."""

from collections.abc import Iterable

import msgspec

from linnet.actions import reports as actions
from linnet.client_api.door import Door
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import reports as rendering
from linnet.queries import accounts
from linnet.queries import reports as queries


async def create(door: Door, request: Request) -> Response:
    """POST /api/v1/reports"""
    complaint = rendering.complaint(await request.params())
    new = await actions.report(door.database, request.context.account_id, complaint, door.operation(request))
    one = await queries.one(door.database, new)
    return json(rendering.report(one, await door.rendering.account_by_id(one.target_id)))


async def told_of(door: Door, told: Iterable[tuple[int, str, int]]) -> dict[int, bytes]:
    """Of notifications (id, type, sender): the id of each that tells of a report -> that report's JSON."""
    found = await queries.told_of(door.database, told)
    if not found:
        return {}
    rows = await accounts.rows(door.database, {one.target_id for one in found.values()})
    targets = await door.rendering.accounts_by_id(rows.values())
    return {
        id: msgspec.json.encode(rendering.report(one, targets[one.target_id]))
        for id, one in found.items()
        if one.target_id in targets
    }
