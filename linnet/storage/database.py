"""What both engines offer: reads in one snapshot, writes that are safe to run twice, and the receipts behind them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from linnet.domain.errors import Unavailable
from linnet.domain.paging import Page
from linnet.ports import Ids
from linnet.storage import statements
from linnet.storage.statements import Row, Statement

T = TypeVar("T")

RECEIPTS = statements.load("receipts")


class Reader(Protocol):
    """One snapshot. A function that is given a Reader awaits nothing but these methods.

    ``now`` is its time in ms since 1970.
    """

    @property
    def now(self) -> int: ...

    async def all(self, statement: Statement, /, **params: Any) -> list[Row]: ...

    async def one(self, statement: Statement, /, **params: Any) -> Row | None: ...

    async def page(self, statement: Statement, page: Page, /, **params: Any) -> list[Row]:
        """The rows of a ``:page(…)`` statement, newest first whichever way they were read."""
        ...


async def paged(
    all: Callable[..., Awaitable[list[Row]]], statement: Statement, page: Page, params: dict[str, Any]
) -> list[Row]:
    """``Reader.page`` by means of ``Reader.all``."""
    params |= {"max_id": page.max_id, "min_id": page.min_id, "limit": page.limit}
    if not page.forward:
        return await all(statement, **params)
    if statement.ascending is None:
        raise TypeError(f"{statement.name} has no :page(…)")
    return (await all(statement.ascending, **params))[::-1]


class Writer(Reader, Protocol):
    """One transaction. ``ids`` makes new ids."""

    @property
    def ids(self) -> Ids: ...

    async def run(self, statement: Statement, /, **params: Any) -> int:
        """The number of rows that were changed."""
        ...

    async def many(self, statement: Statement, rows: Iterable[Mapping[str, Any]], /) -> None: ...

    async def later(self, statement: Statement, /, **params: Any) -> None:
        """``run`` at any time before the commit: for one row that nothing else in the transaction looks at or changes.

        Where an answer takes long, all that is later costs one. Rows of one statement keep their order.
        """
        ...


@dataclass(frozen=True, slots=True)
class Operation:
    """What a receipt is filed under: the same operation is carried out once, however often it is asked for.

    ``key`` is either unique to one request (then it only guards the engine's own retries) or made of the token and the
    client's ``Idempotency-Key``.
    """

    ONCE: ClassVar[str] = "once:"

    key: str

    @classmethod
    def once(cls, ids: Ids) -> "Operation":
        """One that nobody asks for again but the engine."""
        return cls(f"{cls.ONCE}{ids.next()}")


class Abandoned(Exception):
    """A write was given up before it was known to be done: it may have been."""


class Generation:
    """Writes that are given up together. What they sent may still be carried out; nothing is sent for them any more."""

    def __init__(self) -> None:
        self._writes: set[asyncio.Task[Any]] = set()
        self._ended = False

    def add(self, write: asyncio.Task[Any]) -> None:
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        if self._ended:
            write.cancel()

    def end(self) -> None:
        self._ended = True
        for write in list(self._writes):
            write.cancel()


ReadFunction = Callable[[Reader], Awaitable[T]]
WriteFunction = Callable[[Writer], Awaitable[T]]


class Database(Protocol):
    """An engine: SQLite or PostgreSQL. The functions may be run more than once and must await only SQL."""

    dialect: str

    @property
    def has_standbys(self) -> bool:
        """Whether reads are answered by another host where there is no primary."""
        ...

    async def read(self, fn: ReadFunction[T], /, *, steady: bool = False, certain: bool = False) -> T:
        """``steady`` asks only who has all that was ever read or written before, and waits where nobody has;
        ``certain`` a primary that has committed after it: an old one, which nobody follows any more, cannot."""
        ...

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
        """Returns when the commit is durable.

        With an ``operation``, a receipt is written in the same commit and a second run answers with the stored result;
        ``returns`` is then the type that the result has (a msgspec-encodable one). ``heavy`` marks long work, which is
        kept off the event loop where the engine would run it there; ``ahead`` work that others wait for, so that it
        does not wait for them.
        """
        ...

    def on_commit(self, listener: Callable[[], None]) -> None:
        """``listener`` is called, in the event loop, for each write of this process that was committed."""
        ...

    async def close(self) -> None: ...


DECIDED_SECONDS, DECIDED_AT_ONCE = 1.0, 2
"""How long the primary is asked for what was not found, and for how many at once: anybody can invent a token, and
places for reading are few."""
_deciding = asyncio.Semaphore(DECIDED_AT_ONCE)


async def decided(database: Database, read: ReadFunction[T]) -> T:
    """What the primary says, or Unavailable, soon."""
    busy = Unavailable("The database cannot tell now; please try again", retry_after=1)
    if _deciding.locked():
        raise busy
    try:
        async with _deciding, asyncio.timeout(DECIDED_SECONDS):
            return await database.read(read, certain=True)
    except TimeoutError as error:
        raise busy from error


async def surely(database: Database, read: ReadFunction[T | None]) -> T | None:
    """What is there. Where nothing is, a standby may only not have it yet: then what the primary says. Raises
    Unavailable."""
    there = await database.read(read)
    return await decided(database, read) if there is None and database.has_standbys else there


_STANDBY_FIRST: ContextVar[bool] = ContextVar("standby first", default=False)
_BEFORE_READERS: ContextVar[bool] = ContextVar("before readers", default=False)


@contextlib.contextmanager
def _within(said: ContextVar[bool]) -> Iterator[None]:
    token = said.set(True)
    try:
        yield
    finally:
        said.reset(token)


def standby_first() -> contextlib.AbstractContextManager[None]:
    """Within it, what is read may come from a standby though there is a primary.

    A primary shows what is committed only when a second machine has said that it has it, too: that one has shown it by
    then, and what one machine has shown the next must not deny.
    """
    return _within(_STANDBY_FIRST)


def is_standby_first() -> bool:
    return _STANDBY_FIRST.get()


def before_readers() -> contextlib.AbstractContextManager[None]:
    """Within it, what is read and written is for a change that somebody waits for: it does not stand behind all who
    only look."""
    return _within(_BEFORE_READERS)


def is_before_readers() -> bool:
    return _BEFORE_READERS.get()


class Steady:
    """A database whose reads are all ``steady``: for whoever goes on from what it has seen, and does not look twice.

    A standby may know of a change before the primary shows it, and another standby not yet. Whoever learns of something
    from one and asks another what it is, finds nothing, and would leave it out for ever.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect = database.dialect
        self.write = database.write
        self.on_commit = database.on_commit
        self.close = database.close

    @property
    def has_standbys(self) -> bool:
        return False

    async def read(self, fn: ReadFunction[T], /, *, steady: bool = True, certain: bool = False) -> T:
        return await self._database.read(fn, steady=True, certain=certain)


async def receipted(tx: Writer, fn: WriteFunction[T], operation: Operation, returns: Any) -> T:
    """Runs ``fn`` unless its receipt is there already; always writes a row, so that an acknowledgement waits for it."""
    row = await tx.one(RECEIPTS.open, key=operation.key, now=tx.now)
    if row is not None and row[0] is not None:
        result: T = msgspec.json.decode(row[0], type=returns)
        return result
    result = await fn(tx)
    await tx.later(RECEIPTS.close, key=operation.key, result=msgspec.json.encode(result).decode())
    return result
