"""Connections that are lent: whoever waits gets the next one that is given back or made, whichever is sooner."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from itertools import chain
from typing import Generic, TypeVar

from linnet.domain.errors import Unavailable
from linnet.storage.database import is_before_readers
from linnet.storage.postgres_connection import Connection, Lost, NotDone, label
from linnet.storage.postgres_primary import DIALS, WAITERS, Finder, Primary
from linnet.telemetry import log

STANDBY_CONNECTIONS = 4
"""A standby is asked where there is no primary, by all at once: a new connection costs it more than ten answers."""
STANDBY_READY = 2
"""So many are made to each before anybody needs one: when all do, each takes longer than a reader waits."""
PROMOTED_SECONDS = 0.4
"""How long one may take to say who its server is by now."""
WARM = 2
"""So many connections to a new primary, or nobody who waits for one, and it is asked before any standby is. More are
made one after the other, and prepared before anybody gets them."""

K = TypeVar("K", bound=Hashable)
Prepare = Callable[[Connection], Awaitable[None]]
"""What is done with a connection before anybody waits for its answers. Raises where it cannot be used any more."""


class _Queue:
    """Who waits for a connection. Who is ``before_readers`` and who is not take turns, each kind in its own order.

    Reads are many: where a server answers fewer of them than it is asked for, a post that waited behind them all was
    held for a second, and its own round trips took a tenth of that.
    """

    def __init__(self) -> None:
        self._before: deque[asyncio.Future[Connection]] = deque()
        self._others: deque[asyncio.Future[Connection]] = deque()
        self._turns = deque((self._before, self._others))

    def __len__(self) -> int:
        return len(self._before) + len(self._others)

    def join(self) -> asyncio.Future[Connection]:
        """Raises Unavailable where too many wait already."""
        kind = self._before if is_before_readers() else self._others
        if len(kind) >= WAITERS:
            raise Unavailable("The database is busy; please try again")
        waiter: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        kind.append(waiter)
        return waiter

    def leave(self, waiter: asyncio.Future[Connection]) -> bool:
        """Whether it waited still."""
        for kind in self._turns:
            if waiter in kind:
                kind.remove(waiter)
                return True
        return False

    def somebody(self) -> bool:
        """Whether anybody is there who has not left."""
        for kind in self._turns:
            while kind and kind[0].done():
                kind.popleft()
        return bool(self)

    def serve(self, connection: Connection) -> None:
        """Whose turn it is gets it; there must be somebody."""
        if self._turns[0]:
            self._turns.rotate()
        self._turns[-1].popleft().set_result(connection)

    def refuse(self, error: Exception) -> None:
        for waiter in chain(*self._turns):
            if not waiter.done():
                waiter.set_exception(error)


class Lender(Generic[K]):
    """Connections to servers that are called by a ``K``; ``size`` of them at most are lent or being made at once."""

    def __init__(
        self,
        size: int,
        make: Callable[[K], Awaitable[Connection]],
        gate: Callable[[K], asyncio.Semaphore],
        prepare: Prepare | None = None,
    ) -> None:
        """With ``prepare``, who waits gets the first few as they are made, and what is made besides prepared."""
        self._size = size
        self._make = make
        self._gate = gate
        self._prepare = prepare
        self._idle: defaultdict[K, deque[Connection]] = defaultdict(deque)
        self._waiting: defaultdict[K, _Queue] = defaultdict(_Queue)
        self._making: set[asyncio.Task[Connection | None]] = set()
        self._lent: dict[Connection, K] = {}

    async def borrow(self, key: K, deadline: float) -> Connection:
        """``deadline`` is in the loop's time. Raises Unavailable, or what making one raised."""
        waiting = self._waiting[key]
        if not waiting and (kept := self._kept(key)) is not None:
            return kept
        waiter = waiting.join()
        self._make_more()
        try:
            async with asyncio.timeout_at(deadline):
                return await waiter
        except BaseException as error:  # boundary: what was handed over in the moment of leaving goes to the next one
            if not waiting.leave(waiter) and waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give_back(key, waiter.result())
            if isinstance(error, TimeoutError):
                raise Unavailable("The database is busy; please try again") from error
            raise

    def give_back(self, key: K, connection: Connection) -> None:
        """What ``borrow`` gave; a closed connection goes away."""
        self._lent.pop(connection, None)
        self._put(key, connection)

    def count(self, key: K) -> int:
        """How many there are, lent or not."""
        return sum(not one.closed for one in self._idle[key]) + sum(its == key for its in self._lent.values())

    def suffices(self, key: K) -> bool:
        """Whether nobody waits."""
        return not self._waiting[key]

    async def ready(self, key: K, count: int) -> None:
        """Makes so many, where there are fewer, for whoever comes. Raises what making one raised."""
        for _ in range(count - self.count(key)):
            async with self._gate(key):
                self._put(key, await self._make(key))

    async def prepare(self, key: K, prepare: Prepare) -> None:
        """Prepares each one that nobody uses, in turn; what cannot be prepared goes away, which is raised at last."""
        failed: Lost | NotDone | None = None
        for connection in list(self._idle[key]):
            if connection in self._idle[key] and len(self._lent) < self._size:
                self._idle[key].remove(connection)
                if connection.closed:
                    continue
                self._lent[connection] = key
                try:
                    await _prepared(prepare, connection)
                except (Lost, NotDone) as error:
                    failed = error
                finally:
                    self.give_back(key, connection)
        if failed is not None:
            raise failed

    def take(self, key: K) -> Connection | None:
        """One that nobody uses, for good."""
        idle = self._idle[key]
        while idle:
            connection = idle.pop()
            if not connection.closed:
                return connection
        return None

    def refuse(self, key: K, error: Exception) -> None:
        """Whoever waits for that server waits no longer."""
        if key in self._waiting:
            self._waiting.pop(key).refuse(error)

    def keep_only(self, key: K) -> None:
        """Ends those to others, also where somebody waits for an answer: a host that hangs gives none, and keeps him
        and his place from who is there instead."""
        for connection, its in list(self._lent.items()):
            if its != key:
                connection.terminate()
        for its in [one for one in self._idle if one != key]:
            for connection in self._idle.pop(its):
                connection.terminate()

    def close(self) -> None:
        for task in self._making:
            task.cancel()
        for idle in self._idle.values():
            while idle:
                idle.pop().terminate()

    def _put(self, key: K, connection: Connection) -> None:
        if not connection.closed:
            self._idle[key].append(connection)
        # Whoever waits for another server may be next, too, where the bound was what he waited for.
        for its in list(self._waiting):
            self._hand_over(its)
        self._make_more()

    def _hand_over(self, key: K) -> None:
        waiting = self._waiting[key]
        while waiting.somebody():
            if (kept := self._kept(key)) is None:
                return
            waiting.serve(kept)
        del self._waiting[key]

    def _kept(self, key: K) -> Connection | None:
        """One that is lent from now on."""
        connection = self.take(key) if len(self._lent) < self._size else None
        if connection is not None:
            self._lent[connection] = key
        return connection

    def _make_more(self) -> None:
        """As long as somebody waits, a few at a time."""
        wanted = [key for key, waiting in self._waiting.items() for _ in range(min(self._at_once(key), len(waiting)))]
        for key in wanted[len(self._making) : DIALS]:
            if len(self._lent) + len(self._making) < self._size:
                making = asyncio.get_running_loop().create_task(self._made(key), name="dial")
                self._making.add(making)
                making.add_done_callback(partial(self._ended, key))

    def _at_once(self, key: K) -> int:
        """The first ones are needed; more of them only take from a server what these would be answered with."""
        return DIALS if self.count(key) < WARM else 1

    async def _made(self, key: K) -> Connection | None:
        connection = await self._dialled(key)
        if connection is not None and self._prepare is not None and self.count(key) >= WARM:
            try:
                await _prepared(self._prepare, connection)
            except Exception as error:  # boundary: whoever waits is better off with one that knows nothing
                log.info("connection_not_prepared", error=str(error), done="another one is used as it is")
                return await self._dialled(key)
        return connection

    async def _dialled(self, key: K) -> Connection | None:
        async with self._gate(key):
            if not self._waiting[key]:
                return None
            try:
                return await self._make(key)
            except Exception as error:  # boundary: whoever waits for it is told
                self.refuse(key, error)
                return None

    def _ended(self, key: K, making: "asyncio.Task[Connection | None]") -> None:
        self._making.discard(making)
        if making.cancelled():
            return
        connection = making.result()
        if connection is not None:
            self._put(key, connection)
        else:
            self._make_more()


