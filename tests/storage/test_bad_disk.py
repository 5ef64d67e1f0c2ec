"""A primary whose disk has lost what was on it: a standby has it still, posts go another way, all else waits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import asyncpg
import msgspec
import pytest

from linnet.domain.errors import Unavailable
from linnet.domain.journal import FAILING, Failing
from linnet.drill.damage import spoil
from linnet.storage import postgres, postgres_room
from linnet.storage.database import Operation
from linnet.storage.failing import Teller
from linnet.storage.postgres import PostgresDatabase
from linnet.storage.postgres_connection import BadDisk, FullDisk, Lost, connect, meaning_of_state
from linnet.storage.postgres_room import Room
from linnet.supervision import Tasks
from tests.storage.test_no_room import ALL, append, opened
from tests.support.client import VirtualClock
from tests.support.majority import MemoryMajority
from tests.support.postgres import Server, running_server, running_standby
from tests.support.waiting import until

pytestmark = pytest.mark.drill


class Lines:
    """What is logged."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def error(self, event: str, **more: Any) -> None:
        self.lines.append({"event": event, **more})


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    lines = Lines()
    monkeypatch.setattr(postgres_room, "log", lines)
    return lines


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server("bad") as server:
        yield server


@pytest.fixture
def standby(server: Server) -> Iterator[Server]:
    with running_standby(server) as other:
        yield other


@contextlib.asynccontextmanager
async def damaged(*servers: Server) -> AsyncIterator[PostgresDatabase]:
    """With three rows, of which the first server has then lost the page."""
    async with opened(*servers) as database:
        for number in (1, 2, 3):
            await write(database, number)
        await lose(servers[0], "changes")
        yield database


async def lose(server: Server, table: str) -> None:
    """All pages of a table are rubbish from now on, as a disk may have it; the server is told nothing."""
    connection = await asyncpg.connect(server.url())
    path = server.data / await connection.fetchval("select pg_relation_filepath($1::regclass)", table)
    await connection.close()
    await asyncio.to_thread(server.stop)
    assert path.stat().st_size >= 8192
    spoil(path)
    await asyncio.to_thread(server.start)


async def write(database: PostgresDatabase, number: int) -> int:
    return await database.write(lambda tx: append(tx, number), Operation(f"{number}"), returns=int)


async def test_what_the_primary_cannot_read_a_standby_is_asked_for(
    server: Server, standby: Server, lines: Lines, monkeypatch: pytest.MonkeyPatch
):
    """Not after a while, as where the primary does not answer."""
    for hedge in ("HEDGE_SECONDS", "_HEDGE_SECONDS_ALONE"):
        monkeypatch.setattr(postgres, hedge, 60.0)
    async with damaged(server, standby) as database:
        for _ in range(40):
            assert await database.read(lambda tx: tx.all(ALL)) == [(1,), (2,), (3,)]
        (line,) = lines.lines
        assert "invalid page" in line["error"]
        assert "another host should be the primary" in line["done"]
        monkeypatch.setattr(postgres, "READ_SECONDS", 1.0)
        with pytest.raises(Unavailable, match="The database's disk fails: nothing was stored"):
            await database.read(lambda tx: tx.all(ALL), steady=True)


async def test_what_the_primary_cannot_write_is_told_of_and_done_by_the_next_one(server: Server, standby: Server):
    async with damaged(server, standby) as database:
        told: list[str] = []
        failing: list[tuple[str, str]] = []
        database.on_full(told.append)
        database.room.on_failing(lambda host, why: failing.append((host, why)))
        writing = asyncio.get_running_loop().create_task(write(database, 4))
        await until(lambda: told)
        assert told[0] == "The database's disk fails: nothing was stored"
        assert not writing.done()
        host, why = failing[0]
        assert (host, "invalid page" in why) == (f"127.0.0.1:{server.port}", True)
        server.kill()
        await asyncio.to_thread(standby.promote)
        assert await writing == 4
        assert await database.read(lambda tx: tx.all(ALL), steady=True) == [(1,), (2,), (3,), (4,)]


async def test_a_damage_that_nobody_else_cures_holds_up_nothing(
    server: Server, standby: Server, monkeypatch: pytest.MonkeyPatch
):
    """What is in a safe place waits there for another primary, and is put aside where none cures it for a minute; who
    waits for an answer is told after some tries."""
    monkeypatch.setattr(postgres_room, "PAUSE_SECONDS", 0.01)
    async with damaged(server, standby) as database:
        told: list[str] = []
        database.on_full(told.append)
        for _ in range(2):
            with pytest.raises(Unavailable, match="The database's disk fails"):
                await database.write(lambda tx: append(tx, 4), ahead=True)
        monkeypatch.setattr(postgres_room, "ELSEWHERE_SECONDS", 0.0)
        with pytest.raises(asyncpg.DataCorruptedError):
            await database.write(lambda tx: append(tx, 4), ahead=True)
        assert told == []
        with pytest.raises(asyncpg.DataCorruptedError):
            await write(database, 4)
        assert len(told) == postgres_room.FAILS_TRIES


