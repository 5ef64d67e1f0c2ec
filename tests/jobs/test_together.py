"""Jobs that share a transaction: all at once, those that are left over by themselves, and one that fails alone."""

from typing import Any

import pytest

from linnet import app
from linnet.actions import follows, statuses, timelines
from linnet.domain.relations import FollowOptions
from linnet.domain.statuses import Draft
from linnet.domain.visibility import Visibility
from linnet.jobs.worker import Worker
from linnet.storage import jobs
from linnet.storage.database import Operation, Writer
from linnet.storage.jobs import Job
from linnet.storage.postgres_transaction import PostgresTransaction
from linnet.supervision import Tasks
from linnet.system import IdMaker
from tests.storage.queries import sql
from tests.support.client import VirtualClock

WAITING = sql("select id from jobs where kind = 'work' and dead_at is null order by id")
INDEXED = sql("select count(*) from status_search")
LEFT = sql("select kind from jobs order by id")
HOMES = sql("select account_id, status_id from home_entries order by account_id, status_id")


class Even:
    """Chance that always lies in the middle."""

    def fraction(self) -> float:
        return 0.5

    def secret(self, size: int) -> bytes:
        return bytes(size)


class Bench:
    """A worker whose jobs of the kind ``work`` are done together, but for those that ``alone`` names."""

    def __init__(self, database: Any, clock: VirtualClock, ids: IdMaker) -> None:
        self.database = database
        self.clock = clock
        self.together: list[list[int]] = []
        self.single: list[int] = []
        self.alone: set[int] = set()
        self.broken: set[int] = set()
        self.tasks = Tasks()
        self.worker = Worker(
            database,
            clock,
            Even(),
            ids,
            self.tasks,
            {"work": self._by_itself, "other": self._by_itself},
            {"work": self._all},
        )

    async def add(self, *numbers: int, kind: str = "work") -> None:
        for number in numbers:
            await self.database.write(lambda tx, number=number: jobs.add(tx, kind, {"n": number}))

    async def waiting(self) -> int:
        return len(await self.database.read(lambda tx: tx.all(WAITING)))

    async def _all(self, tx: Writer, taken: list[Job]) -> list[Job]:
        numbers = [job.payload["n"] for job in taken]
        if self.broken.intersection(numbers):
            raise RuntimeError("this one cannot be done")
        self.together.append([number for number in numbers if number not in self.alone])
        return [job for job in taken if job.payload["n"] not in self.alone]

    async def _by_itself(self, job: Job) -> None:
        if job.payload["n"] in self.broken:
            raise RuntimeError("this one cannot be done")
        self.single.append(job.payload["n"])
        await self.database.write(lambda tx: jobs.finish(tx, job))


@pytest.fixture
async def bench(open_database: Any):
    clock = VirtualClock()
    ids = IdMaker(clock, 7, 0)
    found = Bench(await open_database(clock=clock, ids=ids), clock, ids)
    yield found
    await found.tasks.close()


async def test_all_that_are_due_are_done_in_one_transaction(bench: Bench):
    await bench.add(1, 2, 3)
    assert await bench.worker.run_due() == 3
    assert (bench.together, bench.single, await bench.waiting()) == ([[1, 2, 3]], [], 0)
    assert await bench.worker.run_due() == 0


async def test_what_is_left_over_is_done_by_itself(bench: Bench):
    bench.alone = {2}
    await bench.add(1, 2, 3)
    await bench.add(9, kind="other")
    await bench.worker.run_due()
    assert (bench.together, sorted(bench.single), await bench.waiting()) == ([[1, 3]], [2, 9], 0)


async def test_other_kinds_are_claimed_beside_them(bench: Bench):
    await bench.add(1)
    await bench.add(9, kind="other")
    assert await bench.worker.run_due() == 2
    assert (bench.together, bench.single) == ([[1]], [9])


async def test_one_that_fails_holds_up_none_of_the_others(bench: Bench):
    bench.broken = {2}
    await bench.add(1, 2, 3)
    await bench.worker.run_due()
    assert (bench.together, sorted(bench.single), await bench.waiting()) == ([], [1, 3], 1)
    assert await bench.worker.run_due() == 0, "it is tried again at once"
    bench.broken = set()
    bench.clock.advance(10 * 60_000)
    assert await bench.worker.run_due() == 1
    assert (bench.together, await bench.waiting()) == ([[2]], 0)


async def test_it_looks_at_once_for_what_others_commit_and_not_for_its_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    """Each look is a statement; others are those who post meanwhile, in this very process."""
    woken: list[bool] = []

    async def pause() -> None:
        woken.append(bench.worker._wake.is_set())

    async def read(fn: Any) -> Any:
        found = await bench.database.read(fn)
        await bench.add(3, kind="other")
        return found

    monkeypatch.setattr(bench.worker, "_pause", pause)
    await bench.add(1)
    await bench.worker._turn()
    assert (bench.together, woken) == ([[1]], [False])
    await bench.add(2)
    monkeypatch.setattr(bench.worker, "_database", _Reading(bench.database, read))
    await bench.worker._turn()
    assert (bench.together, woken) == ([[1], [2]], [False, True])


class _Reading:
    """A database that is read in another way."""

    def __init__(self, database: Any, read: Any) -> None:
        self.read = read
        self.write = database.write


class _Undo(Exception):
    pass


class _Inside:
    """A database whose writes are part of a transaction that is open already."""

    def __init__(self, tx: Writer) -> None:
        self._tx = tx

    async def write(self, fn: Any, **_: Any) -> Any:
        return await fn(self._tx)


async def _left_behind(database: Any, *, together: bool) -> list[list[tuple[Any, ...]]]:
    """What the fan-outs that wait would write, done in one way or the other; then all is as before."""
    found: list[list[tuple[Any, ...]]] = []

    async def work(tx: Writer) -> None:
        if together:
            taken = await jobs.take(tx, "status.posted", 10)
            assert await app.TOGETHER["status.posted"](tx, taken) == taken
            await jobs.done(tx, taken)
        else:
            for job in await jobs.claim(tx, 10, 30_000):
                await timelines.fan_out(_Inside(tx), job)  # type: ignore[arg-type]
        if isinstance(tx, PostgresTransaction):
            await tx.settle()
        found.extend([[tuple(row) for row in await tx.all(statement)] for statement in (HOMES, INDEXED, LEFT)])
        raise _Undo

    with pytest.raises(_Undo):
        await database.write(work)
    return found


async def test_a_fan_out_together_does_what_the_single_ones_do(open_any_world: Any):
    world = await open_any_world(clock=VirtualClock())
    author, follower, _ = await world.people("author", "follower", "stranger")
    options = FollowOptions(notify=True)
    await follows.follow(world.database, world.site, follower.id, author.id, options, Operation("follow"))
    await world.run_jobs()
    for number, visibility in enumerate((Visibility.PUBLIC, Visibility.PRIVATE, Visibility.DIRECT, Visibility.DIRECT)):
        draft = Draft(f"@{'stranger' if number == 3 else 'follower'} hello number{number}", visibility=visibility)
        await statuses.post(world.database, world.site, author.id, draft, Operation(f"post {number}"))
    single = await _left_behind(world.database, together=False)
    assert await _left_behind(world.database, together=True) == single
    homes, indexed, left = single
    assert (len(homes), indexed) == (4 + 3, [(4,)])
    assert {kind for (kind,) in left} == {"status.announced"}
