"""A breaker and a detour in virtual time, between a database and a journal of the tests' own."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from linnet.domain.journal import Entry
from linnet.storage.breaker import CAUTION_SECONDS, Breaker
from linnet.storage.database import Abandoned, Generation, Operation, WriteFunction
from linnet.storage.detour import Accepted, Detour
from linnet.storage.journal import Lock, MajorityJournal
from linnet.supervision import Tasks
from tests.simulation.machine import Clock, Loop
from tests.support.majority import MemoryMajority


@dataclass
class FakeDatabase:
    """What breaker and detour know of the database. ``commits_s`` is how long a commit takes: None is for ever; ``ill``
    is what it says to a beat."""

    clock: Clock
    rows: dict[str, int] = field(default_factory=dict)
    commits_s: float | None = 0.01
    slow_s: float = 0.0
    beats: int = 0
    ill: Exception | None = None
    doubted: int = 0
    asked: list[str] = field(default_factory=list)
    standbys: dict[str, int] = field(default_factory=dict)
    commit_listeners: list[Callable[[], None]] = field(default_factory=list)
    broken_listeners: list[Callable[[str], None]] = field(default_factory=list)
    full_listeners: list[Callable[[str], None]] = field(default_factory=list)
    host_listeners: list[Callable[[str], None]] = field(default_factory=list)

    def on_commit(self, listener: Callable[[], None]) -> None:
        self.commit_listeners.append(listener)

    def on_broken(self, listener: Callable[[str], None]) -> None:
        self.broken_listeners.append(listener)

    def on_full(self, listener: Callable[[str], None]) -> None:
        self.full_listeners.append(listener)

    def on_host_lost(self, listener: Callable[[str], None]) -> None:
        self.host_listeners.append(listener)

    def full(self) -> None:
        for listener in self.full_listeners:
            listener("the disk is full")

    def host_lost(self) -> None:
        for listener in self.host_listeners:
            listener("the second machine has ended a connection")

    def broken(self) -> None:
        self.commits_s = None
        for listener in self.broken_listeners:
            listener("the connection was lost")

    def doubt(self) -> None:
        self.doubted += 1

    async def beat(self) -> None:
        self.beats += 1
        if self.ill is not None:
            raise self.ill
        await self._commit()

    async def _commit(self) -> None:
        if self.commits_s is None:
            await asyncio.Event().wait()
        await self.clock.sleep(self.commits_s or 0)

    async def write_within(
        self, generation: Generation, fn: WriteFunction[int], operation: Operation, *, returns: type[int]
    ) -> int:
        async def write() -> int:
            if self.slow_s:
                await self.clock.sleep(self.slow_s)
            await self._commit()
            if operation.key not in self.rows:
                self.rows[operation.key] = await fn(None)  # type: ignore[arg-type]
            for listener in self.commit_listeners:
                listener()
            return self.rows[operation.key]

        task = asyncio.get_running_loop().create_task(write())
        generation.add(task)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise Abandoned from None
            raise

    async def receipt(self, key: str) -> int | None:
        self.asked.append(key)
        return self.standbys.get(key)


class WatchedJournal(MajorityJournal):
    """``looked`` are the operations that somebody asked it for."""

    def __init__(self, majority: MemoryMajority, clock: Clock) -> None:
        super().__init__(majority, clock)
        self.looked: list[str] = []

    async def by_operation(self, operation: str) -> int | None:
        self.looked.append(operation)
        return await super().by_operation(operation)


@dataclass
class World:
    clock: Clock
    majority: MemoryMajority
    journal: WatchedJournal
    database: FakeDatabase
    breaker: Breaker
    detour: Detour
    composed: int = 0

    async def post(self, id: int, operation: str = "", draft: str = "{}") -> Accepted:
        async def write(tx: Any) -> int:
            return id

        async def compose() -> Entry:
            self.composed += 1
            return Entry(id, 7, key, self.clock.now_ms(), draft)

        key = operation or f"key {id}"
        return await self.detour.post(write, Operation(key), compose)

    async def drain(self) -> None:
        lock = Lock(self.majority, self.clock, "drainer")
        assert await lock.take()
        for entry in await self.journal.first(100):
            self.database.rows[entry.operation] = entry.id
            assert await self.journal.drained([entry], lock.revision)
        await lock.let_go()


Story = Callable[[World], Coroutine[Any, Any, None]]


def virtually(story: Story) -> Callable[[], None]:
    """A test whose time is virtual: nobody waits."""

    def test() -> None:
        loop = Loop()
        try:
            loop.run_until_complete(_told(loop, story))
        finally:
            loop.close()

    test.__name__ = story.__name__
    test.__doc__ = story.__doc__
    return test


async def _told(loop: Loop, story: Story) -> None:
    clock, tasks = Clock(loop), Tasks()
    majority, database = MemoryMajority(clock), FakeDatabase(clock)
    journal = WatchedJournal(majority, clock)
    breaker = Breaker(database, journal, majority, clock, tasks)
    breaker.start()
    await clock.sleep(CAUTION_SECONDS + 1)  # what may have been before our start is over
    detour = Detour(database, journal, breaker, clock)
    try:
        async with asyncio.timeout(600):
            await story(World(clock, majority, journal, database, breaker, detour))
    finally:
        await tasks.close()


async def until(world: World, true: Callable[[], object], seconds: float) -> float:
    """How long it took."""
    began = world.clock.monotonic()
    while not true():
        assert world.clock.monotonic() - began <= seconds
        await world.clock.sleep(0.01)
    return world.clock.monotonic() - began
