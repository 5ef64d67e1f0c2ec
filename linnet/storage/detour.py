"""The way of a post: to the database, or around a missing primary through the journal, under one id and receipt."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple, Protocol

from linnet.domain.errors import TooLarge, Unavailable
from linnet.domain.journal import Entry
from linnet.domain.majority import MajorityFull, NoMajority
from linnet.ports import Clock, Journal
from linnet.storage.breaker import Breaker
from linnet.storage.database import Abandoned, Generation, Operation, WriteFunction

TOTAL_SECONDS = 45.0
"""How long a post is held where neither the database nor the journal takes it."""
HELD = 4
"""So many posts of a process may be held that the journal is no way for, be it that they are too long for it or that a
standby speaks against them: all of them hold places that others post through. More are told to come back."""
KNOWN_SECONDS = 1.0
"""How long the journal is waited for that may know an operation already, shortly after posting went back."""
_PAUSE_SECONDS, _PAUSE_MOST_SECONDS = 0.05, 1.0
_PATIENCE_SECONDS = 0.5


class Undecided(Exception):
    """What a standby knows speaks against a post. It may lack what others have taken: only who commits refuses."""


class Abandoning(Protocol):
    """The database, as far as posting around it goes."""

    async def write_within(
        self, generation: Generation, fn: WriteFunction[int], operation: Operation, *, returns: type[int]
    ) -> int:
        """``Database.write``, but raises Abandoned when the generation ends first: then it may have been done."""
        ...

    async def receipt(self, key: str) -> int | None:
        """What the standbys know to be the answer of an operation, or None; takes a second at most."""
        ...


class Accepted(NamedTuple):
    """A post that is durable. ``id`` is another one than was asked for where the operation was carried out before.

    ``waits``: it is in the journal, and not in the database yet.
    """

    id: int
    waits: bool


class Detour:
    """Posts. Nothing is asked of anybody on the usual path but the database."""

    def __init__(self, database: Abandoning, journal: Journal, breaker: Breaker, clock: Clock) -> None:
        self._database = database
        self._journal = journal
        self._breaker = breaker
        self._clock = clock
        self._held = 0

    @property
    def active(self) -> bool:
        """Whether what the database does not know may wait in the journal."""
        return self._breaker.is_cautious

    @property
    def drains(self) -> bool:
        """Whether what waits can be brought into the database now."""
        return self._breaker.commits

    @property
    def journal(self) -> Journal:
        return self._journal

    async def post(
        self, write: WriteFunction[int], operation: Operation, compose: Callable[[], Awaitable[Entry]]
    ) -> Accepted:
        """Accepts a post under the id that ``write`` and the entry that ``compose`` makes have in common.

        ``compose`` is called only where it must wait, and raises Undecided where it would be refused: then it is called
        again, until the standby knows more or there is a primary. Raises what ``write`` raises, IdTaken (mint another
        id and call again), or Unavailable.
        """
        deadline = self._clock.monotonic() + TOTAL_SECONDS
        tried = not operation.key.startswith(Operation.ONCE)
        entry: Entry | None = None
        pause, held = _PAUSE_SECONDS, 0
        try:
            while True:
                done: Accepted | None = None
                try:
                    if not self._breaker.is_open:
                        tried, done = True, await self._directly(write, operation)
                    else:
                        entry = await self._composed(compose if entry is None else entry, operation, tried=tried)
                        done = await self._around(entry)
                except (Abandoned, NoMajority) as error:
                    self._keep_on(deadline, error)
                    if self._breaker.is_open and isinstance(error, NoMajority):
                        await self._clock.sleep(_PAUSE_SECONDS)
                except Undecided as error:
                    held = held or self._hold(error)
                    await self._pause(deadline, error, pause)
                    pause = min(2 * pause, _PAUSE_MOST_SECONDS)
                except (TooLarge, MajorityFull) as error:
                    # It must wait for the database, as everything else does.
                    if isinstance(error, TooLarge):
                        held = held or self._hold(error)
                    while self._breaker.is_open:
                        await self._pause(deadline, error, _PAUSE_SECONDS)
                if done is not None:
                    return done
        finally:
            self._held -= held

    async def _directly(self, write: WriteFunction[int], operation: Operation) -> Accepted | None:
        if self._breaker.is_cautious and (known := await self._known(operation)) is not None:
            return known
        if self._breaker.is_open:
            return None
        writing = self._database.write_within(self._breaker.generation, write, operation, returns=int)
        return Accepted(await self._breaker.watched(writing), waits=False)

    async def _known(self, operation: Operation) -> Accepted | None:
        """Soon after going back, what was accepted elsewhere may not have come to the database yet."""
        if operation.key.startswith(Operation.ONCE):
            return None
        try:
            async with asyncio.timeout(KNOWN_SECONDS):
                id = await self._journal.by_operation(operation.key)
                return None if id is None else Accepted(id, waits=await self._journal.by_id(id) is not None)
        except (NoMajority, TimeoutError):
            return None

    async def _composed(
        self, compose: Entry | Callable[[], Awaitable[Entry]], operation: Operation, *, tried: bool
    ) -> Entry:
        """What was tried at the database before may have been done: then it has an id, and keeps it.

        That the standbys know it does not make it durable: only the put does.
        """
        asking = asyncio.get_running_loop().create_task(self._database.receipt(operation.key)) if tried else None
        try:
            entry = compose if isinstance(compose, Entry) else await compose()
            known = await asking if asking is not None else None
        finally:
            if asking is not None:
                asking.cancel()
        return entry if known in (None, entry.id) else replace(entry, id=known, shown="")

    async def _around(self, entry: Entry) -> Accepted | None:
        loop = asyncio.get_running_loop()
        putting = loop.create_task(self._journal.put(entry), name="journal")
        closing = loop.create_task(self._breaker.closed(), name="breaker")
        try:
            await asyncio.wait({putting, closing}, return_when=asyncio.FIRST_COMPLETED)
            if not putting.done():
                # The database is there again, and the journal does not answer: it may have it all the same, or get it
                # yet, and then the receipt tells both apart.
                await asyncio.wait({putting}, timeout=_PATIENCE_SECONDS)
            return Accepted(putting.result(), waits=True) if putting.done() else None
        finally:
            putting.cancel()
            closing.cancel()

    def _hold(self, error: Exception) -> int:
        """Takes one of the places for what only the database can take. Raises Unavailable where there is none."""
        if self._held >= HELD:
            raise Unavailable("The database has no primary now; please try again", retry_after=1) from error
        self._held += 1
        return 1

    async def _pause(self, deadline: float, error: Exception, seconds: float) -> None:
        self._keep_on(deadline, error)
        await self._clock.sleep(seconds)

    def _keep_on(self, deadline: float, error: Exception) -> None:
        if self._clock.monotonic() >= deadline:
            raise Unavailable("Neither the database nor the journal takes posts; please try again") from error
