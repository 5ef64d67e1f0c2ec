"""What the databases themselves say: that every copy has the same rows as the primary, and that no post is there twice.

Its SQL stands here and not with the house's own: it is PostgreSQL's alone, and reads the tables whole.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from linnet.drill.findings import Finding, none_of, unknown
from linnet.ports import Clock
from linnet.storage.postgres_connection import Connection, Lost, NotDone, connect, hosts, label

DIVERGED = "rows that differ between the primary and a replica"
TWICE = "posts that the database has twice"
DEAD = "jobs that were given up"
TABLES = (
    "statuses", "status_contents", "receipts", "notifications", "mentions", "home_entries", "polls",
    "media_attachments", "accounts", "changes",
)  # fmt: skip
CONNECT_SECONDS = 5.0
QUERY_SECONDS = 60.0
REPLAY_SECONDS = 20.0
TRIES = 5

_POSITION = "select (pg_current_wal_lsn() - '0/0')::bigint"
_REPLAYED = "select (coalesce(pg_last_wal_replay_lsn(), '0/0') - '0/0')::bigint"
_SUM = "select count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text from {table} t"
_TWICE = """
select key, count(*) from (
  select substring(text from $1) as key from status_contents where text like $2
) keys group by key having count(*) > 1 order by key
"""
_DEAD = "select kind, error from jobs where dead_at is not null order by id limit 100"

Sums = dict[str, tuple[int, str]]
"""Of each table, how many rows it has and a sum over all that stands in them."""


class Unequal(Exception):
    """The copies could not be brought to the same position of the log."""


async def compare(databases: Sequence[str], run: str, clock: Clock, say: Callable[[str], None]) -> list[Finding]:
    """Of a cluster that is quiet by now. ``databases`` are URLs, of one host each or of several."""
    urls = [one for url in databases for one in hosts(url)]
    async with contextlib.AsyncExitStack() as stack:
        try:
            connections = [await stack.enter_async_context(connected(url)) for url in urls]
            primary, standbys = _told_apart(connections)
            say(f"comparing {len(standbys)} replicas with the primary, {label(primary.server.url)}")
            twice = await primary.rows(_TWICE, (rf"{run}-\d{{6,}}", f"%{run}-%"), QUERY_SECONDS)
            dead = await primary.rows(_DEAD, (), QUERY_SECONDS)
            diverged, of = await _diverged(primary, standbys, clock)
        except (Lost, NotDone, Unequal) as error:
            return [unknown(promise, "0", str(error)) for promise in (DIVERGED, TWICE, DEAD)]
    found = [
        none_of(TWICE, "", [f"{key} stands in {count} rows" for key, count in twice]),
        none_of(DEAD, "", [f"{kind}: {str(error)[:120]}" for kind, error in dead]),
    ]
    if not standbys:
        return [unknown(DIVERGED, "–", "there is no replica"), *found]
    return [none_of(DIVERGED, of, diverged), *found]


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """To the one host of ``url``; statements may take as long as they are given here. Raises NotDone."""
    connection = await connect(url, CONNECT_SECONDS)
    try:
        await connection.script("set statement_timeout = 0", CONNECT_SECONDS)
        yield connection
    finally:
        connection.terminate()


def _told_apart(connections: Sequence[Connection]) -> tuple[Connection, list[Connection]]:
    primaries = [one for one in connections if not one.server.standby]
    if len(primaries) != 1:
        names = ", ".join(label(one.server.url) for one in primaries)
        raise Unequal(f"there are {len(primaries)} primaries: {names}" if primaries else "there is no primary")
    return primaries[0], [one for one in connections if one.server.standby]


async def _diverged(primary: Connection, standbys: Sequence[Connection], clock: Clock) -> tuple[list[str], str]:
    """A sentence for each table that differs, and how much was compared. A table that still changes is tried again."""
    differing: list[str] = []
    before: Sums = {}
    for _ in range(TRIES if standbys else 0):
        before = await _sums(primary)
        await _caught_up(primary, standbys, clock)
        copies = {label(one.server.url): await _sums(one) for one in standbys}
        differing = differences(before, copies)
        if not differing or before == await _sums(primary):
            break
    rows = sum(count for count, _ in before.values())
    return differing, f"of {len(TABLES) * len(standbys)} tables, {rows:,} rows"


def differences(primary: Sums, copies: Mapping[str, Sums]) -> list[str]:
    return [
        f"{table} at {name}: {copy[table][0]:,} rows, {sums[0]:,} on the primary"
        + ("" if copy[table][0] != sums[0] else ", of other content")
        for name, copy in copies.items()
        for table, sums in primary.items()
        if copy[table] != sums
    ]


async def _caught_up(primary: Connection, standbys: Sequence[Connection], clock: Clock) -> None:
    position = await _number(primary, _POSITION)
    deadline = clock.monotonic() + REPLAY_SECONDS
    for one in standbys:
        while (replayed := await _number(one, _REPLAYED)) < position:
            if clock.monotonic() > deadline:
                raise Unequal(f"{label(one.server.url)} is {position - replayed:,} bytes behind the primary")
            await clock.sleep(0.1)


async def _sums(connection: Connection) -> Sums:
    found: Sums = {}
    for table in TABLES:
        row: Any = (await connection.rows(_SUM.format(table=table), (), QUERY_SECONDS))[0]
        found[table] = int(row[0]), str(row[1])
    return found


async def _number(connection: Connection, sql: str) -> int:
    row: Any = (await connection.rows(sql, (), CONNECT_SECONDS))[0]
    return int(row[0])
