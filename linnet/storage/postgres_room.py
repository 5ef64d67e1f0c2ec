"""What is done where the primary's disk is full or fails: others are told, and whoever can wait waits for another."""

import asyncio
from collections.abc import Callable
from math import inf

from linnet.domain.errors import Unavailable
from linnet.storage.postgres_connection import BadDisk, FullDisk
from linnet.telemetry import log

WAITERS = 200
"""So many wait at once; whoever comes later is told to try again."""
PAUSE_SECONDS = 0.5
PAUSE_SECONDS_MAX = 5.0
"""Between two tries, at first and at most: who is to take over, or makes room, takes seconds, and each try costs some
of the room that is left."""
SAID_SECONDS = 60.0
FAILS_TRIES = 5
"""So often a write that meets what is damaged is tried again: in 15 s, somebody else is the primary, who can be."""
ELSEWHERE_SECONDS = 60.0
"""So long a host that meets damage has to give the primary away. What waits in a safe place keeps its order until then;
what still meets it later is damaged on all machines."""
PAUSED_SECONDS = 2 * ELSEWHERE_SECONDS
"""Who was put aside for it comes back every minute or so, and must not begin that minute anew each time."""


class Room:
    """``elsewhere`` is whether another host could have it."""

    def __init__(self, *, elsewhere: bool) -> None:
        self._elsewhere = elsewhere
        self._listeners: list[Callable[[str], None]] = []
        self._failing: list[Callable[[str, str], None]] = []
        self._waiting = 0
        self._said_at = -inf
        self._damage: dict[str, tuple[float, float]] = {}

    def on_full(self, listener: Callable[[str], None]) -> None:
        """``listener`` is told, in words, of each write that the primary's disk refused, whatever else it commits."""
        self._listeners.append(listener)

    def on_failing(self, listener: Callable[[str, str], None]) -> None:
        """``listener`` is told of each time that a primary's disk fails it: HOST:PORT, and why."""
        self._failing.append(listener)

    def say(self, error: BadDisk) -> None:
        """What the server says of it is for the operator alone; at most one line a minute."""
        fails = self._elsewhere and not isinstance(error, FullDisk)
        if fails and error.host:
            for listener in self._failing:
                listener(error.host, str(error.__cause__ or error))
        now = asyncio.get_running_loop().time()
        if now >= self._said_at + SAID_SECONDS:
            self._said_at = now
            done = (
                "posts wait in the journal, reads go to standbys" if self._elsewhere else "refused until it is mended"
            )
            if fails:
                done += "; another host should be the primary, which a cluster of ours sees to"
            log.error("database_disk_bad", error=str(error.__cause__ or error), done=done)

    async def refused(self, error: BadDisk, deadline: float, tries: int, *, ahead: bool) -> None:
        """A write was; returns when it is worth another try. Who writes ``ahead`` has it in a safe place, and asks
        again by himself.

        Raises Unavailable, or what the server said where it says it again and again: what all machines have is damaged
        then, and must not hold up what waits behind it.
        """
        if not isinstance(error, FullDisk):
            curable = self._lasts(error.host) < ELSEWHERE_SECONDS and self._elsewhere
            if ahead or (tries > FAILS_TRIES and self._elsewhere):
                self.say(error)
                if ahead and curable:
                    raise Unavailable(str(error), retry_after=1) from error
                raise error.__cause__ or error
        for listener in self._listeners:
            listener(str(error))
        await self.wait(error, -inf if ahead else deadline, tries)

    def _lasts(self, host: str) -> float:
        """For how many seconds that host has met damage, with no long pause in between."""
        now = asyncio.get_running_loop().time()
        first, last = self._damage.get(host, (now, now))
        self._damage[host] = (first if now - last < PAUSED_SECONDS else now, now)
        return now - self._damage[host][0]

    async def wait(self, error: BadDisk, deadline: float, tries: int = 1) -> None:
        """Before the next try. Raises Unavailable after ``deadline`` (in the loop's time), or where nobody has any."""
        self.say(error)
        await asyncio.sleep(0)  # Who goes another way, having been told, is cancelled here.
        late = asyncio.get_running_loop().time() > deadline
        if late or not self._elsewhere or self._waiting >= WAITERS:
            raise Unavailable(str(error), retry_after=60) from error
        self._waiting += 1
        try:
            await asyncio.sleep(min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2 ** (min(tries, 9) - 1)))
        finally:
            self._waiting -= 1
