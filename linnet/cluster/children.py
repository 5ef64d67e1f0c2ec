"""A node's children: started so that they outlive it, adopted by its successor, ended only where they are ours."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from linnet.cluster.layout import Program
from linnet.ports import Clock

LOG_BYTES_MAX = 16 << 20
POLL_SECONDS = 0.05

_BOOT = Path("/proc/sys/kernel/random/boot_id")
# The child writes its own record and only then becomes the program: there is no moment at which it runs unknown to a
# successor. The line of /proc has pid and start time, which exec leaves as they are; the boot says since when ticks are
# counted. A full disk keeps no child down.
_RECORDING = (
    f"read -r line < /proc/$$/stat; read -r boot < {_BOOT}; "
    '{ printf "%s\\n" "$line" "$boot" "$1" > "$0"; } 2>/dev/null; shift; exec "$@"'
)


@dataclass(frozen=True, slots=True)
class Identity:
    """A process for good: a pid is given again, a pid with its start time (ticks since boot) is not."""

    pid: int
    start: int


def identity(pid: int) -> Identity | None:
    """Who has this pid now; None for nobody, or for one that has ended and is only not reaped yet."""
    try:
        return _of_stat(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace"))
    except OSError:
        return None


def _of_stat(line: str) -> Identity | None:
    """The second field is the program's name in brackets, which may hold anything."""
    pid, _, rest = line.partition(" ")
    fields = rest.rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in "ZX":
        return None
    return Identity(int(pid), int(fields[19]))


