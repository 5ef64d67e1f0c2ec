"""Whom a reader could follow: friends of friends, then who is popular here. Only who wants to be found."""

from typing import NamedTuple

from linnet.domain.views import AccountRow
from linnet.queries.accounts import in_order
from linnet.storage import suggestions
from linnet.storage.database import Database, Reader

SQL = suggestions.SQL

FRIENDS = 100
EACH = 100
"""Of how many of those whom the reader follows how many follows are looked at, the latest of either."""
SCAN = 500
"""Among how many accounts that posted lately the popular ones are looked for."""


class Suggestion(NamedTuple):
    """``friends`` of the reader's follow it; or else it is popular."""

    row: AccountRow
    friends: bool


async def all(database: Database, reader: int, limit: int) -> tuple[Suggestion, ...]:
    """The nearest first."""

    async def read(tx: Reader) -> tuple[Suggestion, ...]:
        given = {"reader": reader, "now": tx.now, "limit": limit}
        near = [row[0] for row in await tx.all(SQL.friends_of_friends, friends=FRIENDS, each=EACH, **given)]
        known = set(near)
        if len(near) < limit:
            near += [row[0] for row in await tx.all(SQL.popular, scan=SCAN, **given) if row[0] not in known]
        return tuple(Suggestion(row, row.id in known) for row in await in_order(tx, near[:limit]))

    return await database.read(read)
