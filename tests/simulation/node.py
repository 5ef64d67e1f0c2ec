"""A node of the simulated cluster: Linnet's own parts in one process, asked over the network."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from linnet import app
from linnet.actions import edits
from linnet.actions.posting import Posting
from linnet.app import JOB_HANDLERS, TOGETHER
from linnet.client_api.rendering import Rendering
from linnet.domain.edits import Revision
from linnet.domain.errors import LinnetError, NotFound, Unavailable
from linnet.domain.paging import Page
from linnet.domain.statuses import Draft
from linnet.domain.views import Identity
from linnet.jobs.worker import Worker
from linnet.mastodon.cache import FragmentCache
from linnet.queries import statuses as status_queries
from linnet.queries import timelines
from linnet.queries.statuses import Listed
from linnet.storage import changes, jobs, settings
from linnet.storage.database import Operation, Steady, Writer
from linnet.storage.jobs import Job
from linnet.storage.postgres import PostgresDatabase
from linnet.streaming.audience import Subscription
from linnet.streaming.channels import USER, Event
from linnet.streaming.hub import Hub
from linnet.supervision import Tasks
from linnet.system import IdMaker
from tests.simulation.driver import URL, dialler
from tests.simulation.etcd import Client
from tests.simulation.machine import Chance, Clock, Process
from tests.simulation.stage import SITE

if TYPE_CHECKING:
    from tests.simulation.world import World

COUNTED = "sim.counted"
STEPS = 3
"""A job of that kind counts itself in so many commits, one after another."""
BEAT = 0.4

T = TypeVar("T")


class Telling:
    """What streams are told: ids alone."""

    async def prepare(self, places: Sequence[Listed]) -> None:
        return None

    async def status(self, place: Listed, reader: Identity) -> bytes | None:
        return b"%d" % place.row.id

    async def notification(self, id: int, reader: Identity) -> bytes | None:
        return b"%d" % id

    async def conversation(self, id: int, reader: Identity) -> bytes | None:
        return None

    async def announcement(self, id: int) -> bytes | None:
        return None

    async def reaction(self, id: int, account_id: int) -> bytes | None:
        return None


class Wire:
    """An open stream, as the node has it: events in their order, until the network loses one."""

    full = False

    def __init__(self, node: "Node", listener: Process, hear: Callable[..., object]) -> None:
        self._node = node
        self._listener = listener
        self._hear = hear
        self._arrives = 0.0
        self.open = True

    def send(self, *message: Any) -> None:
        network = self._node.world.network
        if (self._node.host, self._listener.host) in network.cut:
            self.open = False
        if self.open:
            now = self._node.world.machine.loop.now
            self._arrives = max(self._arrives, now + network.delay(self._node.host, self._listener.host))
            self._listener.later(self._arrives - now, self._hear, *message)

    def tell(self, event: Event, label: tuple[str, ...]) -> None:
        self.send(event.name, event.payload, str(event.position))

    def give_up(self) -> None:
        self.open = False

    def refuse(self, subscription: Subscription, error: LinnetError) -> None:
        self.open = False


class Node:
    """One life of a Linnet on a host; ``boot`` makes it ready, ``receive`` takes what the network brings."""

    def __init__(self, world: "World", host: int, clock: Clock) -> None:
        self.world = world
        self.host = host
        self.name = f"node{host + 1}"
        self.clock = clock
        self.process = Process(world.machine, self.name, host)
        self.ready = False
        self.draining = False
        self._listeners = itertools.count()
        self.process.start(self._boot())

    def tell(self, what: str) -> None:
        self.world.machine.story.tell(self.name, what)

    async def _boot(self) -> None:
        chance = Chance(self.world.machine.dice)
        self.tasks = Tasks()
        self._ids = IdMaker(self.clock, self.host, 0)
        self.database = PostgresDatabase(URL, self.clock, self, connections=8, dial=dialler(self.world.cluster))
        while not self.ready:
            try:
                above = await self.database.read(settings.highest_id)
            except Unavailable:
                continue
            self._ids = IdMaker(self.clock, self.host, 0, above)
            self.steady = Steady(self.database)
            self.rendering = Rendering(self.database, SITE, FragmentCache(1 << 20), self.clock)
            self.hub = Hub(self.steady, Telling(), self.clock, self.tasks)
            handlers = {kind: self._bound(action) for kind, action in JOB_HANDLERS.items()} | {COUNTED: self._count}
            self.worker = Worker(self.steady, self.clock, chance, self, self.tasks, handlers, TOGETHER)
            self.worker.start()
            self.posting = self._with_journal(chance)
            self.ready = True
        self.tell("is ready")

    def _with_journal(self, chance: Chance) -> Posting:
        """Posting as ``app`` puts it together."""
        nothing: Any = None
        parts = app.Parts(
            self.database, SITE, self.clock, chance, self, nothing, nothing, nothing, nothing, nothing,
            majority=Client(self.world.etcd),
        )  # fmt: skip
        self.journal = app.journalling(parts, self.tasks)
        assert self.journal is not None
        self.journal.breaker.start()
        self.journal.drainer.start()
        return Posting(self.database, SITE, self.clock, self, self.journal.detour)

    @property
    def drains(self) -> bool:
        """Whether it is its turn to bring in what waits in the journal."""
        return self.journal is not None and self.journal.drainer._lock.held

    def next(self) -> int:
        """Ids: of the maker that knows which were given out before."""
        return self._ids.next()

    def _bound(self, action: Any) -> Callable[[Job], Awaitable[None]]:
        return lambda job: action(self.steady, job)

    async def _count(self, job: Job) -> None:
        """Work that takes a while between its commits, and that would show if it were done twice."""
        payload = job.payload
        while True:
            await asyncio.sleep(self.world.machine.dice.uniform(0.0, 0.4))
            step = payload["step"] + 1

            async def write(tx: Writer, step: int = step) -> None:
                await changes.append(tx, COUNTED, step, payload["number"])
                await (jobs.finish(tx, job) if step == STEPS else jobs.proceed(tx, job, {**payload, "step": step}))

            await self.steady.write(write)
            return

    # -- what is asked of it ------------------------------------------------------------------------------------------

    def receive(self, what: str, args: tuple[Any, ...], reply: Callable[[Any], None]) -> None:
        """``reply`` is given the result, or the error."""
        if not self.ready or self.draining:
            reply(Unavailable("not ready"))
        else:
            self.process.start(self._serve(what, args, reply))

    async def _serve(self, what: str, args: tuple[Any, ...], reply: Callable[[Any], None]) -> None:
        try:
            reply(await getattr(self, what)(*args))
        except LinnetError as error:
            reply(error)
        except Exception as error:  # boundary: what a client would be told as 500 is told at the end of the world
            self.world.failures.append(f"{what} failed on {self.name}: {error!r}")
            reply(Unavailable("internal error"))

    async def _asked(self, method: str, named: dict[str, Any], reader: int, noun: Callable[[], Awaitable[T]]) -> T:
        """As the door does it: what names a post that waits in the journal, or has another id, is tried again."""
        try:
            return await noun()
        except NotFound:
            if not await self.posting.brought_in(method, {}, named, reader):
                raise
        return await noun()

    async def post(self, author: int, text: str, key: str, answers: int | None) -> int:
        named = {"in_reply_to_id": str(answers)} if answers else {}

        async def noun() -> int:
            draft = Draft(text, in_reply_to_id=int(named["in_reply_to_id"]) if named else None)
            return (await self.posting.post(author, draft, Operation(key))).id

        return await self._asked("POST", named, author, noun)

    async def edit(self, author: int, status_id: int, text: str, key: str) -> int:
        named = {"status_id": str(status_id)}

        async def noun() -> int:
            given = (author, int(named["status_id"]), Revision(text), Operation(key))
            return await edits.edit(self.database, SITE, *given)

        return await self._asked("PUT", named, author, noun)

    async def home(self, reader: int) -> list[int]:
        """The whole home timeline, newest first."""
        found: list[int] = []
        while True:
            page = Page(limit=40, max_id=found[-1]) if found else Page(limit=40)
            some = [place.row.id for place in await timelines.home(self.database, reader, page)]
            found += some
            if len(some) < 40:
                return found

    async def show(self, reader: Identity, status_id: int) -> bytes:
        """A status as a client gets it, of this node's cache."""
        named = {"status_id": str(status_id)}

        async def noun() -> bytes:
            place = await status_queries.one(self.database, int(named["status_id"]), reader.account_id)
            bodies = await self.rendering.statuses((place,), reader)
            if not bodies:
                raise NotFound
            return bodies[0]

        return await self._asked("GET", named, reader.account_id, noun)

    async def count(self, number: int, key: str) -> int:
        async def write(tx: Writer) -> int:
            await jobs.add(tx, COUNTED, {"number": number, "step": 0})
            return number

        return await self.database.write(write, Operation(key), returns=int)

    async def listen(self, reader: Identity, position: str, wire: Wire) -> str:
        """Tells ``wire`` what happens, until it is closed."""
        await self.hub.connect(reader)
        subscription = Subscription(wire, reader.account_id, USER, ("user",))
        self.process.start(self._keep_open(subscription, wire))
        await self.hub.subscribe(subscription, position)
        return ""

    async def _keep_open(self, subscription: Subscription, wire: Wire) -> None:
        while wire.open:
            wire.send("thump", None, str(self.hub.told_to(subscription) or ""))
            await asyncio.sleep(BEAT)
        subscription.ended = True
        self.hub.audience.remove(subscription)
        self.hub.disconnect(subscription.account_id)

    # -- life and death -----------------------------------------------------------------------------------------------

    def crash(self) -> None:
        self.tell("is killed")
        self.ready = False
        self.process.kill()

    def forget(self) -> None:
        """Its caches are emptied."""
        if self.ready:
            self.rendering.cache = FragmentCache(1 << 20)