class Child:
    """A running process of ours, whoever started it. ``code`` is known only where this process started it."""

    def __init__(
        self, name: str, who: Identity, arguments: tuple[str, ...], pidfd: int, process: subprocess.Popen[bytes] | None
    ) -> None:
        self.name = name
        self.who = who
        self.arguments = arguments
        self.adopted = process is None
        self._pidfd = pidfd
        self._process = process
        self._code: int | None = None

    @property
    def alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return identity(self.who.pid) == self.who

    @property
    def code(self) -> int | None:
        """How it ended, once it has: negative for a signal."""
        if self._process is not None:
            return self._process.poll()
        if self._code is None and not self.alive:
            # It is ours to reap where this process only replaced its own program.
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(self.who.pid, os.WNOHANG)
                self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def fileno(self) -> int:
        return self._pidfd

    @property
    def age_s(self) -> float:
        """How long it has been running, by a clock that nobody can set."""
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - self.who.start / os.sysconf("SC_CLK_TCK"))

    def send(self, what: int) -> None:
        """To this very process: the descriptor never means another one."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, what)

    def close(self) -> None:
        os.close(self._pidfd)


def hold(
    name: str, who: Identity, arguments: tuple[str, ...] = (), process: subprocess.Popen[bytes] | None = None
) -> Child | None:
    """A hand on a process; None where it is not there any more."""
    try:
        pidfd = os.pidfd_open(who.pid)
    except OSError:
        return None
    # Asked again behind the opening: in between, the pid might have been given to somebody else.
    if process is None and identity(who.pid) != who:
        os.close(pidfd)
        return None
    return Child(name, who, arguments, pidfd, process)


class Children:
    """All of them, by name. ``ended`` is called in the event loop with each that has ended, unless it was asked to."""

    def __init__(
        self, records: Path, logs: Path, clock: Clock, ended: Callable[[Child], None] = lambda child: None
    ) -> None:
        self._records = records
        self._logs = logs
        self._clock = clock
        self.ended = ended
        self._children: dict[str, Child] = {}

    def __getitem__(self, name: str) -> Child:
        return self._children[name]

    def get(self, name: str) -> Child | None:
        return self._children.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._children)

    # -- beginning ------------------------------------------------------------------------------------------------

    def adopt(self) -> list[Child]:
        """Takes over what a predecessor left running, as its records prove it."""
        found = []
        for record in sorted(self._records.glob("*.json")):
            name = record.stem
            recorded = self._recorded(name)
            child = hold(name, *recorded) if recorded is not None and name not in self._children else None
            if child is None:
                record.unlink(missing_ok=True)
                continue
            self._keep(child)
            found.append(child)
        return found

    def start(self, program: Program) -> Child:
        """Raises OSError where it cannot be run."""
        if program.name in self._children:
            raise ValueError(f"{program.name} runs already")
        if not Path(program.arguments[0]).exists() and shutil.which(program.arguments[0]) is None:
            raise FileNotFoundError(program.arguments[0])
        self.bound_log(program.name)
        about = json.dumps(program.arguments)
        with self.log(program.name).open("ab") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _RECORDING, str(self._record(program.name)), about, *program.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(program),
                cwd=self._logs.parent,
                start_new_session=True,
            )
        who = identity(process.pid)
        child = hold(program.name, who or Identity(process.pid, 0), program.arguments, process)
        if child is None:
            process.kill()  # Where it runs, it could not be watched.
            raise ChildProcessError(f"{program.name} ended at once with code {process.wait()}")
        self._keep(child)
        return child

    def _keep(self, child: Child) -> None:
        self._children[child.name] = child
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop().add_reader(child.fileno(), self._notice, child)

    def _notice(self, child: Child) -> None:
        """Its descriptor is readable: it has ended."""
        self._forget(child)
        self.ended(child)

    def _forget(self, child: Child) -> None:
        if self._children.get(child.name) is child:
            del self._children[child.name]
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(child.fileno())
            _ = child.code
            child.close()
            self._record(child.name).unlink(missing_ok=True)

    # -- the end --------------------------------------------------------------------------------------------------

    async def end(self, name: str, seconds: float, asked: int = signal.SIGTERM) -> bool:
        """Asks it to end, and makes it after ``seconds``. Whether it ended by itself."""
        child = self._children.get(name)
        if child is None:
            return True
        # What is stopped would not hear anything else.
        child.send(signal.SIGCONT)
        child.send(asked)
        willing = await self._gone(child, seconds)
        if not willing:
            child.send(signal.SIGKILL)
            await self._gone(child, 5.0)
        self._forget(child)
        return willing

    async def _gone(self, child: Child, seconds: float) -> bool:
        deadline = self._clock.monotonic() + seconds
        while child.alive:
            if self._clock.monotonic() >= deadline:
                return False
            await self._clock.sleep(POLL_SECONDS)
        return True

    def release(self) -> None:
        """Lets all run on; a successor will find them by their records."""
        for child in list(self._children.values()):
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(child.fileno())
            child.close()
        self._children.clear()

    # -- their files ----------------------------------------------------------------------------------------------

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def bound_log(self, name: str) -> None:
        """Keeps one older file. The child goes on writing: what it writes in this very moment may be lost."""
        log = self.log(name)
        with contextlib.suppress(OSError):
            if log.stat().st_size > LOG_BYTES_MAX:
                shutil.copyfile(log, log.with_suffix(".log.1"))
                os.truncate(log, 0)

    def _record(self, name: str) -> Path:
        return self._records / f"{name}.json"

    def _recorded(self, name: str) -> tuple[Identity, tuple[str, ...]] | None:
        try:
            line, boot, arguments = self._record(name).read_text("utf-8", "replace").splitlines()
            who = _of_stat(line)
            return (
                None if who is None or boot != _BOOT.read_text("ascii").strip() else (who, tuple(json.loads(arguments)))
            )
        except (OSError, ValueError):
            return None


def _environment(program: Program) -> dict[str, str]:
    """Few variables, so that a child behaves the same whoever started the node."""
    known = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", *program.inherits)
    kept = {name: os.environ[name] for name in known if name in os.environ}
    return {"LANG": "C.UTF-8", **kept, **program.environment}


def last_words(log: Path, lines: int = 3, bytes_max: int = 4_096) -> str:
    """What a child said last, in one line for people, without what opens a door (the owner's link is such a word)."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - bytes_max))
            said: Sequence[str] = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    words = " / ".join(" ".join(line.split()) for line in said[-lines:] if line.strip())
    return re.sub(r"\btoken=[^\s&]+", "token=…", words)[:600]
