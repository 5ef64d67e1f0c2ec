"""The first process of a drill: whatever becomes of it or of whoever started it, nothing that it started is left.

Run as ``python -m linnet.drill.reaper ARGV…``. What is orphaned below it becomes its child. A byte on standard input
asks the command to end; when that closes (whoever started us is gone, or will wait no longer) or at SIGTERM, it has
some seconds left. When the command ends, everything below it is ended, frozen or not.
"""

import contextlib
import ctypes
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

POLITE_SECONDS, PATIENCE_SECONDS = 180.0, 20.0
"""What the command may take to end after it was asked to: while somebody waits for it, and when nobody does."""
_SET_CHILD_SUBREAPER = 36


def main(argv: list[str]) -> int:
    """The command's exit code; 128 and the signal's number where a signal ended it."""
    ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake, woken = socket.socketpair()
    for end in (wake, woken):
        end.setblocking(False)
    signal.set_wakeup_fd(woken.fileno())
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    signal.signal(signal.SIGINT, lambda *_: asked.append(1))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    command = os.posix_spawnp(argv[0], argv, os.environ, setpgroup=0)
    try:
        return _watch(command, wake, asked)
    finally:
        end_all_below(os.getpid())


def _watch(command: int, wake: socket.socket, asked: list[int]) -> int:
    sources: list[Any] = [sys.stdin, wake]
    deadline: float | None = None
    while True:
        patience = None if deadline is None else max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select(sources, [], [], patience)
        if wake in readable:
            with contextlib.suppress(BlockingIOError):
                wake.recv(4096)
        if sys.stdin in readable and os.read(sys.stdin.fileno(), 4096):
            deadline = time.monotonic() + POLITE_SECONDS
            os.kill(command, signal.SIGTERM)
        elif sys.stdin in readable:
            sources.remove(sys.stdin)
            asked.append(1)
        code = _reap(command)
        if code is not None:
            return code
        if asked:
            asked.clear()
            deadline = time.monotonic() + PATIENCE_SECONDS
            os.kill(command, signal.SIGTERM)
        if deadline is not None and time.monotonic() >= deadline:
            os.kill(command, signal.SIGKILL)
            deadline = time.monotonic() + PATIENCE_SECONDS


def _reap(command: int) -> int | None:
    """Takes leave of everybody who has ended; the command's exit code if it is among them."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            if found[0] == command:
                code = os.waitstatus_to_exitcode(found[1])
    return code if code is None or code >= 0 else 128 - code


def end_all_below(ancestor: int, seconds: float = 10.0) -> list[int]:
    """Kills every descendant until there is none; those that are left after all (none, but for a hung disk)."""
    until = time.monotonic() + seconds
    while (left := below(ancestor)) and time.monotonic() < until:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reap(0)
        time.sleep(0.01)
    return left


def below(*ancestors: int) -> list[int]:
    """The living descendants of processes, by one look at all there are."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state not in "ZX":
                    children.setdefault(int(parent), []).append(int(entry.name))
    found, waiting = [], list(ancestors)
    while waiting:
        more = children.get(waiting.pop(), [])
        found += more
        waiting += more
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
