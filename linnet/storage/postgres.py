"""The engine for several machines: each write is one transaction, retried under its receipt until it is certain."""

import asyncio
import contextlib
import itertools
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

from linnet.domain import ids as layout
from linnet.domain.errors import LinnetError, Unavailable
from linnet.ports import Clock, Ids
from linnet.storage.database import (
    Abandoned,
    Generation,
    Operation,
    ReadFunction,
    WriteFunction,
    is_standby_first,
    receipted,
)
from linnet.storage.postgres_connection import (
    BEGIN_WRITE,
    BadDisk,
    Connection,
    Lost,
    NotDone,
    Raced,
    ReadOnly,
    TooSlow,
    connect,
    hosts,
    start,
)
from linnet.storage.postgres_hedges import HEDGE_SECONDS, Hedges
from linnet.storage.postgres_pool import Pool, Standbys
from linnet.storage.postgres_primary import Dial, Finder, Primary
from linnet.storage.postgres_rehearsal import Rehearsal, code_of
from linnet.storage.postgres_room import Room
from linnet.storage.postgres_schema import PostgresSchemaSession
from linnet.storage.postgres_transaction import PostgresTransaction, SecondStatement, only_sql
from linnet.storage.postgres_witnesses import Pulse, Witnesses
from linnet.system import SystemChance
from linnet.telemetry import log

T = TypeVar("T")

STATEMENT_SECONDS = 2.0
HEAVY_STATEMENT_SECONDS = 60.0
WRITE_SECONDS = 45.0
"""How long a write is held and tried again while there is no primary."""
READ_SECONDS = 10.0
PLACE_SECONDS = 2.0
"""How long a read waits for others to give a connection back: later, nobody waits for its answer any more."""
RACES = 5
"""How often a transaction that met another one is run again."""
SEVERAL = 8
"""A read that once made several statements is taken to do so again, so often: it may have been an exception."""
CONNECTIONS = 8
"""Each costs the server its own plans: after a failover, three times as many delayed everything, and served no more."""

_HEDGE_SECONDS_ALONE = 0.02
"""The same where there is no primary to be waited for."""
_PAUSE_SECONDS = 0.05
_READY_SECONDS = 5.0
_READ_ONLY = "begin isolation level repeatable read read only"


@dataclass(slots=True)
class _Write:
    """A write and its attempts. ``results`` holds what each attempt would answer, should its commit turn out done."""

    fn: WriteFunction[Any]
    operation: Operation | None
    returns: Any
    limit_s: float
    marker: str
    pool: Pool
    results: list[Any] = field(default_factory=list)


