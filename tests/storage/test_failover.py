"""PostgreSQL is killed, frozen and replaced under a load: every acknowledged write is there, and none twice."""

import asyncio
import contextlib
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import asyncpg
import pytest

from linnet.app import why_not_ready
from linnet.domain.errors import Invalid, Unavailable
from linnet.storage import changes, postgres, schema
from linnet.storage.database import Operation, decided, standby_first
from linnet.storage.database_blobs import DatabaseBlobs
from linnet.storage.postgres import CONNECTIONS, PostgresDatabase
from linnet.storage.postgres_pool import STANDBY_READY
from linnet.system import SystemClock
from tests.storage.queries import COUNT, sql
from tests.support.databases import open_postgres
from tests.support.postgres import Server
from tests.support.waiting import until

pytestmark = pytest.mark.drill

WRITERS = 8
ALL = sql("select subject_id from changes")
BEATS = "select coalesce(sum(beats), 0)::int from heartbeats"
WAITING = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'"


@dataclass
class Load:
    """Writers that go on until told to stop; what was answered to them."""

    database: PostgresDatabase
    acknowledged: list[int] = field(default_factory=list)
    _tasks: list[asyncio.Task] = field(default_factory=list)
    _stopping: bool = False

    async def __aenter__(self) -> "Load":
        self._tasks = [asyncio.ensure_future(self._write(writer)) for writer in range(WRITERS)]
        await self.more(50)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def more(self, writes: int) -> None:
        """Returns when so many more were acknowledged."""
        target = len(self.acknowledged) + writes
        await until(lambda: len(self.acknowledged) >= target, 30)

    async def _write(self, writer: int) -> None:
        number = writer
        while not self._stopping:
            number += WRITERS

            async def happen(tx, number: int = number) -> int:
                await tx.one(COUNT)
                await changes.append(tx, "happened", writer, number)
                return number

            # One in two is an internal write, without a receipt of its own.
            operation = Operation(f"op/{number}") if number // WRITERS % 2 else None
            assert await self.database.write(happen, operation, returns=int) == number
            self.acknowledged.append(number)

    async def verify(self, database: PostgresDatabase) -> None:
        found = Counter(row[0] for row in await database.read(lambda tx: tx.all(ALL)))
        assert set(self.acknowledged) <= found.keys(), "acknowledged writes were lost"
        assert max(found.values()) == 1, "writes were done twice"
        # Nobody was turned away, so nothing is there that was not acknowledged.
        assert found.keys() == set(self.acknowledged)


async def migrated(*servers: Server) -> PostgresDatabase:
    """An engine that is told of all servers; the first is the primary."""
    netloc = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    database = open_postgres(f"postgresql://postgres@{netloc}/postgres", write_seconds=30)
    await schema.migrate(database, SystemClock())
    return database


async def administer(server: Server, *commands: str) -> None:
    connection = await asyncpg.connect(server.url())
    for command in commands:
        await connection.execute(command)
    await connection.close()


async def synchronous(primary: Server, names: str) -> None:
    await administer(primary, f"alter system set synchronous_standby_names = '{names}'", "select pg_reload_conf()")
    # Commits wait from when the checkpointer has read it. Asked by a new connection, it has done so before it answers.
    await administer(primary, "checkpoint")


async def test_kill_9_three_times_loses_and_doubles_nothing(primary):
    database = await migrated(primary)
    async with Load(database) as load:
        for _ in range(3):
            primary.kill()
            await asyncio.to_thread(primary.start)
            await load.more(100)
    await load.verify(database)
    await database.close()


async def test_killed_backends_lose_and_double_nothing(primary):
    database = await migrated(primary)
    others = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'linnet'"
    async with Load(database) as load:
        for _ in range(5):
            await administer(primary, others)
            await load.more(30)
    await load.verify(database)
    await database.close()


