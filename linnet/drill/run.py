"""One drill: a cluster is brought up and loaded, one fault after another is injected and healed, all is verified."""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from linnet.drill import answers, judging
from linnet.drill.bring_up import HOME_ENTRIES, Cluster
from linnet.drill.client import Client
from linnet.drill.faults import Fault, Need
from linnet.drill.findings import Finding
from linnet.drill.load import Load, NotServing, Pace
from linnet.drill.network import Hosts, Loopback, NetworkFailed
from linnet.drill.people import acquainted
from linnet.drill.records import Mark, Person
from linnet.drill.report import Report
from linnet.drill.roles import Roles, lead
from linnet.drill.scene import CommandFailed, NotWhole, Scene
from linnet.drill.screen import Screen
from linnet.drill.verify import verify
from linnet.supervision import Tasks
from linnet.system import SystemClock

PEOPLE = 6
STEADY_SECONDS = 5.0
WHOLE_SECONDS = 240.0
SHOW_SECONDS = 1.0
CACHES_SECONDS = 1.0
LOGS = "logs"
"""In the report's folder: what the nodes of each cluster have logged, under the second of its end."""
KEPT = "cluster.json"
"""In the report's folder: the endpoints and folders of a cluster that is kept."""
WHOLE_AGAIN = "seconds until the cluster was whole again"


class Wanted(NamedTuple):
    """What was asked for. ``kind`` is the stage's, ``keep`` waits at the end until it is interrupted, ``resume`` leaves
    out what the report has already."""

    faults: Sequence[Fault]
    runs: int
    pace: Pace
    report: Path
    folder: Path
    kind: str
    keep: bool
    versions: dict[str, str]
    resume: bool = False


