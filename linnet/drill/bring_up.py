"""Three nodes from nothing, by the commands that an operator gives: accounts, tokens, and who keeps nodes running."""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import aiohttp

from linnet.cluster import patroni
from linnet.cluster.children import last_words
from linnet.cluster.layout import NodeFile
from linnet.cluster.passwords import Passwords
from linnet.drill import network, roles
from linnet.drill.network import Network
from linnet.drill.processes import Node
from linnet.drill.roles import Roles
from linnet.drill.scene import CommandFailed, NotWhole
from linnet.drill.users import as_ordinary_user, own
from linnet.ports import Clock
from linnet.system import SteppedClock

INIT_SECONDS, JOIN_SECONDS = 60.0, 120.0
"""What is promised: from ``init`` to serving, from ``join`` to being of use."""
RESTART_SECONDS, LEAVE_SECONDS = 90.0, 120.0
PATIENCE = 3.0
"""So many times as long a start may take before it is given up: a broken promise is measured, too."""
LOOK_SECONDS = 0.2
BEFORE = "-before-"
"""In the name of a folder with the logs of a node that has joined anew."""
DISK_BYTES = 3 << 30
HOME_ENTRIES = 10_000
OPTIONS = f'rate_limits = "off"\nworkers = 1\nhome_entries = {HOME_ENTRIES}\n'
"""The operator's linnet.toml: everybody of a drill comes from one address, and nobody posts so much."""


class Started(NamedTuple):
    """How long it took in seconds, against what was promised."""

    what: str
    seconds: float
    most: float


