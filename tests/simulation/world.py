"""A whole cluster in one seed: nodes, databases, network and people; what goes wrong with them, and how it ended."""

import asyncio
import contextlib
import itertools
import logging
import random
import traceback
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest import mock

import structlog

from linnet.jobs import worker
from linnet.storage import postgres_transaction, search
from linnet.streaming import hub
from tests.simulation import checks, faults
from tests.simulation.cluster import Cluster
from tests.simulation.etcd import Etcd
from tests.simulation.machine import Clock, Machine, Process, current
from tests.simulation.network import OUTSIDE, Network
from tests.simulation.node import Node
from tests.simulation.people import People
from tests.simulation.stage import replicas, stage

SECONDS_TO_END = 60.0
"""So long a world that was healed may take until everybody is answered and nothing waits."""


@dataclass(frozen=True)
class Ending:
    """How a seed ended. ``wrongs`` is what must not be, in words."""

    seed: int
    wrongs: tuple[str, ...]
    faults: tuple[str, ...]
    seconds: float
    story: str
    posts: int

    def __str__(self) -> str:
        wrongs = "\n".join(f"  - {wrong}" for wrong in self.wrongs)
        return (
            f"{self.story}\n\nSeed {self.seed} ended wrong after {self.seconds:.1f} s of its own time:\n{wrongs}\n"
            f"Alone: .venv/bin/python -m tests.simulation.alone {self.seed}"
        )


class World:
    """Three hosts and their people. Everything in it comes from the seed."""

    def __init__(self, seed: int) -> None:
        self.machine = Machine(seed)
        # Of their own, so that what goes wrong in a seed stays the same when other code throws more dice.
        self.dice = random.Random(f"faults of {seed}")
        # The same, when another fault is added: it throws dice of its own.
        self.disk_dice = random.Random(f"space for {seed}")
        self.stage = stage()
        self.pause = self.dice.choice((0.15, 0.3, 0.6))
        self.quiet = False
        self.network = Network(self.machine)
        found = replicas()
        for replica in found:
            replica.reset()
        self.cluster = Cluster(self.machine, self.network, found)
        self.etcd = Etcd(self.machine, self.network)
        self.clocks = [Clock(self.machine.loop) for _ in range(3)]
        for clock in self.clocks:
            clock.offset_ms = self.dice.uniform(-30, 30)
        self.worst_clock_ms = 0.0
        self.outside = Process(self.machine, "outside", OUTSIDE)
        self.nodes = [Node(self, host, self.clocks[host]) for host in range(3)]
        self.people = People(self)
        self.happened: list[str] = []
        self.failures = self.machine.failures
        self._going: set[asyncio.Task[None]] = set()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def until(self, check: Callable[[], object]) -> None:
        for _ in itertools.count():
            if check():
                return
            await asyncio.sleep(0.1)

    def begin(self, fault: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(fault)
        self._going.add(task)

    def boot(self, host: int) -> None:
        if not self.nodes[host].process.alive:
            self.nodes[host] = Node(self, host, self.clocks[host])

    def processes(self, host: int) -> list[Process]:
        return [self.nodes[host].process, self.cluster.servers[host].process, self.etcd.members[host].process]

    def revive(self, host: int) -> None:
        """A host has its power back."""
        self.cluster.hosts_up[host] = True
        self.etcd.members[host].start()
        self.cluster.restart(host)
        self.boot(host)

    def heal(self) -> None:
        self.machine.story.tell("world", "is healed")
        self.network.heal()
        self.cluster.severed = False
        for server in self.cluster.servers:
            server.no_room = None
        for host in range(3):
            for process in self.processes(host):
                process.thaw()
            self.revive(host)

    async def live(self) -> list[str]:
        """All of it; what must not be, in words."""
        await self.until(lambda: all(node.ready for node in self.nodes))
        self.people.start()
        await asyncio.sleep(0.5)
        async for name in faults.trouble(self):
            self.happened.append(name)
            self.machine.story.tell("fault", name)
        await asyncio.sleep(self.dice.uniform(0.2, 1.0))
        self.worst_clock_ms = max(abs(clock.error_ms) for clock in self.clocks)
        self.people.stopping = True
        done, _ = await asyncio.wait(self._going, timeout=10.0)
        self.heal()
        wrongs = [f"a fault failed: {task.exception()!r}" for task in done if task.exception() is not None]
        try:
            async with asyncio.timeout(SECONDS_TO_END):
                await self.people.done()
                await checks.settled(self)
        except TimeoutError:
            return [*wrongs, *self.failures, *checks.unsettled(self)]
        self.people.hush()
        return [*wrongs, *self.failures, *await checks.all_wrongs(self)]

    async def end(self) -> None:
        for process in (
            *(node.process for node in self.nodes), self.outside, *(server.process for server in self.cluster.servers),
            *(member.process for member in self.etcd.members), *self.machine.buried,
        ):  # fmt: skip
            await process.end()


def run(seed: int) -> Ending:
    """Lets a world happen, from its seed alone."""
    world = World(seed)
    loop = world.machine.loop
    asyncio.set_event_loop(loop)
    try:
        with tuned(world):
            try:
                wrongs = loop.run_until_complete(world.live())
            except Exception as error:  # boundary: the story tells how it came to this
                wrongs = ["".join(traceback.format_exception(error))]
            at = loop.now
            loop.run_until_complete(world.end())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    story = world.machine.story.text()
    return Ending(seed, tuple(wrongs), tuple(world.happened), at, story, len(world.people.posts))


@contextlib.contextmanager
def tuned(world: World) -> Iterator[None]:
    """Leases end sooner and logs are looked at less often than in a server, so that a short world has much in it."""
    story = world.machine.story

    def told(_logger: Any, level: str, event: Any) -> Any:
        process = current()
        words = " ".join(f"{name}={value}" for name, value in event.items() if name != "event")
        story.tell(process.name if process else "world", f"{event['event']} {words}"[:300])
        raise structlog.DropEvent

    async def no_index(_tx: Any, _ids: Any) -> None:
        """Words are searched for by another engine than is simulated."""

    before = structlog.get_config()
    structlog.configure(
        processors=[told], wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False,
    )  # fmt: skip
    try:
        with (
            mock.patch.object(worker, "LEASE_MS", 1_500),
            mock.patch.object(worker, "POLL_SECONDS", 0.1),
            mock.patch.object(hub, "POLL_SECONDS", 0.08),
            mock.patch.object(search, "index", no_index),
            mock.patch.object(postgres_transaction, "time", SimpleNamespace(monotonic=world.machine.loop.time)),
        ):
            yield
    finally:
        structlog.configure(**before)
