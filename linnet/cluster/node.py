"""One node: its files, its children, and the ways to etcd and to Patroni that all who act for it share."""

import contextlib
import os
import shutil
import signal
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from linnet.cluster import certificates, clocks, configuration, passwords, programs
from linnet.cluster.children import Child, Children, hold, identity
from linnet.cluster.configuration import Knowledge
from linnet.cluster.keeping import private_folder, write
from linnet.cluster.layout import Folders, Member, NodeFile, Standing
from linnet.cluster.passwords import Passwords
from linnet.cluster.patroni_rest import PatroniRest
from linnet.domain.errors import Conflict, Invalid, NotFound
from linnet.ports import Chance, Clock
from linnet.storage.etcd import Endpoints, EtcdMajority
from linnet.system import AgreedClock
from linnet.telemetry import log

ETCD_SECONDS = 2.0
POSTGRES_SECONDS = 10.0


def begin(folders: Folders, node: NodeFile, clock: Clock, chance: Chance) -> None:
    """Makes what the first node of a new cluster has: certificates, passwords, its own file.

    What is there already is kept, so that one that was cut off may be run again. Raises Conflict for another node.
    """
    make_folders(folders)
    if folders.node.exists():
        _same(folders, read_node(folders), node)
        return
    if not folders.certificate.exists():
        authority = certificates.make_authority(node.cluster, clock.now_ms())
        own = certificates.issue(authority, node.me.name, certificate_addresses(node.me), clock.now_ms())
        certificates.keep(folders, authority, own)
    if not folders.secrets.exists():
        write(folders.secrets, passwords.make(chance).to_json().encode())
    write(folders.members, members_text([Standing(node.me)]).encode())
    # At last: without this file nothing has been made.
    write(folders.node, node.to_json().encode())


def _same(folders: Folders, there: NodeFile, wanted: NodeFile) -> None:
    """Raises Conflict where something else is wanted than was begun, which would be passed over in silence."""
    if (there.cluster, there.me) != (wanted.cluster, wanted.me):
        raise Conflict(
            f"{folders.data} belongs to the node {there.me.name} at {there.me.control_url} already: "
            "`linnet cluster run` starts it; for another node, choose another folder with --data"
        )
    if (there.bind, there.origin, there.front) != (wanted.bind, wanted.origin, wanted.front):
        raise Conflict(
            f"{folders.data} was begun with other words about how people come in, which stand in {folders.node}: "
            "change them there, and start the node with `linnet cluster run`"
        )


def make_folders(folders: Folders) -> None:
    """Raises OSError, and Conflict where somebody else's data are: a new node would hide them, or run on them."""
    if not folders.node.exists():
        if (folders.data / "linnet.db").exists():
            raise Conflict(
                f"{folders.data} has the SQLite database of a server of one machine, which a cluster does not take "
                "over; choose another folder with --data"
            )
        if any(path.exists() for path in (folders.etcd / "member", folders.postgres, folders.voted)):
            raise Conflict(
                f"{folders.data} holds the data of a node that was: delete it, or choose another folder with --data"
            )
    folders.data.mkdir(parents=True, exist_ok=True, mode=0o750)
    for folder in folders.made():
        if folder != folders.data:
            private_folder(folder)


def certificate_addresses(me: Member) -> tuple[str, ...]:
    """What the node's certificate is good for: this machine asks itself at its loopback address, too."""
    return tuple(dict.fromkeys((me.address, "127.0.0.1", "::1", "localhost")))


def read_node(folders: Folders) -> NodeFile:
    """Raises NotFound or Invalid."""
    try:
        return NodeFile.from_json(folders.node.read_text("utf-8"))
    except FileNotFoundError:
        raise NotFound(
            f"There is no node in {folders.data}: `linnet cluster init` begins a cluster there, `linnet cluster join` "
            "adds this machine to one, and --data says where else a node is"
        ) from None


