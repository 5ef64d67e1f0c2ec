"""A node's one loop: look, decide, act; once a second, and at once when a child has ended."""

import asyncio
import contextlib
import math
import ssl
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from linnet.cluster import admission, certificates, configuration, membership, planning
from linnet.cluster.children import Child, last_words
from linnet.cluster.control import Asked, Route, Server
from linnet.cluster.decide import LISTENS_AFTER_S, WELL_AFTER_S, Act, decide, may_fail, sentences
from linnet.cluster.keeping import write
from linnet.cluster.layout import MEMBERS
from linnet.cluster.node import Node
from linnet.cluster.patroni import STRICT
from linnet.cluster.picture import CHILDREN, ETCD, HAPROXY, LINNET, PATRONI, ChildSeen, EtcdSeen, Picture
from linnet.cluster.place import Place
from linnet.cluster.watching import DAY_MS, STALE_S, Watch
from linnet.domain.errors import LinnetError
from linnet.domain.majority import MajorityRefused, NoMajority, after_prefix
from linnet.supervision import Tasks
from linnet.system import SystemChance
from linnet.telemetry import log

TURN_S = 1.0
PLANNED_S = 45.0
"""How long PostgreSQL may take to end."""
AGAIN_S = 60.0


@dataclass
class Life:
    """What is remembered of a child between its lives."""

    failures: int = 0
    ended_at: float = -math.inf
    code: int | None = None