class Cluster:
    """Three nodes in folders below ``folder``. ``small_disks`` gives each a disk of its own, which may be filled."""

    def __init__(
        self, folder: Path, hosts: Network, clock: Clock, say: Callable[[str], None], *, small_disks: bool = False
    ) -> None:
        self.network = hosts
        self.clock = clock
        self.nodes = tuple(Node(host, folder / host.name) for host in hosts.hosts)
        self.started: list[Started] = []
        self._say = say
        self.small_disks = small_disks
        self._folder = folder
        self._keepers: list[subprocess.Popen[bytes]] = []

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(node.endpoint for node in self.nodes)

    # -- beginning ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Raises NotWhole or CommandFailed with what went wrong."""
        first, *others = self.nodes
        for node in self.nodes:
            await self._prepare(node)
        began = self.clock.monotonic()
        self._start(first, "init", "--name", first.name, *self._place(first), "--origin", first.endpoint)
        await self._until(lambda: self._serves(first), INIT_SECONDS * PATIENCE, f"{first.name} serves")
        self._took("init to serving", began, INIT_SECONDS)
        for count, node in enumerate(others, start=2):
            await self._join(node, first, count)

    async def _join(self, node: Node, through: Node, count: int) -> None:
        invited = (await self.command(through, "cluster", "token")).split()
        began = self.clock.monotonic()
        url = f"https://{through.host.address}:7000"
        self._start(node, "join", url, "--token", invited[-1], "--name", node.name, *self._place(node))

        async def useful() -> bool:
            return (await roles.seen(self.nodes)).whole(count)

        await self._until(useful, JOIN_SECONDS * PATIENCE, f"{node.name} is of use")
        self._took(f"join to useful ({node.name})", began, JOIN_SECONDS)

    async def _prepare(self, node: Node) -> None:
        node.folder.mkdir(parents=True)
        # Nodes run as another user, who must come so far, whatever the umask of who drills.
        self._folder.chmod(0o755)
        if self.small_disks:
            await network.run(f"mount -t tmpfs -o size={DISK_BYTES},mode=0750 disk {node.folder}")
        node.folders.run.mkdir(mode=0o700)
        (node.folders.run / SteppedClock.FILE).write_bytes(bytes(8))
        (node.folder / "linnet.toml").write_text(OPTIONS)
        own(node.folder)

    async def _unmount(self, node: Node) -> None:
        if self.small_disks:
            await network.run(f"umount -l {node.folder}")

    def _place(self, node: Node) -> tuple[str, ...]:
        return "--address", node.host.address, "--bind", f"{node.host.public}:8000"

    def _took(self, what: str, began: float, most: float) -> None:
        seconds = self.clock.monotonic() - began
        self.started.append(Started(what, round(seconds, 1), most))
        self._say(f"{what}: {seconds:.1f} s (promised: {most:.0f} s)")

    # -- what an operator does ----------------------------------------------------------------------------------------

    async def keep(self, node: Node) -> None:
        """Starts the node again, if nobody keeps it."""
        if not node.pids("node"):
            self._start(node, "run")

    async def restart(self, node: Node) -> None:
        """Ends the node in order, with all that it runs, and starts it again. Raises NotWhole where it does not end."""
        node.send(signal.SIGTERM, "node")
        await self._ended(node)
        self._start(node, "run")

    async def renew(self, node: Node) -> None:
        """Has a node leave, and join again with an empty folder. Raises NotWhole or CommandFailed."""
        await self.command(node, "cluster", "leave", timeout_s=LEAVE_SECONDS)
        await self._ended(node)
        self._copy_logs(node, self._folder / f"{node.name}{BEFORE}{int(self.clock.monotonic())}")
        await self._unmount(node)
        await asyncio.to_thread(shutil.rmtree, node.folder)
        await self._prepare(node)
        through = next(one for one in self.nodes if one is not node)
        await self._join(node, through, len(self.nodes))

    async def command(self, node: Node, *words: str, timeout_s: float = 60.0) -> str:
        """What ``linnet WORDS`` prints on that node. Raises CommandFailed."""
        process = await asyncio.create_subprocess_exec(
            *self._argv(node, *words), cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            said, complained = await asyncio.wait_for(process.communicate(), timeout_s)
        except TimeoutError:
            process.kill()
            await process.communicate()
            raise CommandFailed(f"linnet {' '.join(words)} did not end within {timeout_s:.0f} s") from None
        if process.returncode:
            why = complained.decode(errors="replace").strip()
            raise CommandFailed(f"linnet {' '.join(words)} ended with {process.returncode}: {why[-600:]}")
        return said.decode()

    async def people(self, count: int) -> list[str]:
        """Makes accounts; their tokens."""
        first = self.nodes[0]
        options = ("--config", str(first.folders.configuration("linnet")))

        async def one(number: int) -> str:
            name = f"drill{number}"
            await self.command(first, "account", "create", name, "--email", f"{name}@example.org", *options)
            return (await self.command(first, "token", "create", name, *options)).split()[-1]

        tokens: list[str] = []
        # A few at a time: each is a process with a worker's number of its own, of which there are sixteen.
        for begin in range(0, count, 3):
            tokens += await asyncio.gather(*(one(number) for number in range(begin, min(count, begin + 3))))
        return tokens

    def database(self, node: Node) -> str:
        """PostgreSQL's address on this node."""
        secrets = Passwords.from_json(node.folders.secrets.read_text())
        return patroni.database_url([NodeFile.from_json(node.folders.node.read_text()).me], node.folders, secrets)

    def databases(self) -> list[str]:
        """Those of all, to compare what they hold."""
        return [self.database(node) for node in self.nodes]

    async def whole(self, timeout_s: float) -> Roles:
        """Waits until nothing lacks. Raises NotWhole."""
        found = Roles()

        async def is_whole() -> bool:
            nonlocal found
            found = await roles.seen(self.nodes)
            return found.whole(len(self.nodes))

        try:
            await self._until(is_whole, timeout_s, "the cluster is whole")
        except NotWhole:
            raise NotWhole(f"after {timeout_s:.0f} s: {found.lacking(len(self.nodes))}") from None
        return found

    async def _until(self, check: Callable[[], Awaitable[bool]], timeout_s: float, what: str) -> None:
        deadline = self.clock.monotonic() + timeout_s
        while not await check():
            for keeper in self._keepers:
                keeper.poll()
            if self.clock.monotonic() > deadline:
                raise NotWhole(f"after {timeout_s:.0f} s it is not so that {what}")
            await self.clock.sleep(LOOK_SECONDS)

    async def _ended(self, node: Node) -> None:
        """Raises NotWhole where something of it runs on."""

        async def ended() -> bool:
            return not node.everything()

        await self._until(ended, RESTART_SECONDS, f"{node.name} has ended")

    async def _serves(self, node: Node) -> bool:
        """Whether its public port answers for people, not only for programs."""
        if not node.pids("node"):
            raise NotWhole(f"{node.name} has ended before it served: {last_words(self._log(node), 8)}")
        try:
            timeout = aiohttp.ClientTimeout(total=2)
            async with aiohttp.request("GET", f"{node.endpoint}/api/v2/instance", timeout=timeout) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    # -- processes ----------------------------------------------------------------------------------------------------

    def keep_logs(self, folder: Path) -> None:
        """A copy of what its nodes have logged so far."""
        for node in self.nodes:
            self._copy_logs(node, folder / node.name)
        for before in self._folder.glob(f"*{BEFORE}*"):
            shutil.copytree(before, folder / before.name)

    def _copy_logs(self, node: Node, folder: Path) -> None:
        if node.folders.logs.is_dir():
            shutil.copytree(node.folders.logs, folder)
            shutil.copyfile(self._log(node), folder / "node.log")

    async def end(self) -> None:
        """Ends everything at once, frozen or not, and takes the folders away."""
        for node in self.nodes:
            # Twice: what was being started while we looked is found the second time.
            for _ in range(2):
                node.send(signal.SIGKILL, all_of_it=True)
                await self.clock.sleep(LOOK_SECONDS)
            await self._unmount(node)
        for keeper in self._keepers:
            keeper.poll()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    def _start(self, node: Node, *words: str) -> None:
        """The node's keeper. Its end is noticed by who it leaves: nobody waits for it here."""
        with self._log(node).open("ab") as log:
            keeper = subprocess.Popen(
                self._argv(node, "cluster", *words), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        node.keeper = keeper.pid
        self._keepers.append(keeper)

    def _log(self, node: Node) -> Path:
        return self._folder / f"{node.name}.log"

    def _argv(self, node: Node, *words: str) -> Sequence[str]:
        linnet = [sys.executable, "-P", "-m", "linnet", *words, "--data", str(node.folder)]
        return node.host.command(as_ordinary_user(linnet))
