"""A node of the drill as processes: which is which, how they are ended, frozen and thawed; no others are touched."""

import contextlib
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

from linnet.cluster.children import identity
from linnet.cluster.layout import Folders
from linnet.drill import reaper, stage
from linnet.drill.network import Host

KINDS = ("node", "etcd", "patroni", "postgres", "haproxy", "linnet", "worker")
"""``node`` is the one that keeps the others running, ``linnet`` the supervisor of the workers."""


@dataclass(eq=False)
class Node:
    """One of three. ``keeper`` is the pid of the ``linnet cluster …`` that was started last."""

    host: Host
    folder: Path
    keeper: int | None = None
    frozen: set[int] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def folders(self) -> Folders:
        return Folders(self.folder)

    @property
    def endpoint(self) -> str:
        """Where clients are served."""
        return f"http://{self.host.public}:8000"

    def pids(self, kind: str) -> list[int]:
        """The living processes of a kind: with PostgreSQL and HAProxy, those that the first one has started, too."""
        if kind == "node":
            return [self.keeper] if self.keeper is not None and identity(self.keeper) is not None else []
        if kind == "worker":
            return [pid for pid in self._below("linnet") if b"linnet.cli.worker" in _command(pid)]
        first = self._postmaster() if kind == "postgres" else self._child(kind)
        if first is None:
            return []
        return [first, *reaper.below(first)] if kind in ("postgres", "haproxy") else [first]

    def everything(self) -> list[int]:
        """All that runs on this node."""
        found = stage.processes_in(self.folder)
        return [*found, *(pid for pid in self.pids("node") if pid not in found)]

    def send(self, number: int, *kinds: str, all_of_it: bool = False) -> list[int]:
        """Sends a signal to the processes of these kinds, or to every process of the node; who got it."""
        sent: list[int] = []
        # More than once where none is to be left: one that is just being started must not be missed. But whoever takes
        # the place of a process that was killed alone is to live.
        for _ in range(3 if all_of_it or number == signal.SIGSTOP else 1):
            found = self.everything() if all_of_it else [pid for kind in kinds for pid in self.pids(kind)]
            for pid in found:
                if pid not in sent:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
                        sent.append(pid)
        if number == signal.SIGSTOP:
            self.frozen.update(sent)
        return sent

    def thaw(self) -> None:
        """Lets everything go on that was stopped."""
        for pid in self.frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.frozen.clear()

    def _below(self, kind: str) -> list[int]:
        first = self._child(kind)
        return [] if first is None else reaper.below(first)

    def _child(self, kind: str) -> int | None:
        """As the node's own record has it: pid and start time."""
        try:
            line = (self.folders.children / f"{kind}.json").read_text("utf-8", "replace").partition("\n")[0]
            pid, start = int(line.split()[0]), int(line.rpartition(")")[2].split()[19])
        except (OSError, ValueError, IndexError):
            return None
        who = identity(pid)
        return pid if who is not None and who.start == start else None

    def _postmaster(self) -> int | None:
        """PostgreSQL's own record; whoever has the pid must work in its folder."""
        try:
            pid = int((self.folders.postgres / "postmaster.pid").read_text().partition("\n")[0])
            ours = Path(os.readlink(f"/proc/{pid}/cwd")) == self.folders.postgres
        except (OSError, ValueError):
            return None
        return pid if ours else None


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
