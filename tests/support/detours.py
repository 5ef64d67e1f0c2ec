"""Nodes that share a database and a journal, and a primary that is there or not, as the test says."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from linnet.actions import draining
from linnet.domain.majority import Put
from linnet.ports import Clock
from linnet.storage.breaker import Breaker
from linnet.storage.database import RECEIPTS, Abandoned, Generation, Operation
from linnet.storage.detour import Detour
from linnet.storage.journal import LOCK, MajorityJournal
from tests.support.client import Person, VirtualClock, World
from tests.support.majority import MemoryMajority
from tests.support.waiting import until

STATUSES = "/api/v1/statuses"


T = TypeVar("T")


class Switch:
    """A breaker that a test opens and closes."""

    commits = True

    def __init__(self) -> None:
        self.is_cautious = False
        self.generation = Generation()
        self._closed = asyncio.Event()
        self._closed.set()

    @property
    def is_open(self) -> bool:
        return not self._closed.is_set()

    def open(self) -> None:
        self.is_cautious = True
        self._closed.clear()

    def close(self) -> None:
        self._closed.set()

    async def closed(self) -> None:
        await self._closed.wait()

    async def watched(self, work: Coroutine[Any, Any, Any]) -> Any:
        return await work


class Doubtful:
    """A database, as a detour has it. ``losing``: its next write is carried out, and nobody hears of it."""

    def __init__(self, database: Any, switch: Switch) -> None:
        self.database = database
        self.switch = switch
        self.losing = False

    async def write_within(self, generation: Generation, fn: Any, operation: Operation, *, returns: Any) -> Any:
        result = await self.database.write(fn, operation, returns=returns)
        if self.losing:
            self.losing = False
            self.switch.open()
            raise Abandoned("the test has cut the connection")
        return result

    async def receipt(self, key: str) -> int | None:
        row = await self.database.read(lambda tx: tx.one(RECEIPTS.known, key=key))
        return None if row is None else int(row[0])


@dataclass
class Node:
    """One of the servers."""

    world: World
    switch: Switch
    database: Doubtful


@dataclass
class Cluster:
    """Nodes on one database. Their clock is virtual."""

    clock: VirtualClock
    majority: MemoryMajority
    journal: MajorityJournal
    nodes: list[Node] = field(default_factory=list)

    def cut(self) -> None:
        """There is no primary any more."""
        for node in self.nodes:
            node.switch.open()

    async def drain(self) -> int:
        """What waits comes into the database; how many that were."""
        entries = await self.journal.first(100)
        if entries:
            revision = self.majority.keys[LOCK].created
            await draining.drain(self.nodes[0].world.database, self.nodes[0].world.site, entries, revision)
            assert await self.journal.drained(entries, revision)
        return len(entries)

    def close(self) -> None:
        """There is a primary again; for a while, posts may still be found in the journal alone."""
        for node in self.nodes:
            node.switch.close()

    async def back(self) -> int:
        """All that a primary's return brings about."""
        done = await self.drain()
        self.close()
        return done

    async def later(self, request: Awaitable[T], then: Callable[[], Awaitable[object]]) -> T:
        """A request that must wait: it does, ``then`` happens, and a moment later it is answered."""
        asked: asyncio.Future[T] = asyncio.ensure_future(request)
        await until(lambda: self.clock.sleeping > 0 or asked.done())
        assert not asked.done(), f"it did not wait: {asked.result()}"
        await then()
        return await self.soon(asked)

    async def soon(self, request: Awaitable[T]) -> T:
        """A request that may wait a moment."""
        asked: asyncio.Future[T] = asyncio.ensure_future(request)

        def done() -> bool:
            self.clock.advance(100 if self.clock.sleeping else 0)
            return asked.done()

        await until(done, 60)
        return await asked


async def open_cluster(open_world: Any, size: int = 2, **options: Any) -> Cluster:
    """``open_world`` is the fixture ``open_any_world``, on PostgreSQL."""
    clock = VirtualClock()
    majority = MemoryMajority(cast("Clock", clock))
    cluster = Cluster(clock, majority, MajorityJournal(majority, cast("Clock", clock)))
    await _take_lock(majority)
    for number in range(size):
        switch = Switch()
        doubtful: list[Doubtful] = []

        def detour(database: Any, clock: Clock, switch: Switch = switch, made: list[Doubtful] = doubtful) -> Detour:
            made.append(Doubtful(database, switch))
            journal = MajorityJournal(majority, clock)
            return Detour(made[-1], journal, cast("Breaker", switch), clock)

        world = await open_world(clock=clock, node=number, detour=detour, **options)
        cluster.nodes.append(Node(world, switch, doubtful[-1]))
    return cluster


async def _take_lock(majority: MemoryMajority) -> None:
    await majority.transact((), [Put(LOCK, b"the test")])


def on(node: int, cluster: Cluster, person: Person) -> Person:
    """The same person at another node."""
    return Person(person.id, person.name, person.token, cluster.nodes[node].world.client)


async def post(person: Person, text: str = "hello", key: str = "", **more: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    answer = await person.post(STATUSES, json={"status": text, **more}, headers=headers)
    assert answer.status == 200, answer.body
    return answer.json()


async def get(person: Person, path: str) -> Any:
    answer = await person.get(path)
    assert answer.status == 200, (path, answer.body)
    return answer.json()
