"""The log that hubs, caches and open streams follow: one row an event, never one a follower."""

from dataclasses import dataclass

from linnet.storage import statements
from linnet.storage.database import Database, Reader, Writer
from linnet.storage.statements import Row

SQL = statements.load("changes")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the log, behind which all comes later: across open transactions and across a failover.

    ``timeline`` counts the promotions of a standby. A transaction that only the old primary had is gone, and its number
    is given again on the new timeline: there it stands behind everything of the old one.
    """

    timeline: int
    transaction: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.timeline}.{self.transaction}.{self.sequence}"


BEGINNING = Position(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Change:
    """That ``account_id`` did ``kind`` to ``subject_id`` at ``at`` (ms since 1970)."""

    position: Position
    at: int
    kind: str
    account_id: int
    subject_id: int


@dataclass(frozen=True, slots=True)
class Changes:
    """Some of the log. ``position`` is where to go on; ``reset`` says that there may be a gap before it.

    ``older``: what was asked is on an earlier timeline than the position that was asked for. It is an old primary that
    does not know of its end yet, or another backup was restored.
    """

    rows: list[Change]
    position: Position
    reset: bool = False
    older: bool = False


def parse(text: str) -> Position | None:
    """The position that ``str(position)`` gave, or None."""
    parts = text.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= 19 for part in parts):
        return None
    numbers = [int(part) for part in parts]
    # What no engine can be asked for would cost the connection over which it was.
    return Position(*numbers) if max(numbers) < 2**63 else None


async def append(tx: Writer, kind: str, account_id: int, subject_id: int) -> None:
    """Files the news that ``account_id`` did ``kind`` (such as ``status.posted``) to ``subject_id``."""
    await tx.later(SQL.append, at=tx.now, kind=kind, account_id=account_id, subject_id=subject_id)


async def latest(database: Database) -> Position:
    """The end of the log: whoever begins here gets all that is committed from now on."""
    return (await read_after(database, BEGINNING, 0)).position


async def read_after(database: Database, position: Position, limit: int) -> Changes:
    """The next rows, at most ``limit``, each once and none left out.

    What was pruned, or was never in this database (another backup was restored), cannot be told: then ``reset`` is set
    and ``position`` is the end.
    """

    async def look(tx: Reader) -> list[Row]:
        return await tx.all(
            SQL.read,
            timeline=position.timeline,
            transaction=position.transaction,
            sequence=position.sequence,
            limit=limit,
        )

    found: list[Row] = await database.read(look)
    return _changes(found, position, limit)


def _changes(found: list[Row], position: Position, limit: int) -> Changes:
    timeline, top, sequence, settled, pruned_text = found[0][:5]
    end = Position(timeline, top, sequence)
    pruned = parse(str(pruned_text)) if pruned_text is not None else None
    foreign = bool(settled) and position > end
    if limit and (foreign or (pruned is not None and position < pruned)):
        return Changes([], end, reset=True, older=foreign and position.timeline > timeline)
    rows = [_change(row[5:]) for row in found if row[5] is not None]
    if limit and len(rows) == limit:
        return Changes(rows, rows[-1].position)
    # All that is certain was read. A standby that lags knows less than whoever asks: then nothing is given back.
    return Changes(rows, max(position, end))


def _change(row: Row) -> Change:
    timeline, transaction, sequence, at, kind, account_id, subject_id = row
    return Change(Position(timeline, transaction, sequence), at, kind, account_id, subject_id)


async def forget(tx: Writer, before: int, limit: int) -> int:
    """Deletes what is older than ``before`` (ms since 1970), ``limit`` rows at most; how many it were.

    Only ever from the log's beginning, and noted down: who comes back later than that is told of the gap.
    """
    last, count = None, 0
    for *place, at in await tx.all(SQL.oldest, limit=limit):
        if at >= before:
            break
        last, count = Position(*place), count + 1
    if last is not None:
        await tx.run(SQL.set_pruned, position=str(last))
        await tx.run(SQL.prune, timeline=last.timeline, transaction=last.transaction, sequence=last.sequence)
    return count