class Pool:
    """Connections to whoever is the primary. A connection to one that is no longer it is closed, never handed out."""

    def __init__(
        self, finder: Finder, size: int, standbys: "Standbys | None" = None, prepare: Prepare | None = None
    ) -> None:
        self._finder = finder
        self._standbys = standbys
        self._lender: Lender[Primary] = Lender(size, self._make, lambda primary: finder.gate(primary.url), prepare)
        self._last: Primary | None = None
        self._warm: Primary | None = None
        finder.on_doubt(self._doubted)

    @property
    def cold(self) -> bool:
        """Whether the primary is so new that there are hardly any connections to it yet."""
        return self._warm is None or self._warm != self._finder.primary

    async def acquire(self, deadline: float, patience: float = float("inf")) -> tuple[Connection, Primary]:
        """``deadline`` is in the loop's time; for a connection, it is waited no longer than ``patience``.

        Raises Unavailable, or NotDone where it is worth another try at once.
        """
        primary = self._finder.primary or await self._finder.find(deadline)
        if primary != self._last:
            self._last = primary
            self._lender.keep_only(primary)
        until = min(deadline, asyncio.get_running_loop().time() + patience)
        return await self._lender.borrow(primary, until), primary

    def release(self, connection: Connection, primary: Primary) -> None:
        """Gives back what ``acquire`` gave; a closed connection goes away."""
        if primary != self._last:
            connection.terminate()
        self._lender.give_back(primary, connection)
        if self._warm != primary and (self._lender.suffices(primary) or self._lender.count(primary) >= WARM):
            # With more to do than it can, it is not helped by asking others the same.
            self._warm = primary

    def close(self) -> None:
        self._lender.close()

    async def _make(self, primary: Primary) -> Connection:
        if self._standbys is not None and (promoted := await self._standbys.promoted(primary)) is not None:
            return promoted
        return await self._finder.connect_to(primary)

    def _doubted(self, primary: Primary) -> None:
        """Whoever waits for a connection to it is better off with the next one."""
        self._lender.refuse(primary, NotDone(f"{label(primary.url)} may have gone"))


