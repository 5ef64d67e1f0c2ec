"""The embedded engine: reads in place or on a thread, group commit, and what becomes of a batch that is lost."""

import asyncio
import threading
import time
from pathlib import Path

import apsw
import pytest

from linnet.domain.errors import NotFound, Unavailable
from linnet.storage import schema, sqlite
from linnet.system import SystemClock
from tests.storage.queries import GET, PUT, count, get, put, sql
from tests.support.databases import open_sqlite
from tests.support.faulty_disk import FaultyDisk, full, sync_failed
from tests.support.waiting import until

SLOW = sql("with recursive n(i) as (select 1 union all select i + 1 from n where i < :rows) select count(*) from n")


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


class Ended(BaseException):
    """The process has ended: nothing is answered any more."""


@pytest.fixture
async def database(tmp_path: Path, disk: FaultyDisk, request: pytest.FixtureRequest):
    def fatal(why: str):
        raise Ended(why)

    opened = open_sqlite(tmp_path / "linnet.db", vfs=disk.vfs_name, fatal=fatal)
    await schema.migrate(opened, SystemClock())
    disk.syncs.clear()
    yield opened
    disk.before_sync = disk.before_write = lambda name: None
    await opened.close()


# -- reading ----------------------------------------------------------------------------------------------------------


async def test_a_slow_read_is_moved_to_a_thread_and_the_loop_goes_on(database):
    threads, gaps = [], []

    async def slow(tx):
        threads.append(threading.get_ident())
        return (await tx.one(SLOW, rows=400_000))[0]

    async def beat():
        while True:
            start = time.monotonic()
            await asyncio.sleep(0)
            gaps.append(time.monotonic() - start)

    beating = asyncio.get_running_loop().create_task(beat())
    assert await database.read(slow) == 400_000
    here = threading.get_ident()
    assert threads[0] == here != threads[1]
    assert len(threads) == 2
    # The next one of its kind is not tried in place.
    assert await database.read(slow) == 400_000
    assert here not in threads[2:]
    beating.cancel()
    assert len(gaps) > 10
    assert await get(database, "quick") is None


async def test_a_read_that_takes_too_long_on_the_thread_ends(database, monkeypatch):
    monkeypatch.setattr(sqlite, "READ_SECONDS", 0.05)
    with pytest.raises(Unavailable, match="took longer"):
        await database.read(lambda tx: tx.one(SLOW, rows=100_000_000))
    await put(database, "a")
    assert await get(database, "a") == ""


# -- group commit -----------------------------------------------------------------------------------------------------


def hold_syncs(disk: FaultyDisk) -> tuple[threading.Event, threading.Event]:
    """Two events: a sync has begun; and, for the test to set, it may go on."""
    syncing, gate = threading.Event(), threading.Event()

    def wait(name: str) -> None:
        syncing.set()
        gate.wait(10)

    disk.before_sync = wait
    return syncing, gate


async def test_nobody_is_answered_before_the_disk_has_it_and_those_who_wait_share_one_sync(database, disk):
    syncing, gate = hold_syncs(disk)
    first = asyncio.ensure_future(put(database, "first"))
    await until(syncing.is_set)
    others = [asyncio.ensure_future(put(database, f"k{n}")) for n in range(50)]
    await until(lambda: len(database._queue) == 50)
    assert not first.done()
    assert not any(task.done() for task in others)
    assert await get(database, "first") is None
    gate.set()
    await asyncio.gather(first, *others)
    assert len([name for name in disk.syncs if name.endswith("-wal")]) <= 4
    assert await get(database, "k49") == ""


async def test_whoever_fails_is_undone_alone(database):
    async def half(tx):
        await tx.run(PUT, key="half", value="")
        raise NotFound

    async def mistaken(tx):
        await tx.run(PUT, key="good0", value="")

    async def foreign(tx):
        await tx.run(PUT, key="foreign", value="")
        await asyncio.sleep(0)

    results = await asyncio.gather(
        put(database, "good0"), database.write(half), put(database, "good1"), database.write(mistaken),
        database.write(foreign), put(database, "good2"), return_exceptions=True,
    )  # fmt: skip
    assert [type(result) for result in results] == [
        type(None), NotFound, type(None), apsw.ConstraintError, RuntimeError, type(None),
    ]  # fmt: skip
    assert [await get(database, key) for key in ("good0", "good1", "good2")] == ["", "", ""]
    assert [await get(database, key) for key in ("half", "foreign")] == [None, None]


async def test_heavy_work_leaves_the_loop_to_others(database):
    threads = []

    async def heavy(tx):
        threads.append(threading.get_ident())
        await tx.one(SLOW, rows=400_000)
        await tx.run(PUT, key="heavy", value="")

    task = asyncio.ensure_future(database.write(heavy, heavy=True))
    turns = 0
    while not task.done():
        turns += 1
        await asyncio.sleep(0)
    await task
    assert threads != [threading.get_ident()]
    assert turns > 10
    assert await get(database, "heavy") == ""


async def test_what_was_begun_is_finished_though_its_asker_has_gone(database, disk):
    syncing, gate = hold_syncs(disk)
    waiting = [asyncio.ensure_future(put(database, key)) for key in "ab"]
    await until(syncing.is_set)
    for task in waiting:
        task.cancel()
    gate.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    await put(database, "c")
    assert [await get(database, key) for key in "abc"] == ["", "", ""]


