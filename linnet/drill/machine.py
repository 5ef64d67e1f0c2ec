"""How busy this machine is, as Linux counts it, and how fast."""

import time
from pathlib import Path

STAT = Path("/proc/stat")
_ADDITIONS = 1_000_000


def speed() -> float:
    """Millions of additions a second in a loop of Python: what figures of a machine that others share are read by."""
    began, sum = time.perf_counter(), 0
    for number in range(_ADDITIONS):
        sum += number
    return _ADDITIONS / 1e6 / (time.perf_counter() - began)


class Busy:
    """``part()`` is the part of all processors' time that was used since it was asked last, in [0, 1]."""

    def __init__(self, stat: Path = STAT) -> None:
        self._stat = stat
        self._before = self._counted()

    def part(self) -> float:
        idle, total = self._counted()
        before_idle, before_total = self._before
        self._before = idle, total
        return 1 - (idle - before_idle) / (total - before_total) if total > before_total else 0.0

    def _counted(self) -> tuple[int, int]:
        """Ticks that were idle (waiting for a disk is idle, too), and all."""
        first = self._stat.read_text("ascii").partition("\n")[0] if self._stat.exists() else "cpu 0 0 0 0 0"
        ticks = [int(word) for word in first.split()[1:9]]
        return ticks[3] + ticks[4], sum(ticks)
