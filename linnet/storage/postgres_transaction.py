"""One transaction of PostgreSQL, as those who read and write in it know it, and who waits in it for nothing else."""

import time
import types
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar, cast

from linnet.domain.errors import Unavailable
from linnet.domain.paging import Page
from linnet.ports import Ids
from linnet.storage.database import paged
from linnet.storage.postgres_connection import Connection
from linnet.storage.statements import Row, Statement, together

T = TypeVar("T")

TRANSACTION_SECONDS = 5.0
"""How long a transaction may go on beginning statements; a heavy one, as long as one of its statements may take."""


class SecondStatement(BaseException):
    """A read that was run without a transaction wants a second statement: it must be run again, in one snapshot."""


class PostgresTransaction:
    """Both Reader and Writer: one transaction, or one statement on its own where ``lone`` is set."""

    __slots__ = ("_connection", "_later", "_limit_s", "_lone", "_statements", "_until", "ids", "in_sql", "now")

    def __init__(self, connection: Connection, now: int, ids: Ids, limit_s: float, *, lone: bool = False) -> None:
        self._connection = connection
        self._limit_s = limit_s
        self._lone = lone
        self._later: list[tuple[Statement, list[Any]]] = []
        self._statements = 0
        self._until = time.monotonic() + max(TRANSACTION_SECONDS, limit_s)
        self.in_sql = False
        self.now = now
        self.ids = ids

    async def all(self, statement: Statement, /, **params: Any) -> list[Row]:
        return await self._sql(self._connection.rows, statement.postgres, statement.postgres_places(params))

    async def one(self, statement: Statement, /, **params: Any) -> Row | None:
        rows = await self._sql(self._connection.rows, statement.postgres, statement.postgres_places(params))
        return rows[0] if rows else None

    async def page(self, statement: Statement, page: Page, /, **params: Any) -> list[Row]:
        return await paged(self.all, statement, page, params)

    async def run(self, statement: Statement, /, **params: Any) -> int:
        return await self._sql(self._connection.run, statement.postgres, statement.postgres_places(params))

    async def many(self, statement: Statement, rows: Iterable[Mapping[str, Any]], /) -> None:
        places = [statement.postgres_places(row) for row in rows]
        await self._sql(self._connection.many, statement.postgres, places)

    async def later(self, statement: Statement, /, **params: Any) -> None:
        self._later.append((statement, statement.postgres_places(params)))

    async def settle(self) -> None:
        """Carries out what was left for later: in one round trip, and one more for each statement with several rows.

        Rows that others want may be held by now, so that it must not take longer the more there is.
        """
        rows: dict[Statement, list[list[Any]]] = {}
        for statement, places in self._later:
            rows.setdefault(statement, []).append(places)
        self._later.clear()
        single = [statement for statement, found in rows.items() if len(found) == 1]
        if single:
            places = [value for statement in single for value in rows[statement][0]]
            await self._sql(self._connection.run, together(tuple(single)), places)
        for statement, found in rows.items():
            if len(found) > 1:
                await self._sql(self._connection.many, statement.postgres, found)

    def spoil(self) -> None:
        """Whatever is begun on its connection is the last thing there."""
        self._connection.terminate()

    async def _sql(self, method: Callable[[str, Any, float], Coroutine[Any, Any, T]], sql: str, places: Any) -> T:
        self._statements += 1
        if self._lone and self._statements > 1:
            raise SecondStatement
        if time.monotonic() > self._until:
            raise Unavailable("The database took too long: nothing was stored")
        self.in_sql = True
        try:
            return await method(sql, places, self._limit_s)
        finally:
            self.in_sql = False


@types.coroutine
def only_sql(coroutine: Coroutine[Any, Any, T], tx: PostgresTransaction) -> Generator[Any, Any, T]:
    """Awaits a transaction function, and ends it where it waits for anything but its own SQL."""
    resume: Callable[[], Any] = partial(coroutine.send, None)
    while True:
        try:
            waits_for = resume()
        except StopIteration as end:
            return cast("T", end.value)
        if not tx.in_sql:
            coroutine.close()
            tx.spoil()
            raise RuntimeError("a transaction function awaited something other than SQL")
        try:
            resume = partial(coroutine.send, (yield waits_for))
        except BaseException as error:  # boundary: whatever it is, it is the function's to meet
            resume = partial(coroutine.throw, error)
