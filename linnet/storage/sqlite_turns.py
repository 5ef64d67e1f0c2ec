"""How several processes take turns at one SQLite file's write lock."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path


def wait_for_lock(seconds: float) -> Callable[[int], bool]:
    """A busy handler in small steps: SQLite's own backs off to 100 ms, and only one of us waits here."""
    started = 0.0

    def wait(tries: int) -> bool:
        nonlocal started
        now = time.monotonic()
        if tries == 0:
            started = now
        time.sleep(0.0005 if tries < 20 else 0.002)
        return now - started < seconds

    return wait


class Turnstile:
    """Makes writing processes take turns: whoever waits for the write lock holds the turnstile meanwhile.

    SQLite has no queue for its write lock; a busy process would take it again before anyone who waits has noticed that
    it was free.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(f"{path}-turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def enter(self) -> bool:
        """False where another process waits in it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def wait(self, seconds: float) -> None:
        """Goes on after ``seconds`` even so: a process that hangs in it must not stop the others for ever."""
        until = time.monotonic() + seconds
        while not self.enter() and time.monotonic() < until:
            time.sleep(0.0005)

    def leave(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """May be called again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
