"""What posting around PostgreSQL asks of it: writes that can be given up, a heartbeat, and receipts of standbys."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from linnet.domain.errors import Unavailable
from linnet.storage import changes, postgres_witnesses
from linnet.storage.database import Abandoned, Generation, Operation
from linnet.storage.postgres import PostgresDatabase
from linnet.storage.postgres_connection import TooSlow, connect
from linnet.storage.postgres_primary import Primary
from tests.storage.queries import sql
from tests.storage.test_failover import administer, migrated, synchronous
from tests.support.postgres import Server
from tests.support.waiting import until

pytestmark = pytest.mark.drill

ALL = sql("select subject_id from changes order by subject_id")


@pytest.fixture
async def database(primary: Server) -> AsyncIterator[PostgresDatabase]:
    database = await migrated(primary)
    yield database
    await database.close()


async def append(tx: Any, subject: int) -> int:
    await changes.append(tx, "happened", 1, subject)
    return subject


async def test_a_write_that_is_given_up_is_given_up_at_once_and_sends_nothing_more(
    primary: Server, database: PostgresDatabase
):
    generation = Generation()
    told: list[str] = []
    database.on_broken(told.append)
    done = await database.write_within(generation, lambda tx: append(tx, 1), Operation("one"), returns=int)
    primary.signal_all(signal.SIGSTOP)
    loop = asyncio.get_running_loop()
    writing = loop.create_task(
        database.write_within(generation, lambda tx: append(tx, 2), Operation("two"), returns=int)
    )
    await asyncio.wait({writing}, timeout=0.2)
    began = loop.time()
    generation.end()
    with pytest.raises(Abandoned):
        await writing
    assert loop.time() - began < 0.1
    with pytest.raises(Abandoned):
        await database.write_within(generation, lambda tx: append(tx, 3), Operation("three"), returns=int)
    primary.signal_all(signal.SIGCONT)
    again = await database.write_within(Generation(), lambda tx: append(tx, 4), Operation("two"), returns=int)
    assert (done, again) in ((1, 2), (1, 4)), "what was sent may have been done, and then its receipt tells"
    assert [row[0] for row in await database.read(lambda tx: tx.all(ALL))] == [done, again]
    assert told == []


async def test_whoever_stops_waiting_does_not_give_the_write_up(database: PostgresDatabase):
    generation = Generation()
    waiting = asyncio.get_running_loop().create_task(
        database.write_within(generation, lambda tx: append(tx, 1), Operation("one"), returns=int)
    )
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    async def stored() -> bool:
        return bool(await database.read(lambda tx: tx.all(ALL)))

    await until(stored)


async def test_a_lost_primary_is_told_of_and_a_slow_statement_is_not(primary: Server, database: PostgresDatabase):
    told: list[str] = []
    database.on_broken(told.append)
    connection = await connect(primary.url(), 5.0)
    with pytest.raises(TooSlow):
        await connection.rows("select pg_sleep(1)", (), 0.1)
    assert connection.closed
    await database.write(lambda tx: append(tx, 1))
    assert told == []
    primary.kill()
    writing = asyncio.get_running_loop().create_task(database.write(lambda tx: append(tx, 2)))
    await until(lambda: told, 2)
    await asyncio.to_thread(primary.start)
    await writing


async def test_the_heart_beats_where_the_primary_commits(primary: Server, database: PostgresDatabase):
    await database.beat()
    await database.beat()
    assert [tuple(row) for row in await database.read(lambda tx: tx.all(sql("select beats from heartbeats")))] == [(2,)]
    await synchronous(primary, "nobody")

    async def beat_on() -> None:
        """The server reads its configuration again in its own time."""
        for _ in range(1_000):
            async with asyncio.timeout(0.3):
                await database.beat()

    with pytest.raises(TimeoutError):
        await beat_on()
    await synchronous(primary, "")
    await database.beat()
    primary.kill()
    with pytest.raises(Unavailable):
        await database.beat()


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with a standby"])
async def test_a_beat_that_waits_for_a_standby_goes_on_and_is_everybodys(
    primary: Server, alone: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    """A primary that is new commits nothing until standbys follow it. As long as it says that it is the primary, the
    beat stays where it is: another one would wait behind it, for the row that it holds."""
    monkeypatch.setattr(postgres_witnesses, "BEAT_SECONDS", 0.1)
    database = await migrated(primary, *([] if alone else [request.getfixturevalue("standby")]))
    doubted: list[object] = []
    await synchronous(primary, "nobody")
    database._finder.on_doubt(doubted.append)
    loop = asyncio.get_running_loop()
    stood: list[bool] = []
    stands = database._finder.stands

    async def noted(of: Primary) -> bool:
        stood.append(await stands(of))
        return stood[-1]

    monkeypatch.setattr(database._finder, "stands", noted)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await database.beat()
    beating = [loop.create_task(database.beat()) for _ in range(5)]
    await until(lambda: len(stood) > 3)
    assert (all(stood), doubted, any(beat.done() for beat in beating)) == (True, [], False)
    await synchronous(primary, "")
    await asyncio.gather(*beating)
    assert await database.read(lambda tx: tx.all(sql("select sum(beats) from heartbeats"))) == [(1,)]
    await database.close()


async def test_a_beat_is_not_waited_for_where_somebody_else_is_the_primary(
    primary: Server, standby: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(postgres_witnesses, "BEAT_SECONDS", 0.1)
    database = await migrated(primary, standby)
    await synchronous(primary, "nobody")
    beating = asyncio.get_running_loop().create_task(database.beat())
    await asyncio.to_thread(standby.promote)
    await administer(standby, "alter system set synchronous_standby_names = ''", "select pg_reload_conf()")
    with pytest.raises(Unavailable, match="is the primary no longer"):
        await beating
    await database.beat()
    assert database._finder.primary is not None
    assert str(standby.port) in database._finder.primary.url
    await database.close()


async def test_a_beat_that_hangs_with_its_server_is_given_up(primary: Server, monkeypatch: pytest.MonkeyPatch):
    """It is not waited for on a connection that may never answer, though the server comes back."""
    monkeypatch.setattr(postgres_witnesses, "BEAT_SECONDS", 0.1)
    database = await migrated(primary)
    await database.beat()
    primary.signal_all(signal.SIGSTOP)
    with pytest.raises(Unavailable, match="does not answer"):
        await database.beat()
    primary.signal_all(signal.SIGCONT)
    await until(lambda: _beats(database))
    await database.close()


async def _beats(database: PostgresDatabase) -> bool:
    with contextlib.suppress(Unavailable):
        await database.beat()
        return True
    return False


async def test_receipts_are_found_on_standbys_without_a_primary(primary: Server, standby: Server):
    await synchronous(primary, "*")
    await administer(primary, "alter system set synchronous_commit = remote_apply", "select pg_reload_conf()")
    database = await migrated(primary, standby)
    await database.write(lambda tx: append(tx, 7), Operation("known"), returns=int)
    assert await database.receipt("known") == 7
    primary.kill()
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await asyncio.gather(*(database.receipt("known") for _ in range(20))) == [7] * 20
    assert await database.receipt("unknown") is None
    assert loop.time() - began < 1
    standby.signal_all(signal.SIGSTOP)
    began = loop.time()
    assert await database.receipt("known") is None, "nobody answers: what was done is told apart at the drain"
    assert 0.8 < loop.time() - began < 2.5
    standby.signal_all(signal.SIGCONT)
    await until(lambda: _finds(database), 5)
    await database.close()


async def _finds(database: PostgresDatabase) -> bool:
    return await database.receipt("known") == 7


async def test_without_standbys_nobody_is_asked(primary: Server, database: PostgresDatabase):
    await database.write(lambda tx: append(tx, 7), Operation("known"), returns=int)
    assert await database.receipt("known") is None


async def test_a_connection_whose_command_was_cancelled_between_its_steps_is_never_used_again(primary: Server):
    """The driver had prepared the statement, and the server a transaction open: the next one's "begin" failed."""
    connection = await connect(primary.url(), 5.0)
    prepared = asyncio.Event()

    async def half(sql: str, *args: Any) -> list[Any]:
        await connection._driver.prepare(sql)
        prepared.set()
        await asyncio.Event().wait()
        return []

    connection._driver.fetch = half
    command = asyncio.get_running_loop().create_task(connection.rows("select count(*) from pg_class", (), 5.0))
    await prepared.wait()
    command.cancel()
    with pytest.raises(asyncio.CancelledError):
        await command
    assert connection.closed


async def test_a_connection_that_was_handed_a_wrong_value_is_never_used_again(primary: Server):
    connection = await connect(primary.url(), 5.0)
    with pytest.raises(Exception, match="invalid input"):
        await connection.rows("select count(*) from pg_class where relpages = $1", ("no number",), 5.0)
    assert connection.closed
