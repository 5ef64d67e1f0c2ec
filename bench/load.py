"""Load: wrk for reading, and posts from a process of our own; always on the cores that the server does not have."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench import machine

CONNECTIONS = 32
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Reading:
    """What wrk saw. Times in ms."""

    per_second: float
    requests: int
    refused: int
    broken: int
    p50: float
    p99: float


def read(
    port: int, readers: int, paths: Sequence[str], seconds: float, connections: int = CONNECTIONS, host: str = HOST
) -> Reading:
    """Asks for the paths in turn as so many readers in turn (0 or less: as reader ``-readers``), without a pause."""
    command = [
        "wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "10s", "-s", "bench/tokens.lua",
        f"http://{host}:{port}", "--", str(readers), *paths,
    ]  # fmt: skip
    with machine.on_cores(machine.LOAD_CORES):
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=machine.ROOT)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    reading = Reading(
        found["requests"] / found["micros"] * 1e6, found["requests"], found["refused"], found["broken"],
        found["p50"], found["p99"],
    )  # fmt: skip
    if reading.refused or reading.broken:
        raise RuntimeError(f"{reading.refused} requests were refused and {reading.broken} broken: {paths[0]}")
    return reading


@dataclass(frozen=True, slots=True)
class Posting:
    """What the poster saw: acknowledged posts, and their latencies in ms."""

    posts: int
    seconds: float
    p50: float
    p99: float
    most: float

    @property
    def per_second(self) -> float:
        return self.posts / self.seconds


class Poster:
    """``python -m bench.poster`` beside us. ``rate`` in posts/s over all connections; 0 is as fast as it goes."""

    def __init__(
        self, port: int, *, connections: int, seconds: float, rate: float = 0, readers: Sequence[int] = (0, 200),
        host: str = HOST,
    ) -> None:  # fmt: skip
        command = [
            sys.executable, "-m", "bench.poster", str(port), str(connections), str(seconds), str(rate),
            *map(str, readers), host,
        ]  # fmt: skip
        with machine.on_cores(machine.LOAD_CORES):
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=machine.ROOT)

    def __enter__(self) -> "Poster":
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def end(self) -> None:
        """Before its time. Raises where it had ended by itself: then what was measured was not what was meant."""
        ended = self._process.poll() is not None
        self.__exit__()
        if ended:
            raise RuntimeError("the poster ended early")

    def result(self) -> Posting:
        out, _ = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"the poster ended with {self._process.returncode}")
        found: dict[str, Any] = json.loads(out)
        return Posting(**found)


def post(
    port: int, *, connections: int, seconds: float, rate: float = 0, readers: Sequence[int] = (0, 200), host: str = HOST
) -> Posting:
    with Poster(port, connections=connections, seconds=seconds, rate=rate, readers=readers, host=host) as poster:
        return poster.result()


class Steady:
    """20 posts/s while something else is measured, as long as the ``with`` lasts."""

    def __init__(self, port: int, rate: float) -> None:
        self._poster = Poster(port, connections=4, seconds=3_600, rate=rate)

    def __enter__(self) -> "Steady":
        return self

    def __exit__(self, *error: object) -> None:
        self._poster.end()
