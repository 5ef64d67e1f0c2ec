"""Whether what is counted is there, and what is named exists: read in batches, beside a running server."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from linnet.domain import reactions as rules
from linnet.ports import Blobs
from linnet.storage import cards, maintenance, polls, reactions, tags
from linnet.storage.database import Database, Reader
from linnet.storage.statements import Row, Statement

BATCH = 500
SQL = maintenance.SQL


class Counters(NamedTuple):
    """Whose counters are wrong: a noun of ``actions/repairs.RECOUNTS``, and the account's or status's id."""

    noun: str
    id: int


class Finding(NamedTuple):
    """A sentence for the operator; ``counters`` where it can be set right by counting anew."""

    says: str
    counters: Counters | None = None


Batch = tuple[list[Finding], int]
"""What was found, and how many rows were looked at for it."""


async def size(database: Database) -> int:
    """How many rows are looked at in all."""

    async def read(tx: Reader) -> int:
        row = await tx.one(SQL.sizes)
        return sum(map(int, row or ()))

    return await database.read(read)


async def accounts(database: Database, blobs: Blobs) -> AsyncIterator[Batch]:
    async for after, until, seen in _batches(database, SQL.account_batch):
        found = [
            Finding(
                f"@{name} counts {followers} followers, {following} followed and {posts} posts; "
                f"there are {really[0]}, {really[1]} and {really[2]}.",
                Counters("account", id),
            )
            for id, name, followers, following, posts, *really in await _rows(
                database, SQL.wrong_counters, after, until
            )
        ]
        featured = [
            Finding(f"@{name} counts {posts} posts with #{tag}; there are {really}.", Counters("featured hashtag", id))
            for id, name, tag, posts, really in await _rows(database, tags.SQL.miscounted, after, until)
        ]
        yield [*found, *featured], seen


async def statuses(database: Database, blobs: Blobs) -> AsyncIterator[Batch]:
    async for after, until, seen in _batches(database, SQL.status_batch):
        found = [
            Finding(
                f"The status {id} counts {replies} replies, {reblogs} reblogs, {favourites} favourites and "
                f"{quotes} quotes; there are {really[0]}, {really[1]}, {really[2]} and {really[3]}.",
                Counters("status", id),
            )
            for id, replies, reblogs, favourites, quotes, *really in await _rows(
                database, SQL.wrong_status_counters, after, until
            )
        ]
        wordless = await _rows(database, SQL.wordless, after, until)
        found += await _miscounted(database, after, until)
        yield [*found, *(Finding(f"The status {row[0]} has lost its words.") for row in wordless)], seen


async def _miscounted(database: Database, after: int, until: int) -> list[Finding]:
    """Polls and reactions of a batch of statuses."""
    found = [
        Finding(f"The poll of the status {id} counts {voters} voters; there are {really}.", Counters("poll", id))
        for id, voters, really in await _rows(database, polls.SQL.miscounted, after, until)
    ]
    for id, text, really in await _rows(database, reactions.SQL.tallies, after, until):
        counted = sum(one.times for one in rules.counts(text))
        if counted != really:
            says = f"The status {id} counts {counted} reactions; there are {really}."
            found.append(Finding(says, Counters("reactions", id)))
    return found


async def files(database: Database, blobs: Blobs) -> AsyncIterator[Batch]:
    """Pictures of posts, of profiles, of links, and emojis."""
    for noun, statement in (
        ("attachment", SQL.media_keys), ("account", SQL.profile_keys), ("card", cards.SQL.image_keys),
    ):  # fmt: skip
        after = 0
        while rows := await _page(database, statement, after):
            yield await _missing(blobs, noun, rows), len(rows) if noun == "attachment" else 0
            after = rows[-1][0]

    async def read(tx: Reader) -> list[Row]:
        return await tx.all(SQL.emoji_keys)

    yield await _missing(blobs, "emoji", await database.read(read)), 0


async def _missing(blobs: Blobs, noun: str, rows: list[Row]) -> list[Finding]:
    return [
        Finding(f"A file of the {noun} {row[0]} is missing: {key}")
        for row in rows
        for key in dict.fromkeys(filter(None, row[1:]))
        if await blobs.open(key) is None
    ]


async def _batches(database: Database, statement: Statement) -> AsyncIterator[tuple[int, int, int]]:
    """(after, until, how many) of each batch of ids."""
    after = 0
    while True:
        until, seen = await _end(database, statement, after)
        if not seen:
            return
        yield after, until, seen
        after = until


async def _end(database: Database, statement: Statement, after: int) -> tuple[int, int]:
    async def read(tx: Reader) -> tuple[int, int]:
        row = await tx.one(statement, after=after, limit=BATCH)
        return (int(row[0]), int(row[1])) if row is not None and row[1] else (after, 0)

    return await database.read(read)


async def _page(database: Database, statement: Statement, after: int) -> list[Row]:
    async def read(tx: Reader) -> list[Row]:
        return await tx.all(statement, after=after, limit=BATCH)

    return await database.read(read)


async def _rows(database: Database, statement: Statement, after: int, until: int) -> list[Row]:
    async def read(tx: Reader) -> list[Row]:
        return await tx.all(statement, after=after, until=until, limit=BATCH)

    return await database.read(read)