class Standbys:
    """Connections to standbys: for reads that the primary leaves unanswered, by the one that has replayed most, and for
    when one of them becomes the primary.

    They are few, so that reads which are slow by themselves are not run twice in any number.
    """

    def __init__(self, finder: Finder, size: int = STANDBY_CONNECTIONS, prepare: Prepare | None = None) -> None:
        self._finder = finder
        self._prepare = prepare
        self._lender: Lender[str] = Lender(size, self._make, finder.gate)
        self._ask = False
        self._listeners: list[Callable[[str], None]] = []

    def on_lost(self, listener: Callable[[str], None]) -> None:
        """``listener`` is told, in words, when a connection ends that we have not ended."""
        self._listeners.append(listener)

    async def acquire(self, deadline: float, *, furthest: bool = False) -> Connection:
        """``deadline`` is in the loop's time. Raises Unavailable, or NotDone where no standby answers."""
        try:
            url = await (self._finder.furthest_standby() if furthest else self._finder.newest_standby(ask=self._ask))
            connection = await self._lender.borrow(url, deadline)
        except NotDone:
            self._ask = True
            raise
        self._ask = False
        return connection

    async def ready(self) -> None:
        """Makes a few to each for when there is no primary, or when it becomes one, and tries those that there are.
        Raises Lost or NotDone."""
        failed: Lost | NotDone | None = None
        for url in await self._finder.standbys():
            try:
                await self._lender.ready(url, STANDBY_READY)
                await self._lender.prepare(url, self._try)
            except (Lost, NotDone) as error:
                failed = error
        if failed is not None:
            raise failed

    async def _try(self, connection: Connection) -> None:
        """Nothing tells of a cable that was cut. A server that is only busy is not made busier by new ones."""
        connection.server = await connection.who(self._finder.patience)
        if self._prepare is not None:
            await self._prepare(connection)

    async def promoted(self, primary: Primary) -> Connection | None:
        """One that was made when that primary was a standby still: over it, what is read has been read before."""
        while (connection := self._lender.take(primary.url)) is not None:
            try:
                server = await connection.who(PROMOTED_SECONDS)
            except BaseException as error:  # boundary: it is nobody's now, and a new one can be made
                connection.terminate()
                if isinstance(error, Exception):
                    return None
                raise
            if primary.is_still(server):
                connection.server = server
                return connection
            connection.terminate()
        return None

    async def _make(self, url: str) -> Connection:
        connection = await self._finder.dial(url, self._finder.patience)
        if not self._finder.is_current(connection.server):
            connection.terminate()
            raise NotDone(f"{label(url)} is an old primary, or may be one", primary=False)
        connection.on_lost(partial(self._lost, url))
        return connection

    def _lost(self, url: str) -> None:
        for listener in self._listeners:
            listener(f"{label(url)} has ended a connection")

    def release(self, connection: Connection) -> None:
        self._ask = self._ask or connection.closed
        self._lender.give_back(connection.server.url, connection)

    def close(self) -> None:
        self._lender.close()


async def _prepared(prepare: Prepare, connection: Connection) -> None:
    try:
        await prepare(connection)
    except BaseException:  # boundary: a connection in an unknown state is never used
        connection.terminate()
        raise
