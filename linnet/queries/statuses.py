"""Statuses as their readers may see them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from linnet.domain import ids as ids_
from linnet.domain.audience import Entry
from linnet.domain.errors import NotFound
from linnet.domain.paging import Page
from linnet.domain.polls import PollView
from linnet.domain.views import NOBODY, MediaView, StatusContent, StatusRow, StatusView
from linnet.queries.accounts import Accounts
from linnet.queries.accounts import listed as listed_accounts
from linnet.storage import accounts, aliases, interactions, statuses
from linnet.storage.database import Database, Reader
from linnet.storage.statements import Row, Statement


class Listed(NamedTuple):
    """One place on a page: a status's row, and its original's where it is a reblog. ``cursor`` is what pages go by."""

    row: StatusRow
    reblog: StatusRow | None
    cursor: int

    @property
    def shown(self) -> StatusRow:
        return self.reblog or self.row


async def listed(tx: Reader, entries: Sequence[Entry], reader: int, cursors: Sequence[int] = ()) -> tuple[Listed, ...]:
    """The rows of entries that ``reader`` is known to be allowed to see, in their order.

    ``cursors`` are given where the page is ordered by something else than the statuses' ids.
    """
    if not entries:
        return ()
    ids = {id for id, _ in entries} | {original for _, original in entries if original}
    rows = await statuses.rows(tx, ids, reader)
    page: list[Listed] = []
    for (id, original_id), cursor in zip(entries, cursors or [id for id, _ in entries], strict=True):
        row = rows.get(id)
        original = rows.get(original_id) if original_id else None
        if row is not None and (original is not None or original_id is None):
            page.append(Listed(row, original, cursor))
    return tuple(page)


async def placed(tx: Reader, rows: Sequence[StatusRow], reader: int) -> tuple[Listed, ...]:
    """The same for rows that were read already: only the originals of reblogs are read now."""
    originals = {row.reblog_of_id for row in rows if row.reblog_of_id}
    known = await statuses.rows(tx, originals, reader) if originals else {}
    page: list[Listed] = []
    for row in rows:
        original_id = row.reblog_of_id
        if original_id is None:
            page.append(Listed(row, None, row.id))
        elif (original := known.get(original_id)) is not None:
            page.append(Listed(row, original, row.id))
    return tuple(page)


def without_reblogs(found: Iterable[Row]) -> tuple[Listed, ...]:
    """A page of rows that were read whole (the fragment ``status_row``) and among which there are no reblogs."""
    return tuple([Listed(statuses.as_row(row), None, row[0]) for row in found])


async def visible(tx: Reader, ids: Iterable[int], reader: int) -> tuple[Entry, ...]:
    """Those of the ids that ``reader`` may see, reblogs' originals included in the question; in no order."""
    found = [Entry(*row) for row in await tx.all(statuses.SQL.visible, ids=list(ids), reader=reader)]
    originals = {entry.reblog_of_id for entry in found if entry.reblog_of_id}
    if originals:
        seen = {row[0] for row in await tx.all(statuses.SQL.visible, ids=list(originals), reader=reader)}
        found = [entry for entry in found if entry.reblog_of_id is None or entry.reblog_of_id in seen]
    return tuple(found)


async def many(database: Database, ids: Iterable[int], reader: int) -> tuple[Listed, ...]:
    """In the order of ``ids``; those that are not there, or that ``reader`` may not see, are left out. A second id of a
    status means that status."""
    wanted = list(dict.fromkeys(ids))

    async def read(tx: Reader) -> tuple[Listed, ...]:
        named = wanted
        found = {entry.id: entry for entry in await visible(tx, named, reader)}
        if len(found) < len(named) and (meant := await aliases.of(tx, set(named) - found.keys())):
            named = list(dict.fromkeys(meant.get(id, id) for id in named))
            found = {entry.id: entry for entry in await visible(tx, named, reader)}
        return await listed(tx, [found[id] for id in named if id in found], reader)

    return await database.read(read)


async def one(database: Database, status_id: int, reader: int) -> Listed:
    """Raises NotFound where it is not there or ``reader`` may not see it."""

    async def read(tx: Reader) -> tuple[Listed, ...]:
        found = await tx.one(statuses.SQL.one, id=status_id, reader=reader, now=tx.now)
        if found is None:
            return ()
        row = statuses.as_row(found)
        if row.reblog_of_id and not await visible(tx, (row.reblog_of_id,), reader):
            return ()
        return await placed(tx, (row,), reader)

    places = await database.read(read)
    if not places:
        raise NotFound
    return places[0]


async def contents(database: Database, ids: Iterable[int]) -> dict[int, StatusContent]:
    """The words and pictures of statuses; whether somebody may see them was asked before."""
    wanted = list(ids)

    async def read(tx: Reader) -> dict[int, StatusContent]:
        return await statuses.contents(tx, wanted)

    return await database.read(read)


class Context(NamedTuple):
    """What surrounds a status in its thread, each in reading order."""

    ancestors: tuple[Listed, ...]
    descendants: tuple[Listed, ...]


