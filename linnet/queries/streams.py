"""Who of the connected is to hear of something, and as what each of them sees it."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from linnet.domain.audience import Facts
from linnet.domain.views import StatusRow
from linnet.queries.statuses import Listed, placed
from linnet.storage import streams, tags, timelines
from linnet.storage.database import Database, Reader
from linnet.storage.statements import Row, Statement
from linnet.storage.statuses import as_row

AT_ONCE = 200
"""So many readers a statement: a read in the event loop holds up nobody for more than some milliseconds."""
FOLLOWS_AT_ONCE = 5_000


class Seen(NamedTuple):
    """A status as one reader sees it."""

    reader: int
    place: Listed


async def facts(database: Database, status_id: int) -> Facts | None:
    """None where the status, or its author, is gone."""

    async def read(tx: Reader) -> Facts | None:
        row = await tx.one(streams.SQL.facts, status_id=status_id)
        if row is None:
            return None
        found = await tx.all(streams.SQL.tags, status_id=status_id)
        return Facts._make((*row, tuple(tag for (tag,) in found)))

    return await database.read(read)


async def on_home(database: Database, status_id: int, readers: Collection[int]) -> list[Seen]:
    """Those of ``readers`` on whose home timelines the status stands now."""
    return await _seen(database, streams.SQL.on_home, status_id, readers)


async def on_homes(database: Database, readers: Mapping[int, Collection[int]]) -> dict[int, list[Seen]]:
    """The same for several statuses (id -> readers) in one statement; empty where that would be too many questions."""
    everybody = sorted(set().union(*readers.values()))
    if len(readers) * len(everybody) > AT_ONCE:
        return {}
    found: dict[int, list[Seen]] = {status_id: [] for status_id in readers}
    for one in await _together(database, streams.SQL.on_home, list(readers), everybody):
        if one.reader in readers[one.place.row.id]:
            found[one.place.row.id].append(one)
    return found


async def in_public(database: Database, status_id: int, readers: Collection[int]) -> list[Seen]:
    """Those of ``readers`` who meet the status on public timelines now."""
    return await _seen(database, streams.SQL.in_public, status_id, readers)


class OnList(NamedTuple):
    """A status as it stands on somebody's list."""

    list_id: int
    reader: int
    place: Listed


async def on_lists(database: Database, status_id: int, author: int, list_ids: Collection[int]) -> list[OnList]:
    """Those of the lists on whose timelines the status of ``author`` stands now."""

    async def read(tx: Reader) -> list[OnList]:
        found: list[OnList] = []
        for list_id, owner, replies in await tx.all(streams.SQL.lists_with, lists=list(list_ids), author_id=author):
            given = {"status_id": status_id, "reader": owner, "list_id": list_id, "replies": replies, "now": tx.now}
            row = await tx.one(streams.SQL.on_list, **given)
            if row is not None:
                places = await placed(tx, (as_row(row[1:]),), owner)
                found += [OnList(list_id, owner, place) for place in places]
        return found

    return await database.read(read)


async def lists_with(database: Database, author: int, list_ids: Collection[int]) -> list[int]:
    """Those of the lists that the author is in."""
    rows = await database.read(lambda tx: tx.all(streams.SQL.lists_with, lists=list(list_ids), author_id=author))
    return [row[0] for row in rows]


async def tags_followed(database: Database, account_id: int) -> set[str]:
    """The keys of the hashtags that an account follows."""
    rows = await database.read(lambda tx: tx.all(tags.SQL.followed_keys, account_id=account_id))
    return {tag for (tag,) in rows}


async def homes_with(database: Database, status_id: int, readers: Collection[int]) -> set[int]:
    """Those of ``readers`` to whose home timelines the status was written, also where it is gone meanwhile."""
    found: set[int] = set()
    for some in _portions(readers):
        rows = await database.read(
            lambda tx, some=some: tx.all(streams.SQL.homes_with, status_id=status_id, readers=some)  # type: ignore[misc]
        )
        found |= {account_id for (account_id,) in rows}
    return found


async def followed(database: Database, account_id: int) -> set[int]:
    """Whom an account follows."""
    found: set[int] = set()
    after = 0
    while True:
        rows = await _follows(database, account_id, after)
        found |= {target_id for _, target_id in rows}
        if len(rows) < FOLLOWS_AT_ONCE:
            return found
        after = rows[-1][0]


async def _follows(database: Database, account_id: int, after: int) -> list[Row]:
    return await database.read(
        lambda tx: tx.all(timelines.SQL.followed, account_id=account_id, after=after, limit=FOLLOWS_AT_ONCE)
    )


async def _seen(database: Database, statement: Statement, status_id: int, readers: Collection[int]) -> list[Seen]:
    found: list[Seen] = []
    for some in _portions(readers):
        found += await _together(database, statement, [status_id], some)
    return found


async def _together(database: Database, statement: Statement, status_ids: list[int], readers: list[int]) -> list[Seen]:
    async def read(tx: Reader) -> list[Seen]:
        found = [
            (row[0], as_row(row[1:]))
            for row in await tx.all(statement, status_ids=status_ids, readers=readers, now=tx.now)
        ]
        originals: dict[tuple[int, int], StatusRow] = {}
        for original_id in {row.reblog_of_id for _, row in found if row.reblog_of_id is not None}:
            asked = {reader for reader, row in found if row.reblog_of_id == original_id}
            seen = await tx.all(streams.SQL.as_seen, status_id=original_id, readers=sorted(asked), now=tx.now)
            originals |= {(original_id, row[0]): as_row(row[1:]) for row in seen}
        return [
            Seen(reader, Listed(row, originals.get((row.reblog_of_id or 0, reader)), row.id))
            for reader, row in found
            if row.reblog_of_id is None or (row.reblog_of_id, reader) in originals
        ]

    return await database.read(read)


def _portions(readers: Collection[int]) -> list[list[int]]:
    every = sorted(readers)
    return [every[at : at + AT_ONCE] for at in range(0, len(every), AT_ONCE)]
