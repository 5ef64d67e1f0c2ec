"""Who waits to be let through to the reader's notifications, and the policy that makes them wait."""

from typing import NamedTuple

from linnet.domain.errors import NotFound
from linnet.domain.notifications import Policy
from linnet.domain.paging import Page
from linnet.domain.views import AccountRow
from linnet.queries.statuses import Listed, listed, visible
from linnet.storage import accounts, notifications
from linnet.storage.database import Database, Reader
from linnet.storage.statements import Row

SQL = notifications.SQL

COUNTED = 100
"""Nobody reads a higher number."""


class Waiting(NamedTuple):
    """A request: how many notifications wait, the latest of them, and the latest status that one of them is about."""

    id: int
    account: AccountRow
    notifications: int
    latest: int
    status: Listed | None


class Summary(NamedTuple):
    """A reader's policy with how many senders and how many notifications wait, each counted up to 100."""

    policy: Policy
    requests: int
    notifications: int


async def summary(database: Database, reader: int) -> Summary:
    """Raises NotFound."""

    async def read(tx: Reader) -> Summary:
        policy = await tx.one(SQL.policy, account_id=reader)
        waiting = await tx.one(SQL.waiting, reader=reader, limit=COUNTED, now=tx.now)
        if policy is None or waiting is None:
            raise NotFound
        return Summary(Policy(*policy), *waiting)

    return await database.read(read)


async def page(database: Database, reader: int, page: Page) -> tuple[Waiting, ...]:
    """The latest request first."""

    async def read(tx: Reader) -> tuple[Waiting, ...]:
        rows = await tx.page(SQL.requests, page, reader=reader, id=0, counted=COUNTED, now=tx.now)
        return await _waiting(tx, rows, reader)

    return await database.read(read)


async def one(database: Database, reader: int, id: int) -> Waiting:
    """Raises NotFound, also for one that was decided already."""

    async def read(tx: Reader) -> tuple[Waiting, ...]:
        rows = await tx.page(SQL.requests, Page(1), reader=reader, id=id, counted=COUNTED, now=tx.now) if id else ()
        return await _waiting(tx, rows, reader)

    found = await database.read(read)
    if not found:
        raise NotFound
    return found[0]


async def merged(database: Database, reader: int) -> bool:
    """Whether all that was let through is among the notifications by now."""

    async def read(tx: Reader) -> bool:
        return await tx.one(SQL.unmerged, reader=reader) is None

    return await database.read(read)


async def _waiting(tx: Reader, rows: list[Row] | tuple[Row, ...], reader: int) -> tuple[Waiting, ...]:
    people = await accounts.rows(tx, {row[1] for row in rows}) if rows else {}
    entries = {row[4] for row in rows if row[4]}
    places = await listed(tx, await visible(tx, entries, reader), reader) if entries else ()
    shown = {place.row.id: place for place in places}
    return tuple(Waiting(row[0], people[row[1]], row[2], row[3], shown.get(row[4])) for row in rows if row[1] in people)
