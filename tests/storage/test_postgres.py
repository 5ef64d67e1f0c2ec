"""PostgreSQL behind a wire that fails: each write is done once, is never cancelled, and waits for a primary."""

import asyncio
import contextlib
import socket
import time
from urllib.parse import urlsplit

import asyncpg
import pytest

from linnet.domain.errors import Unavailable
from linnet.storage import changes, postgres, postgres_pool, postgres_primary, postgres_transaction
from linnet.storage.database import Operation
from linnet.storage.postgres_connection import (
    BEGIN_WRITE,
    BadDisk,
    Duplicate,
    FullDisk,
    LockedOut,
    Lost,
    NotDone,
    Raced,
    ReadOnly,
    connect,
    hosts,
    label,
)
from tests.storage.queries import COUNT, PUT, get, put, sql
from tests.support.databases import Databases, open_postgres
from tests.support.ports import free_port
from tests.support.proxy import Wire, wire
from tests.support.waiting import until

SLEEP = sql("select pg_sleep(:seconds::float8)")


@pytest.fixture
async def url(postgres_databases: Databases):
    taken = await postgres_databases.take()
    yield taken
    await postgres_databases.give_back(taken)


@pytest.fixture
async def line(url: str):
    async with wire(urlsplit(url).port or 0) as made:
        yield made


@pytest.fixture
async def database(url: str, line: Wire):
    parts = urlsplit(url)
    opened = open_postgres(parts._replace(netloc=f"postgres@127.0.0.1:{line.port}").geturl(), write_seconds=20)
    yield opened
    line.go_on()
    await opened.close()


async def happen(tx) -> int:
    """Something that must not be done twice; its answer differs each time it is run."""
    await changes.append(tx, "happened", 1, 1)
    return tx.ids.next()


async def happened(database) -> int:
    return len((await changes.read_after(database, changes.BEGINNING, 100)).rows)


# -- an answer that is lost -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [None, Operation("op")], ids=["internal", "operation"])
@pytest.mark.parametrize("answer_only", [True, False], ids=["after the commit", "before the commit"])
async def test_a_write_whose_connection_is_cut_at_its_commit_is_done_once(database, line, operation, answer_only):
    for _ in range(2):
        line.cut_at(b"commit", answer_only=answer_only)
    answers = [await database.write(happen, operation, returns=int)]
    assert line.cuts == 2
    if operation is not None:
        answers.append(await database.write(happen, operation, returns=int))
    assert len(set(answers)) == 1
    assert await happened(database) == 1


async def test_a_write_that_is_cut_in_its_middle_is_done_once(database, line):
    line.cut_at(b"insert into changes", answer_only=True)
    line.cut_at(b"begin read write", answer_only=False)
    await database.write(happen)
    assert line.cuts == 2
    assert await happened(database) == 1


async def test_the_answer_of_an_internal_write_is_that_of_the_attempt_which_was_done(database, line):
    line.cut_at(b"commit", answer_only=True)
    runs = []

    async def fn(tx):
        runs.append(tx.ids.next())
        await tx.run(PUT, key=str(runs[-1]), value="")
        return runs[-1]

    answer = await database.write(fn)
    assert line.cuts == 1
    assert answer == runs[0]
    assert await get(database, str(answer)) == ""
    assert (await database.read(lambda tx: tx.one(COUNT)))[0] == 1


async def test_a_read_whose_connection_is_cut_is_made_again(database, line):
    await put(database, "a", "x")
    line.cut_at(b"repeatable read", answer_only=True)

    async def twice(tx):
        await tx.one(COUNT)
        return (await tx.one(COUNT))[0]

    assert await database.read(twice) == 1
    assert line.cuts == 1


# -- silence ----------------------------------------------------------------------------------------------------------


async def test_a_server_that_is_silent_is_left_and_never_asked_to_cancel(database, line, monkeypatch):
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS", 0.2)
    monkeypatch.setattr(postgres_primary, "DIAL_SECONDS", 0.3)
    await put(database, "before")
    line.hold()
    write = asyncio.ensure_future(database.write(happen))
    await until(lambda: database._finder.primary is None)
    assert not write.done()
    line.go_on()
    await write
    assert await happened(database) == 1
    assert line.cancels == 0


async def test_a_slow_statement_is_given_up_by_closing(database, line, monkeypatch):
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS", 0.1)
    monkeypatch.setattr(postgres, "READ_SECONDS", 0.3)
    with pytest.raises(Unavailable):
        await database.read(lambda tx: tx.one(SLEEP, seconds=5))
    assert line.cancels == 0
    assert await get(database, "a") is None


