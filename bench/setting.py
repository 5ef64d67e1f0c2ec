"""What every measurement is given: how large and how long, where to keep things, and seeded servers."""

import contextlib
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench import machine, seeding
from bench.machine import Running

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """``rounds`` of each pair; ``seconds`` a measurement. ``quick`` has less of everything, and proves nothing."""

    quick: bool
    cache: Path
    scratch: Path
    say: Callable[[str], None]

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 3

    @property
    def seconds(self) -> float:
        return 2 if self.quick else 6

    def scaled(self, number: int) -> int:
        return max(2_000, number // 20) if self.quick else number

    def data(self, plan: seeding.Plan) -> Path:
        return seeding.data_directory(plan, self.cache, self.scratch, self.say)

    @contextlib.contextmanager
    def server(self, plan: seeding.Plan, *options: str) -> Iterator[tuple[Running, Path]]:
        """A server with a fresh copy of what was seeded; the copy is thrown away afterwards."""
        data = self.data(plan)
        try:
            with machine.linnet(data, *options) as running:
                yield running, data
        finally:
            shutil.rmtree(data, ignore_errors=True)

    def main(self) -> seeding.Plan:
        """200 readers who follow 50 of each other, and 200,000 statuses."""
        return seeding.Plan("main", self.scaled(200_000), search=True)


@contextlib.contextmanager
def setting(quick: bool, cache: Path, say: Callable[[str], None]) -> Iterator[Setting]:
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=cache) as scratch:
        yield Setting(quick, cache, Path(scratch), say)


def interleaved(rounds: int, measures: Sequence[Callable[[], T]]) -> list[list[T]]:
    """The results of each measure: once a round, in turn, so that what else the machine does falls on all alike."""
    found: list[list[T]] = [[] for _ in measures]
    for _ in range(rounds):
        for results, measure in zip(found, measures, strict=True):
            results.append(measure())
    return found


def backlog(data: Path) -> int:
    """Jobs that wait or run."""
    with contextlib.closing(sqlite3.connect(data / "linnet.db", timeout=10)) as db:
        return int(db.execute("select count(*) from jobs where dead_at is null and kind like 'status.%'").fetchone()[0])


def drained(data: Path, seconds: float = 600) -> float:
    """Waits until no job is left; the seconds that it took."""
    began = time.monotonic()
    while backlog(data):
        if time.monotonic() - began > seconds:
            raise RuntimeError(f"{backlog(data)} jobs are left after {seconds:.0f} s")
        time.sleep(0.02)
    return time.monotonic() - began
