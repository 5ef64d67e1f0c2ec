"""Ports for the servers of tests: each is given to one test at a time, and the kernel gives them to no connection."""

import functools
import itertools
import socket
from collections.abc import Iterator

FIRST, LAST, EACH = 10_000, 32_000, 1_000
"""Linux takes what is above for connections that go out and for listeners that do not mind their port."""


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now, and that this process has not given lately."""
    for port in itertools.islice(_own(), EACH):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"{EACH} ports of this process are all in use")


@functools.cache
def _own() -> Iterator[int]:
    """A thousand ports for this process alone: the first one is kept, and so says to others that they are taken."""
    for first in range(FIRST, LAST, EACH):
        kept = socket.socket()
        try:
            kept.bind(("127.0.0.1", first))
        except OSError:
            kept.close()
            continue
        _KEPT.append(kept)
        return itertools.cycle(range(first + 1, first + EACH))
    raise RuntimeError(f"every thousand ports from {FIRST} to {LAST} is some process's")


_KEPT: list[socket.socket] = []
