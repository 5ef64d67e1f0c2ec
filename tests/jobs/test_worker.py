"""Jobs: at least once, never lost, never finished by whoever lost the lease; on both engines, in virtual time."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from linnet.domain import ids
from linnet.jobs import retry
from linnet.jobs.worker import LEASE_MS, Worker
from linnet.storage import jobs
from linnet.storage.database import Writer
from linnet.storage.jobs import Job, LeaseLost
from linnet.supervision import Tasks
from linnet.system import IdMaker
from tests.storage.queries import count, put, sql
from tests.support.client import VirtualClock

WAITING = sql("select kind, attempts, run_at, error, dead_at from jobs order by id")


class Even:
    """Chance that always lies in the middle."""

    def fraction(self) -> float:
        return 0.5

    def secret(self, size: int) -> bytes:
        return bytes(size)


@pytest.fixture
async def stage(open_database: Any):
    """A database in virtual time, its clock, and a maker of workers."""
    clock = VirtualClock()
    ids = IdMaker(clock, 7, 0)
    database = await open_database(clock=clock, ids=ids)
    tasks = Tasks()
    yield database, clock, lambda **handlers: Worker(database, clock, Even(), ids, tasks, handlers)
    await tasks.close()


async def _add(database: Any, kind: str = "work", **more: Any) -> None:
    await database.write(lambda tx: jobs.add(tx, kind, {"n": 1}, **more))


async def _rows(database: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await database.read(lambda tx: tx.all(WAITING))]


async def _true(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def _until(database: Any, true: Callable[[list[tuple[Any, ...]]], bool]) -> None:
    async with asyncio.timeout(10):
        while not true(await _rows(database)):  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_what_another_process_has_added_is_left_to_it_for_a_moment(stage: Any, open_database: Any):
    """Two that look for the same job at the same time are in each other's way; one that is gone does not come back."""
    database, clock, make = stage
    done: list[int] = []

    async def parts(job: Job) -> None:
        done.append(job.payload["n"])
        left = {"n": job.payload["n"] - 1}
        await database.write(lambda tx: jobs.proceed(tx, job, left) if left["n"] else jobs.finish(tx, job))

    elsewhere = IdMaker(clock, 8, 0).next()
    add = jobs.SQL.add
    await database.write(
        lambda tx: tx.later(add, id=elsewhere, kind="work", payload='{"n":3}', once=None, run_at=clock.now_ms())
    )
    await _add(database)
    worker = make(work=parts)
    assert await worker.run_due() == 1
    assert done == [1]
    clock.advance(jobs.OTHERS_MS - 1)
    assert await worker.run_due() == 0
    clock.advance(1)
    # Whoever has begun it goes on with it at once.
    assert [await worker.run_due() for _ in range(4)] == [1, 1, 1, 0]
    assert done == [1, 3, 2, 1]


async def test_a_job_runs_once_and_is_gone(stage: Any):
    database, _, make = stage
    seen: list[Job] = []

    async def work(job: Job) -> None:
        seen.append(job)
        await database.write(lambda tx: jobs.finish(tx, job))

    await _add(database)
    assert await make(work=work).run_due() == 1
    assert [(job.kind, job.payload, job.attempts) for job in seen] == [("work", {"n": 1}, 1)]
    assert await _rows(database) == []
    assert await make(work=work).run_due() == 0


async def test_a_failed_job_waits_longer_each_time_and_is_kept_when_dead(stage: Any):
    database, clock, make = stage
    runs = 0

    async def fail(job: Job) -> None:
        nonlocal runs
        runs += 1
        raise OSError("no such luck")

    await _add(database)
    one = make(work=fail)
    waited = []
    for _ in range(retry.ATTEMPTS):
        due = (await _rows(database))[0][2]
        waited.append(due - clock.now_ms())
        clock.advance(max(0, due - clock.now_ms() - 1))
        if due > clock.now_ms():
            assert await one.run_due() == 0, "it ran before its time"
            clock.advance(1)
        assert await one.run_due() == 1
    assert runs == retry.ATTEMPTS
    assert waited[1:4] == [2_000, 4_000, 8_000]
    kind, attempts, _, error, dead_at = (await _rows(database))[0]
    assert (kind, attempts, error, dead_at) == ("work", retry.ATTEMPTS, "OSError: no such luck", clock.now_ms())
    clock.advance(10 * 86_400_000)
    assert await one.run_due() == 0
    assert runs == retry.ATTEMPTS


async def test_a_job_that_nobody_knows_waits_for_who_does(stage: Any):
    database, clock, make = stage
    done: list[int] = []

    async def work(job: Job) -> None:
        done.append(job.id)
        await database.write(lambda tx: jobs.finish(tx, job))

    await _add(database, "newer")
    await make(work=work).run_due()
    assert done == []
    clock.advance(10_000)
    await make(newer=work).run_due()
    assert len(done) == 1


