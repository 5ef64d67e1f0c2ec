"""One node for real: begun with one command, it serves; whatever is killed comes back; its end ends everything."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from linnet.cluster.children import identity
from linnet.cluster.picture import CHILDREN
from linnet.drill.users import as_ordinary_user, own
from tests.support import programs
from tests.support.waiting import until

pytestmark = [pytest.mark.alone, pytest.mark.drill]

SERVES_SECONDS = 60.0
# As a service manager would: what ends is started again, until it is to be over.
KEEPER = 'while [ ! -e "$0" ]; do "$@"; done'


class NodeOnTrial:
    """A node below a keeper, which restarts it, below a reaper, which leaves nothing behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "n1"
        # An address of its own, so that other nodes of this machine are in nobody's way.
        self.address = f"127.{32 + os.getpid() % 64}.{os.getpid() // 64 % 256}.1"
        self.endpoint = f"http://{self.address}:8000"
        self.stop = folder / "stop"
        self.log = folder / "node.log"
        self.token = ""
        self._reaper: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        place = ("--name", "n1", "--address", self.address, "--bind", f"{self.address}:8000")
        self.linnet("cluster", "init", "--prepare-only", *place)
        kept = as_ordinary_user([sys.executable, "-P", "-m", "linnet", "cluster", "run", "--data", str(self.data)])
        command = [sys.executable, "-m", "linnet.drill.reaper", "/bin/sh", "-c", KEEPER, str(self.stop), *kept]
        with self.log.open("wb") as log:
            self._reaper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)

    def end(self) -> None:
        if self._reaper is not None:
            self._reaper.stdin.close()  # type: ignore[union-attr]
            try:
                self._reaper.wait(60)
            finally:
                self._reaper.kill()

    def linnet(self, *words: str, ok: bool = True) -> str:
        argv = as_ordinary_user([sys.executable, "-P", "-m", "linnet", *words, "--data", str(self.data)])
        done = subprocess.run(argv, capture_output=True, text=True, cwd="/", timeout=60, check=False)
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return done.stdout + done.stderr

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def post(self, text: str) -> str:
        """The id of a status that was acknowledged. Raises OSError."""
        request = urllib.request.Request(
            f"{self.endpoint}/api/v1/statuses",
            json.dumps({"status": text}).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": text},
        )
        with urllib.request.urlopen(request, timeout=50) as answer:
            return str(json.load(answer)["id"])

    def posted(self, text: str) -> bool:
        try:
            return bool(self.post(text))
        except OSError:
            return False

    def pids(self) -> dict[str, int]:
        """Of the children that run, by their records."""
        found = {}
        for name in CHILDREN:
            try:
                pid = int((self.data / "run" / "children" / f"{name}.json").read_text().split()[0])
            except (OSError, IndexError, ValueError):
                continue
            if identity(pid) is not None:
                found[name] = pid
        return found

    def node_pid(self) -> int | None:
        """Of the node itself, which holds the lock."""
        lock = (self.data / "run" / "node.lock").stat()
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if "->" not in line and fields[5].rpartition(":")[2] == str(lock.st_ino):
                return int(fields[4])
        return None

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.linnet("cluster", "status", "--json"))["n1"])


@pytest.fixture(scope="module")
def node() -> Iterator[NodeOnTrial]:
    programs.etcd(), programs.haproxy(), programs.postgres_bin()
    folder = Path(tempfile.mkdtemp(prefix="linnet-node-"))
    folder.chmod(0o755)
    trial = NodeOnTrial(folder)
    own(trial.data)
    try:
        began = time.monotonic()
        trial.start()
        asyncio.run(until(trial.ready, 3 * SERVES_SECONDS))
        took, busy = time.monotonic() - began, os.getloadavg()[0] > (os.cpu_count() or 1)
        print(f"init to serving: {took:.1f} s; others work: {busy}")
        assert busy or took < SERVES_SECONDS
        trial.linnet("account", "create", "alice", "--email", "alice@example.org")
        trial.token = trial.linnet("token", "create", "alice").split()[-1]
        yield trial
    except TimeoutError:
        pytest.fail(f"the node does not serve:\n{trial.log.read_text()[-4000:]}")
    finally:
        trial.end()
        shutil.rmtree(folder, ignore_errors=True)


def test_it_serves_and_says_what_it_is(node: NodeOnTrial) -> None:
    assert node.post("first")
    status = node.status()
    assert (status["primary"], status["etcd_leader"], status["strict"]) == ("n1", "n1", False)
    assert status["may_fail"] == 0
    words = node.linnet("cluster", "status")
    assert "One copy only" in words
    assert "primary" in words


