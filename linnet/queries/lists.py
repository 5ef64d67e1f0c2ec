"""A reader's own lists, who is in them, and what their timelines show."""

from dataclasses import replace

from linnet.domain.audience import without_repeats
from linnet.domain.errors import NotFound
from linnet.domain.paging import Page
from linnet.domain.views import ListView, StatusRow
from linnet.queries.accounts import Accounts, listed
from linnet.queries.statuses import Listed, placed
from linnet.storage import lists, timelines
from linnet.storage.database import Database, Reader
from linnet.storage.statuses import as_row

SQL = lists.SQL

WINDOWS = (40, 80, 160, 320, 640)
"""How many posts of a list's members are looked at, one window after the other, until a page of them stands there."""


async def all(database: Database, reader: int) -> tuple[ListView, ...]:
    """The reader's lists, the oldest first."""

    async def read(tx: Reader) -> tuple[ListView, ...]:
        return tuple(ListView(*row) for row in await tx.all(SQL.all, account_id=reader))

    return await database.read(read)


async def one(database: Database, reader: int, list_id: int) -> ListView:
    """Raises NotFound, also for somebody else's."""
    return await database.read(lambda tx: _own(tx, reader, list_id))


async def with_member(database: Database, reader: int, account_id: int) -> tuple[ListView, ...]:
    """Those of the reader's lists that the account is in."""

    async def read(tx: Reader) -> tuple[ListView, ...]:
        found = await tx.all(SQL.with_member, account_id=reader, target_id=account_id)
        return tuple(ListView(*row) for row in found)

    return await database.read(read)


async def members(database: Database, reader: int, list_id: int, page: Page) -> Accounts:
    """Who is in a list of the reader's, the latest first. Raises NotFound."""

    async def read(tx: Reader) -> Accounts:
        await _own(tx, reader, list_id)
        return await listed(tx, await tx.page(SQL.members, page, list_id=list_id))

    return await database.read(read)


async def timeline(database: Database, reader: int, list_id: int, page: Page) -> tuple[Listed, ...]:
    """What the members of a list have posted, newest first. Raises NotFound."""

    async def read(tx: Reader) -> tuple[Listed, ...]:
        view = await _own(tx, reader, list_id)
        return await placed(tx, await _rows(tx, reader, view, page), reader)

    return await database.read(read)


async def _own(tx: Reader, reader: int, list_id: int) -> ListView:
    found = await lists.one(tx, reader, list_id)
    if found is None:
        raise NotFound
    return found


async def _rows(tx: Reader, reader: int, view: ListView, page: Page) -> list[StatusRow]:
    """Newest first. Forward pages are those right above ``min_id``."""
    found: list[StatusRow] = []
    seen: set[int] = set()
    rest = page
    for size in WINDOWS:
        rest = replace(rest, limit=max(size, page.limit))
        window = await tx.page(
            timelines.SQL.list_window, rest, reader=reader, now=tx.now, list_id=view.id, replies=view.replies_policy
        )
        places = sorted((as_row(row[:-1]) for row in window if row[-1]), key=lambda row: -row.id)
        if page.forward:
            found = [*places, *found]
        else:
            found += without_repeats(places, seen)
        if len(window) < rest.limit or len(found) >= page.limit:
            break
        ids = [row[0] for row in window]
        rest = replace(rest, min_id=max(ids)) if page.forward else replace(rest, max_id=min(ids))
    return list(without_repeats(found[-page.limit :])) if page.forward else found[: page.limit]