async def test_a_frozen_primary_is_waited_for(primary, monkeypatch):
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS", 0.5)
    database = await migrated(primary)
    async with Load(database) as load:
        primary.signal_all(signal.SIGSTOP)
        await until(lambda: database._finder.primary is None)
        primary.signal_all(signal.SIGCONT)
        await load.more(100)
    await load.verify(database)
    await database.close()


async def test_a_standby_takes_over_and_the_old_primary_is_shunned(primary, standby):
    await synchronous(primary, "*")
    database = await migrated(primary, standby)
    async with Load(database) as load:
        primary.kill()
        await asyncio.to_thread(standby.promote)
        await load.more(100)
        # The orphan comes back, still says that it is a primary, and would take writes that nobody has.
        await asyncio.to_thread(primary.start)
        await synchronous(primary, "")
        await administer(
            standby, "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        )
        await load.more(100)
    await load.verify(database)
    assert database._finder.primary is not None
    assert urlsplit(database._finder.primary.url).port == standby.port
    assert database._finder.primary.timeline == 2
    await database.close()
    # One that starts now and reaches both chooses alike.
    fresh = open_postgres(f"postgresql://postgres@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/postgres")
    await load.verify(fresh)
    await fresh.close()


async def test_a_commit_whose_synchronous_wait_was_cancelled_is_not_acknowledged(primary, monkeypatch):
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS", 1.0)
    database = await migrated(primary)
    await synchronous(primary, "nobody")
    waiting = "select array_agg(pid) from pg_stat_activity where wait_event = 'SyncRep' and pid <> all($1)"
    connection = await asyncpg.connect(primary.url())
    write = asyncio.ensure_future(database.write(lambda tx: changes.append(tx, "happened", 1, 1)))
    cancelled: list[int] = []

    async def cancel_the_next() -> bool:
        found = await connection.fetchval(waiting, cancelled) or []
        # The server answers COMMIT to this, with a warning that the row is here alone.
        await connection.fetch("select pg_cancel_backend(pid) from unnest($1::int[]) pid", found)
        cancelled.extend(found)
        return len(cancelled) >= 3

    await until(cancel_the_next, 30)
    assert not write.done()
    await synchronous(primary, "")
    await write
    assert [tuple(row) for row in await database.read(lambda tx: tx.all(ALL))] == [(1,)]
    await connection.close()
    await database.close()


async def test_refusals_wait_together_for_one_commit_of_whoever_decided_them(primary, standby):
    """One by one, somebody who asks for nonsense would hold every connection, and all commits in a line."""
    database = await migrated(primary, standby)
    decided: list[int] = []

    async def refuse(tx):
        await tx.one(COUNT)
        decided.append((await tx.one(sql("select inet_server_port()")))[0])
        raise Invalid("name", "is nonsense")

    with pytest.raises(Invalid):
        await database.write(refuse)
    connection = await asyncpg.connect(primary.url())
    before = await connection.fetchval(BEATS)
    await synchronous(primary, "nobody")
    asked = [asyncio.ensure_future(database.write(refuse)) for _ in range(3 * CONNECTIONS)]
    await until(lambda: len(decided) == 1 + len(asked))
    await until(lambda: connection.fetchval(WAITING))
    assert await database.read(lambda tx: tx.all(ALL), steady=True) == [], "they hold no connection"
    assert not any(one.done() for one in asked)
    await synchronous(primary, "")
    assert {type(error) for error in await asyncio.gather(*asked, return_exceptions=True)} == {Invalid}
    assert 1 <= await connection.fetchval(BEATS) - before <= 3
    # What a primary has refused that goes before it commits, its successor decides.
    await synchronous(primary, "nobody")
    last = asyncio.ensure_future(database.write(refuse))
    await until(lambda: connection.fetchval(WAITING))
    await connection.close()
    primary.kill()
    await asyncio.to_thread(standby.promote)
    with pytest.raises(Invalid):
        await last
    assert decided[-2:] == [primary.port, standby.port]
    await database.close()


async def test_what_an_old_primary_does_not_know_is_not_denied(primary, standby):
    """Its Patroni froze: it still says that it is the primary, and whoever spoke with it before has no doubt."""
    database = await migrated(primary, standby)
    assert await database.read(known, steady=True) is None
    await synchronous(primary, "nobody")
    await asyncio.to_thread(standby.promote)
    successor = open_postgres(f"postgresql://postgres@127.0.0.1:{standby.port}/postgres")
    await successor.write(lambda tx: changes.append(tx, "happened", 1, 7))
    await successor.close()
    assert await database.read(known, steady=True) is None, "it was not found out before it was asked"
    said: list[int | None] = []

    async def decides() -> bool:
        with contextlib.suppress(Unavailable):
            said.append(await decided(database, known))
        return bool(said)

    await until(decides, 30)
    assert said == [7]
    await database.close()


async def known(tx) -> int | None:
    row = await tx.one(ALL)
    return row[0] if row else None


async def test_without_any_server_a_write_is_refused_at_its_deadline_and_a_read_before(primary, monkeypatch):
    monkeypatch.setattr(postgres, "READ_SECONDS", 0.3)
    database = await migrated(primary)
    database._write_seconds = 0.6
    primary.kill()
    with pytest.raises(Unavailable):
        await database.read(lambda tx: tx.one(COUNT))
    with pytest.raises(Unavailable):
        await database.write(lambda tx: changes.append(tx, "happened", 1, 1))
    await database.close()


async def test_reads_go_on_from_a_standby_without_a_primary_and_beside_a_frozen_one(primary, standby, tmp_path):
    await synchronous(primary, "*")
    await administer(primary, "alter system set synchronous_commit = remote_apply", "select pg_reload_conf()")
    database = await migrated(primary, standby)
    await database.write(lambda tx: changes.append(tx, "happened", 1, 7))
    pictures = DatabaseBlobs(database, tmp_path)
    await pictures.put("media/1/original.jpeg", b"a picture")

    async def twice(tx):
        await tx.one(COUNT)
        return [tuple(row) for row in await tx.all(ALL)]

    assert await database.read(twice) == [(7,)]
    primary.signal_all(signal.SIGSTOP)
    took = []
    for _ in range(5):
        started = time.monotonic()
        assert await database.read(twice) == [(7,)]
        took.append(time.monotonic() - started)
    primary.signal_all(signal.SIGCONT)
    assert max(took) < 1.5
    primary.kill()
    started = time.monotonic()
    results = await asyncio.gather(*(database.read(twice) for _ in range(20)))
    assert results == [[(7,)]] * 20
    assert time.monotonic() - started < 2
    # Whoever spreads requests over nodes would else have nowhere to send them.
    assert await why_not_ready(database) == ""
    assert await pictures.get("media/1/original.jpeg") == b"a picture"
    await asyncio.to_thread(primary.start)
    await database.write(lambda tx: changes.append(tx, "happened", 1, 8))
    assert await database.read(twice) == [(7,), (8,)]
    await database.close()


async def nothing() -> None:
    """For ever."""
    await asyncio.Event().wait()


async def test_a_standby_that_goes_is_noticed_though_nobody_asks_it_for_anything(primary, standby):
    database = await migrated(primary, standby)
    told: list[str] = []
    database.on_host_lost(told.append)
    await database._standbys.ready()
    assert told == []
    standby.kill()
    await until(lambda: len(told) == STANDBY_READY)
    assert told[0] == f"127.0.0.1:{standby.port} has ended a connection"
    await asyncio.to_thread(standby.start)

    async def kept() -> bool:
        await database.write(lambda tx: changes.append(tx, "happened", 1, 7))  # so that there is something to follow
        await database._standbys.ready()
        return database._standbys._lender.count(database._finder.urls[1]) == STANDBY_READY

    await until(kept)
    await database.close()
    await asyncio.sleep(0)
    assert len(told) == STANDBY_READY, "what we end ourselves is no news"


async def test_who_takes_over_is_asked_over_connections_that_were_made_before(primary, standby):
    database = await migrated(primary, standby)
    database._readiness = asyncio.create_task(nothing())  # what it does is done here, once
    await database.read(lambda tx: tx.all(ALL))
    await database._standbys.ready()
    told = await asyncpg.connect(standby.url())
    backends = "select pid, query from pg_stat_activity where application_name = 'linnet'"
    kept = {pid for pid, query in await told.fetch(backends) if "changes" in query}
    assert len(kept) >= STANDBY_READY, "what was read has been read over them"
    await told.close()
    primary.kill()
    await asyncio.to_thread(standby.promote)

    async def backend(tx):
        await changes.append(tx, "happened", 1, 8)
        return (await tx.one(sql("select pg_backend_pid()")))[0]

    assert await database.write(backend) in kept
    assert await database.read(lambda tx: tx.one(sql("select pg_backend_pid()")), steady=True) in [
        (pid,) for pid in kept
    ]
    await database.close()


@pytest.mark.parametrize("asks", [False, True], ids=["nobody to follow", "somebody who does not answer"])
async def test_what_an_old_primary_has_stored_alone_is_shown_to_nobody(primary, standby, monkeypatch, asks: bool):
    """Cut off, it waits for a second machine; told to be no primary any more, it takes for done what waited."""
    monkeypatch.setattr(postgres, "READ_SECONDS", 1.0)
    database = await migrated(primary, standby)
    await database.write(lambda tx: changes.append(tx, "happened", 1, 7))
    await asyncio.to_thread(standby.stop)
    await synchronous(primary, "nobody")
    cut_off = open_postgres(primary.url(), write_seconds=3)
    lost = asyncio.ensure_future(cut_off.write(lambda tx: changes.append(tx, "happened", 1, 8)))
    connection = await asyncpg.connect(primary.url())
    await until(lambda: connection.fetchval(WAITING))
    await connection.close()
    await asyncio.to_thread(primary.stop, signal.SIGQUIT)
    (primary.data / "standby.signal").touch()
    if asks:
        with (primary.data / "postgresql.auto.conf").open("a") as file:
            file.write(f"primary_conninfo = 'host=127.0.0.1 port={standby.port}'\n")
    await asyncio.to_thread(primary.start)
    alone = await asyncpg.connect(primary.url())
    assert await alone.fetchval("select count(*) from changes") == 2, "it has what nobody was told is there"
    await alone.close()
    with pytest.raises(Unavailable):
        await lost
    with pytest.raises(Unavailable):
        await database.read(lambda tx: tx.all(ALL))
    await cut_off.close()
    await database.close()


async def test_what_a_standby_has_shown_is_found_though_its_primary_hides_it_still(primary, standby):
    """A primary shows a commit when as many machines as it waits for have it; the first of them shows it at once."""
    database = await migrated(primary, standby)
    await database.write(lambda tx: changes.append(tx, "happened", 1, 7))
    await synchronous(primary, "nobody")
    write = asyncio.ensure_future(database.write(lambda tx: changes.append(tx, "happened", 1, 8)))

    async def found() -> list[tuple[int]]:
        return [tuple(row) for row in await database.read(lambda tx: tx.all(ALL))]

    async def shown() -> bool:
        with standby_first():
            return await found() == [(7,), (8,)]

    await until(shown)
    hidden = await database.read(lambda tx: tx.all(ALL), steady=True)  # else a slow primary's standby answers
    assert [tuple(row) for row in hidden] == [(7,)]
    assert not write.done()
    # Where there is no standby, the primary is asked all the same.
    await asyncio.to_thread(standby.stop)
    with standby_first():
        assert await found() == [(7,)]
    await synchronous(primary, "")
    await write
    await database.close()
