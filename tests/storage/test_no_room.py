"""A primary whose disk has room for its log, but for no table's next page: posts go around it, all else waits."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from linnet.domain.errors import Unavailable
from linnet.domain.journal import Entry
from linnet.storage import changes, postgres_room
from linnet.storage.breaker import Breaker
from linnet.storage.database import Operation
from linnet.storage.detour import Accepted, Detour
from linnet.storage.journal import MajorityJournal
from linnet.storage.postgres import PostgresDatabase
from linnet.storage.postgres_connection import BadDisk, connect, meaning_of_state
from linnet.storage.postgres_room import Room
from linnet.supervision import Tasks
from linnet.system import SystemClock
from tests.storage.queries import sql
from tests.storage.test_failover import migrated
from tests.support.databases import open_postgres
from tests.support.majority import MemoryMajority
from tests.support.postgres import Server, running_server, running_standby
from tests.support.small_disk import fill, small_disk
from tests.support.waiting import until

pytestmark = pytest.mark.drill

DISK_MIB = 128
ALL = sql("select subject_id from changes order by subject_id")
SPILLS = sql(
    "select max(x) from (select repeat('x', 300) || x as x from generate_series(1, 40000) x order by x offset 1) y"
)
"""Sorts more than the memory that a statement has can hold."""


@dataclass
class Small:
    """A server on a disk that can be filled; ``room`` makes room again."""

    server: Server
    disk: Path
    room: Callable[[], None] = field(default=lambda: None)

    def fill(self) -> None:
        self.room = fill(self.disk)


@pytest.fixture
def small() -> Iterator[Small]:
    with tempfile.TemporaryDirectory(prefix="linnet-disk-") as folder:
        os.chmod(folder, 0o755)
        with small_disk(Path(folder) / "disk", DISK_MIB) as disk, running_server("full", disk) as server:
            yield Small(server, disk)


async def append(tx: Any, subject: int) -> int:
    await changes.append(tx, "happened", 1, subject)
    return subject


async def until_full(
    write: Callable[[int], Coroutine[Any, Any, Any]], is_full: Callable[[], object]
) -> asyncio.Task[Any]:
    """Writes one after the other, until one finds no room; that one."""
    number = 0
    while True:
        number += 1
        writing = asyncio.get_running_loop().create_task(write(number))

        def settled(writing: asyncio.Task[Any] = writing) -> bool:
            return writing.done() or bool(is_full())

        await until(settled)
        if is_full():
            return writing


class Cluster:
    """A primary on a disk that can be filled, and a standby with room; ``told`` is what a breaker hears."""

    def __init__(self, small: Small, standby: Server, database: PostgresDatabase) -> None:
        self.small = small
        self.standby = standby
        self.database = database
        self.told: list[str] = []
        database.on_full(self.told.append)

    async def write(self, number: int) -> int:
        return await self.database.write(lambda tx: append(tx, number), Operation(f"{number}"), returns=int)

    async def stored(self) -> list[int]:
        return [row[0] for row in await self.database.read(lambda tx: tx.all(ALL), steady=True)]


@pytest.fixture
def standby(small: Small) -> Iterator[Server]:
    with running_standby(small.server) as server:
        yield server


@contextlib.asynccontextmanager
async def opened(*servers: Server) -> AsyncIterator[PostgresDatabase]:
    """The first is the primary, and has a row for our heartbeat."""
    database = await migrated(*servers)
    await database.beat()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def cluster(small: Small, standby: Server) -> AsyncIterator[Cluster]:
    async with opened(small.server, standby) as database:
        yield Cluster(small, standby, database)


async def test_a_write_without_room_is_told_of_and_waits_though_the_primary_commits_what_fits(cluster: Cluster):
    cluster.small.fill()
    writing = await until_full(cluster.write, lambda: cluster.told)
    assert "disk is full" in cluster.told[0]
    await cluster.database.beat()
    assert not writing.done()
    cluster.small.room()
    number = await writing
    assert await cluster.stored() == list(range(1, number + 1)), "each is there, and once"


async def test_a_write_without_room_is_done_where_there_is_some_when_another_one_takes_over(cluster: Cluster):
    cluster.small.fill()
    writing = await until_full(cluster.write, lambda: cluster.told)
    cluster.small.server.kill()
    await asyncio.to_thread(cluster.standby.promote)
    number = await writing
    assert await cluster.stored() == list(range(1, number + 1))


async def test_where_there_is_one_server_alone_it_is_said_at_once(small: Small):
    refused: list[Unavailable] = []

    async with opened(small.server) as database:

        async def write(number: int) -> None:
            try:
                await database.write(lambda tx: append(tx, number), Operation(f"{number}"), returns=int)
            except Unavailable as error:
                refused.append(error)

        small.fill()
        connection = await connect(small.server.url(), 5.0)
        with pytest.raises(BadDisk):
            await connection.rows(SPILLS.postgres, (), None)
        connection.terminate()
        await until_full(write, lambda: refused)
        assert "disk is full: nothing was stored" in str(refused[0])
        assert refused[0].retry_after == 60
        small.room()
        await database.write(lambda tx: append(tx, 0), Operation("after"), returns=int)


async def test_what_cannot_be_sorted_for_want_of_room_is_asked_of_a_standby(cluster: Cluster):
    alone = open_postgres(cluster.small.server.url())
    # By one that asks nobody besides: where two are asked, what the slower one has taken is given back later.
    before = await alone.read(lambda tx: tx.all(SPILLS))
    cluster.small.fill()
    with pytest.raises(Unavailable, match="disk is full"):
        await alone.read(lambda tx: tx.all(SPILLS))
    await alone.close()
    assert await cluster.database.read(lambda tx: tx.all(SPILLS)) == before


async def test_what_is_brought_in_from_a_safe_place_is_not_held_where_there_is_no_room(cluster: Cluster):
    cluster.small.fill()
    waiting = await until_full(cluster.write, lambda: cluster.told)

    async def ahead(tx: Any) -> None:
        for number in range(2_000):
            await append(tx, number)

    with pytest.raises(Unavailable, match="disk is full"):
        await cluster.database.write(ahead, ahead=True)
    cluster.small.room()
    assert await waiting in await cluster.stored()


def test_shared_memory_that_is_full_is_no_full_disk():
    """The server's state is the same: only where it arose tells."""
    error = asyncpg.DiskFullError("could not resize shared memory segment: No space left on device")
    assert isinstance(meaning_of_state(error), BadDisk)
    error.server_source_filename = "dsm_impl.c"
    assert isinstance(meaning_of_state(error), Unavailable)


