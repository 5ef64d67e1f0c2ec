"""A real etcd of the tests' own: one member or several on loopback, ended with the tests."""

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from linnet.cluster import admission
from linnet.cluster.layout import Member
from linnet.domain.majority import Delete, after_prefix
from linnet.storage.etcd import EtcdMajority, endpoints
from tests.support.ports import free_port
from tests.support.programs import etcd as etcd_program


@dataclass(eq=False)
class Etcd:
    """One member: its folder, its ports and, while it runs, its process."""

    name: str
    folder: Path
    client: int
    peer: int
    cluster: str = ""
    process: subprocess.Popen[bytes] | None = None
    more: tuple[str, ...] = field(default=())

    @property
    def client_url(self) -> str:
        return f"http://127.0.0.1:{self.client}"

    @property
    def peer_url(self) -> str:
        return f"http://127.0.0.1:{self.peer}"

    def start(self, *, state: str = "new") -> None:
        """Returns at once; ``wait`` waits until it serves."""
        command = [
            "setpriv", "--pdeathsig", "KILL", str(etcd_program()), "--name", self.name, "--data-dir",
            str(self.folder / "data"), "--listen-client-urls", self.client_url, "--advertise-client-urls",
            self.client_url, "--listen-peer-urls", self.peer_url, "--initial-advertise-peer-urls", self.peer_url,
            "--initial-cluster", self.cluster or f"{self.name}={self.peer_url}", "--initial-cluster-state", state,
            "--pre-vote", "--heartbeat-interval", "50", "--election-timeout", "500", "--logger", "zap", *self.more,
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
                env={"ETCD_UNSUPPORTED_ARCH": "arm64", **os.environ, "GOMAXPROCS": "1"},
            )  # fmt: skip

    def wait(self, timeout: float = 20) -> None:
        """Returns when it serves with a leader."""
        assert self.process is not None
        deadline = time.monotonic() + timeout
        while not self._serves():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"etcd did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def _serves(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.client, timeout=1)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def new_member(name: str = "one", *more: str) -> Etcd:
    """Not yet started."""
    client, peer = free_port(), free_port()
    return Etcd(name, Path(tempfile.mkdtemp(prefix=f"linnet-etcd-{name}-")), client, peer, more=more)


@contextlib.contextmanager
def running_etcd(count: int = 1, *more: str) -> Iterator[list[Etcd]]:
    """A cluster of so many members; ``more`` goes to each on its command line."""
    members = [new_member(name, *more) for name in ("one", "two", "three", "four", "five")[:count]]
    for member in members:
        member.cluster = ",".join(f"{each.name}={each.peer_url}" for each in members)
    try:
        for member in members:
            member.start()
        for member in members:
            member.wait()
        yield members
    finally:
        for member in members:
            member.remove()


def url_of(members: list[Etcd]) -> str:
    """What ``--journal`` takes."""
    return "etcd://" + ",".join(f"127.0.0.1:{member.client}" for member in members)


@pytest.fixture(scope="session")
def etcd() -> Iterator[Etcd]:
    """One member that tests share; each takes keys of its own in it."""
    with running_etcd() as members:
        yield members[0]


@contextlib.asynccontextmanager
async def founded(member: Etcd, first: Member) -> AsyncIterator[EtcdMajority]:
    """It as the majority of a cluster that begins, with its first node."""
    opened = EtcdMajority(endpoints(url_of([member])))
    for prefix in (admission.MEMBERS, admission.TOKENS):
        await opened.transact([], [Delete(prefix, after_prefix(prefix))])
    await admission.found_cluster(opened, first)
    yield opened
    await opened.close()
