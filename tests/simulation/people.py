"""Who uses the cluster: they post under keys and ask again elsewhere, read, and follow streams from where they were."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from linnet.domain.errors import LinnetError, Unavailable
from linnet.streaming.channels import BEGUN, RESET
from tests.simulation.network import OUTSIDE
from tests.simulation.node import Node, Wire

if TYPE_CHECKING:
    from tests.simulation.world import World

PATIENCE = 3.0
"""How long an answer is waited for before the same is asked of another node."""
SILENCE = 1.2


@dataclass
class Asked:
    """Something that was asked under a key. ``ids`` are all answers, ``done_at`` the first one's time."""

    author: str
    key: str
    text: str
    begun_at: float
    mentions: str = ""
    answers: int | None = None
    ids: list[int] = field(default_factory=list)
    done_at: float = float("inf")


@dataclass
class Heard:
    """What one listener was told. ``since`` is the position from which on all should be."""

    since: str = ""
    position: str = ""
    events: list[tuple[str, int, str]] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)
    connections: int = 0


class Refused(Exception):
    """A node has answered that this cannot be."""


class People:
    """All clients. ``posts``, ``edits`` and ``counts`` are what was asked for, ``heard`` what was told to whom."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.dice = random.Random(f"people of {world.machine.seed}")
        self.process = world.outside
        self.posts: list[Asked] = []
        self.edits: dict[int, list[str]] = {}
        self.counts: list[int] = []
        self.heard: dict[str, Heard] = {}
        self.shown: list[tuple[int, bytes]] = []
        self.stopping = False
        self._working: list[asyncio.Task[Any]] = []
        self._listening: list[asyncio.Task[Any]] = []

    def start(self) -> None:
        for name in self.world.stage.accounts:
            if name != "eve":
                self._working.append(self.process.start(self._live(name)))
        for name in ("ada", "dan"):
            self.heard[name] = Heard()
            self._listening.append(self.process.start(self._listen(name)))

    async def done(self) -> None:
        """Returns when nobody waits for an answer any more."""
        while any(not task.done() for task in self._working):
            await asyncio.wait(self._working)
        for error in [task.exception() for task in self._working]:
            if isinstance(error, Refused):
                self.world.failures.append(str(error))
            elif error is not None:
                raise error

    # -- asking -------------------------------------------------------------------------------------------------------

    async def ask(self, node: Node, what: str, *args: Any) -> Any:
        """Asks one node once. Raises Unavailable, TimeoutError or Refused."""
        answered = asyncio.get_running_loop().create_future()

        def deliver(answer: Any) -> None:
            if not answered.done():
                answered.set_result(answer)

        def reply(answer: Any) -> None:
            self.world.network.send(node.host, self.process, deliver, answer)

        if not node.process.alive:
            if not self.world.cluster.hosts_up[node.host]:
                await asyncio.sleep(0.5)
            raise Unavailable("connection refused")
        self.world.network.send(OUTSIDE, node.process, node.receive, what, args, reply)
        async with asyncio.timeout(PATIENCE):
            answer = await answered
        if isinstance(answer, Unavailable):
            raise answer
        if isinstance(answer, LinnetError):
            refused = f"{what} {args} was refused by {node.name}: {answer!r}"
            self.world.machine.story.tell("client", refused)
            raise Refused(refused) from answer
        return answer

    async def insist(self, what: str, *args: Any) -> Any:
        """Asks one node after another until one answers; sometimes two at once, as an ingress does."""
        place = self.dice.randrange(3)
        while True:
            if self.dice.random() < 0.05:
                twin = self.process.start(self.ask(self.world.nodes[(place + 1) % 3], what, *args))
                twin.add_done_callback(lambda done: done.cancelled() or done.exception())
            try:
                return await self.ask(self.world.nodes[place % 3], what, *args)
            except (Unavailable, TimeoutError):
                place += 1
                await asyncio.sleep(self.dice.uniform(0.02, 0.2))

    # -- what they do -------------------------------------------------------------------------------------------------

    async def _live(self, name: str) -> None:
        number = 0
        while not self.stopping:
            await asyncio.sleep(self.dice.expovariate(1 / self.world.pause))
            number += 1
            doing = self.dice.random()
            if doing < 0.72:
                await self._post(name, f"{name}/{number}")
            elif doing < 0.80:
                await self._edit(name, f"{name}/{number}")
            elif doing < 0.90:
                await self.insist("home", self.world.stage.accounts[name])
            else:
                self.counts.append(len(self.counts))
                await self.insist("count", self.counts[-1], f"count/{name}/{number}")

    async def _post(self, name: str, key: str) -> None:
        named = self.dice.choice(list(self.world.stage.accounts)) if self.dice.random() < 0.3 else ""
        known = [post for post in self.posts if post.ids]
        answers = self.dice.choice(known[-5:]).ids[0] if known and self.dice.random() < 0.15 else None
        text = f"post {key}." + (f" @{named}" if named else "")
        post = Asked(name, key, text, self.world.machine.loop.now, named, answers)
        self.posts.append(post)
        args = ("post", self.world.stage.accounts[name], text, key, answers)
        self._answered(post, await self.insist(*args))
        if self.dice.random() < 0.2:
            # The same once more: its client has crashed and does not know that it was answered.
            self._working.append(self.process.start(self._again(post, args)))

    async def _again(self, post: Asked, args: tuple[Any, ...]) -> None:
        await asyncio.sleep(self.dice.uniform(0.0, 3.0))
        self._answered(post, await self.insist(*args))

    def _answered(self, post: Asked, id: int) -> None:
        if not post.ids:
            post.done_at = self.world.machine.loop.now
        if id not in post.ids:
            post.ids.append(id)
            self.world.machine.story.tell("client", f"{post.key} is accepted as {id}")

    async def _edit(self, name: str, key: str) -> None:
        """One of somebody's posts gets other words; before and after, other nodes are asked to show it."""
        own = [post for post in self.posts if post.author == name and post.ids]
        if not own:
            return
        self._change(name, key, self.dice.choice(own[-3:]).ids[0], ("phone", "desk"))

    def quarrel(self) -> None:
        """A post that everybody looks at is changed from all of its author's devices at once."""
        own = [post for post in self.posts if post.ids]
        if own:
            post = self.dice.choice(own[-8:])
            self._change(post.author, f"{post.key} {len(own)}", post.ids[0], ("phone", "desk", "lap"))

    def _change(self, author: str, key: str, status_id: int, devices: tuple[str, ...]) -> None:
        watcher = self.process.start(self._watch(status_id))
        watcher.add_done_callback(lambda done: done.cancelled() or done.exception())
        for device in devices:
            words = f"edit {key} on the {device}."
            self.edits.setdefault(status_id, []).append(words)
            edit = ("edit", self.world.stage.accounts[author], status_id, words, f"{key} {device}")
            self._working.append(self.process.start(self.insist(*edit)))

    async def _watch(self, status_id: int) -> None:
        """Whoever shows it keeps what it rendered."""
        reader = self.world.stage.identity("ada")
        for _ in range(16):
            for node in self.world.nodes:
                task = self.process.start(self.ask(node, "show", reader, status_id))
                task.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.sleep(0.1)

    # -- streams ------------------------------------------------------------------------------------------------------

    async def _listen(self, name: str) -> None:
        """Follows a stream on one node after another, from the position that was heard last."""
        heard = self.heard[name]
        place = self.dice.randrange(3)
        while True:
            node = self.world.nodes[place % 3]
            inbox: asyncio.Queue[tuple[str, bytes | None, str]] = asyncio.Queue()
            wire = Wire(node, self.process, lambda *message, inbox=inbox: inbox.put_nowait(message))
            try:
                await self.ask(node, "listen", self.world.stage.identity(name), heard.position, wire)
                heard.connections += 1
                self.world.machine.story.tell(name, f"listens at {node.name} from {heard.position or 'now'} on")
                until = self.world.machine.loop.now + self.dice.uniform(1.0, 6.0)
                while self.world.quiet or self.world.machine.loop.now < until:
                    async with asyncio.timeout(SILENCE):
                        self._hear(name, *await inbox.get())
            except (Unavailable, TimeoutError):
                await asyncio.sleep(self.dice.uniform(0.02, 0.2))
            wire.open = False
            place += 1

    def _hear(self, name: str, event: str, payload: bytes | None, position: str) -> None:
        heard = self.heard[name]
        heard.position = position or heard.position
        if event == "thump":
            return
        self.world.machine.story.tell(name, f"hears {event} {(payload or b'').decode()} at {position}")
        if event == BEGUN:
            heard.since = heard.since or position
        elif event == RESET:
            heard.resets.append(position)
        else:
            heard.events.append((event, int(payload or b"0"), position))

    def hush(self) -> None:
        for task in self._listening:
            task.cancel()
