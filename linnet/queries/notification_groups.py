"""Notifications that say the same, together: a page of groups, one of them, its senders, and how many are unread."""

from collections.abc import Sequence
from typing import NamedTuple

from linnet.domain import ids as ids_
from linnet.domain.errors import NotFound
from linnet.domain.notifications import GROUPED, SAMPLES, UNGROUPED, UNREAD_MAX, key_of
from linnet.domain.paging import HIGHEST_ID, Page
from linnet.domain.views import AccountRow, NotificationGroup, NotificationRow
from linnet.queries.accounts import Accounts
from linnet.queries.accounts import listed as listed_accounts
from linnet.queries.notifications import NO_STATUS, Wanted
from linnet.queries.statuses import Listed, listed, visible
from linnet.storage import accounts, markers, notifications
from linnet.storage.database import Database, Reader

SQL = notifications.SQL

ROWS_A_GROUP = 2
"""So many notifications are read for each group that is wanted; what is in groups that were seen then, never again."""
SCAN = 4 * UNREAD_MAX


class Groups(NamedTuple):
    """A page of groups, the latest first, with the accounts and statuses that they name."""

    groups: tuple[NotificationGroup, ...]
    accounts: dict[int, AccountRow]
    statuses: tuple[Listed, ...]
    cursors: tuple[int, int] | None = None


async def page(
    database: Database, reader: int, wanted: Wanted, page: Page, grouped: tuple[str, ...] = GROUPED
) -> Groups:
    """Groups by what of them is on the page: one that has more on the next page is on that one, too."""

    async def read(tx: Reader) -> Groups:
        firsts = await _firsts(tx, reader, wanted, page, grouped)
        if not firsts:
            return Groups((), {}, ())
        low, high = min(row.id for row in firsts), max(row.id for row in firsts)
        cursors = low, high
        if len(firsts) < page.limit:
            # All that is left is on this page, so that it reaches to the page's own bound.
            low, high = (low, page.max_id - 1) if page.forward else (page.min_id + 1, high)
        return await _whole(tx, reader, firsts, grouped, (low, high), cursors)

    return await database.read(read)


async def one(database: Database, reader: int, key: str) -> Groups:
    """The whole group of this key. Raises NotFound."""

    async def read(tx: Reader) -> Groups:
        row = await _newest(tx, reader, key)
        if row is None:
            raise NotFound
        grouped = () if key.startswith(UNGROUPED) else GROUPED
        return await _whole(tx, reader, (row,), grouped, (0, HIGHEST_ID), None)

    found = await database.read(read)
    if not found.groups:
        raise NotFound
    return found


async def senders(database: Database, reader: int, key: str, page: Page) -> Accounts:
    """Whoever caused the notifications of a group, the latest first. Raises NotFound where there is no such group."""

    async def read(tx: Reader) -> Accounts:
        row = await _newest(tx, reader, key)
        if row is None:
            raise NotFound
        if key.startswith(UNGROUPED):
            return await listed_accounts(tx, [(row.from_account_id, row.id)])
        return await listed_accounts(tx, await tx.page(SQL.senders, page, reader=reader, group_key=key, now=tx.now))

    return await database.read(read)


async def unread(database: Database, reader: int, wanted: Wanted, grouped: tuple[str, ...], limit: int) -> int:
    """How many groups have something above the reader's marker, counted up to ``limit`` (1,000 at most)."""

    async def read(tx: Reader) -> int:
        marker = await tx.one(markers.SQL.one, account_id=reader, timeline="notifications")
        row = await tx.one(
            SQL.count_groups,
            reader=reader,
            kinds=wanted.kinds,
            grouped=grouped,
            from_account_id=wanted.from_account_id or 0,
            above=marker[0] if marker else 0,
            scan=SCAN,
            now=tx.now,
        )
        return min(limit, UNREAD_MAX, int(row[0]) if row else 0)

    return await database.read(read)


async def _firsts(
    tx: Reader, reader: int, wanted: Wanted, page: Page, grouped: tuple[str, ...]
) -> tuple[NotificationRow, ...]:
    """Of each group the notification that the page meets first, in the direction in which it reads."""
    found: dict[str, NotificationRow] = {}
    size, max_id, min_id = page.limit * ROWS_A_GROUP, page.max_id, page.min_id
    while len(found) < page.limit:
        rows = await tx.page(
            SQL.group_page,
            Page(size, max_id, min_id, page.forward),
            reader=reader,
            kinds=wanted.kinds,
            filtered=int(wanted.filtered),
            from_account_id=wanted.from_account_id or 0,
            seen=[key for key in found if not key.startswith(UNGROUPED)],
            now=tx.now,
        )
        some = [NotificationRow(*row) for row in rows]
        for row in reversed(some) if page.forward else some:
            if len(found) < page.limit:
                found.setdefault(key_of(row.id, row.type, row.group_key, grouped), row)
        if len(rows) < size:
            break
        max_id, min_id = (max_id, some[0].id) if page.forward else (some[-1].id, min_id)
    return tuple(found.values())


async def _newest(tx: Reader, reader: int, key: str) -> NotificationRow | None:
    if key.startswith(UNGROUPED):
        id = ids_.parse(key.removeprefix(UNGROUPED))
        row = None if id is None else await tx.one(SQL.one, id=id, reader=reader, now=tx.now)
    else:
        row = await tx.one(SQL.newest_of_group, reader=reader, group_key=key, now=tx.now)
    return None if row is None else NotificationRow(*row)


async def _whole(
    tx: Reader, reader: int, firsts: Sequence[NotificationRow], grouped: tuple[str, ...], bounds: tuple[int, int],
    cursors: tuple[int, int] | None,
) -> Groups:  # fmt: skip
    """The groups of these notifications, so far as they stand within the bounds; without those whose status is gone."""
    keys = {row.group_key for row in firsts if row.group_key and row.type in grouped}
    facts: dict[str, list[tuple[int, int, int, int]]] = {}
    if keys:
        low, high = bounds
        for key, *fact in await tx.all(
            SQL.groups, reader=reader, keys=sorted(keys), low=low, high=high, samples=SAMPLES, now=tx.now
        ):
            facts.setdefault(key, []).append((fact[0], fact[1], fact[2], fact[3]))
    groups = sorted((_group(row, facts.get(row.group_key)) for row in firsts), key=lambda group: -group.newest)
    people = await accounts.rows(tx, {sender for group in groups for sender in group.senders})
    entries = {group.status_id for group in groups if group.status_id != NO_STATUS}
    places = await listed(tx, await visible(tx, entries, reader), reader) if entries else ()
    shown = {NO_STATUS, *(place.row.id for place in places)}
    return Groups(tuple(group for group in groups if group.status_id in shown), people, places, cursors)


def _group(row: NotificationRow, facts: list[tuple[int, int, int, int]] | None) -> NotificationGroup:
    if facts is None:
        return NotificationGroup(
            f"{UNGROUPED}{row.id}", row.type, row.status_id, 1, row.id, row.id, (row.from_account_id,)
        )
    total, newest, oldest, _ = facts[0]
    latest = tuple(fact[3] for fact in facts)
    return NotificationGroup(row.group_key, row.type, row.status_id, total, newest, oldest, latest)
