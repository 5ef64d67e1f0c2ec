"""What an account is told of, as far as it may still see it."""

from typing import NamedTuple

from linnet.domain.errors import NotFound
from linnet.domain.notifications import UNREAD_MAX
from linnet.domain.paging import Page
from linnet.domain.views import AccountRow, NotificationRow
from linnet.queries.statuses import Listed, listed, visible
from linnet.storage import accounts, markers, notifications
from linnet.storage.database import Database, Reader

SQL = notifications.SQL

NO_STATUS = 0


class Told(NamedTuple):
    """One notification with whoever caused it and the status that it is about."""

    row: NotificationRow
    account: AccountRow
    status: Listed | None


class Wanted(NamedTuple):
    """Which notifications: of these kinds, of one account where it is given, with those that are ``filtered``."""

    kinds: tuple[str, ...]
    from_account_id: int | None = None
    filtered: bool = False


async def page(database: Database, reader: int, wanted: Wanted, page: Page) -> tuple[Told, ...]:
    """The latest first."""

    async def read(tx: Reader) -> tuple[Told, ...]:
        if wanted.from_account_id is None:
            found = await tx.page(
                SQL.page, page, reader=reader, kinds=wanted.kinds, filtered=int(wanted.filtered), now=tx.now
            )
        else:
            found = await tx.page(
                SQL.page_from,
                page,
                reader=reader,
                kinds=wanted.kinds,
                from_account_id=wanted.from_account_id,
                filtered=int(wanted.filtered),
                now=tx.now,
            )
        return await _told(tx, tuple(NotificationRow(*row) for row in found), reader)

    return await database.read(read)


async def one(database: Database, reader: int, id: int) -> Told:
    """Raises NotFound."""

    async def read(tx: Reader) -> tuple[Told, ...]:
        row = await tx.one(SQL.one, id=id, reader=reader, now=tx.now)
        return () if row is None else await _told(tx, (NotificationRow(*row),), reader)

    found = await database.read(read)
    if not found:
        raise NotFound
    return found[0]


async def unread(database: Database, reader: int, wanted: Wanted, limit: int) -> int:
    """How many there are above the reader's marker, counted up to ``limit`` (1,000 at most)."""

    async def read(tx: Reader) -> int:
        marker = await tx.one(markers.SQL.one, account_id=reader, timeline="notifications")
        params = {
            "reader": reader,
            "kinds": wanted.kinds,
            "now": tx.now,
            "above": marker[0] if marker else 0,
            "limit": min(limit, UNREAD_MAX),
        }
        if wanted.from_account_id is None:
            row = await tx.one(SQL.count, **params)
        else:
            row = await tx.one(SQL.count_from, from_account_id=wanted.from_account_id, **params)
        return int(row[0]) if row else 0

    return await database.read(read)


async def _told(tx: Reader, rows: tuple[NotificationRow, ...], reader: int) -> tuple[Told, ...]:
    senders = await accounts.rows(tx, {row.from_account_id for row in rows})
    ids = {row.status_id for row in rows if row.status_id != NO_STATUS}
    entries = await visible(tx, ids, reader) if ids else ()
    found = {place.row.id: place for place in await listed(tx, entries, reader)}
    return tuple(
        Told(row, senders[row.from_account_id], found.get(row.status_id))
        for row in rows
        if row.from_account_id in senders and (row.status_id == NO_STATUS or row.status_id in found)
    )
