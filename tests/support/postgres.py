"""A real PostgreSQL of the tests' own: started in a temporary folder, never as root, ended with the tests."""

import atexit
import contextlib
import functools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.programs import postgres_bin

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "120",
    "shared_buffers": "32MB",
    "wal_level": "replica",
    "max_wal_senders": "6",
    "wal_keep_size": "64MB",
    "wal_retrieve_retry_interval": "200ms",
    "checkpoint_timeout": "1h",
    "log_line_prefix": "%m [%p] %q%d ",
    "autovacuum_naptime": "1h",
}


def _account() -> pwd.struct_passwd:
    """Whom the server runs as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise LookupError("no account to run PostgreSQL as")


def _as_account(*command: str | Path) -> list[str]:
    """The command under that account; it ends with us, even where we are killed."""
    account = _account()
    start = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() == 0:
        start += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    return [*start, *map(str, command)]


def run(*command: str | Path, timeout: float = 60) -> str:
    """Runs it as whom the server runs as; what it said."""
    done = subprocess.run(_as_account(*command), capture_output=True, text=True, timeout=timeout, cwd="/", check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")
    return done.stdout


@dataclass(eq=False)
class Server:
    """One server: its data folder, its port, and, while it runs, its process."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self, timeout: float = 30) -> None:
        """Returns when it accepts connections (a standby: for reading)."""
        settings = {**_SETTINGS, "port": str(self.port), "unix_socket_directories": str(self.folder)}
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                _as_account(postgres_bin() / "postgres", "-D", self.data, *flags),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + timeout
        while not self._accepts():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def _accepts(self) -> bool:
        assert self.process is not None
        with contextlib.suppress(OSError, IndexError):
            # Its own word on whether connections are accepted: faster than asking by pg_isready. One that was killed
            # leaves its file behind.
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return lines[0] == str(self.process.pid) and lines[7].strip() == "ready"
        return False

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it in order, SIGQUIT at once without a checkpoint."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def backends(self) -> list[int]:
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def kill(self) -> None:
        """kill -9 of the server and all its processes."""
        assert self.process is not None
        pids = [self.process.pid, *self.backends()]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(30)
        self.process = None
        deadline = time.monotonic() + 10
        while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.005)

    def signal_all(self, what: signal.Signals) -> None:
        """Freezes (SIGSTOP) or thaws (SIGCONT) the server with all its processes."""
        assert self.process is not None
        backends = self.backends()
        os.kill(self.process.pid, what)
        for pid in backends:
            with contextlib.suppress(ProcessLookupError):  # one may end in between, as a follower of a dead server does
                os.kill(pid, what)

    def standby(self, *, named: str = "standby") -> "Server":
        """A copy that follows this server, started."""
        folder = _new_folder(named)
        other = Server(folder, free_port())
        run(
            postgres_bin() / "pg_basebackup", "-D", other.data, "-h", "127.0.0.1", "-p", str(self.port),
            "-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync",
            "-d", f"application_name={named}",
        )  # fmt: skip
        other.start()
        return other

    def promote(self) -> None:
        """Makes a standby the primary of a new timeline."""
        run(postgres_bin() / "pg_ctl", "promote", "-D", self.data, "-w", "-t", "20")

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        # A thousand files take a second to remove: nobody waits for that.
        subprocess.run(["sh", "-c", 'rm -rf "$0" &', self.folder], check=True, stderr=subprocess.DEVNULL)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _new_folder(named: str, under: Path | None = None) -> Path:
    """A folder that the server's account can reach: pytest's own are root's alone."""
    folder = Path(tempfile.mkdtemp(prefix=f"linnet-{named}-", dir=under))
    if os.geteuid() == 0:
        os.chown(folder, _account().pw_uid, _account().pw_gid)
    return folder


@functools.cache
def _initialised() -> Path:
    """An initialised folder, to be copied: ten times as quick as another ``initdb``."""
    folder = _new_folder("initdb")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run(
        postgres_bin() / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust",
        "--locale=C.UTF-8", "--encoding=UTF8", "--no-sync", "--data-checksums",
    )  # fmt: skip
    return folder


def new_server(named: str = "postgres", under: Path | None = None) -> Server:
    """Initialised, not yet started. ``remove`` ends it."""
    server = Server(_new_folder(named, under), free_port())
    run("cp", "-a", _initialised() / "data", server.data)
    return server


@contextlib.contextmanager
def running_server(named: str = "postgres", under: Path | None = None) -> Iterator[Server]:
    """Its files are in a folder of its own, in ``under`` or among what is temporary."""
    server = new_server(named, under)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@contextlib.contextmanager
def running_standby(of: Server) -> Iterator[Server]:
    server = of.standby()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture
def primary() -> Iterator[Server]:
    """A server of a test's own."""
    with running_server("primary") as server:
        yield server


@pytest.fixture
def standby(primary: Server) -> Iterator[Server]:
    """One that follows it."""
    with running_standby(primary) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """The server that all tests share; each makes databases of its own in it."""
    with running_server() as server:
        yield server
