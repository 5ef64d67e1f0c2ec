"""What was read of late is read once more over a new connection, before anybody waits for its answers."""

import asyncio
import types
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakKeyDictionary

from linnet.storage.database import ReadFunction
from linnet.storage.postgres_connection import Connection, Lost
from linnet.telemetry import log

RECENT_SECONDS = 60.0
"""What nobody has asked for so long is not worth its time."""
LENGTH_SECONDS = 1.0
"""After so long, nothing more is begun: the connection is used as it is. What takes as long alone is left out."""
LEFT_OUT_SECONDS = 600.0
"""And for so long: on a machine that is busy with its first failover, anything may take that, and what ends its
connection may only have met the end of its server."""

Run = Callable[[Connection, ReadFunction[Any]], Awaitable[Any]]


class Rehearsal:
    """The first time that a connection runs a statement costs its server ten times what it costs from then on: the
    catalogue is read, the statement parsed and planned. After a failover all connections would do so, at once.

    A read may be run any number of times (one that is hedged is run twice, too), so the last one of each kind is kept.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._last: dict[types.CodeType, tuple[ReadFunction[Any], float]] = {}
        self._left_out: dict[types.CodeType, float] = {}
        self._knows: WeakKeyDictionary[Connection, set[types.CodeType]] = WeakKeyDictionary()

    def saw(self, fn: ReadFunction[Any]) -> None:
        """Somebody has asked for it."""
        code = code_of(fn)
        now = asyncio.get_running_loop().time()
        if code is not None and self._left_out.get(code, now) <= now:
            self._last[code] = (fn, now)

    async def hold(self, connection: Connection) -> None:
        """Runs what that connection has not rehearsed yet. Raises Lost where it cannot be used any more."""
        _usable(connection)
        now = asyncio.get_running_loop().time
        began = now()
        self._last = {code: kept for code, kept in self._last.items() if began - kept[1] <= RECENT_SECONDS}
        knows = self._knows.setdefault(connection, set())
        for code, (fn, _) in sorted(self._last.items(), key=lambda kept: -kept[1][1]):
            at = now()
            if at - began > LENGTH_SECONDS:
                return
            if code in knows:
                continue
            knows.add(code)
            try:
                await self._run(connection, fn)
            except Exception as error:  # boundary: nobody waits for this answer, whatever it is
                log.debug("not_rehearsed", read=code.co_qualname, error=str(error))
            await connection.roll_back()
            if connection.closed or now() - at > LENGTH_SECONDS:
                self._left_out[code] = now() + LEFT_OUT_SECONDS
                self._last.pop(code, None)
            _usable(connection)


def _usable(connection: Connection) -> None:
    if connection.closed:
        raise Lost("the connection has ended")


def code_of(fn: ReadFunction[Any]) -> types.CodeType | None:
    """What tells one kind of read from another."""
    return getattr(getattr(fn, "func", fn), "__code__", None)
