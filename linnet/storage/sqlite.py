"""The embedded engine: reads in place, one writer with group commit, nobody answered before COMMIT has returned."""

import asyncio
import contextlib
import time
import types
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import apsw

from linnet import telemetry
from linnet.domain.errors import Unavailable
from linnet.domain.paging import Page
from linnet.ports import Clock, Ids
from linnet.storage.database import Operation, ReadFunction, WriteFunction, paged, receipted
from linnet.storage.schema import LockTimeout
from linnet.storage.sqlite_turns import Turnstile, wait_for_lock
from linnet.storage.statements import Row, Statement
from linnet.telemetry import log

T = TypeVar("T")

BATCH_SECONDS = 0.010
"""How long a batch may take in members before it is committed."""
READ_IN_PLACE_SECONDS = 0.020
"""How long a read may hold the event loop before it is run again on a thread."""
READ_SECONDS = 10.0
"""How long a read may take at all."""
LOCK_SECONDS = 10.0
"""How long a write waits for another process that is writing."""
CHECKPOINT_PAGES = 2_000
"""How far the log grows before it is copied into the file."""
RESTART_PAGES = 16_000
"""How far it grows before it is begun anew. A longer one makes each look-up slower."""
READERS = 2

SLOW_SECONDS = 10.0
"""How long a read that was once too slow for its place is sent to a thread at once."""

_PROGRESS_STEPS = 20_000
_FATAL = {apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_DIR_FSYNC}


class SqliteTransaction:
    """Both Reader and Writer: an async interface whose functions never suspend."""

    __slots__ = ("_connection", "_execute", "ids", "now")

    def __init__(self, connection: apsw.Connection, now: int, ids: Ids) -> None:
        self._connection = connection
        self._execute = connection.execute
        self.now = now
        self.ids = ids

    async def all(self, statement: Statement, /, **params: Any) -> list[Row]:
        return self._execute(statement.sqlite, statement.sqlite_places(params)).fetchall()

    async def one(self, statement: Statement, /, **params: Any) -> Row | None:
        found: Row | None = None
        # Stepping to the end matters: a `returning` statement is only finished, and its locks free, when it is.
        for row in self._execute(statement.sqlite, statement.sqlite_places(params)):
            if found is None:
                found = row
        return found

    async def page(self, statement: Statement, page: Page, /, **params: Any) -> list[Row]:
        return await paged(self.all, statement, page, params)

    async def run(self, statement: Statement, /, **params: Any) -> int:
        for _ in self._execute(statement.sqlite, statement.sqlite_places(params)):
            pass
        return self._connection.changes()

    async def later(self, statement: Statement, /, **params: Any) -> None:
        self._execute(statement.sqlite, statement.sqlite_places(params)).fetchall()

    async def many(self, statement: Statement, rows: Iterable[Mapping[str, Any]], /) -> None:
        self._connection.executemany(statement.sqlite, [statement.sqlite_places(row) for row in rows])


@dataclass(slots=True, eq=False)
class _Pending:
    fn: WriteFunction[Any]
    operation: Operation | None
    returns: Any
    heavy: bool
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def answer(self) -> None:
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)
            self.future.exception()  # marks it as seen, where the asker has gone


def _drive(coroutine: Awaitable[T]) -> T:
    """Runs a transaction function to its end in one step; it may await nothing but SQL, which never suspends here."""
    steps = cast("Coroutine[Any, Any, T]", coroutine)
    try:
        steps.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    steps.close()
    raise RuntimeError("a transaction function awaited something other than SQL")


