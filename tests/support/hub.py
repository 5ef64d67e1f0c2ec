"""A hub behind the streaming door, in virtual time, with sockets that keep what they are told."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from linnet.domain.views import Identity
from linnet.queries.statuses import Listed
from linnet.streaming.channels import HOME
from linnet.streaming.connection import Connection
from linnet.streaming.door import Door, Knock
from linnet.streaming.hub import Hub
from linnet.supervision import Tasks
from tests.support.client import Person, VirtualClock, World, WorldOpener
from tests.support.waiting import until


class Carrier:
    """Keeps what is written, and says that so much of it waits as a test wants."""

    def __init__(self, *, pings: bool = False) -> None:
        self.written: list[bytes] = []
        self.waiting = 0
        self.closed: int | None = None
        self.aborted = False
        self._pings = pings

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def ping(self) -> bool:
        return self._pings

    def close(self, code: int, why: str) -> None:
        self.closed = code

    def abort(self) -> None:
        self.aborted = True

    def heard(self, name: str) -> int:
        return len(self._of(name))

    def ids(self, name: str) -> list[str]:
        """Of the posts that were told, as they came."""
        return [re.findall(rb'"id":"(\d+)"', data)[0].decode() for data in self._of(name)]

    def _of(self, name: str) -> list[bytes]:
        return [data for data in self.written if data.startswith(b"event: %b\n" % name.encode())]


@dataclass
class Words:
    """Renders nothing but ids; raises what a test wants, once."""

    failures: list[Exception] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    prepared: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ready.set()
        self.looked.set()

    async def prepare(self, places: Sequence[Listed]) -> None:
        self.prepared.append(len(places))
        await self.looked.wait()

    async def status(self, place: Listed, reader: Identity) -> bytes | None:
        await self.ready.wait()
        if self.failures:
            raise self.failures.pop()
        return b'{"id":"%d"}' % place.row.id

    async def notification(self, id: int, reader: Identity) -> bytes | None:
        return b'{"id":"%d"}' % id

    async def announcement(self, id: int) -> bytes | None:
        return b'{"id":"%d"}' % id

    async def reaction(self, id: int, account_id: int) -> bytes | None:
        return b"{}"

    async def conversation(self, id: int, reader: Identity) -> bytes | None:
        return b'{"id":"%d"}' % id


@dataclass
class Kept:
    """A door with its hub, in virtual time."""

    world: World
    hub: Hub
    door: Door
    clock: VirtualClock
    words: Words

    async def open(
        self, person: Person, network: str = "192.0.2.1", position: str | None = None, *, pings: bool = False
    ) -> tuple[Connection, Carrier]:
        """A home stream, begun; a WebSocket where it ``pings``."""
        carrier = Carrier(pings=pings)
        knock = Knock("/api/v1/streaming/user", {}, f"Bearer {person.token}", None, None, network)
        opened = await self.door.admit(knock, carrier, server_sent=not pings)
        opened.open(HOME, position)
        await until(lambda: HOME.channel in self.hub.audience or opened.ended)
        return opened, carrier

    async def seconds(self, count: int) -> None:
        for _ in range(count):
            self.clock.advance(1_000)
            for _ in range(20):
                await asyncio.sleep(0)

    async def post(self, person: Person, text: str = "hello") -> str:
        answer = await person.post("/api/v1/statuses", json={"status": text})
        return str(answer.json()["id"])


@contextlib.asynccontextmanager
async def kept_hub(opener: WorldOpener) -> AsyncIterator[Kept]:
    clock, tasks, words = VirtualClock(), Tasks(), Words()
    world = await opener(clock=clock)
    hub = Hub(world.database, words, clock, tasks)
    yield Kept(world, hub, Door(world.database, hub, clock, tasks, world.parts.limits), clock, words)
    await tasks.close()
