"""What is done where the primary's disk is full: others are told, and whoever can wait waits for room."""

import asyncio
from collections.abc import Callable

from linnet.domain.errors import Unavailable
from linnet.storage.postgres_connection import NoRoom

WAITERS = 200
"""So many wait at once; whoever comes later is told to try again."""
PAUSE_SECONDS = 0.5
PAUSE_SECONDS_MAX = 5.0
"""Between two tries, at first and at most: who is to take over, or makes room, takes seconds, and each try costs some
of the room that is left."""


class Room:
    """``elsewhere`` is whether another host could have it."""

    def __init__(self, *, elsewhere: bool) -> None:
        self._elsewhere = elsewhere
        self._listeners: list[Callable[[str], None]] = []
        self._waiting = 0

    def on_full(self, listener: Callable[[str], None]) -> None:
        """``listener`` is told, in words, of each write that the primary had no room for, whatever else it commits."""
        self._listeners.append(listener)

    def lacks(self, error: NoRoom) -> None:
        for listener in self._listeners:
            listener(str(error))

    async def wait(self, error: NoRoom, deadline: float, tries: int = 1) -> None:
        """Before the next try. Raises Unavailable after ``deadline`` (in the loop's time), or where nobody has any."""
        await asyncio.sleep(0)  # Who goes another way, having been told, is cancelled here.
        late = asyncio.get_running_loop().time() > deadline
        if late or not self._elsewhere or self._waiting >= WAITERS:
            raise Unavailable(str(error), retry_after=60) from error
        self._waiting += 1
        try:
            await asyncio.sleep(min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2 ** (min(tries, 9) - 1)))
        finally:
            self._waiting -= 1
