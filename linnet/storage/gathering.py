"""A writer that carries out together, at the end, what nobody in the transaction looks at before."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from linnet.domain.paging import Page
from linnet.ports import Ids
from linnet.storage.database import Writer
from linnet.storage.statements import Row, Statement


class Gathering:
    """A ``Writer`` over another one. What is ``run`` of ``adding`` or ``last`` waits and counts as one row.

    Before anything else, what was added is carried out: all can be seen, but by statements that are ``apart``. What is
    ``last`` waits for ``finish``: rows that others want are locked there, for no longer than the commit takes. Many
    transactions' worth of work in one is mostly waiting for answers: of what only adds, one is enough for all. What is
    ``known`` answers in the database's place, by the statement's parameters: it was asked for all of them before.
    """

    def __init__(
        self,
        tx: Writer,
        adding: Collection[Statement],
        apart: Collection[Statement] = (),
        last: Collection[Statement] = (),
        known: Mapping[Statement, Callable[..., list[Row]]] | None = None,
    ) -> None:
        self._tx = tx
        self._rows: dict[Statement, list[Mapping[str, Any]]] = {statement: [] for statement in (*adding, *last)}
        self._adding, self._last = tuple(adding), tuple(last)
        self._apart = frozenset(apart)
        self._known = dict(known or {})

    @property
    def now(self) -> int:
        return self._tx.now

    @property
    def ids(self) -> Ids:
        return self._tx.ids

    async def all(self, statement: Statement, /, **params: Any) -> list[Row]:
        if statement in self._known:
            return self._known[statement](**params)
        await self._before(statement)
        return await self._tx.all(statement, **params)

    async def one(self, statement: Statement, /, **params: Any) -> Row | None:
        await self._before(statement)
        return await self._tx.one(statement, **params)

    async def page(self, statement: Statement, page: Page, /, **params: Any) -> list[Row]:
        await self._before(statement)
        return await self._tx.page(statement, page, **params)

    async def run(self, statement: Statement, /, **params: Any) -> int:
        gathered = self._rows.get(statement)
        if gathered is None:
            await self._before(statement)
            return await self._tx.run(statement, **params)
        gathered.append(params)
        return 1

    async def later(self, statement: Statement, /, **params: Any) -> None:
        gathered = self._rows.get(statement)
        if gathered is None:
            await self._tx.later(statement, **params)
        else:
            gathered.append(params)

    async def many(self, statement: Statement, rows: Iterable[Mapping[str, Any]], /) -> None:
        await self._before(statement)
        await self._tx.many(statement, rows)

    async def flush(self) -> None:
        """Carries out what was added, in the order of ``adding`` and, of each, as it came."""
        await self._carry_out(self._adding)

    async def finish(self) -> None:
        """The same with all that was gathered."""
        await self._carry_out((*self._adding, *self._last))

    async def _carry_out(self, statements: Iterable[Statement]) -> None:
        for statement in statements:
            rows = self._rows[statement]
            if rows:
                await self._tx.many(statement, rows)
                rows.clear()

    async def _before(self, statement: Statement) -> None:
        if statement not in self._apart:
            await self.flush()