class Drill:
    """``await play()`` is whether every promise was kept; None where that could not be seen, or nothing was tried."""

    def __init__(self, wanted: Wanted, screen: Screen) -> None:
        self._wanted = wanted
        self._screen = screen
        self._clock = SystemClock()
        self._network = Hosts() if wanted.kind == "hosts" else Loopback()
        self._report = Report(wanted.report, "Linnet: a drill of three nodes", versions=wanted.versions)
        self._cluster: Cluster | None = None
        self._people: tuple[Person, ...] = ()
        self._series = 0
        self._harmed = False

    async def play(self) -> bool | None:
        if self._wanted.resume:
            self._report.resume(self._wanted.pace.rate, self._wanted.pace.reads)
        await self._network.set_up()
        possible = [fault for fault in self._wanted.faults if self._possible(fault)]
        # Those that need small disks together, at the end: they have a cluster of their own.
        possible.sort(key=lambda fault: "disk" in fault.needs)
        # Each once before any is run again: who ends it half way has seen all of them.
        planned = [(fault, number) for number in range(1, self._wanted.runs + 1) for fault in possible]
        for done, (fault, number) in enumerate(planned, 1):
            name = f"{fault.name}-{number}"
            if not self._report.has(name):
                await self._once(fault, name, f"{fault.name} {number}/{self._wanted.runs} ({done} of {len(planned)})")
        self._screen.say(self._report.table())
        if self._wanted.keep and self._cluster is not None:
            await self._wait()
        await self._end()
        return self._report.verdict

    def _possible(self, fault: Fault) -> bool:
        lacking: list[Need] = []
        if "cables" in fault.needs and not self._network.cables:
            lacking.append("cables")
        if "disk" in fault.needs and self._wanted.kind == "shared":
            lacking.append("disk")
        if lacking:
            self._screen.say(f"{fault.name} is left out: it needs {_NEEDS[lacking[0]]}")
        return not lacking

    # -- one run ------------------------------------------------------------------------------------------------------

    async def _once(self, fault: Fault, name: str, title: str) -> None:
        cluster = await self._cluster_for(fault)
        self._screen.say(f"{title}: {fault.says}")
        folder = self._wanted.report / name
        if self._wanted.resume:
            shutil.rmtree(folder, ignore_errors=True)
        load = Load(cluster.endpoints, self._people, self._wanted.pace, folder, clock=self._clock)
        tasks = Tasks()
        tasks.start("screen", self._showing(load, title))
        try:
            async with load:
                with self._told_if_ended(name, load):
                    seconds, trouble = await self._loaded(fault, title, cluster, load)
        finally:
            await tasks.close()
            self._screen.clear()
        with self._told_if_ended(name, load):
            findings = await verify(
                load.evidence(), databases=cluster.databases(), home_entries=HOME_ENTRIES, say=self._screen.say
            )
            findings += self._started(cluster)
            if fault.caches:
                findings.append(await self._uncached(cluster, load))
        findings.append(Finding(WHOLE_AGAIN, "–", f"{seconds:.1f} s", None, seconds))
        if trouble:
            findings.append(
                Finding("the cluster is whole again after the fault", "yes", "no", False, 1, tuple(trouble))
            )
        self._report.add(name, load.evidence(), findings)

    @contextlib.contextmanager
    def _told_if_ended(self, name: str, load: Load) -> Iterator[None]:
        """Somebody ends the drill: what is known by then stands in the report before anything else is ended."""
        try:
            yield
        except asyncio.CancelledError:
            why = "it was ended before its time"
            if self._cluster is not None:
                self._keep_logs(self._cluster)
            self._report.add(
                name, load.evidence(), judging.unverified(load.evidence(), why), notes=[f"{why}."], unfinished=True
            )
            raise

    async def _loaded(self, fault: Fault, title: str, cluster: Cluster, load: Load) -> tuple[float, list[str]]:
        """Seconds until the cluster was whole again, and what went wrong but for what is measured."""
        scene: Scene | None = None
        seconds = 0.0
        trouble: list[str] = []
        try:
            await load.warm()
            await self._clock.sleep(STEADY_SECONDS)
            scene = await self._scene(fault, cluster)
            seconds = await self._harm(fault, scene, load, cluster)
            await self._clock.sleep(STEADY_SECONDS)
        except (NotWhole, NotServing, CommandFailed, NetworkFailed, LookupError, OSError) as error:
            trouble.append(f"{type(error).__name__}: {error}")
            self._screen.say(f"{title}: {error}")
            self._harmed = True
        finally:
            if scene is not None:
                await self._all_healed(scene)
        await load.stop()
        return seconds, trouble

    def _started(self, cluster: Cluster) -> list[Finding]:
        """How long its nodes took to come, told once."""
        found = [
            Finding(one.what, f"< {one.most:.0f} s", f"{one.seconds:.1f} s", one.seconds < one.most, one.seconds)
            for one in cluster.started
        ]
        cluster.started.clear()
        return found

    async def _uncached(self, cluster: Cluster, load: Load) -> Finding:
        async def empty() -> None:
            for node in cluster.nodes:
                node.send(signal.SIGUSR1, "linnet")
            await self._clock.sleep(CACHES_SECONDS)

        async with Client(cluster.endpoints, self._clock) as client:
            return await answers.uncached(client, load.evidence(), empty, self._screen.say)

    async def _scene(self, fault: Fault, cluster: Cluster) -> Scene:
        found = await cluster.whole(WHOLE_SECONDS)
        if fault.aim == "both" and found.primary is not None:
            # Moved to where it would not stay: it is moved away again, but not at once.
            await lead(cluster.nodes, found.primary)
            found = found._replace(leader=found.primary)
        scene = Scene(cluster.nodes, self._network, cluster, self._clock, found, cluster.nodes[0])
        scene.target = scene.named(aimed(fault, found, [node.name for node in cluster.nodes], self._series))
        self._series += 1
        if fault.dead:
            scene.dead.append(scene.target)
        return scene

    async def _harm(self, fault: Fault, scene: Scene, load: Load, cluster: Cluster) -> float:
        """How many seconds after the healing nothing lacked any more."""
        began = self._clock.monotonic()
        self._screen.say(f"{fault.name}: on {scene.target.name}")
        await fault.inject(scene)
        await self._clock.sleep(max(0.0, fault.lasts - (self._clock.monotonic() - began)))
        await fault.heal(scene)
        healed = self._clock.monotonic()
        try:
            await cluster.whole(WHOLE_SECONDS)
        finally:
            now = self._clock.monotonic()
            dead = tuple(node.endpoint for node in scene.dead)
            load.mark(Mark(fault.name, began, now if dead else healed, dead, fault.pause_max, fault.says))
            for node, left, back in scene.away:
                name = f"{node.name} restarts"
                load.mark(Mark(name, left, back, (node.endpoint,), says=f"{node.name} is restarted", absence=True))
        return now - healed

    async def _all_healed(self, scene: Scene) -> None:
        """Whatever went wrong: nothing stays frozen, cut or full."""
        await scene.background.close()
        await self._network.heal()
        for node in scene.nodes:
            node.thaw()
            await scene.keeper.keep(node)

    async def _showing(self, load: Load, title: str) -> None:
        while True:
            self._screen.show(load.figures(), title)
            await self._clock.sleep(SHOW_SECONDS)

    # -- the cluster --------------------------------------------------------------------------------------------------

    async def _cluster_for(self, fault: Fault) -> Cluster:
        """The one that is up, or a new one where it must be another or is not what it was."""
        small = "disk" in fault.needs
        if self._cluster is not None and (self._cluster.small_disks != small or self._harmed):
            await self._end()
        if self._cluster is None:
            self._harmed = False
            folder = self._wanted.folder / f"cluster{self._series}"
            cluster = Cluster(folder, self._network, self._clock, self._screen.say, small_disks=small)
            self._cluster = cluster
            await cluster.start()
            tokens = await cluster.people(PEOPLE)
            async with Client(cluster.endpoints, self._clock) as client:
                self._people = await acquainted(client, tokens, self._screen.say)
        return self._cluster

    async def _end(self) -> None:
        if self._cluster is not None:
            cluster, self._cluster = self._cluster, None
            self._keep_logs(cluster)
            await cluster.end()

    def _keep_logs(self, cluster: Cluster) -> None:
        cluster.keep_logs(self._wanted.report / LOGS / str(self._clock.now_ms() // 1000))

    async def _wait(self) -> None:
        assert self._cluster is not None
        for endpoint in self._cluster.endpoints:
            self._screen.say(f"the cluster serves at {endpoint}")
        self._screen.say(f"it is kept until you interrupt (Ctrl-C); its folders are in {self._wanted.folder}")
        about = {"endpoints": self._cluster.endpoints, "folders": [str(node.folder) for node in self._cluster.nodes]}
        (self._wanted.report / KEPT).write_bytes(msgspec.json.encode(about))
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
        await asked.wait()


_NEEDS: dict[Need, str] = {
    "cables": "network namespaces, which this user cannot make here",
    "disk": "a file system of its own, which this user cannot mount here",
}


def aimed(fault: Fault, found: Roles, names: Sequence[str], turn: int) -> str | None:
    """The name of the node that a fault is aimed at; where several will do, they take turns."""
    if fault.aim in ("primary", "both"):
        return found.primary
    if fault.aim == "leader":
        return found.leader
    avoided = {"replica": found.primary, "follower": found.leader}.get(fault.aim)
    candidates = [name for name in names if name != avoided]
    return candidates[turn % len(candidates)]
