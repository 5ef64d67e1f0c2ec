"""The log of changes: each row once, none left out, with open transactions, pruning, another backup and a failover."""

import asyncio

import asyncpg
import pytest

from linnet.storage import changes, schema
from linnet.storage.changes import BEGINNING, Position
from linnet.system import SystemClock
from tests.support.databases import create_database, open_postgres
from tests.support.postgres import Server, running_server
from tests.support.waiting import until


async def append(database, *subjects: int) -> None:
    async def fn(tx):
        for subject in subjects:
            await changes.append(tx, "status.posted", 1, subject)

    await database.write(fn)


async def subjects_after(database, position: Position, limit: int = 100) -> tuple[list[int], Position]:
    found = await changes.read_after(database, position, limit)
    assert not found.reset
    return [row.subject_id for row in found.rows], found.position


async def forget(database, before: int, limit: int = 100) -> int:
    return await database.write(lambda tx: changes.forget(tx, before, limit))


async def test_each_row_once_in_order(database):
    await append(database, 1)
    start = await changes.latest(database)
    assert await subjects_after(database, start) == ([], start)
    await append(database, 2, 3)
    await append(database, 4)
    seen, position = await subjects_after(database, start, limit=2)
    assert seen == [2, 3]
    assert (await subjects_after(database, position))[0] == [4]
    everything = await changes.read_after(database, BEGINNING, 100)
    assert [row.subject_id for row in everything.rows] == [1, 2, 3, 4]
    assert [row.position for row in everything.rows] == sorted(row.position for row in everything.rows)
    first = everything.rows[0]
    assert (first.kind, first.account_id) == ("status.posted", 1)
    assert first.at > 0


async def test_what_was_pruned_is_an_explicit_reset(open_database):
    database = await open_database()
    old = await changes.latest(database)
    await append(database, 1, 2, 3)
    _, seen_all = await subjects_after(database, old)
    now = (await changes.read_after(database, old, 1)).rows[0].at
    assert await forget(database, now) == 0
    assert (await subjects_after(database, old))[0] == [1, 2, 3]

    assert await forget(database, now + 60_000, limit=2) == 2
    found = await changes.read_after(database, old, 100)
    assert (found.rows, found.reset) == ([], True)
    assert await subjects_after(database, found.position) == ([], found.position)
    assert await forget(database, now + 60_000) == 1
    assert await forget(database, now + 60_000) == 0
    # Whoever had read all of it misses nothing.
    await append(database, 4)
    assert (await subjects_after(database, seen_all))[0] == [4]


async def test_a_position_of_another_database_is_an_explicit_reset(database):
    await append(database, 1)
    end = await changes.latest(database)
    for foreign in (Position(end.timeline + 1, 0, 0), Position(end.timeline, end.transaction + 10_000, 2**62)):
        found = await changes.read_after(database, foreign, 100)
        assert (found.rows, found.reset) == ([], True)
        assert found.position <= await changes.latest(database)


def test_a_position_is_written_and_read():
    position = Position(3, 4_000_000_000, 2**63 - 1)
    assert changes.parse(str(position)) == position
    too_large = ("1.2." + "9" * 20, f"{2**63}.1.2", f"1.{2**63}.2", f"1.2.{2**63}")
    for wrong in ("", "1.2", "1.2.3.4", "a.b.c", "-1.2.3", "1..2", "²2.3.4", *too_large):
        assert changes.parse(wrong) is None


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
async def test_an_older_transaction_that_commits_later_is_not_passed_over(database, open_database, url_of):
    start = await changes.latest(database)
    early, late = await asyncpg.connect(url_of(database)), await asyncpg.connect(url_of(database))
    insert = "insert into changes (at, kind, account_id, subject_id) values (1, 'x', 1, $1)"
    await early.execute("begin")
    await early.execute(insert, 1)
    await late.execute("begin")
    await late.execute(insert, 2)
    await early.execute(insert, 3)
    await late.execute("commit")
    # The later transaction is visible now; whoever took it would never come back for the earlier one.
    seen, position = await subjects_after(database, start)
    assert seen == []
    await early.execute("commit")
    seen, position = await subjects_after(database, position)
    assert seen == [1, 3, 2]
    await early.execute("begin")
    await early.execute(insert, 4)
    await early.execute("rollback")
    assert (await subjects_after(database, position))[0] == []
    await early.close()
    await late.close()


@pytest.fixture
def url_of():
    return lambda database: database._finder._urls[0]


async def test_random_overlapping_transactions_are_read_once_each(database):
    """Many writers and one reader that polls as fast as it can."""
    start = position = await changes.latest(database)
    seen: list[int] = []
    writing = True

    async def follow():
        nonlocal position
        while True:
            last_look = not writing
            found, position = await subjects_after(database, position, limit=7)
            seen.extend(found)
            if last_look and not found:
                return
            await asyncio.sleep(0)

    follower = asyncio.get_running_loop().create_task(follow())
    await asyncio.gather(*(append(database, 10 * n, 10 * n + 1) for n in range(150)))
    writing = False
    await follower
    assert sorted(seen) == sorted(x for n in range(150) for x in (10 * n, 10 * n + 1))
    assert (await subjects_after(database, start, 1_000))[0] == seen


@pytest.mark.drill
async def test_a_failover_loses_and_repeats_nothing_for_the_reader():
    """A standby takes over that lacks what the reader saw last: the numbers of those transactions are given again."""
    with running_server("primary") as primary:
        url = await create_database(primary)
        before = open_postgres(url)
        await schema.migrate(before, SystemClock())
        start = await changes.latest(before)
        await append(before, 1, 2)
        standby = primary.standby()
        try:
            after = open_postgres(standby.url(url.rpartition("/")[2]))
            await stop_following(standby)
            for subject in range(100, 120):
                await append(before, subject)
            seen, position = await subjects_after(before, start)
            assert seen == [1, 2, *range(100, 120)]
            await before.close()
            primary.kill()
            standby.promote()

            # Fewer than were lost, so that the reader has passed their transactions' numbers already.
            for subject in range(200, 210):
                await append(after, subject)
            found = await changes.read_after(after, position, 100)
            assert [row.subject_id for row in found.rows] == list(range(200, 210))
            assert found.rows[-1].position.transaction < position.transaction
            await append(after, 300)
            assert (await subjects_after(after, found.position))[0] == [300]
            # Another reader, who was slower, gets what survived and then what is new.
            assert (await subjects_after(after, start))[0] == [1, 2, *range(200, 210), 300]
            await after.close()
        finally:
            standby.remove()


async def stop_following(standby: Server) -> None:
    connection = await asyncpg.connect(standby.url())
    await connection.execute("alter system set primary_conninfo = ''")
    await connection.execute("select pg_reload_conf()")
    await until(lambda: connection.fetchval("select count(*) = 0 from pg_stat_wal_receiver"))
    await connection.close()