def test_nothing_secret_is_seen_by_others_on_the_machine(node: NodeOnTrial) -> None:
    secrets = list(json.loads((node.data / "cluster" / "secrets.json").read_text()).values())
    seen = "".join(path.read_bytes().decode("utf-8", "replace") for path in _command_lines())
    assert str(node.data) in seen
    assert not [secret for secret in secrets if secret in seen]
    holding = [path for path in node.data.rglob("*") if path.is_file() and path.stat().st_size < 1 << 20]
    holding = [path for path in holding if any(secret.encode() in path.read_bytes() for secret in secrets)]
    assert {"secrets.json", "patroni.yml", "linnet.toml", "first.sql"} <= {path.name for path in holding}
    for path in holding:
        assert path.stat().st_mode & 0o077 == 0, path
        assert "log" not in path.parts, path


def _command_lines() -> list[Path]:
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if _readable(path)]


def _readable(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


def test_a_second_node_on_the_folder_and_another_cluster_there_are_refused(node: NodeOnTrial) -> None:
    assert "A node runs on" in node.linnet("cluster", "run", ok=False)
    assert "A node runs on" in node.linnet("cluster", "init", "--name", "n9", "--address", node.address, ok=False)


async def test_killing_the_node_stops_no_child_and_its_successor_adopts_them_all(node: NodeOnTrial) -> None:
    before, first = node.pids(), node.node_pid()
    assert set(before) == set(CHILDREN)
    assert first is not None
    so_far = len(node.log.read_text())
    os.kill(first, signal.SIGKILL)
    assert node.posted("without a node")
    await until(lambda: node.node_pid() not in (None, first), 20)
    await until(lambda: "is ready" in node.log.read_text()[so_far:], 40)
    assert node.pids() == before
    said = node.log.read_text()[so_far:]
    assert all(f"{name} runs already (pid {pid}): it is taken over" in said for name, pid in before.items())


async def test_the_node_replaces_itself_and_nothing_else(node: NodeOnTrial) -> None:
    before, itself = node.pids(), node.node_pid()
    assert itself is not None
    said = len(node.log.read_text())
    told = iter(range(50))

    def twice() -> bool:
        """Told again and again meanwhile: by default, who is told so ends."""
        if next(told, None) is not None:
            os.kill(itself, signal.SIGHUP)
        return node.log.read_text()[said:].count("taken over") >= 2 * len(CHILDREN) and next(told, None) is None

    await until(twice, 60)
    await until(lambda: node.node_pid() == itself, 20)
    assert node.pids() == before


async def test_a_wrong_option_goes_nowhere_and_can_be_corrected(node: NodeOnTrial) -> None:
    """It would end the node, and whatever is read instead of the operator's file would be as wrong after that."""
    before, itself, said = node.pids(), node.node_pid(), len(node.log.read_text())
    assert itself is not None
    options = node.data / "linnet.toml"
    right = options.read_text() if options.exists() else ""
    options.write_text(f'{right}\ntitel = "Perch"\n')
    os.kill(itself, signal.SIGHUP)
    await until(lambda: "titel is not an option of Linnet; did you mean title?" in node.log.read_text()[said:], 20)
    assert "titel" not in (node.data / "run" / "linnet.toml").read_text()
    options.write_text(f'{right}\ntitle = "Perch"\n')
    os.kill(itself, signal.SIGHUP)
    await until(lambda: 'title = "Perch"' in (node.data / "run" / "linnet.toml").read_text(), 40)
    assert "taken over" in node.log.read_text()[said:]
    assert (node.node_pid(), node.pids()) == (itself, before)
    options.write_text(right)
    os.kill(itself, signal.SIGHUP)
    await until(lambda: "Perch" not in (node.data / "run" / "linnet.toml").read_text(), 40)


@pytest.mark.parametrize("child", CHILDREN)
async def test_a_child_that_is_killed_comes_back(child: str, node: NodeOnTrial) -> None:
    before, said = node.pids(), len(node.log.read_text())
    os.kill(before[child], signal.SIGKILL)
    await until(lambda: node.pids().get(child, before[child]) != before[child], 20)
    await until(node.ready, 40)
    await until(lambda: node.posted(f"after {child}"), 40)
    assert "times in a row" not in node.log.read_text()[said:], "nothing it left stood in its successor's way"
    after = node.pids()
    assert {name for name in CHILDREN if before[name] != after.get(name)} == {child}, "the others were left alone"


async def test_its_end_ends_everything_in_order(node: NodeOnTrial) -> None:
    """The last test here: behind it, nothing runs."""
    pids, itself = node.pids(), node.node_pid()
    postmaster = int((node.data / "postgres" / "postmaster.pid").read_text().split()[0])
    assert itself is not None
    node.stop.touch()
    os.kill(itself, signal.SIGTERM)
    await until(lambda: identity(itself) is None, 60)
    assert not [pid for pid in (*pids.values(), postmaster) if identity(pid) is not None]
    ends = [node.log.read_text().rindex(f"{name} is asked to end") for name in ("linnet", "haproxy", "patroni", "etcd")]
    assert ends == sorted(ends)
    assert not list((node.data / "run" / "children").glob("*.json"))
