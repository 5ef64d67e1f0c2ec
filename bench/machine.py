"""Processes that are measured: started on one core, counted in CPU and memory, and ended by their own id."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES = {CORES[0]}
LOAD_CORES = set(CORES[1:]) or {CORES[0]}
READY_SECONDS = 60.0


@contextlib.contextmanager
def on_cores(cores: set[int]) -> Iterator[None]:
    """What is started inside inherits these cores; the benchmark itself goes back to where it was."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Running:
    """A command in a session of its own, on the server's core. ``with`` ends it and all that it started."""

    def __init__(self, command: Sequence[str], log: Path, port: int) -> None:
        self.port = port
        self._log = log
        with on_cores(SERVER_CORES), log.open("ab") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT, start_new_session=True
            )
        self._wait_ready()

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def pids(self) -> list[int]:
        """The process and everything below it."""
        found = [self._process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += map(int, (task / "children").read_text().split())
        return found

    def cpu_seconds(self) -> float:
        """User and system time of all its processes since their start."""
        return sum(_cpu_seconds(pid) for pid in self.pids())

    def pss_mib(self) -> float:
        """Memory of all its processes; what they share counts once."""
        return sum(_pss_kib(pid) for pid in self.pids()) / 1024

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"it did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.02)


def linnet(data: Path, *options: str, origin: str = "") -> Running:
    """``linnet serve`` with one worker and without rate limits, everything else as it comes."""
    port = free_port()
    address = ("--origin", origin) if origin else ()
    command = [
        sys.executable, "-m", "linnet", "serve", "--data", str(data), "--bind", f"127.0.0.1:{port}",
        "--workers", "1", "--rate-limits", "off", *address, *options,
    ]  # fmt: skip
    return Running(command, data.with_suffix(".log"), port)


def ceiling(answer: Path) -> Running:
    """The minimal application under the same server, answering with the bytes in ``answer``."""
    port = free_port()
    return Running([sys.executable, "-m", "bench.ceiling", str(port), str(answer)], answer.with_suffix(".log"), port)


def all_cpu_seconds() -> float:
    """Time in which any core was busy, since the machine's start."""
    fields = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / TICK


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return connection.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
