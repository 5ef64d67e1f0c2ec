"""The real machine's time, chance and ids; everything else is handed these."""

import asyncio
import mmap
import secrets
import threading
import time
from pathlib import Path

from linnet.domain import ids
from linnet.ports import Clock


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SteppedClock(SystemClock):
    """The machine's clock and a step in ms, which a drill writes into a file (8 bytes): a wrong clock without root."""

    FILE = "clock-step"

    def __init__(self, file: Path) -> None:
        with file.open("rb") as opened:
            self._step = mmap.mmap(opened.fileno(), 8, prot=mmap.PROT_READ)

    def now_ms(self) -> int:
        return super().now_ms() + int.from_bytes(self._step[:8], "little", signed=True)


class AgreedClock:
    """The time that the machines of a cluster agree on, whatever this one's clock is set to meanwhile.

    It goes with the machine's monotonic clock. By how many ms it is ahead of that stands in a file (8 bytes, then the
    boot of the machine that it is meant for), which the node's process keeps for all others.
    """

    FILE = "clock"
    agreed = True
    """Whether others had a say in it; for the one who keeps it."""

    def __init__(self, file: Path, machine: Clock) -> None:
        """Raises OSError or ValueError where no time has been agreed on since the machine was started."""
        with file.open("r+b") as opened:
            if opened.read()[8:] != _boot():
                raise ValueError("another boot's")
            self._ahead = mmap.mmap(opened.fileno(), 8)
        self.machine = machine

    @classmethod
    def kept(cls, file: Path, machine: Clock) -> "AgreedClock":
        """For the one who keeps it: where nothing has been agreed on yet, it begins with the machine's own.

        Raises OSError.
        """
        try:
            return cls(file, machine)
        except (FileNotFoundError, ValueError):
            ahead = machine.now_ms() - int(machine.monotonic() * 1000)
            content = ahead.to_bytes(8, "little", signed=True) + _boot()
            if file.exists():
                # Nobody reads what is of another boot; and in its place there is room for it on a full disk, too.
                with file.open("r+b") as opened:
                    opened.write(content)
                    opened.truncate()
            else:
                temporary = file.with_suffix(".new")
                temporary.write_bytes(content)
                temporary.replace(file)
            found = cls(file, machine)
            found.agreed = False
            return found

    @property
    def ahead_ms(self) -> int:
        return int.from_bytes(self._ahead[:8], "little", signed=True)

    @ahead_ms.setter
    def ahead_ms(self, value: int) -> None:
        if value != self.ahead_ms:
            self._ahead[:8] = value.to_bytes(8, "little", signed=True)

    def now_ms(self) -> int:
        return int(self.machine.monotonic() * 1000) + self.ahead_ms

    def monotonic(self) -> float:
        return self.machine.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self.machine.sleep(seconds)


def _boot() -> bytes:
    return Path("/proc/sys/kernel/random/boot_id").read_bytes()


def machine_clock(run: Path) -> SystemClock:
    """The machine's, but where a drill has left its file in DIR/run."""
    file = run / SteppedClock.FILE
    return SteppedClock(file) if file.exists() else SystemClock()


def clock_of(run: Path) -> Clock:
    """The clock of a process that keeps its locks in ``run``: the cluster's where it is a node's, or the machine's."""
    machine = machine_clock(run)
    try:
        return AgreedClock(run / AgreedClock.FILE, machine)
    except (OSError, ValueError):
        return machine


class SystemChance:
    """The machine's randomness."""

    def secret(self, size: int) -> bytes:
        return secrets.token_bytes(size)

    def fraction(self) -> float:
        return secrets.randbits(53) / (1 << 53)


class IdMaker:
    """Makes ids that only rise: never waits, and a clock that steps back is outlived by counting on.

    ``above`` is the highest id that this node and worker may have given out before.
    """

    def __init__(self, clock: Clock, node: int, worker: int, above: int = 0) -> None:
        self._clock = clock
        self._low = ids.place(node, worker)
        self._ms = ids.milliseconds(above) + 1 if above else 0
        self._sequence = -1
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            now = self._clock.now_ms()
            if now > self._ms:
                self._ms, self._sequence = now, 0
            elif self._sequence == ids.SEQUENCE_MAX:
                self._ms, self._sequence = self._ms + 1, 0
            else:
                self._sequence += 1
            return ids.pack(self._ms, self._low, self._sequence)