async def test_a_migration_without_room_says_so_at_once(cluster: Cluster):
    cluster.small.fill()
    async with cluster.database.schema_session() as session:
        with pytest.raises(Unavailable, match="disk is full"):
            await session.apply(["create table much as select generate_series(1, 100000)"], "select where false")


async def test_so_many_wait_for_room_and_no_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(postgres_room, "WAITERS", 1)
    room, error = Room(elsewhere=True), BadDisk("the disk is full")
    deadline = asyncio.get_running_loop().time() + 60
    first = asyncio.get_running_loop().create_task(room.wait(error, deadline))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="the disk is full"):
        await room.wait(error, deadline)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await asyncio.wait_for(room.wait(error, deadline), 10)


@pytest.fixture(params=["with a standby", "alone"])
async def any_database(request: pytest.FixtureRequest, small: Small) -> AsyncIterator[PostgresDatabase]:
    others = [request.getfixturevalue("standby")] if request.param == "with a standby" else []
    async with opened(small.server, *others) as database:
        yield database


async def test_posts_go_into_the_journal_and_what_waits_is_tried_again(small: Small, any_database: PostgresDatabase):
    clock, tasks = SystemClock(), Tasks()
    majority = MemoryMajority(clock)
    journal = MajorityJournal(majority, clock)
    breaker = Breaker(any_database, journal, majority, clock, tasks)
    detour = Detour(any_database, journal, breaker, clock)
    breaker.start()
    posted: list[Accepted] = []

    async def post(number: int) -> None:
        async def compose() -> Entry:
            return Entry(number, 7, f"{number}", clock.now_ms(), "{}")

        posted.append(await detour.post(lambda tx: append(tx, number), Operation(f"{number}"), compose))

    try:
        small.fill()
        await until_full(post, lambda: posted and posted[-1].waits)
        assert breaker.is_open
        assert [entry.id for entry in await journal.first(10)] == [posted[-1].id]
        await until(lambda: detour.drains)
    finally:
        await tasks.close()
