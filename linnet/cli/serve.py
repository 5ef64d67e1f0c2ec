"""The supervisor of ``linnet serve``: holds the listening socket, starts workers, replaces those that end or grow old.

It loads next to nothing and never touches the database, so that there is little in it that could fail.
"""

import argparse
import contextlib
import errno
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from linnet.cli.data_directory import DataDirectory
from linnet.cli.ending import NOT_PERMITTED, OUR_FAULT, UNAVAILABLE, Ending
from linnet.config import Address, Config

BACKLOG = 4_096
START_SECONDS = 150.0
"""How long a worker may take to get ready: migrations may have to wait for their locks."""
SLOWEST_PAUSE = 10.0
STABLE_SECONDS = 30.0
"""A worker that has lived so long was well: its end is not taken for a sign that the next one will end, too."""
EXTRA_SECONDS = 15.0
"""What a worker may take to end, beside the time that its requests are given."""
POLL_SECONDS = 0.02
LEFT_SECONDS = 10.0
"""How long the workers that a killed supervisor left behind may take to give their port away."""


class Worker:
    """A worker process, as its supervisor sees it."""

    def __init__(self, listening: Sequence[socket.socket], origin: str, options: list[str], *, first: bool) -> None:
        self._ours, theirs = socket.socketpair()
        self._received = b""
        self.ready = False
        self.origin = ""
        self.lines: list[str] = []
        self.ending: Ending | None = None
        self.started = time.monotonic()
        self.end_by: float | None = None
        with theirs:
            sockets = [one.fileno() for one in listening]
            handed = (",".join(map(str, sockets)), str(theirs.fileno()))
            self.process = subprocess.Popen(
                [sys.executable, "-m", "linnet.cli.worker", *handed, origin, str(int(first)), *options],
                pass_fds=(*sockets, theirs.fileno()),
                stdin=subprocess.DEVNULL,
            )

    def fileno(self) -> int:
        return self._ours.fileno()

    def listen(self) -> bool:
        """Takes what the worker says; False when it has ended."""
        with contextlib.suppress(OSError):
            data = self._ours.recv(65536)
            self._received += data
            *lines, self._received = self._received.split(b"\n")
            for line in lines:
                self._take(json.loads(line))
            if data:
                return True
        self.process.wait()
        self._ours.close()
        return False

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("ready"):
            self.ready, self.origin, self.lines = True, message["origin"], message["lines"]
        else:
            self.ending = Ending(message["code"], message["sentence"])

    def retire(self, seconds: float, *, replaced: bool = False) -> None:
        """Asks it to answer what is under way and to end; after ``seconds`` it is made to.

        One that is ``replaced`` leaves new connections to the others before it ends.
        """
        if self.end_by is None:
            self.end_by = time.monotonic() + seconds
        elif replaced:
            return
        self.process.send_signal(signal.SIGINT if replaced and self.ready else signal.SIGTERM)