async def test_who_was_put_aside_for_it_and_comes_back_each_minute_holds_up_nobody(monkeypatch: pytest.MonkeyPatch):
    """Said to be curable each time anew, it would end each round of tries before the others had theirs."""
    clock, room = VirtualClock(), Room(elsewhere=True)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", clock.monotonic)
    error = BadDisk("it fails")
    error.host, error.__cause__ = "host", asyncpg.DataCorruptedError("an invalid page")
    said = []
    for seconds in (0, 30, 31, 61, 61, 61, 600):
        clock.advance(1_000 * seconds)
        with pytest.raises((Unavailable, asyncpg.DataCorruptedError)) as refused:
            await room.refused(error, 0.0, 1, ahead=True)
        said.append(refused.type)
    assert said == [Unavailable] * 2 + [asyncpg.DataCorruptedError] * 4 + [Unavailable]


async def test_where_no_standby_answers_a_read_waits_as_long_between_its_tries(
    server: Server, standby: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(postgres, "READ_SECONDS", 1.2)
    async with damaged(server, standby) as database:
        standby.kill()
        tries = []
        waited = database.room.wait

        async def wait(*given: Any) -> None:
            tries.append(given)
            await waited(*given)

        monkeypatch.setattr(database.room, "wait", wait)
        with pytest.raises(Unavailable, match="disk fails"):
            await database.read(lambda tx: tx.all(ALL))
        assert 1 <= len(tries) <= 4


async def test_where_there_is_one_server_alone_it_is_said_at_once(server: Server, lines: Lines):
    async with damaged(server) as database:
        with pytest.raises(Unavailable, match="disk fails") as refused:
            await write(database, 4)
        assert refused.value.retry_after == 60
        with pytest.raises(Unavailable, match="disk fails"):
            await database.read(lambda tx: tx.all(ALL))
        (line,) = lines.lines
        assert "another host" not in line["done"]


async def test_a_file_that_has_gone_is_a_disk_that_fails(server: Server):
    async with damaged(server):
        connection = await asyncpg.connect(server.url())
        await connection.execute("create table gone (x int)")
        path = server.data / await connection.fetchval("select pg_relation_filepath('gone')")
        await connection.close()
        path.unlink()
        asked = await connect(server.url(), 5.0)
        with pytest.raises(BadDisk):
            await asked.rows("select * from gone", (), 5.0)
        asked.terminate()


@pytest.mark.parametrize("error", [asyncpg.UndefinedFileError, asyncpg.InsufficientPrivilegeError])
def test_a_file_that_was_named_by_mistake_is_no_disk_that_fails(error: Any):
    mistake = error("could not access file")
    assert meaning_of_state(mistake) is mistake
    cast("Any", mistake).server_source_filename = "md.c"
    assert isinstance(meaning_of_state(mistake), BadDisk)


@pytest.mark.parametrize("severity", ["FATAL", "PANIC"])
def test_what_ends_the_server_may_be_done_or_not(severity: str):
    error = asyncpg.PostgresIOError("could not fsync file")
    cast("Any", error).severity_en = severity
    assert isinstance(meaning_of_state(error), Lost)


def test_room_would_cure_a_full_disk_alone():
    assert isinstance(meaning_of_state(asyncpg.DiskFullError("no space")), FullDisk)
    assert not isinstance(meaning_of_state(asyncpg.PostgresIOError("could not read")), FullDisk)


async def test_of_a_full_disk_or_where_nobody_else_is_there_no_machine_is_told():
    for elsewhere, error, told in (
        (True, BadDisk("it fails"), [("host", "it fails")]),
        (True, FullDisk("it is full"), []),
        (False, BadDisk("it fails"), []),
    ):
        room = Room(elsewhere=elsewhere)
        failing: list[tuple[str, str]] = []

        def tell(host: str, why: str, failing: list[tuple[str, str]] = failing) -> None:
            failing.append((host, why))

        room.on_failing(tell)
        room.say(error)
        assert failing == [], "whose is not known"
        error.host = "host"
        room.say(error)
        assert failing == told


async def test_all_machines_are_told_of_it_for_a_while_and_not_all_the_time():
    clock, tasks = VirtualClock(), Tasks()
    majority = MemoryMajority(clock)
    teller = Teller(majority, clock, tasks)
    try:
        teller.tell("a:1", "invalid page")
        await until(lambda: FAILING in majority.keys)
        found = await majority.get(FAILING)
        assert found is not None
        assert msgspec.json.decode(found.value, type=Failing) == Failing("a:1", "invalid page")
        assert found.lease
        clock.advance(19_000)
        teller.tell("a:1", "invalid page")
        await asyncio.sleep(0)
        again = await majority.get(FAILING)
        assert again is not None
        assert again.modified == found.modified
        clock.advance(2_000)
        teller.tell("b:1", "invalid page")

        async def told_again() -> bool:
            now = await majority.get(FAILING)
            return now is not None and b"b:1" in now.value

        await until(told_again)
    finally:
        await tasks.close()


async def test_whoever_could_not_be_told_is_told_the_next_time():
    clock, tasks = VirtualClock(), Tasks()
    majority = MemoryMajority(clock)
    teller = Teller(majority, clock, tasks)
    try:
        majority.failing = True
        teller.tell("a:1", "invalid page")
        await until(lambda: majority.asked)
        teller.tell("a:1", "invalid page")
        await asyncio.sleep(0)
        assert majority.asked == 1, "who is in trouble is not asked all the time"
        majority.failing = False
        clock.advance(2_000)
        teller.tell("a:1", "invalid page")
        await until(lambda: FAILING in majority.keys)
    finally:
        await tasks.close()
