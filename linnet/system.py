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


def clock_of(run: Path) -> SystemClock:
    """The clock of a process that keeps its locks in ``run``: the machine's, but where a drill has left its file."""
    file = run / SteppedClock.FILE
    return SteppedClock(file) if file.exists() else SystemClock()


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