class Loop:
    """Runs a node until it is told to stop. ``ready`` is called once, when people can be served."""

    def __init__(self, node: Node, tasks: Tasks, ready: Callable[[], None] = lambda: None) -> None:
        self.node = node
        self.place = Place(node, SystemChance(), self.picture, self.stop)
        self._tasks = tasks
        self._ready: Callable[[], None] | None = ready
        self._watch = Watch(node, self._reread)
        self._lives = {name: Life() for name in CHILDREN}
        self._stale = node.stale()
        self._busy: set[str] = set()
        self._done_at: dict[str, float] = {}
        self._said: dict[str, str] = {}
        self._noted: str | None = None
        self._wrong_at: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._handing_over = False
        self._served = (node.folders.data / "secrets" / "node").exists()
        self._context: ssl.SSLContext | None = None
        self._began = node.clock.monotonic()
        node.children.ended = self.ended

    # -- running ------------------------------------------------------------------------------------------------------

    async def run(self, routes: Mapping[str, Route] | None = None) -> bool | None:
        """Until ``stop``: whether all children then ended by themselves. After ``hand_over`` it is
        None, and they run on for a successor. Raises OSError."""
        node = self.node
        self._context = certificates.serving(node.folders)
        server = Server({"GET /status": Route(self._answer_status), **(routes or {})})
        await server.start(node.me.address, node.me.ports.control, self._context)
        for child in node.children.adopt():
            node.say(f"{child.name} runs already (pid {child.who.pid}): it is taken over")
        self._watch.start(self._tasks)
        while not self._stopping.is_set():
            try:
                self._turn()
            except Exception as error:  # boundary: a node outlives whatever one of its turns meets, a full disk too
                self._wrong("node", f"A look at the node failed: {_words(error)}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TURN_S):
                    await self._wake.wait()
            self._wake.clear()
        await server.close()
        if self._handing_over:
            node.say("This process is replaced by a new one, which takes the children over")
            linnet = node.children.get(LINNET)
            if linnet is not None and linnet.age_s >= LISTENS_AFTER_S:
                # Its workers, too, are to run what is installed now.
                linnet.send(configuration.RELOADING[LINNET])
            return None
        willing = await node.end((LINNET, HAPROXY))
        async with contextlib.AsyncExitStack() as planned:
            await self._announce_end(planned)
            willing = await node.end((PATRONI,)) and willing
        return await node.end((ETCD,)) and willing

    def hand_over(self) -> None:
        self._handing_over = True
        self.stop()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    def ended(self, child: Child) -> None:
        """A child has ended, and nobody asked it to."""
        life = self._lives[child.name]
        life.failures = 1 if child.age_s >= WELL_AFTER_S else life.failures + 1
        life.ended_at, life.code = self.node.clock.monotonic(), child.code
        self._watch.seen.ready[child.name] = False
        self._wake.set()

    def _reread(self) -> None:
        """The certificate is another one: whoever keeps it in memory must look again. Raises OSError."""
        self._now_stale(configuration.RELOADING)
        if self._context is not None:
            self._context.load_cert_chain(self.node.folders.certificate, self.node.folders.key)

    def _turn(self) -> None:
        picture = self.picture()
        for act in decide(picture):
            try:
                self._do(act)
            except (OSError, LinnetError, ValueError) as error:
                self._failed(act, error)
        self._say(sentences(picture))
        ready = all(picture.children[name].ready for name in (LINNET, HAPROXY))
        if ready and self._ready is not None:
            self._served = True
            self._ready()
            self._ready = None

    def _wrong(self, about: str, sentence: str) -> None:
        """Said once a minute at most, however often it happens."""
        now = self.node.clock.monotonic()
        if now - self._wrong_at.get(sentence, -math.inf) >= AGAIN_S:
            self._wrong_at = {said: at for said, at in self._wrong_at.items() if now - at < AGAIN_S} | {sentence: now}
            log.error("node", about=about, says=sentence)

    def _say(self, said: Mapping[str, str]) -> None:
        for topic, sentence in said.items():
            if self._said.get(topic) != sentence:
                log.warning("node", about=topic, says=sentence)
        for topic in self._said.keys() - said.keys():
            log.info("node", about=topic, says=f"Well again: {topic}")
        self._said = dict(said)
        note = said.get("copies", "")
        if note != self._noted:
            # What Linnet's /readyz says along with being ready; a predecessor may have left what is not so any more.
            write(self.node.folders.notes, note.encode())
            self._noted = note

    # -- seeing -------------------------------------------------------------------------------------------------------

    def picture(self) -> Picture:
        node, seen = self.node, self._watch.seen
        now = node.clock.monotonic()
        ends_ms = seen.certificate_ends_ms
        told = now - seen.etcd_at < STALE_S
        return Picture(
            me=node.me.name,
            children={name: self._child(name, now) for name in CHILDREN},
            standings=node.standings,
            etcd=seen.etcd if told else EtcdSeen(),
            postgres=seen.postgres if now - seen.postgres_at < STALE_S else (),
            strict=seen.strict,
            begun=node.file.beginning == "new",
            announced=seen.announced,
            etcd_lost=node.folders.voted.exists() and not (node.folders.etcd / "member").exists(),
            has_data=(node.folders.postgres / "PG_VERSION").exists(),
            served=self._served,
            changed=node.changed(),
            stale=tuple(name for name in CHILDREN if name in self._stale),
            disk_free_bytes=seen.disk_free,
            disk_failed_s=now - seen.disk_failed_at,
            certificate_days=None if ends_ms is None else (ends_ms - node.clock.now_ms()) / DAY_MS,
            journal=seen.journal if told else None,
            clock_apart_ms=seen.clock_apart_ms,
            compared=seen.compared,
            looking_s=now - self._began,
            busy=frozenset(self._busy),
            rested_s={what: now - at for what, at in self._done_at.items()},
        )

    def _child(self, name: str, now: float) -> ChildSeen:
        child, life = self.node.children.get(name), self._lives[name]
        if child is None:
            words = last_words(self.node.children.log(name)) if life.failures else ""
            return ChildSeen(name, since_s=now - life.ended_at, failures=life.failures, code=life.code, words=words)
        return ChildSeen(
            name,
            alive=True,
            ready=self._watch.seen.ready.get(name, False),
            since_s=child.age_s,
            failures=life.failures,
        )

    # -- acting -------------------------------------------------------------------------------------------------------

    def _do(self, act: Act) -> None:
        node = self.node
        if act.what == "write":
            # Known before the file is another one: a node killed in between leaves it to its successor to tell them.
            self._now_stale(configuration.touched([act.on], node.folders))
            node.write_configuration(act.on)
            return
        node.say(act.why)
        if act.what == "start":
            self._now_read(act.on)
            node.children.start(configuration.programs(node.known)[act.on])
        elif act.what == "reload":
            self._now_read(act.on)
            node.children[act.on].send(configuration.RELOADING[act.on])
        elif act.what == "announce":
            self._begin(act.what, admission.found_cluster(node.majority, node.me))
        elif act.what == "strict":
            self._begin(act.what, node.rest.configure(node.me, STRICT))
        elif act.what == "move-leader":
            self._begin(act.what, self._move_leader(act.on))
        elif act.what == "make-room":
            self._begin(act.what, self._make_room())
        elif act.what == "make-way":
            self._begin(act.what, self._make_way())

    def _now_stale(self, names: Iterable[str]) -> None:
        if not self._stale >= set(names):
            self._stale.update(names)
            self.node.keep_stale(self._stale)

    def _now_read(self, name: str) -> None:
        if name in self._stale:
            self._stale.discard(name)
            with contextlib.suppress(OSError):  # read once too often is no harm
                self.node.keep_stale(self._stale)

    def _begin(self, what: str, work: Coroutine[Any, Any, object]) -> None:
        """What asks somebody else is done beside the loop, once at a time."""

        async def do() -> None:
            try:
                await work
            except (LinnetError, OSError) as error:
                log.warning("node", about=what, says=f"That could not be done: {error}")
            finally:
                self._busy.discard(what)
                self._done_at[what] = self.node.clock.monotonic()

        self._busy.add(what)
        self._tasks.start(what, do())

    async def _move_leader(self, to: str) -> None:
        members = await self.node.majority.members()
        for one in members:
            if one.name == to:
                await self.node.majority.move_leader(one.id)

    async def _make_room(self) -> None:
        """Without the lock of whoever drains, which a full etcd does not grant; done twice, it is no harm."""
        majority = self.node.majority
        await majority.compact((await majority.range(MEMBERS, after_prefix(MEMBERS), count_only=True)).revision)
        for one in await majority.members():
            for url in one.client_urls[:1]:
                with contextlib.suppress(NoMajority, MajorityRefused):  # one that is away gives it back another time
                    await majority.defragment(url)
        await majority.disarm()

    async def _make_way(self) -> None:
        self.place.begin("the primary is given away")
        try:
            async for sentence in membership.make_way(self.place):
                self.node.say(sentence)
        finally:
            self.place.doing = ""

    def _failed(self, act: Act, error: Exception) -> None:
        self._wrong(act.on, f"{act.what} {act.on}: that failed ({_words(error)})")
        if act.what == "start" and self.node.children.get(act.on) is None:
            life = self._lives[act.on]
            life.failures, life.ended_at = life.failures + 1, self.node.clock.monotonic()

    async def _announce_end(self, planned: contextlib.AsyncExitStack) -> None:
        """Whoever waits for this primary stops waiting at once; where that cannot be said, it ends all the same."""
        node, picture = self.node, self.picture()
        if picture.primary == picture.me and len(picture.counted) > 1 and picture.etcd.healthy:
            with contextlib.suppress(LinnetError):
                why = f"{picture.me} is ended"
                await planned.enter_async_context(planning.announced(node.majority, node.clock, why, PLANNED_S))

    # -- telling ------------------------------------------------------------------------------------------------------

    async def _answer_status(self, asked: Asked) -> Mapping[str, Any]:
        return self.status()

    def status(self) -> dict[str, Any]:
        """This node and the cluster as it sees it, for `linnet cluster status`."""
        picture = self.picture()
        own = next((one for one in picture.postgres if one.name == picture.me), None)
        return {
            "name": picture.me,
            "address": self.node.me.address,
            "state": picture.standing,
            "children": {
                name: {
                    "alive": child.alive,
                    "ready": child.ready,
                    "since_s": round(child.since_s, 1) if math.isfinite(child.since_s) else None,
                    "failures": child.failures,
                    "pid": None if (running := self.node.children.get(name)) is None else running.who.pid,
                }
                for name, child in picture.children.items()
            },
            "role": own.role if own else "",
            "postgres_state": own.state if own else "",
            "timeline": own.timeline if own else 0,
            "lag_bytes": own.lag_bytes if own else None,
            "primary": picture.primary,
            "etcd_leader": picture.etcd.leader,
            "etcd_healthy": picture.etcd.healthy,
            "voters": list(picture.etcd.voters),
            "answering": list(picture.etcd.answering),
            "strict": picture.strict,
            "copies": picture.copies,
            "may_fail": may_fail(picture),
            "journal": picture.journal,
            "disk_free_bytes": picture.disk_free_bytes,
            "disk_fails": picture.disk_fails,
            "clock_apart_ms": picture.clock_apart_ms,
            "certificate_days": None if picture.certificate_days is None else round(picture.certificate_days, 1),
            "members": {one.name: {**one.member.public(), "state": one.state} for one in picture.standings},
            "postgres": {
                one.name: {"role": one.role, "state": one.state, "timeline": one.timeline, "lag_bytes": one.lag_bytes}
                for one in picture.postgres
            },
            "says": sentences(picture),
        }


def _words(error: Exception) -> str:
    return str(error) or repr(error)
