"""What both engines promise alike: snapshots, receipts, errors that undo alone, functions that await only SQL."""

import asyncio

import pytest

from linnet.domain.errors import NotFound, Unavailable
from linnet.domain.paging import Page
from linnet.storage.database import Operation
from linnet.system import SystemClock
from tests.storage.queries import APPEND, COUNT, PUT, count, get, put, sql


async def test_reads_what_was_written(database):
    await put(database, "a", "ä😀")
    assert await get(database, "a") == "ä😀"
    assert await get(database, "b") is None


async def test_run_counts_the_rows_that_changed(database):
    for key in "abc":
        await put(database, key)
    assert (
        await database.write(lambda tx: tx.run(sql("update settings set value = 'x' where key < :key"), key="c")) == 2
    )
    assert await database.write(lambda tx: tx.run(sql("delete from settings where key = :key"), key="nobody")) == 0


async def test_many_rows_lists_and_pages(database):
    tags = [{"tag": "a", "status_id": n, "account_id": 1} for n in range(1, 31)]

    async def fill(tx):
        await tx.many(
            sql("insert into status_tags (tag, status_id, account_id) values (:tag, :status_id, :account_id)"), tags
        )
        await tx.many(PUT, [])

    await database.write(fill)
    listed = sql("select status_id from status_tags where status_id in (:ids...) order by status_id")
    others = sql("select status_id from status_tags where status_id not in (:ids...) order by status_id")
    paged = sql("select status_id from status_tags where tag = :tag and :page(status_id)")

    async def look(tx):
        return (
            [row[0] for row in await tx.all(listed, ids={3, 4, 99})],
            [row[0] for row in await tx.all(listed, ids=[])],
            [row[0] for row in await tx.all(others, ids=range(1, 29))],
            [row[0] for row in await tx.page(paged, Page(limit=3), tag="a")],
            [row[0] for row in await tx.page(paged, Page(limit=3, max_id=10, min_id=8), tag="a")],
            [row[0] for row in await tx.page(paged, Page(limit=3, min_id=8, forward=True), tag="a")],
        )

    assert await database.read(look) == ([3, 4], [], [29, 30], [30, 29, 28], [9], [11, 10, 9])
    with pytest.raises(TypeError, match="page"):
        await database.read(lambda tx: tx.page(listed, Page(forward=True), ids=[]))


async def test_sums_are_whole_numbers(database):
    rows = await database.read(
        lambda tx: tx.all(sql("select sum(n), count(*) from (select 2 as n union all select 3) x"))
    )
    assert [tuple(row) for row in rows] == [(5, 2)]
    assert type(rows[0][0]) is int


async def test_a_read_of_several_statements_is_one_snapshot(open_database):
    reader, writer = await open_database(), await open_database()
    tasks: list[asyncio.Task] = []

    async def look(tx):
        before = (await tx.one(COUNT))[0]
        if reader.dialect == "sqlite":
            # This runs in one step, so the other one writes beneath it, in the same step.
            writer._writer.execute("insert into settings (key, value) values ('k', '')")
        else:
            tasks.append(asyncio.get_running_loop().create_task(put(writer, f"k{len(tasks)}")))
            while (await tx.one(sql("select count(*) from pg_stat_database where xact_commit < 0")))[0] or not all(
                task.done() for task in tasks
            ):
                pass
        return before, (await tx.one(COUNT))[0]

    assert await reader.read(look) == (0, 0)
    assert await count(reader) >= 1


async def test_a_function_that_awaits_something_else_is_refused(database):
    async def sleeps(tx):
        await tx.run(PUT, key="a", value="")
        await asyncio.sleep(0)

    async def gathers(tx):
        await asyncio.gather(tx.one(COUNT), tx.one(COUNT))

    with pytest.raises(RuntimeError, match="awaited something other than SQL"):
        await database.write(sleeps)
    with pytest.raises(RuntimeError, match="awaited something other than SQL"):
        await database.read(gathers)
    assert await get(database, "a") is None