async def test_an_expired_lease_may_not_finish_and_its_work_is_undone(stage: Any):
    database, clock, _ = stage
    await _add(database)
    (first,) = await database.write(lambda tx: jobs.claim(tx, 10, LEASE_MS))
    assert await database.write(lambda tx: jobs.claim(tx, 10, LEASE_MS)) == []
    clock.advance(LEASE_MS + 1)
    (second,) = await database.write(lambda tx: jobs.claim(tx, 10, LEASE_MS))
    assert (second.id, second.attempts) == (first.id, 2)

    async def late(tx: Any) -> None:
        await tx.run(sql("insert into settings (key, value) values ('late', '1')"))
        await jobs.finish(tx, first)

    with pytest.raises(LeaseLost):
        await database.write(late)
    assert await count(database) == 0
    await database.write(lambda tx: jobs.finish(tx, second))
    assert await _rows(database) == []


async def test_what_a_dead_process_has_begun_is_due_at_once_for_its_successor(stage: Any):
    database, _clock, worker = stage
    await _add(database)
    (held,) = await database.write(lambda tx: jobs.claim(tx, 5, LEASE_MS))
    ours = ids.place_of(held.lease)

    async def others(tx: Writer) -> int:
        return await tx.run(jobs.SQL.inherit, now=tx.now, place=ours + 1)

    assert await database.write(others) == 0, "another process's lease is left alone"
    done: list[Job] = []

    async def work(job: Job) -> None:
        await database.write(lambda tx: jobs.finish(tx, job))
        done.append(job)

    successor = worker(work=work)
    assert await successor.run_due() == 0
    await successor.inherit()
    assert await successor.run_due() == 1
    assert [job.attempts for job in done] == [2]
    with pytest.raises(LeaseLost):
        await database.write(lambda tx: jobs.finish(tx, held))


async def test_work_that_takes_long_keeps_its_lease(stage: Any):
    database, clock, make = stage
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(job: Job) -> None:
        begun.set()
        await go_on.wait()
        await database.write(lambda tx: jobs.finish(tx, job))

    await _add(database)
    one, other = make(work=slow), make(work=slow)
    one.start()
    await begun.wait()
    for _ in range(8):
        await _true(lambda: clock.sleeping)
        clock.advance(LEASE_MS // 3 + 1)
        await _until(database, lambda rows: rows[0][2] == clock.now_ms() + LEASE_MS)
    assert await other.run_due() == 0
    go_on.set()
    await _until(database, lambda rows: not rows)
    await _true(lambda: not one._running)
    await one.stop()


async def test_what_is_to_be_done_once_is_added_once(stage: Any):
    database, _, _ = stage
    for _ in range(3):
        await _add(database, once="retention of today")
    await _add(database)
    assert len(await _rows(database)) == 2


async def test_a_part_that_is_done_leaves_the_rest_due_at_once(stage: Any):
    database, _, make = stage
    parts: list[int] = []

    async def work(job: Job) -> None:
        parts.append(job.payload["n"])
        if len(parts) < 3:
            await database.write(lambda tx: jobs.proceed(tx, job, {"n": job.payload["n"] + 1}))
        else:
            await database.write(lambda tx: jobs.finish(tx, job))

    await _add(database)
    one = make(work=work)
    while await one.run_due():
        continue
    assert parts == [1, 2, 3]


async def test_workers_side_by_side_share_the_work_without_doubling_it(stage: Any):
    database, _, make = stage
    done: Counter[int] = Counter()

    async def work(job: Job) -> None:
        async def write(tx: Any) -> None:
            await put_in(tx, str(job.id))
            await jobs.finish(tx, job)

        await database.write(write)
        done[job.id] += 1

    async def put_in(tx: Any, key: str) -> None:
        await tx.run(sql("insert into settings (key, value) values (:key, '')"), key=key)

    await put(database, "before")
    for _ in range(200):
        await _add(database)
    workers = [make(work=work) for _ in range(4)]

    async def drain(one: Worker) -> int:
        ran = 0
        while took := await one.run_due():
            ran += took
        return ran

    took = await asyncio.gather(*(drain(one) for one in workers))
    assert sum(took) == len(done) == 200
    assert set(done.values()) == {1}
    assert await count(database) == 201


async def test_a_worker_that_is_stopped_takes_no_more(stage: Any):
    database, _, make = stage
    one = make()
    await one.stop()
    await _add(database)
    assert await one.run_due() == 0
    assert len(await _rows(database)) == 1