class PostgresDatabase:
    """A primary among the hosts of ``url``, whichever it is at the moment."""

    dialect = "postgres"

    def __init__(
        self,
        url: str,
        clock: Clock,
        ids: Ids,
        *,
        connections: int = CONNECTIONS,
        write_seconds: float = WRITE_SECONDS,
        dial: Dial = connect,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._write_seconds = write_seconds
        self._finder = Finder(hosts(url), dial)
        self.room = Room(elsewhere=self._finder.has_standbys)
        self._rehearsal = Rehearsal(self._read_over)
        self._standbys = Standbys(self._finder, prepare=self._rehearsal.hold)
        self._pool = Pool(self._finder, connections, self._standbys, self._rehearsal.hold)
        self._ahead = Pool(self._finder, 1)
        self._hedges = Hedges()
        self._pulse = Pulse(self._finder)
        self._witnesses = Witnesses(self._finder)
        self._listeners: list[Callable[[], None]] = []
        self._mourners: list[Callable[[str], None]] = []
        self._writes: set[asyncio.Task[Any]] = set()
        self._several: dict[types.CodeType, int] = {}
        self._closing = False
        self._readiness: asyncio.Task[None] | None = None
        # Marks must differ even where two nodes were given one number by mistake: another's mark would look like ours.
        self._nonce = SystemChance().secret(12).hex()
        self._numbers = itertools.count()
        self._retried = 0
        self._said_at = 0.0

    @property
    def has_standbys(self) -> bool:
        return self._finder.has_standbys

    def on_commit(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def on_broken(self, listener: Callable[[str], None]) -> None:
        """``listener`` is told, in words, of each connection to the primary that a write has lost or did not get."""
        self._mourners.append(listener)
        # A write that finds no primary at all waits in that search.
        self._finder.on_missing(listener)

    def on_full(self, listener: Callable[[str], None]) -> None:
        """``listener`` is told, in words, of each write that the primary had no room for, whatever else it commits."""
        self.room.on_full(listener)

    def on_host_lost(self, listener: Callable[[str], None]) -> None:
        """``listener`` is told, in words, of each kept connection that ends by itself: its host may have gone, and who
        commits may wait for it in vain."""
        self._standbys.on_lost(listener)

    def doubt(self) -> None:
        """The primary does not answer: it is looked for anew, and reads do not wait for it meanwhile."""
        if self._finder.primary is not None:
            self._finder.doubt(self._finder.primary)

    async def beat(self) -> None:
        """Commits one row on the primary, over a connection of its own. Raises Unavailable."""
        await self._pulse.beat(layout.place_of(self._ids.next()))

    async def receipt(self, key: str) -> int | None:
        """What standbys know to be the answer of an operation, or None; takes a second at most."""
        return await self._witnesses.receipt(key)

    @contextlib.asynccontextmanager
    async def schema_session(self) -> AsyncIterator[PostgresSchemaSession]:
        """For linnet/storage/schema.py: a connection of its own, to the primary. Raises Unavailable."""
        connection = await self._own_connection()
        try:
            yield PostgresSchemaSession(connection)
        finally:
            connection.terminate()

    async def _own_connection(self) -> Connection:
        """To the primary, or to the next one where it has just gone. Raises Unavailable."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._write_seconds
        while True:
            try:
                return (await self._finder.connect(deadline))[0]
            except NotDone as error:
                if loop.time() > deadline:
                    raise Unavailable("The database has no primary now; please try again") from error
            await asyncio.sleep(_PAUSE_SECONDS)

    # -- reading ------------------------------------------------------------------------------------------------

    async def read(self, fn: ReadFunction[T], /, *, steady: bool = False, certain: bool = False) -> T:
        deadline = asyncio.get_running_loop().time() + READ_SECONDS
        if certain or steady or not self._finder.has_standbys:
            return await self._again(partial(self._read_primary, certain=certain), fn, deadline)
        if is_standby_first():
            with contextlib.suppress(NotDone):  # no standby answers: then the primary alone knows
                try:
                    return await self._read_standby(fn, deadline, furthest=True)
                except Lost as error:
                    raise Unavailable("A standby did not answer; please try again", retry_after=1) from error
        return await self._read_hedged(fn, deadline)

    async def _read_hedged(self, fn: ReadFunction[T], deadline: float) -> T:
        """Asks the primary; where it does not answer soon, a standby too, and takes the first answer."""
        loop = asyncio.get_running_loop()
        self._hedges.begun()
        if self._readiness is None:
            self._readiness = start(self._stay_ready())
        self._rehearsal.saw(fn)
        first = start(self._again(self._read_either, fn, deadline))
        second: asyncio.Task[T] | None = None
        try:
            done: set[asyncio.Task[T]] = set()
            while not done:
                alone = self._pool.cold or self._hedges.silent
                done, _ = await asyncio.wait({first}, timeout=_HEDGE_SECONDS_ALONE if alone else HEDGE_SECONDS)
                if done or self._pool.cold or self._hedges.may(loop.time()):
                    break
            if not done:
                asked_at = loop.time()
                second = start(self._again(self._read_standby, fn, deadline))
                await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
                if first.done():
                    if not isinstance(first.exception(), Unavailable):
                        return first.result()
                    await asyncio.wait({second})
                if not isinstance(second.exception(), Unavailable):
                    answered_at = loop.time()
                    self._hedges.won(answered_at - asked_at, answered_at)
                    return second.result()
            return await first
        finally:
            first.cancel()
            if second is not None:
                second.cancel()

    async def _stay_ready(self) -> None:
        """From the first read on, some connections to each standby are kept for when there is no primary, or when it
        becomes one. Made only then, by all at once, each would take longer than anybody waits."""
        while True:
            for ready in (self._pulse.ready, self._standbys.ready, self._witnesses.ready):
                if self._finder.primary is None:
                    break
                try:
                    await ready()
                except Exception as error:  # boundary: what is only for later must not end, whatever it meets
                    log.info("connections_not_ready", error=str(error), done="tried again")
            await asyncio.sleep(_READY_SECONDS)

    async def _again(
        self, attempt: Callable[[ReadFunction[T], float], Awaitable[T]], fn: ReadFunction[T], deadline: float
    ) -> T:
        loop = asyncio.get_running_loop()
        while True:
            try:
                return await attempt(fn, deadline)
            except ReadOnly as error:
                raise error.__cause__ or error from None
            except BadDisk as error:
                await self.room.wait(error, deadline)
            except (Lost, NotDone) as error:
                if loop.time() > deadline:
                    raise Unavailable("The database could not be read; please try again") from error
                await asyncio.sleep(_PAUSE_SECONDS)

    # Whoever needs no answer any more leaves: a command that was sent is finished without him. Cancelled, it would cost
    # its connection, and a server that is only busy would spend its time on new ones, each slower than a read.

    async def _read_either(self, fn: ReadFunction[T], deadline: float) -> T:
        try:
            return await self._read_primary(fn, deadline)
        except BadDisk as error:
            self.room.say(error)
            with contextlib.suppress(Lost, NotDone):
                return await self._read_standby(fn, deadline, furthest=True)
            raise

    async def _read_primary(self, fn: ReadFunction[T], deadline: float, *, certain: bool = False) -> T:
        connection, primary = await self._pool.acquire(deadline, PLACE_SECONDS)
        result = await asyncio.shield(start(self._finish_on_primary(fn, connection, primary)))
        if certain:
            await self._pulse.confirm(primary, layout.place_of(self._ids.next()), deadline)
        return result

    async def _finish_on_primary(self, fn: ReadFunction[T], connection: Connection, primary: Primary) -> T:
        async with self._lent(connection, primary, self._pool):
            result = await self._read_over(connection, fn)
            self._hedges.answered(asyncio.get_running_loop().time())
            return result

    async def _read_standby(self, fn: ReadFunction[T], deadline: float, *, furthest: bool = False) -> T:
        until = min(deadline, asyncio.get_running_loop().time() + PLACE_SECONDS)
        connection = await self._standbys.acquire(until, furthest=furthest)
        return await asyncio.shield(start(self._finish_on_standby(fn, connection)))

    async def _finish_on_standby(self, fn: ReadFunction[T], connection: Connection) -> T:
        try:
            return await self._read_over(connection, fn)
        finally:
            try:
                await connection.roll_back()
            finally:
                self._standbys.release(connection)

    async def _read_over(self, connection: Connection, fn: ReadFunction[T]) -> T:
        """A function that makes one statement needs no transaction for its snapshot: that saves two round trips.

        Whether it is such a one shows as it runs; where it asks for a second statement it is begun again, and for a
        while it has a transaction from the beginning.
        """
        code = code_of(fn)
        if code is not None and (left := self._several.get(code, 0)):
            self._several[code] = left - 1
        elif code is not None:
            with contextlib.suppress(SecondStatement):
                return await self._run(fn, connection, STATEMENT_SECONDS, lone=True)
            self._several[code] = SEVERAL
        await connection.script(_READ_ONLY, STATEMENT_SECONDS)
        return await self._run(fn, connection, STATEMENT_SECONDS)

    async def _run(
        self,
        fn: Callable[[PostgresTransaction], Awaitable[T]],
        connection: Connection,
        limit_s: float,
        *,
        lone: bool = False,
    ) -> T:
        tx = PostgresTransaction(connection, self._clock.now_ms(), self._ids, limit_s, lone=lone)
        result = await only_sql(cast("Coroutine[Any, Any, T]", fn(tx)), tx)
        await tx.settle()
        return result

    @contextlib.asynccontextmanager
    async def _lent(self, connection: Connection, primary: Primary, pool: Pool) -> AsyncIterator[None]:
        """A connection that was acquired, to be given back whatever happens."""
        try:
            yield
        except Lost:
            self._finder.doubt(primary)
            raise
        except NotDone as error:
            if not error.primary:
                self._finder.doubt(primary)
                connection.terminate()
            raise
        finally:
            await self._give_back(connection, primary, pool)

    async def _give_back(self, connection: Connection, primary: Primary, pool: Pool) -> None:
        try:
            await connection.roll_back()
        except BaseException:  # boundary: a connection in an unknown state is never used again
            connection.terminate()
            raise
        finally:
            pool.release(connection, primary)

    # -- writing ------------------------------------------------------------------------------------------------

    async def write(
        self,
        fn: WriteFunction[T],
        /,
        operation: Operation | None = None,
        *,
        returns: Any = None,
        heavy: bool = False,
        ahead: bool = False,
    ) -> T:
        # Shielded from whoever gave up waiting: what was begun is finished, and its receipt tells of it.
        result: T = await asyncio.shield(self._begin(fn, operation, returns, heavy=heavy, ahead=ahead))
        return result

    async def write_within(
        self, generation: Generation, fn: WriteFunction[T], operation: Operation, *, returns: Any
    ) -> T:
        """``write``, but raises Abandoned when the generation ends first: then it may have been done."""
        task = self._begin(fn, operation, returns, heavy=False)
        generation.add(task)
        try:
            result: T = await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise Abandoned("there is no primary for now") from None
            raise
        return result

    def _begin(
        self, fn: WriteFunction[T], operation: Operation | None, returns: Any, *, heavy: bool, ahead: bool = False
    ) -> asyncio.Task[T]:
        if self._closing:
            raise Unavailable("The server is shutting down")
        limit_s = HEAVY_STATEMENT_SECONDS if heavy else STATEMENT_SECONDS
        marker = f"write/{self._nonce}/{next(self._numbers)}"
        write = _Write(fn, operation, returns, limit_s, marker, self._ahead if ahead else self._pool)
        task: asyncio.Task[T] = start(self._write(write))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return task

    async def _write(self, write: _Write) -> Any:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._write_seconds
        races = full = 0
        while True:
            try:
                result = await self._attempt(write, deadline)
            except Raced as error:
                races += 1
                if races >= RACES:
                    raise error.__cause__ or error from None
                continue
            except BadDisk as error:
                full += 1
                await self.room.refused(error, deadline, full, ahead=write.pool is self._ahead)
                self._say_retried(loop.time(), error)
                continue
            except (Lost, NotDone) as error:
                self._say_retried(loop.time(), error)
                self._mourn(error)
                if loop.time() > deadline:
                    raise Unavailable("The database could not be written; please try again") from error
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            self._say_committed()
            return result

    def _say_committed(self) -> None:
        self._hedges.answered(asyncio.get_running_loop().time())
        for listener in self._listeners:
            listener()

    def _mourn(self, error: Lost | NotDone) -> None:
        """A command that was slow, or met a lock, does not mean that the primary has gone."""
        if isinstance(error, TooSlow) or (isinstance(error, NotDone) and error.primary):
            return
        for listener in self._mourners:
            listener(str(error))

    def _say_retried(self, now: float, error: Exception) -> None:
        """At most one line a second: without a primary, hundreds wait."""
        self._retried += 1
        if now >= self._said_at + 1.0:
            done = "tried again under the same receipts"
            log.warning("writes_retried", attempts=self._retried, error=str(error), done=done)
            self._said_at, self._retried = now, 0

    async def _attempt(self, write: _Write, deadline: float) -> Any:
        connection, primary = await write.pool.acquire(deadline)
        try:
            async with self._lent(connection, primary, write.pool):
                return await self._attempt_over(write, connection)
        except LinnetError as error:
            # An old primary that nobody follows any more may not know what was asked for: a refusal, too, is an answer
            # only if who decided it can commit. All that wait for that wait for one commit, and hold no connection.
            if self.has_standbys and not isinstance(error, Unavailable):
                await self._pulse.confirm(primary, layout.place_of(self._ids.next()), deadline)
                self._say_committed()
            raise

    async def _attempt_over(self, write: _Write, connection: Connection) -> Any:
        await connection.script(BEGIN_WRITE, STATEMENT_SECONDS)
        if write.operation is not None:
            receipt = partial(receipted, fn=write.fn, operation=write.operation, returns=write.returns)
            result = await self._run(receipt, connection, write.limit_s)
            await connection.commit("", write.limit_s)
            return result
        return await self._attempt_marked(write, connection)

    async def _attempt_marked(self, write: _Write, connection: Connection) -> Any:
        """A write without a receipt leaves a mark in its commit, by which a retry sees that it was done after all.

        The first attempt files it on its way to the commit; every later one begins by it, and always writes.
        """
        attempt = len(write.results)
        mark = (
            "insert into receipts (key, result, created_at, seen_at) "
            f"values ('{write.marker}', '{attempt}', {self._clock.now_ms()}, 0)"
        )
        if attempt:
            found = await connection.rows(
                f"{mark} on conflict (key) do update set seen_at = receipts.seen_at + 1 returning result",
                (), write.limit_s,
            )  # fmt: skip
            mark = ""
            if int(found[0][0]) < attempt:
                await connection.commit("", write.limit_s)
                return write.results[int(found[0][0])]
        result = await self._run(write.fn, connection, write.limit_s)
        write.results.append(result)
        await connection.commit(f"{mark};" if mark else "", write.limit_s)
        return result

    async def close(self) -> None:
        """Finishes what was begun, then closes every connection."""
        self._closing = True
        if self._writes:
            await asyncio.gather(*self._writes, return_exceptions=True)
        if self._readiness is not None:
            self._readiness.cancel()
        await self._finder.close()
        self._pool.close()
        self._ahead.close()
        self._standbys.close()
        self._pulse.close()
        self._witnesses.close()
