"""Keeps looking at what a node is made of: each part in its own time, so that one that hangs hides nothing else."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import msgspec

from linnet.cluster import admission, certificates
from linnet.cluster.asking import exchange
from linnet.cluster.keeping import write
from linnet.cluster.layout import JOINING, Member, Standing
from linnet.cluster.node import Node, certificate_addresses, free_bytes
from linnet.cluster.picture import ETCD, HAPROXY, LINNET, PATRONI, EtcdSeen, PostgresSeen
from linnet.domain.errors import Invalid, LinnetError, Unavailable
from linnet.domain.journal import ENTRIES, FAILING, Failing
from linnet.domain.majority import after_prefix
from linnet.supervision import Tasks

EVERY_S = 1.0
SLOWLY_S = 10.0
RENEWAL_S = 3_600.0
ASKED_S = 2.0
TOLD_S = 1.0
"""An answer that took longer does not tell the time."""
STALE_S = 6.0
"""What was seen longer ago than this is not known any more."""
DISK_LOOKS = 5
DAY_MS = 86_400_000


class Time(NamedTuple):
    """What another machine's clock said: its distance in ms from this one's monotonic clock, and when."""

    ahead_ms: int
    at: float


@dataclass
class Seen:
    """What was seen last, and when (monotonic seconds)."""

    etcd: EtcdSeen = field(default_factory=EtcdSeen)
    etcd_at: float = float("-inf")
    announced: bool = True
    postgres: tuple[PostgresSeen, ...] = ()
    postgres_at: float = float("-inf")
    strict: bool | None = None
    ready: dict[str, bool] = field(default_factory=dict)
    journal: int | None = None
    disk_free: int | None = None
    disk_failed_at: float = float("-inf")
    certificate_ends_ms: int | None = None
    times: dict[str, Time] = field(default_factory=dict)
    clock_apart_ms: int = 0
    compared: bool = False


class Watch:
    """Starts the watchers. ``renewed`` is called when the node's certificate has been renewed."""

    def __init__(self, node: Node, renewed: Callable[[], None]) -> None:
        self.seen = Seen()
        self._node = node
        self._renewed = renewed
        self._free: deque[int] = deque(maxlen=DISK_LOOKS)
        self._renewal_at = float("-inf")
        self._alarms_at = float("-inf")
        self._strict_at = float("-inf")

    def start(self, tasks: Tasks) -> None:
        for name, look, pause in (
            ("etcd", self._etcd, EVERY_S),
            ("patroni", self._patroni, EVERY_S),
            ("linnet", self._linnet, EVERY_S),
            ("haproxy", self._haproxy, EVERY_S),
            ("clock", self._clock, EVERY_S),
            ("disk", self._disk, EVERY_S),
            ("machine", self._machine, SLOWLY_S),
        ):
            tasks.start(f"watch-{name}", tasks.forever(f"watch-{name}", partial(self._look, look, pause)))

    async def _look(self, look: Callable[[], Awaitable[None]], pause: float) -> None:
        await look()
        await self._node.clock.sleep(pause)

    # -- etcd ---------------------------------------------------------------------------------------------------------

    async def _etcd(self) -> None:
        node, seen = self._node, self.seen
        try:
            listed = await admission.members(node.majority)
            members = await node.majority.members()
        except (LinnetError, OSError) as error:
            seen.ready[ETCD] = await self._answers(node.me.etcd_url)
            if isinstance(error, Invalid):
                raise
            return
        by_id = {one.id: one.name for one in members}
        urls = {one.name: one.client_urls[0] for one in members if one.client_urls}
        answers = await asyncio.gather(*(self._leader_by(url, name) for name, url in urls.items()))
        leaders = dict(zip(urls, answers, strict=True))
        seen.ready[ETCD] = bool(leaders.get(node.me.name))
        told = leaders.get(node.me.name) or next(filter(None, leaders.values()), 0)
        seen.etcd = EtcdSeen(
            healthy=True,
            leader=by_id.get(told or 0, ""),
            voters=tuple(sorted(one.name for one in members if not one.learner)),
            answering=tuple(sorted(name for name, leader in leaders.items() if leader)),
            full=await self._full(seen.etcd.full),
        )
        seen.etcd_at = node.clock.monotonic()
        if seen.ready[ETCD] and not node.folders.voted.exists():
            write(node.folders.voted, b"")
        seen.announced = bool(listed)
        if node.meet([Standing.of(one.member, one.state) for one in listed.values()]):
            node.say("The members of the cluster are " + ", ".join(f"{n.name} ({n.state})" for n in node.standings))
        found = await node.majority.range(ENTRIES, after_prefix(ENTRIES), count_only=True, local=True)
        seen.journal = found.count
        await self._failing()

    async def _failing(self) -> None:
        """Whether somebody says that our PostgreSQL cannot read or write what is on this disk."""
        node = self._node
        found = await node.majority.get(FAILING, local=True)
        if found is None:
            return
        try:
            host = msgspec.json.decode(found.value, type=Failing).host
        except msgspec.MsgspecError:
            host = ""  # of a later version
        if host == node.me.at(node.me.ports.postgres):
            self.seen.disk_failed_at = node.clock.monotonic()

    async def _leader_by(self, url: str, name: str = "") -> int:
        """Who leads, as this member says; 0 where it knows none or does not answer. What time it is there is noted."""
        clock = self._node.clock
        began = clock.monotonic()
        try:
            async with asyncio.timeout(ASKED_S):
                said = await self._node.majority.status(url)
        except (LinnetError, TimeoutError):
            return 0
        now = clock.monotonic()
        if name and said.now_ms is not None and now - began < TOLD_S:
            self.seen.times[name] = Time(said.now_ms - int(now * 1000), now)
        return said.leader

    async def _answers(self, url: str) -> bool:
        return bool(await self._leader_by(url))

    async def _full(self, before: bool) -> bool:
        now = self._node.clock.monotonic()
        if now - self._alarms_at < SLOWLY_S:
            return before
        self._alarms_at = now
        return any(kind == "NOSPACE" for _, kind in await self._node.majority.alarms())

    async def _clock(self) -> None:
        """Whoever was frozen comes back with old answers: they say nothing about the time."""
        node, seen = self._node, self.seen
        now = node.clock.monotonic()
        names = {one.name for one in node.standings} - {node.me.name}
        others = [seen.times[name].ahead_ms for name in sorted(names & seen.times.keys())
                  if now - seen.times[name].at < STALE_S]  # fmt: skip
        seen.clock_apart_ms = node.compare_clocks(others)
        # With one of two others, nobody can tell yet which of the two machines is wrong.
        seen.compared = seen.compared or len(others) == len(names) or len(others) % 2 == 0 < len(others)

    # -- PostgreSQL ---------------------------------------------------------------------------------------------------

    async def _patroni(self) -> None:
        """Our own Patroni first; where it does not answer, what another one knows of the cluster."""
        node, seen = self._node, self.seen
        by = node.me
        found = await self._cluster_by([by])
        seen.ready[PATRONI] = any(
            one.name == node.me.name and one.state in ("running", "streaming", "in archive recovery") for one in found
        )
        if not found:
            others = [one.member for one in node.standings if one.name != node.me.name and one.state != JOINING]
            found = await self._cluster_by(others)
        if found:
            seen.postgres, seen.postgres_at = found, node.clock.monotonic()
            now = node.clock.monotonic()
            # It does not become less strict by itself.
            if not seen.strict or now - self._strict_at >= SLOWLY_S:
                self._strict_at = now
                with contextlib.suppress(Unavailable):
                    seen.strict = bool((await node.rest.configuration(by)).get("synchronous_mode_strict"))

    async def _cluster_by(self, members: Sequence[Member]) -> tuple[PostgresSeen, ...]:
        for one in members:
            with contextlib.suppress(Unavailable, OSError, ValueError):
                return await self._node.rest.seen(one)
        return ()

    # -- Linnet and HAProxy -------------------------------------------------------------------------------------------

    async def _linnet(self) -> None:
        me = self._node.me
        try:
            answer = await exchange(f"http://{me.here(me.ports.linnet)}", "/readyz", None, seconds=ASKED_S)
            self.seen.ready[LINNET] = answer.status == 200
        except Unavailable:
            self.seen.ready[LINNET] = False

    async def _haproxy(self) -> None:
        """It listens at the port between nodes only once it has understood its file."""
        me = self._node.me
        try:
            async with asyncio.timeout(ASKED_S):
                _, writer = await asyncio.open_connection(me.address, me.ports.inner)
                writer.transport.abort()
            self.seen.ready[HAPROXY] = True
        except (OSError, TimeoutError):
            self.seen.ready[HAPROXY] = False

    # -- the machine --------------------------------------------------------------------------------------------------

    async def _disk(self) -> None:
        """The most of some looks: what is used for a moment is not what is lacking."""
        self._free.append(free_bytes(self._node.folders))
        self.seen.disk_free = max(self._free)

    async def _machine(self) -> None:
        node, seen = self._node, self.seen
        for name in node.children.names:
            node.children.bound_log(name)
        now = node.clock.monotonic()
        if now - self._renewal_at >= RENEWAL_S:
            self._renewal_at = now
            if certificates.renew(node.folders, certificate_addresses(node.me), node.clock.now_ms()):
                node.say("This node's certificate was renewed")
                await node.renewed()
                self._renewed()
        seen.certificate_ends_ms = certificates.ends_ms(node.folders.certificate.read_bytes())