class Node:
    """The parts of a node that runs. ``standings`` are its peers and itself, as last seen."""

    def __init__(self, folders: Folders, clock: Clock) -> None:
        """``clock`` is the machine's. Raises NotFound, Invalid, Unavailable or OSError."""
        self.folders = folders
        self.file = read_node(folders)
        self.clock = AgreedClock.kept(folders.run / AgreedClock.FILE, clock)
        self.passwords = Passwords.from_json(folders.secrets.read_text("utf-8"))
        self.binaries = programs.find(folders.postgres)
        self.machine = programs.machine()
        self.noexec = not programs.runs_files(folders.run)
        self.options = read_options(folders)
        self.standings = _read_members(folders.members) or (Standing(self.file.me),)
        self.children = Children(folders.children, folders.logs, clock)
        self.rest = PatroniRest(lambda: certificates.asking(folders), self.passwords.rest)
        self.majority = EtcdMajority(self._endpoints(), ETCD_SECONDS)
        if self.noexec:
            self.say(f"No file in {folders.run} can be run: each change of the primary takes a second or two longer")

    @property
    def me(self) -> Member:
        return self.file.me

    @property
    def known(self) -> Knowledge:
        return Knowledge(
            node=self.file,
            standings=self.standings,
            folders=self.folders,
            passwords=self.passwords,
            binaries=self.binaries,
            machine=self.machine,
            python=sys.executable,
            options=self.options,
            noexec=self.noexec,
        )

    def say(self, sentence: str, **about: object) -> None:
        log.info("node", says=sentence, **about)

    def meet(self, standings: Sequence[Standing]) -> bool:
        """Takes note of who the members are now, and keeps it for a start without etcd. True where it is news."""
        found = tuple(sorted(standings, key=lambda one: one.name))
        if not found or found == self.standings:
            return False
        self.standings = found
        self.majority.aim(self._endpoints().urls)
        write(self.folders.members, members_text(found).encode())
        return True

    def _endpoints(self) -> Endpoints:
        """This node's own etcd first: it is the nearest."""
        others = [one for one in self.known.members if one.name != self.me.name]
        urls = (self.me.etcd_url, *(one.etcd_url for one in others))
        return Endpoints(urls, str(self.folders.ca), str(self.folders.certificate), str(self.folders.key))

    async def renewed(self) -> None:
        """After the certificate was renewed: what this process keeps of the old one."""
        self.rest.renew()
        await self.majority.close()

    def compare_clocks(self, others: Sequence[int]) -> int:
        """Goes by the time that most machines agree on; how many ms this one's is ahead of it.

        ``others`` are the other machines' times, each as its distance from this machine's monotonic clock.
        """
        own = self.clock.machine.now_ms() - int(self.clock.monotonic() * 1000)
        held = self.clock.ahead_ms if self.clock.agreed else None
        alone = len(self.standings) <= 1
        self.clock.ahead_ms = clocks.agreed(own, others, held, alone=alone)
        self.clock.agreed = self.clock.agreed or alone or bool(others)
        return clocks.apart(own, self.clock.ahead_ms)

    # -- the files of the children ------------------------------------------------------------------------------------

    def wanted(self) -> dict[str, str]:
        """What should stand in DIR/run, by file name."""
        return configuration.files(self.known)

    def changed(self) -> tuple[str, ...]:
        """The files in DIR/run that are not as they should be."""
        return tuple(name for name, text in self.wanted().items() if not self._stands(name, text))

    def _stands(self, name: str, text: str) -> bool:
        path = self.folders.run / name
        return _text(path) == text and (name not in configuration.EXECUTABLE or os.access(path, os.X_OK))

    def write_configuration(self, name: str) -> None:
        """Raises OSError."""
        mode = 0o700 if name in configuration.EXECUTABLE else 0o600
        write(self.folders.run / name, self.wanted()[name].encode(), mode)

    def stale(self) -> set[str]:
        """The children that have not read their files since these changed."""
        return set((_text(self.folders.stale) or "").split())

    def keep_stale(self, names: Iterable[str]) -> None:
        """Raises OSError."""
        write(self.folders.stale, " ".join(sorted(names)).encode())

    # -- the end ------------------------------------------------------------------------------------------------------

    async def end(self, names: Sequence[str] = configuration.ENDING) -> bool:
        """Ends children in order, each within its time. Whether all ended by themselves."""
        willing = True
        known = configuration.programs(self.known)
        for name in names:
            program = known[name]
            if self.children.get(name) is not None:
                self.say(f"{name} is asked to end")
                ended = await self.children.end(name, program.patience, program.asked)
                if not ended:
                    self.say(f"{name} did not end within {program.patience:g} s: it was killed")
                willing = willing and ended
            if name == "patroni":
                willing = await self.end_postgres() and willing
        return willing

    async def end_postgres(self) -> bool:
        """Ends a PostgreSQL that outlived its Patroni. Its folder and start time prove that it is ours."""
        child = self._postmaster()
        if child is None:
            return True
        self.say("PostgreSQL runs on without Patroni: it is asked to end")
        child.send(signal.SIGCONT)
        for asked, seconds in ((signal.SIGINT, POSTGRES_SECONDS), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 3.0)):
            child.send(asked)
            deadline = self.clock.monotonic() + seconds
            while child.alive and self.clock.monotonic() < deadline:
                await self.clock.sleep(0.05)
            if not child.alive:
                break
        child.close()
        return False

    def _postmaster(self) -> Child | None:
        try:
            pid = int((self.folders.postgres / "postmaster.pid").read_text("ascii").split("\n", 1)[0])
            who = identity(pid)
            child = hold("postgres", who) if who is not None else None
            if child is not None and not os.path.samefile(f"/proc/{pid}/cwd", self.folders.postgres):
                child.close()
                return None
            return child
        except (OSError, ValueError):
            return None

    async def close(self) -> None:
        self.children.release()
        await self.majority.close()


def read_options(folders: Folders) -> dict[str, object]:
    """What the operator wrote into DIR/linnet.toml. Raises Invalid."""
    path = folders.data / "linnet.toml"
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Invalid("linnet.toml", f"cannot be read: {error}") from None


def free_bytes(folders: Folders) -> int:
    return shutil.disk_usage(folders.data).free


def members_text(standings: Sequence[Standing]) -> str:
    """What stands in DIR/cluster/members.json."""
    return "\n".join(one.to_json() for one in standings) + "\n"


def _read_members(path: Path) -> tuple[Standing, ...]:
    with contextlib.suppress(OSError, Invalid):
        return tuple(Standing.from_json(line) for line in path.read_text("utf-8").splitlines() if line.strip())
    return ()


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError):
        return None