async def test_close_finishes_what_is_queued(tmp_path):
    database = open_sqlite(tmp_path / "other.db")
    await schema.migrate(database, SystemClock())
    writes = [asyncio.ensure_future(put(database, f"k{n}")) for n in range(200)]
    await asyncio.sleep(0)
    await database.close()
    await asyncio.gather(*writes)
    with pytest.raises(Unavailable, match="shutting down"):
        await put(database, "late")
    again = open_sqlite(tmp_path / "other.db")
    assert await count(again) == 200
    assert not (tmp_path / "other.db-wal").stat().st_size
    await again.close()


async def test_listeners_hear_of_each_commit(database):
    heard = []
    database.on_commit(lambda: heard.append(database._writer.in_transaction))
    await put(database, "a")
    await put(database, "b")
    assert heard == [False, False]


# -- a batch that is lost ---------------------------------------------------------------------------------------------


async def test_a_member_that_needs_too_much_room_does_not_take_the_others_along(database):
    pages = database._writer.pragma("page_count")
    database._writer.pragma("max_page_count", pages + 40)
    results = await asyncio.gather(
        put(database, "small0", "x"), put(database, "big", "x" * 4_000_000), put(database, "small1", "x"),
        return_exceptions=True,
    )  # fmt: skip
    assert [type(result) for result in results] == [type(None), Unavailable, type(None)]
    assert "full" in str(results[1])
    assert [await get(database, key) for key in ("small0", "big", "small1")] == ["x", None, "x"]


async def test_a_full_disk_is_said_and_outlived(database, disk):
    await put(database, "before")

    def refuse(name: str) -> None:
        if name.endswith("-wal"):
            raise full()

    disk.before_write = refuse
    results = await asyncio.gather(*(put(database, f"k{n}") for n in range(5)), return_exceptions=True)
    assert {type(result) for result in results} == {Unavailable}
    assert [getattr(result, "retry_after", 0) for result in results] == [60] * 5
    assert await get(database, "before") == ""
    assert await get(database, "k0") is None
    disk.before_write = lambda name: None
    await put(database, "after")
    assert await get(database, "after") == ""


async def test_a_batch_lost_at_its_commit_is_run_again_one_by_one(database, disk):
    refusals = iter([True])

    def refuse_once(name: str) -> None:
        if name.endswith("-wal") and next(refusals, False):
            raise apsw.exception_for(apsw.SQLITE_IOERR_WRITE)

    ran = []

    def storing(key: str):
        async def fn(tx):
            ran.append(key)
            return await tx.run(PUT, key=key, value="")

        return fn

    disk.before_write = refuse_once
    assert await asyncio.gather(*(database.write(storing(key)) for key in "abc")) == [1, 1, 1]
    assert sorted(ran) == ["a", "a", "b", "b", "c", "c"]
    assert [await get(database, key) for key in "abc"] == ["", "", ""]


async def test_a_failed_sync_ends_the_process_and_acknowledges_nothing(database, disk):
    def fail(name: str) -> None:
        raise sync_failed()

    disk.before_sync = fail
    write = asyncio.ensure_future(put(database, "a"))
    await until(lambda: database._writer_task is not None)
    with pytest.raises(Ended, match="refused to make a commit durable"):
        await database._writer_task
    assert not write.done()
    write.cancel()


async def test_a_lock_that_another_process_holds_is_waited_for_beside_the_loop(database, tmp_path, monkeypatch):
    other = apsw.Connection(str(tmp_path / "linnet.db"))
    other.execute("begin immediate")
    write = asyncio.ensure_future(put(database, "a"))
    turns = 0
    started = time.monotonic()
    while time.monotonic() - started < 0.1:
        turns += 1
        await asyncio.sleep(0)
    assert turns > 20
    assert not write.done()
    other.execute("commit")
    await write
    monkeypatch.setattr(sqlite, "LOCK_SECONDS", 0.05)
    other.execute("begin immediate")
    with pytest.raises(Unavailable, match="locked"):
        await put(database, "b")
    assert await get(database, "a") == ""
    other.execute("rollback")
    await put(database, "b")
    other.close()


# -- the log ----------------------------------------------------------------------------------------------------------


async def test_the_log_stays_bounded_under_steady_writing(database, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 50)
    monkeypatch.setattr(sqlite, "RESTART_PAGES", 200)
    log, sizes = tmp_path / "linnet.db-wal", []

    async def writer(name: int) -> None:
        for n in range(200):
            await put(database, f"{name}/{n}", "x" * 500)
            sizes.append(log.stat().st_size)

    await asyncio.gather(*(writer(name) for name in range(8)))
    assert max(sizes) < 600 * 4_120
    assert await count(database) == 1_600


async def test_an_old_snapshot_holds_the_log_up_only_while_it_lasts(database, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 50)
    monkeypatch.setattr(sqlite, "RESTART_PAGES", 200)
    log = tmp_path / "linnet.db-wal"
    reader = apsw.Connection(str(tmp_path / "linnet.db"))
    reader.execute("begin")
    reader.execute("select count(*) from settings").fetchall()
    for n in range(100):
        await put(database, f"a{n}", "x" * 12_000)
    grown = log.stat().st_size
    assert grown > 400 * 4_120
    reader.close()
    for n in range(300):
        await put(database, f"b{n}", "x" * 12_000)
    assert log.stat().st_size < grown + 400 * 4_120


@pytest.mark.drill
async def test_an_error_while_copying_the_log_is_outlived(database, disk, monkeypatch):
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 10)

    def refuse(name: str) -> None:
        if name == "linnet.db":
            raise full()

    disk.before_write = refuse
    for n in range(60):
        await put(database, f"k{n}", "x" * 500)
    disk.before_write = lambda name: None
    assert await get(database, "k59") == "x" * 500
    assert await database.read(lambda tx: tx.one(GET, key="k0")) == ("x" * 500,)