async def test_a_read_cannot_write(database):
    async def second(tx):
        await tx.one(COUNT)
        await tx.run(PUT, key="a", value="")

    for write in (lambda tx: tx.run(PUT, key="a", value=""), second):
        with pytest.raises(Exception, match=r"read.?only"):
            await database.read(write)
    assert await count(database) == 0


async def test_an_error_undoes_all_and_is_the_answer(database):
    async def half(tx):
        await tx.run(PUT, key="a", value="")
        raise NotFound("no such thing")

    for operation in (None, Operation("op")):
        with pytest.raises(NotFound, match="no such thing"):
            await database.write(half, operation, returns=str)
    assert await get(database, "a") is None
    # Nothing was done, so the same operation may be asked for again, and then it is done.
    assert await database.write(lambda tx: tx.run(PUT, key="a", value=""), Operation("op"), returns=int) == 1


async def test_an_operation_is_carried_out_once_and_answered_alike(open_database):
    database, other = await open_database(), await open_database()
    await put(database, "n", "")
    runs = []

    async def append(tx):
        runs.append(tx.now)
        await tx.run(APPEND, key="n", more="x")
        return {"id": str(tx.ids.next())}

    answers = [
        await where.write(append, Operation("a"), returns=dict[str, str]) for where in (database, database, other)
    ]
    assert answers[0] == answers[1] == answers[2]
    assert await get(database, "n") == "x"
    assert len(runs) == 1
    await database.write(append, Operation("b"), returns=dict[str, str])
    assert await get(other, "n") == "xx"


async def test_an_operation_asked_for_many_times_at_once_is_carried_out_once(open_database):
    databases = [await open_database() for _ in range(3)]
    await put(databases[0], "n", "")

    async def append(tx):
        await tx.run(APPEND, key="n", more="x")
        return tx.ids.next()

    answers = await asyncio.gather(
        *(database.write(append, Operation("once"), returns=int) for database in databases for _ in range(10))
    )
    assert len(set(answers)) == 1
    assert await get(databases[0], "n") == "x"


class Ticking(SystemClock):
    """A clock on which no two moments are one."""

    ticks = 0

    def now_ms(self) -> int:
        self.ticks += 1
        return super().now_ms() + 10 * self.ticks


async def test_a_repeated_operation_still_writes(open_database):
    """A retry whose answer came from reading alone would acknowledge what may be on one machine only."""
    database = await open_database(clock=Ticking())
    seen = sql("select seen_at from receipts where key = 'op'")
    times = []
    for _ in range(2):
        await database.write(lambda tx: tx.run(PUT, key="a", value=""), Operation("op"), returns=int)
        times.append((await database.read(lambda tx: tx.one(seen)))[0])
    assert times[0] < times[1]


async def test_increments_of_many_writers_all_count(open_database):
    databases = [await open_database() for _ in range(2)]
    await put(databases[0], "n", "")
    await asyncio.gather(
        *(database.write(lambda tx: tx.run(APPEND, key="n", more="x")) for database in databases for _ in range(50))
    )
    assert await get(databases[0], "n") == "x" * 100


async def test_two_that_make_the_same_meet_as_one_after_the_other(open_database):
    """A function that looks first and then writes is run again where another one was quicker."""
    databases = [await open_database() for _ in range(2)]

    async def sign_up(tx):
        if await tx.one(sql("select 1 from settings where key = 'name'")):
            raise NotFound("taken")
        await tx.run(PUT, key="name", value="")

    results = await asyncio.gather(
        *(database.write(sign_up) for database in databases for _ in range(5)), return_exceptions=True
    )
    assert sorted(str(result) for result in results) == ["None"] + ["taken"] * 9


async def test_a_closed_database_takes_no_more(open_database):
    database = await open_database()
    await put(database, "a")
    await database.close()
    await database.close()
    with pytest.raises(Unavailable):
        await put(database, "b")