async def test_a_transaction_that_goes_on_for_too_long_is_given_up(database, monkeypatch):
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS", 0.3)
    monkeypatch.setattr(postgres_transaction, "TRANSACTION_SECONDS", 0.3)

    async def endless(tx):
        await tx.run(PUT, key="a", value="")
        while True:
            await tx.one(SLEEP, seconds=0.05)

    with pytest.raises(Unavailable, match="took too long"):
        await database.write(endless)
    assert await get(database, "a") is None


async def sleepers(url: str, number: int) -> None:
    """Returns once so many statements are asleep on the server."""
    watcher = await asyncpg.connect(url)
    asleep = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"

    async def enough() -> bool:
        return await watcher.fetchval(asleep) >= number

    await until(enough)
    await watcher.close()


async def test_a_write_goes_on_when_its_asker_has_gone(database, line, url):
    await put(database, "warm")

    async def slow(tx):
        await tx.one(SLEEP, seconds=0.3)
        await tx.run(PUT, key="a", value="")

    write = asyncio.ensure_future(database.write(slow))
    await sleepers(url, 1)
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    await database.close()
    assert line.cancels == 0
    other = open_postgres(database._finder._urls[0])
    assert await get(other, "a") == ""
    await other.close()


async def test_reads_whose_askers_go_leave_the_pool_whole(url):
    database = open_postgres(url, connections=2)
    for _ in range(3):
        reads = [asyncio.ensure_future(database.read(lambda tx: tx.one(SLEEP, seconds=5))) for _ in range(5)]
        await sleepers(url, 2)
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
    assert await asyncio.gather(*(get(database, "a") for _ in range(10))) == [None] * 10
    await database.close()


# -- contention -------------------------------------------------------------------------------------------------------


async def test_two_that_lock_in_opposite_order_both_succeed(database):
    await put(database, "a", "")
    await put(database, "b", "")
    touch = sql("update settings set value = value || 'x' where key = :key")

    def both(first: str, second: str):
        async def fn(tx):
            await tx.run(touch, key=first)
            await tx.one(SLEEP, seconds=0.05)
            await tx.run(touch, key=second)

        return fn

    await asyncio.gather(*(database.write(both(*order)) for order in ("ab", "ba")))
    assert await get(database, "a") == await get(database, "b") == "xx"


async def test_a_row_that_is_locked_for_long_is_waited_for(database, url):
    await put(database, "a", "")
    holder = await asyncpg.connect(url)
    await holder.execute("begin; update settings set value = 'held' where key = 'a'")
    touch = sql("update settings set value = value || 'x' where key = :key")
    write = asyncio.ensure_future(database.write(lambda tx: tx.run(touch, key="a")))
    asking = "select count(*) from pg_locks where not granted"
    await until(lambda: holder.fetchval(asking))
    await holder.execute("commit")
    await write
    assert await get(database, "a") == "heldx"
    await holder.close()


async def test_a_statement_prepared_before_its_table_changed_is_prepared_again(database, url):
    await put(database, "a", "x")
    everything = sql("select * from settings")
    assert len((await database.read(lambda tx: tx.all(everything)))[0]) == 2
    owner = await asyncpg.connect(url)
    await owner.execute("alter table settings add column more text")
    try:
        assert len((await database.read(lambda tx: tx.all(everything)))[0]) == 3
        await owner.execute("alter table settings drop column more")

        async def several(tx):
            await tx.one(COUNT)
            return await tx.all(everything)

        assert len((await database.read(several))[0]) == 2
    finally:
        await owner.execute("alter table settings drop column if exists more")
        await owner.close()


MEANINGS = (
    ("create table t (k text primary key); insert into t values ('a'), ('a')", Duplicate),
    ("set transaction read only; create table t (k text)", ReadOnly),
    ("do $$ begin raise exception using errcode = 'deadlock_detected'; end $$", Raced),
    ("do $$ begin raise exception using errcode = 'serialization_failure'; end $$", Raced),
    ("do $$ begin raise exception using errcode = 'lock_not_available'; end $$", NotDone),
    ("do $$ begin raise exception using errcode = 'cannot_connect_now'; end $$", NotDone),
    ("do $$ begin raise exception using errcode = 'admin_shutdown'; end $$", Lost),
    ("select pg_terminate_backend(pg_backend_pid())", Lost),
    ("do $$ begin raise exception using errcode = 'disk_full'; end $$", FullDisk),
    ("do $$ begin raise exception using errcode = 'data_corrupted'; end $$", BadDisk),
    ("set local statement_timeout = 10; select pg_sleep(5)", Unavailable),
    ("select nonsense", asyncpg.UndefinedColumnError),
)