class Supervisor:
    """All workers. ``options`` is the command line, which each new worker reads anew.

    ``listening`` are the main port and, where there is one, that of ``--streaming-bind``.
    """

    def __init__(self, config: Config, listening: Sequence[socket.socket], options: list[str]) -> None:
        self._config = config
        self._listening = listening
        self._options = options
        self._origin = _default_origin(listening[0])
        self._serving: list[Worker] = []
        self._starting: Worker | None = None
        self._retiring: list[Worker] = []
        self._to_replace: list[Worker] = []
        self._failures = 0
        self._not_before = 0.0
        self._announced = False
        self._stopping = False
        self._asked: list[int] = []
        self._ending: Ending | None = None
        self._wake, self._wake_end = socket.socketpair()
        self._wake_end.setblocking(False)
        signal.set_wakeup_fd(self._wake_end.fileno())

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            # Obeyed between two steps: in the middle of one, a worker that is just being made would be overlooked.
            signal.signal(number, lambda number, _: self._asked.append(number))
        while not self._stopping or self._all():
            self._start_what_lacks()
            self._wait()
            self._obey()
            self._press()
        if self._ending is not None:
            raise self._ending
        return 0

    def _wait(self) -> None:
        """For a signal, a worker's word or its end, or the next deadline."""
        sources: list[Any] = [self._wake, *self._all()]
        readable, _, _ = select.select(sources, [], [], self._patience())
        for worker in self._all():
            if worker in readable:
                if not worker.listen():
                    self._ended(worker)
                elif worker.ready and worker is self._starting:
                    self._started(worker)
        if self._wake in readable:
            self._wake.recv(4096)

    def _obey(self) -> None:
        """The signals that have come since."""
        while self._asked:
            number = self._asked.pop(0)
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop()
            elif number == signal.SIGHUP:
                self._replace_all()
            else:
                self._hand_on(number)

    def _all(self) -> list[Worker]:
        return [*self._serving, *self._retiring, *([self._starting] if self._starting else [])]

    def _start_what_lacks(self) -> None:
        """One after another, so that the first prepares the database alone and a broken version replaces nobody."""
        lacking = len(self._serving) < self._config.workers or bool(self._to_replace)
        if not self._stopping and lacking and self._starting is None and time.monotonic() >= self._not_before:
            self._starting = Worker(self._listening, self._origin, self._options, first=not self._announced)

    def _patience(self) -> float | None:
        moments = [worker.end_by for worker in self._all() if worker.end_by is not None]
        if self._starting is not None:
            moments.append(self._starting.started + START_SECONDS)
        elif self._not_before > time.monotonic():
            moments.append(self._not_before)
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _press(self) -> None:
        """Ends what should have ended or started by now."""
        now = time.monotonic()
        for worker in self._all():
            late = worker is self._starting and now > worker.started + START_SECONDS
            if late or (worker.end_by is not None and now > worker.end_by):
                self._say("warning", "worker_killed", pid=worker.process.pid, done="it took too long")
                worker.process.kill()
                worker.end_by = None

    def _started(self, worker: Worker) -> None:
        self._starting = None
        self._serving.append(worker)
        if self._to_replace and len(self._serving) > self._config.workers:
            self._retire(self._to_replace.pop(0))
        if not self._announced:
            self._announced = True
            address = Address(*self._listening[0].getsockname()[:2])
            where = f"listening on {address}" if str(address) not in worker.origin else f"pid {os.getpid()}"
            print(f"Linnet is ready: {worker.origin} ({where}, data in {self._config.data})", flush=True)
            for line in worker.lines:
                print(line, flush=True)

    def _retire(self, worker: Worker) -> None:
        if worker in self._serving:
            self._serving.remove(worker)
            self._retiring.append(worker)
            worker.retire(self._config.drain / 1000 + EXTRA_SECONDS, replaced=True)

    def _ended(self, worker: Worker) -> None:
        code = worker.process.returncode
        if worker in self._retiring:
            self._retiring.remove(worker)
            return
        if worker in self._to_replace:
            self._to_replace.remove(worker)
        was_ready = worker in self._serving
        if was_ready:
            self._serving.remove(worker)
        else:
            self._starting = None
        if self._stopping:
            return
        why = str(worker.ending or (f"killed by signal {-code}" if code < 0 else f"exit code {code}"))
        if not self._announced:
            self._ending = worker.ending or Ending(OUR_FAULT, f"The worker ended before it was ready ({why}).")
            self._stop()
            return
        self._failures = 1 if was_ready and time.monotonic() - worker.started > STABLE_SECONDS else self._failures + 1
        pause = 0.0 if self._failures < 2 else min(SLOWEST_PAUSE, 0.25 * 2**self._failures)
        self._not_before = time.monotonic() + pause
        if self._to_replace and not was_ready:
            self._to_replace.clear()
            self._say("error", "replacement_failed", why=why, done="the workers that run are kept")
        else:
            done = f"starting another one in {pause:g} s"
            self._say("error", "worker_ended", pid=worker.process.pid, why=why, done=done)

    def _stop(self) -> None:
        self._stopping = True
        for worker in self._all():
            worker.retire(self._config.drain / 1000 + EXTRA_SECONDS)

    def _replace_all(self) -> None:
        """Also one that is still starting: it may have read what was there before."""
        if not self._stopping:
            self._to_replace = [*self._serving, *([self._starting] if self._starting else [])]

    def _hand_on(self, number: int) -> None:
        """To those that serve: before a worker is ready, it would end of it."""
        for worker in self._serving:
            worker.process.send_signal(number)

    def _say(self, level: str, event: str, **about: Any) -> None:
        # Loaded only when there is something to say: a supervisor that has nothing to do stays small.
        from linnet import telemetry

        telemetry.set_up_logs(self._config.log_level, self._config.log_format)
        getattr(telemetry.log, level)(event, **about)


def run(config: Config, chosen: argparse.Namespace) -> int:
    """``linnet serve``. Raises Ending."""
    os.umask(0o027)
    directory = DataDirectory(config.data)
    directory.prepare()
    _allow_many_files()
    with directory.serving() as alone, contextlib.ExitStack() as open_sockets:
        # Workers without a supervisor: theirs was killed, and they are about to end.
        until = time.monotonic() + (LEFT_SECONDS if alone and directory.working() else 0.0)
        listening = [open_sockets.enter_context(listen(config.bind, until=until))]
        if config.streaming_bind is not None:
            streaming = listen(config.streaming_bind, "--streaming-bind", until=until)
            listening.append(open_sockets.enter_context(streaming))
        if not alone and not config.database:
            print(
                f"linnet: another server runs on {config.data} too; they share it (which is allowed)", file=sys.stderr
            )
        return Supervisor(config, listening, chosen.given).run()


def listen(address: Address, option: str = "--bind", *, until: float = 0.0) -> socket.socket:
    """The socket that all workers accept on; a port in use is waited for ``until`` then (monotonic). Raises Ending."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    told = False
    while True:
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((address.host, address.port))
            listening.listen(BACKLOG)
        except OSError as error:
            listening.close()
            if error.errno != errno.EADDRINUSE or time.monotonic() >= until:
                raise _cannot_listen(address, option, error) from None
            if not told:
                print(f"linnet: waiting for {address}: what a killed server left still has it", file=sys.stderr)
            told = True
            time.sleep(POLL_SECONDS)
        else:
            listening.setblocking(False)
            return listening


def _cannot_listen(address: Address, option: str, error: OSError) -> Ending:
    if error.errno == errno.EADDRINUSE:
        return Ending(UNAVAILABLE, f"Something else listens on {address} already; end it or choose another {option}.")
    if error.errno == errno.EACCES:
        return Ending(NOT_PERMITTED, f"This user may not listen on {address}: ports below 1024 are the system's.")
    if error.errno == errno.EADDRNOTAVAIL:
        return Ending(UNAVAILABLE, f"{address.host} is not an address of this machine; choose another {option}.")
    return Ending(UNAVAILABLE, f"Cannot listen on {address}: {os.strerror(error.errno or 0)}.")


def _default_origin(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    shown = "localhost" if host in ("127.0.0.1", "::1", "0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{shown}" + ("" if port == 80 else f":{port}")


def _allow_many_files() -> None:
    """Each connection is an open file; the usual limit of 1,024 is for programs of another kind."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or soft < hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536) if hard > 0 else 65_536, hard))