class State(NamedTuple):
    """One state that a status was in. ``created_at`` in ms since 1970."""

    text: str
    spoiler: str
    html: str
    sensitive: int
    media: tuple[MediaView, ...]
    created_at: int
    poll: PollView | None


async def context(database: Database, status_id: int, reader: int) -> Context:
    """At most 40 above and 60 below for a stranger, 4,096 for somebody signed in. Raises NotFound."""
    most = 4_096 if reader != NOBODY else 60

    async def read(tx: Reader) -> Context:
        if not await visible(tx, (status_id,), reader):
            raise NotFound
        above = [row[0] for row in await tx.all(statuses.SQL.ancestors, id=status_id, limit=min(most, 500))]
        below = await tx.all(statuses.SQL.descendants, id=status_id, depth=20 if most == 60 else 200, limit=most)
        around = [*above, *(row[0] for row in below)]
        found = await tx.all(statuses.SQL.in_thread, ids=around, reader=reader, now=tx.now)
        seen = {row[0]: Entry(*row) for row in found}
        return Context(
            await listed(tx, [seen[id] for id in reversed(above) if id in seen], reader),
            await listed(tx, [seen[id] for id in _threaded(status_id, below) if id in seen], reader),
        )

    return await database.read(read)


def _threaded(root: int, below: list[Row]) -> list[int]:
    """Each reply after what it answers, and its own replies right behind it, the oldest first."""
    children: dict[int, list[int]] = {}
    for id, parent in below:
        children.setdefault(parent, []).append(id)
    order: list[int] = []
    waiting = children.get(root, [])[::-1]
    while waiting:
        id = waiting.pop()
        order.append(id)
        waiting += children.get(id, [])[::-1]
    return order


async def history(database: Database, status_id: int, reader: int) -> tuple[StatusContent, tuple[State, ...]]:
    """The present state, and all states from the first to the present one. Raises NotFound."""

    async def read(tx: Reader) -> tuple[StatusContent, tuple[State, ...]]:
        if not await visible(tx, (status_id,), reader):
            raise NotFound
        present = (await statuses.contents(tx, (status_id,))).get(status_id)
        if present is None:
            raise NotFound
        found = await tx.all(statuses.SQL.edits, status_id=status_id)
        edits = [
            State(*[*row[:4], statuses.decode_media(row[4]), row[5], statuses.decode_poll(row[6])]) for row in found
        ]
        return present, tuple(edits) or (first(present),)

    return await database.read(read)


def first(content: StatusContent) -> State:
    """The only state of what was never edited."""
    at = ids_.milliseconds(content.id)
    return State(content.text, content.spoiler, content.html, content.sensitive, content.media, at, content.poll)


async def who(database: Database, status_id: int, reader: int, page: Page, *, reblogged: bool) -> Accounts:
    """Who favourited (or ``reblogged``) a status, by when they did. Raises NotFound."""
    statement = statuses.SQL.reblogged_by if reblogged else statuses.SQL.favourited_by

    async def read(tx: Reader) -> Accounts:
        if not await visible(tx, (status_id,), reader):
            raise NotFound
        return await listed_accounts(tx, await tx.page(statement, page, status_id=status_id, reader=reader, now=tx.now))

    return await database.read(read)


async def favourites(database: Database, reader: int, page: Page) -> tuple[Listed, ...]:
    """What the reader has favourited, the latest first."""
    return await _marked(database, interactions.SQL.favourites, reader, page)


async def bookmarks(database: Database, reader: int, page: Page) -> tuple[Listed, ...]:
    """What the reader has bookmarked, the latest first."""
    return await _marked(database, interactions.SQL.bookmarks, reader, page)


async def _marked(database: Database, statement: Statement, reader: int, page: Page) -> tuple[Listed, ...]:
    async def read(tx: Reader) -> tuple[Listed, ...]:
        found = await tx.page(statement, page, reader=reader)
        return await listed(tx, [Entry(row[0]) for row in found], reader, cursors=[row[1] for row in found])

    return await database.read(read)


async def views(tx: Reader, page: tuple[Listed, ...]) -> tuple[StatusView, ...]:
    """Whole statuses, for pages of HTML; what was deleted in between is left out."""
    rows = [row for place in page for row in (place.row, place.reblog) if row is not None]
    contents = await statuses.contents(tx, {row.id for row in rows if row.reblog_of_id is None})
    authors = await accounts.profiles(tx, {row.account_id for row in rows})

    def one(row: StatusRow) -> StatusView | None:
        if row.id not in contents or row.account_id not in authors:
            return None
        return StatusView(row, contents[row.id], authors[row.account_id])

    found: list[StatusView] = []
    for place in page:
        shown = one(place.shown)
        if shown is not None and place.reblog is not None and place.row.account_id in authors:
            found.append(StatusView(place.row, shown.content, authors[place.row.account_id], shown))
        elif shown is not None and place.reblog is None:
            found.append(shown)
    return tuple(found)


async def whole(database: Database, page: tuple[Listed, ...]) -> tuple[StatusView, ...]:
    """``views`` in a read of its own."""
    return await database.read(lambda tx: views(tx, page))