@pytest.mark.parametrize(("script", "meaning"), MEANINGS)
async def test_each_error_of_the_server_has_its_meaning(url, script, meaning):
    connection = await connect(url, 2.0)
    await connection.script(BEGIN_WRITE, 2.0)
    with pytest.raises(meaning) as caught:
        await connection.script(script, 2.0)
    assert type(caught.value) is meaning
    assert connection.closed is (script.startswith("select pg_terminate"))
    connection.terminate()


async def test_a_commit_after_a_statement_that_failed_is_no_commit(database):
    async def swallows(tx):
        await tx.run(PUT, key="a", value="")
        with contextlib.suppress(asyncpg.UndefinedTableError):
            await tx.run(sql("delete from nowhere"))

    for operation in (None, Operation("op")):
        with pytest.raises(asyncpg.InFailedSQLTransactionError):
            await database.write(swallows, operation, returns=int)
    assert await get(database, "a") is None
    # By itself, PostgreSQL answers such a commit with a friendly ROLLBACK.
    connection = await connect(database._finder._urls[0], 2.0)
    await connection.script(BEGIN_WRITE, 2.0)
    with pytest.raises(asyncpg.UndefinedTableError):
        await connection.script("delete from nowhere", 2.0)
    with pytest.raises(RuntimeError, match="went on after one of its statements had failed"):
        await connection.commit("", 2.0)
    connection.terminate()


# -- without a primary ------------------------------------------------------------------------------------------------


async def test_without_a_primary_a_write_waits_until_its_deadline_and_few_may_wait(monkeypatch):
    for module in (postgres_primary, postgres_pool):
        monkeypatch.setattr(module, "WAITERS", 3)
    database = open_postgres(f"postgresql://postgres@127.0.0.1:{free_port()}/none", write_seconds=0.5)
    started = time.monotonic()
    results = await asyncio.gather(*(put(database, "a") for _ in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable] * 5
    assert 0.4 < time.monotonic() - started < 3
    assert sum("too many wait" in str(result) for result in results) == 2
    await database.close()


async def test_a_host_that_never_answers_does_not_hold_up_the_others(url):
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        parts = urlsplit(url)
        both = parts._replace(netloc=f"postgres@127.0.0.1:{hole.getsockname()[1]},127.0.0.1:{parts.port}").geturl()
        database = open_postgres(both)
        started = time.monotonic()
        await put(database, "a", "x")
        assert time.monotonic() - started < 0.9 * postgres_primary.DIAL_SECONDS
        assert await get(database, "a") == "x"
        await database.close()


def test_a_url_with_several_hosts_is_taken_apart():
    assert hosts("postgresql://u:p%40@a:1,b/db?x=y") == (
        "postgresql://u:p%40@a:1/db?x=y",
        "postgresql://u:p%40@b/db?x=y",
    )
    assert hosts("postgresql:///db?host=/run/a,/run/b&port=1,2") == (
        "postgresql:///db?host=/run/a&port=1",
        "postgresql:///db?host=/run/b&port=2",
    )
    assert hosts("postgresql://h/db") == ("postgresql://h/db",)
    assert label("postgresql://u:secret@h:1/db") == "h:1"


async def test_a_database_that_is_not_there_is_said_at_once(url):
    for wrong in (f"{url}_not", "postgresql://h:not-a-port/db"):
        with pytest.raises(LockedOut):
            await connect(wrong, 2.0)
        database = open_postgres(wrong)
        started = time.monotonic()
        with pytest.raises(Unavailable, match="does not let us in"):
            await put(database, "a")
        assert time.monotonic() - started < 2
        await database.close()


async def test_a_schema_session_outlives_a_primary_that_had_just_gone(url, monkeypatch):
    database = open_postgres(url)
    real, tries = database._finder.connect, []

    async def gone(deadline: float):
        tries.append(deadline)
        if len(tries) < 3:
            raise NotDone("it is no longer the primary that it was", primary=False)
        return await real(deadline)

    monkeypatch.setattr(database._finder, "connect", gone)
    async with database.schema_session() as session:
        assert await session.rows("select 1") == [(1,)]
    assert len(tries) == 3
    await database.close()
