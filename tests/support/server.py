"""A real ``linnet serve`` in processes of its own, on a loopback port of its own, for tests and benchmarks."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.support.ports import free_port

START_SECONDS = 60.0
STOP_SECONDS = 60.0


def until(true: Callable[[], object], seconds: float = 20.0, what: str = "the condition") -> None:
    """Polls, and fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} did not come about in {seconds} s"
        time.sleep(0.005)


class Server:
    """``with Server(folder, "--workers", "2") as server``: started and ready; ended with all its processes at exit.

    ``data_dir`` is kept between ``stop`` and ``start``, and so is the port. ``pid`` is the supervisor's. ``url`` is
    where it is asked; ``origin`` is what it is told of its address, the same unless a test sets another one.
    """

    def __init__(self, data_dir: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.options = options
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LINNET_")},
            **(environment or {}),
        }
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.origin = self.url
        self.process: subprocess.Popen[str] | None = None
        self._log: Path | None = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    # -- its processes ----------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        assert self.process is not None, "the server is not started"
        return self.process.pid

    def workers(self) -> list[int]:
        """The process ids of the workers that live now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.pid).children()
            return [child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE]
        return []

    def replaced(self, old: list[int]) -> bool:
        """Whether as many other workers live now as there were."""
        now = self.workers()
        return len(now) == len(old) and not set(now) & set(old)

    def processes(self) -> list[psutil.Process]:
        """The supervisor, its workers and theirs."""
        parent = psutil.Process(self.pid)
        return [parent, *parent.children(recursive=True)]

    def pss_bytes(self) -> int:
        """The memory of all its processes, what they share counted once."""
        return sum(process.memory_full_info().pss for process in self.processes())

    def start(self, *, ready: bool = True) -> float:
        """Starts it; how many seconds passed until it said that it is ready."""
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self._log = self.data_dir.with_name(f"{self.data_dir.name}.log")
        began = time.monotonic()
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                self.command("serve", "--bind", f"127.0.0.1:{self.port}", "--origin", self.origin, *self.options),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True, env=self.environment,
                start_new_session=True,
            )  # fmt: skip
        if ready:
            self.wait_ready()
        return time.monotonic() - began

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            assert self.process is not None
            code = self.process.poll()
            if code is not None:
                raise AssertionError(f"the server ended with {code}:\n{self.log()}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the server was not ready in {START_SECONDS} s:\n{self.log()}")
            time.sleep(0.005)

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def stop(self) -> int:
        """SIGTERM, and waits; its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        finally:
            self.kill()
        return code

    def kill(self) -> None:
        """SIGKILL to all of its processes at once: what a machine that loses its power does to them."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)
        self.process = None

    def restart(self) -> float:
        """Stops (if it runs) and starts; the seconds until it was ready again."""
        self.stop()
        return self.start()

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def log(self) -> str:
        """All that its processes have printed."""
        return self._log.read_text() if self._log is not None and self._log.exists() else ""

    # -- asking it --------------------------------------------------------------------------------------------------

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "linnet", *words, "--data", str(self.data_dir)]

    def cli(self, *words: str, input: str | None = None, check: bool = True) -> str:
        """Runs ``linnet WORDS`` on this data directory; what it printed, without the last newline."""
        done = subprocess.run(
            self.command(*words, *self._where()), input=input, capture_output=True, text=True, env=self.environment,
            timeout=120, check=False,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise AssertionError(f"linnet {' '.join(words)} ended with {done.returncode}: {done.stderr}")
        return done.stdout.rstrip("\n")

    def _where(self) -> Sequence[str]:
        for place, option in enumerate(self.options):
            if option == "--database":
                return self.options[place : place + 2]
        return () if self.process is not None else ("--origin", self.origin)

    def account(self, name: str, *, role: str = "user", password: str = "correct horse battery") -> str:
        """Makes an account, and a token of it with all scopes: the token."""
        self.cli("account", "create", name, "--email", f"{name}@example.org", "--role", role, "--password", password)
        return self.cli("token", "create", name)

    def get(self, path: str, token: str | None = None) -> tuple[int, bytes]:
        return self.ask("GET", path, token)

    def ask(
        self, method: str, path: str, token: str | None = None, json_body: Any = None, timeout: float = 30
    ) -> tuple[int, bytes]:
        """One request on a connection of its own: the status and the body. Raises OSError where nobody answers."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = None
        if json_body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(json_body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
