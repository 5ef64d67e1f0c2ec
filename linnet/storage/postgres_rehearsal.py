"""What was read of late is read once more over a new connection, before anybody waits for its answers."""

import asyncio
import types
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakKeyDictionary

from linnet.storage.database import ReadFunction
from linnet.storage.postgres_connection import Connection, Lost, NotDone

RECENT_SECONDS = 60.0
"""What nobody has asked for so long is not worth its time."""
LENGTH_SECONDS = 1.0
"""How long it may take: then the connection is used as it is."""

Run = Callable[[Connection, ReadFunction[Any]], Awaitable[Any]]


class Rehearsal:
    """The first time that a connection runs a statement costs its server ten times what it costs from then on: the
    catalogue is read, the statement parsed and planned. After a failover all connections would do so, at once.

    A read may be run any number of times (one that is hedged is run twice, too), so the last one of each kind is kept.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._last: dict[types.CodeType, tuple[ReadFunction[Any], float]] = {}
        self._knows: WeakKeyDictionary[Connection, set[types.CodeType]] = WeakKeyDictionary()

    def saw(self, fn: ReadFunction[Any]) -> None:
        """Somebody has asked for it."""
        code = code_of(fn)
        if code is not None:
            self._last[code] = (fn, asyncio.get_running_loop().time())

    async def hold(self, connection: Connection) -> None:
        """Runs what that connection has not rehearsed yet. Raises Lost or NotDone where it cannot be used any more."""
        now = asyncio.get_running_loop().time
        began = now()
        knows = self._knows.setdefault(connection, set())
        for code, (fn, asked_at) in sorted(self._last.items(), key=lambda kept: -kept[1][1]):
            if now() - began > LENGTH_SECONDS or began - asked_at > RECENT_SECONDS:
                return
            if code in knows:
                continue
            # Also where it fails: what ends its connection must not end the next one's rehearsal.
            knows.add(code)
            try:
                await self._run(connection, fn)
            except (Lost, NotDone):
                self._last.pop(code, None)
                if connection.closed:
                    raise
            except Exception:  # boundary: nobody waits for this answer, whatever it is
                continue
            finally:
                await connection.roll_back()


def code_of(fn: ReadFunction[Any]) -> types.CodeType | None:
    """What tells one kind of read from another."""
    return getattr(getattr(fn, "func", fn), "__code__", None)