class SqliteDatabase:
    """One file, opened by any number of processes.

    ``fatal`` is called after a failed fsync, when what is on the disk is no longer known: the process must end.
    ``vfs`` and ``synchronous`` are for tests of power loss.
    """

    dialect = "sqlite"
    has_standbys = False

    def __init__(
        self,
        path: Path,
        clock: Clock,
        ids: Ids,
        *,
        fatal: Callable[[str], NoReturn],
        vfs: str | None = None,
        synchronous: str = "FULL",
    ) -> None:
        self._path = path
        self._clock = clock
        self._ids = ids
        self._fatal = fatal
        self._vfs = vfs
        self._synchronous = synchronous
        self._queue: deque[_Pending] = deque()
        self._writer_task: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[], None]] = []
        self._closing = False
        self._unsafe = False
        self._slow: dict[types.CodeType | None, float] = {}
        self._turnstile = Turnstile(path)
        self._wal_pages = 0
        self._copied_pages = 0
        self._restart_due = False
        self._write_thread = ThreadPoolExecutor(1, "linnet-commit")
        self._checkpoint_thread = ThreadPoolExecutor(1, "linnet-checkpoint")
        self._checkpointing = False
        self._writer = self._open()
        self._writer.set_wal_hook(self._on_wal)
        self._in_place = self._open(read_only=True)
        self._in_place.set_busy_timeout(0)
        self._in_place.set_progress_handler(self._overdue, _PROGRESS_STEPS)
        self._checkpointer = self._open(cache_kib=100)
        self._deadline = 0.0
        self._read_threads = ThreadPoolExecutor(READERS, "linnet-read")
        self._idle_readers: deque[apsw.Connection] = deque()

    def _open(self, *, read_only: bool = False, cache_kib: int = 16_000) -> apsw.Connection:
        # Each connection is used by one thread at a time: without SQLite's own locks around every call, reads are a
        # tenth cheaper.
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_NOMUTEX
        connection = apsw.Connection(str(self._path), flags, self._vfs, statementcachesize=500)
        # Built with STAT4, SQLite would plan a statement anew for every new value: 200 us instead of 7 for a short one.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        connection.set_busy_handler(wait_for_lock(LOCK_SECONDS))
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", self._synchronous)
        connection.pragma("foreign_keys", False)
        connection.pragma("cache_size", -cache_kib)
        connection.pragma("temp_store", 2)
        connection.pragma("wal_autocheckpoint", 0)
        if read_only:
            connection.pragma("query_only", True)
        return connection

    @contextlib.asynccontextmanager
    async def schema_session(self) -> AsyncIterator["SqliteSchemaSession"]:
        """For linnet/storage/schema.py: a connection of its own."""
        connection = self._open()
        try:
            yield SqliteSchemaSession(connection)
        finally:
            connection.close()

    def on_commit(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    # -- reading ------------------------------------------------------------------------------------------------

    async def read(self, fn: ReadFunction[T], /, *, steady: bool = False, certain: bool = False) -> T:
        now = time.monotonic()
        code = getattr(getattr(fn, "func", fn), "__code__", None)
        if self._slow.get(code, 0.0) < now:
            self._deadline = now + READ_IN_PLACE_SECONDS
            try:
                return self._snapshot(self._in_place, fn)
            except apsw.InterruptError:
                self._slow[code] = now + SLOW_SECONDS
            except (apsw.BusyError, apsw.LockedError):
                # Another process has the whole file for a moment (it recovers or closes it): not waited for in place.
                pass
        return await asyncio.get_running_loop().run_in_executor(self._read_threads, self._read_on_thread, fn)

    def _snapshot(self, connection: apsw.Connection, fn: ReadFunction[T]) -> T:
        connection.execute("begin")
        try:
            return _drive(fn(SqliteTransaction(connection, self._clock.now_ms(), self._ids)))
        except (apsw.IOError, apsw.CantOpenError, apsw.FullError) as error:
            raise Unavailable(f"The database cannot be read now ({error})") from error
        finally:
            if connection.in_transaction:
                connection.execute("rollback")

    def _read_on_thread(self, fn: ReadFunction[T]) -> T:
        try:
            connection = self._idle_readers.pop()
        except IndexError:
            connection = self._open(read_only=True, cache_kib=4_000)
        deadline = time.monotonic() + READ_SECONDS
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _PROGRESS_STEPS)
        try:
            return self._snapshot(connection, fn)
        except apsw.InterruptError as error:
            raise Unavailable(f"The answer took longer than {READ_SECONDS:.0f} s to find") from error
        except (apsw.BusyError, apsw.LockedError) as error:
            raise Unavailable(f"The database cannot be read now ({error})") from error
        finally:
            self._idle_readers.append(connection)

    def _overdue(self) -> bool:
        return time.monotonic() > self._deadline

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
        if self._closing:
            raise Unavailable("The server is shutting down")
        loop = asyncio.get_running_loop()
        pending = _Pending(fn, operation, returns, heavy, loop.create_future())
        self._queue.append(pending)
        if self._writer_task is None or self._writer_task.done():
            self._writer_task = loop.create_task(self._write_queued(), name="sqlite-writer")
        # Shielded from whoever gave up waiting: what was begun is finished, and its receipt tells of it.
        result: T = await asyncio.shield(pending.future)
        return result

    async def _write_queued(self) -> None:
        while self._queue:
            batch: list[_Pending] = []
            try:
                await self._run_batch(batch)
            except Exception as error:  # boundary: whatever it is, whoever waits must not wait for ever
                if not self._unsafe:
                    self._refuse((*batch, *self._queue), RuntimeError(f"the writer has ended ({error!r})"))
                raise
            telemetry.commits.observe(len(batch))
            for member in batch:
                member.answer()
            for listener in self._listeners * len(batch):
                listener()
            await self._tend_log()

    def _refuse(self, members: Iterable[_Pending], error: Exception) -> None:
        for member in members:
            member.error = error
            member.answer()
        self._queue.clear()

    async def _run_batch(self, batch: list[_Pending]) -> None:
        """Runs and commits the next members; a batch that was lost is run again, one by one."""
        try:
            await self._begin()
            await self._fill(batch)
            await self._in_write_thread(self._commit)
        except apsw.Error as error:
            self._abandon(error)
            if not batch:
                # Where no transaction could even be begun, none of those that wait would fare better.
                return self._refuse(self._queue, _unavailable(error))
            for member in batch:
                await self._run_alone(member)

    async def _begin(self) -> None:
        if self._turnstile.enter():
            try:
                self._writer.set_busy_timeout(0)
                self._writer.execute("begin immediate")
            except apsw.BusyError:
                await self._in_write_thread(self._begin_on_thread)
            finally:
                self._turnstile.leave()
        else:
            await self._in_write_thread(self._begin_on_thread)

    def _begin_on_thread(self) -> None:
        self._turnstile.wait(LOCK_SECONDS)
        try:
            self._writer.set_busy_handler(wait_for_lock(LOCK_SECONDS))
            self._writer.execute("begin immediate")
        finally:
            self._turnstile.leave()

    async def _fill(self, batch: list[_Pending]) -> None:
        until = time.monotonic() + BATCH_SECONDS
        while self._queue and time.monotonic() < until:
            if self._queue[0].heavy and batch:
                break
            member = self._queue.popleft()
            batch.append(member)
            if member.heavy:
                await self._in_write_thread(partial(self._run_member, member))
                break
            self._run_member(member)

    def _run_member(self, member: _Pending) -> None:
        """Runs one function inside a savepoint; its own error undoes it alone, an engine's error undoes the batch."""
        tx = SqliteTransaction(self._writer, self._clock.now_ms(), self._ids)
        member.error = None
        self._writer.execute("savepoint member")
        try:
            if member.operation is None:
                member.result = _drive(member.fn(tx))
            else:
                member.result = _drive(receipted(tx, member.fn, member.operation, member.returns))
        except (apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.CorruptError, apsw.NoMemError):
            raise
        except Exception as error:  # boundary: whatever a function raises is its asker's answer, not the batch's end
            member.error = error
            self._writer.execute("rollback to member")
        self._writer.execute("release member")

    async def _run_alone(self, member: _Pending) -> None:
        def attempt() -> None:
            self._begin_on_thread()
            self._run_member(member)
            self._commit()

        try:
            await self._in_write_thread(attempt)
        except apsw.Error as error:
            self._abandon(error)
            member.error = _unavailable(error)

    def _commit(self) -> None:
        self._writer.execute("commit")

    def _abandon(self, error: apsw.Error) -> None:
        self._end_if_unsafe(error)
        log.error("write_failed", error=str(error), done="the batch was undone; its members run again one by one")
        if self._writer.in_transaction:
            with contextlib.suppress(apsw.Error):
                self._writer.execute("rollback")

    def _end_if_unsafe(self, error: apsw.Error) -> None:
        if getattr(error, "extendedresult", 0) in _FATAL:
            self._unsafe = True
            self._fatal(f"the disk refused to make a commit durable ({error}); what it holds is unknown: starting anew")

    async def _in_write_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._write_thread, work)

    # -- the write-ahead log ------------------------------------------------------------------------------------

    def _on_wal(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    async def _tend_log(self) -> None:
        """Copies the log into the file beside the writers; when it has grown far, a writer waits for the last part.

        A log is begun anew only if nothing is left to copy at that moment, which under steady writing never happens by
        itself. So after a copy there is little left, and the writers wait for that little.
        """
        if self._checkpointing:
            return
        self._copied_pages = min(self._copied_pages, self._wal_pages)
        loop = asyncio.get_running_loop()
        if self._restart_due:
            self._restart_due = False
            self._checkpointing = True
            await loop.run_in_executor(self._write_thread, self._checkpoint, apsw.SQLITE_CHECKPOINT_RESTART)
        elif self._wal_pages - self._copied_pages >= CHECKPOINT_PAGES:
            self._checkpointing = True
            self._copied_pages = self._wal_pages
            loop.run_in_executor(self._checkpoint_thread, self._checkpoint, apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _checkpoint(self, mode: int) -> None:
        try:
            self._checkpointer.set_busy_timeout(50)
            self._checkpointer.wal_checkpoint(mode=mode)
            if mode == apsw.SQLITE_CHECKPOINT_PASSIVE:
                self._restart_due = self._wal_pages > RESTART_PAGES
        except (apsw.BusyError, apsw.LockedError):
            # Another process is at it, or reads an old snapshot; it is tried again when the log has grown further.
            return
        except apsw.Error as error:
            self._end_if_unsafe(error)
            log.error("checkpoint_failed", error=str(error), done="the log is kept and grows until it succeeds")
        finally:
            self._checkpointing = False

    async def close(self) -> None:
        """Finishes what is queued, then closes every connection."""
        self._closing = True
        if self._writer_task is not None:
            await asyncio.gather(self._writer_task, return_exceptions=True)
        for pool in (self._write_thread, self._checkpoint_thread, self._read_threads):
            await asyncio.to_thread(pool.shutdown)
        for connection in (self._in_place, *self._idle_readers, self._checkpointer, self._writer):
            # The last one copies what is left of the log, which may take long.
            await asyncio.to_thread(connection.close)
        self._turnstile.close()


class SqliteSchemaSession:
    """Changes the schema; the write lock of each transaction is what keeps other processes out."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, /) -> list[Row]:
        return self._connection.execute(sql).fetchall()

    async def has_table(self, name: str, /) -> bool:
        found = self._connection.execute("select 1 from sqlite_schema where type = 'table' and name = ?", (name,))
        return found.fetchone() is not None

    async def apply(self, statements: Sequence[str], unless: str, /) -> None:
        await asyncio.to_thread(self._apply, statements, unless)

    async def alone(self, statement: str, index: str, /) -> None:
        await self.apply([statement], "select 1 where 1 = 0")

    async def try_exclusive(self) -> bool:
        return True

    def _apply(self, statements: Sequence[str], unless: str) -> None:
        try:
            self._connection.execute("begin immediate")
            if self._connection.execute(unless).fetchone() is None:
                for statement in statements:
                    self._connection.execute(statement)
            self._connection.execute("commit")
        except apsw.BusyError as error:
            raise LockTimeout from error
        finally:
            if self._connection.in_transaction:
                self._connection.execute("rollback")


def _unavailable(error: apsw.Error) -> Exception:
    if isinstance(error, apsw.FullError):
        return Unavailable("The disk is full: nothing was stored", retry_after=60)
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return Unavailable(f"Another process has kept the database locked for {LOCK_SECONDS:.0f} s: nothing was stored")
    if isinstance(error, apsw.IOError | apsw.CantOpenError | apsw.ReadOnlyError | apsw.NoMemError):
        return Unavailable(f"The database file cannot be written ({error}): nothing was stored", retry_after=30)
    return error
