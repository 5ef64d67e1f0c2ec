"""What is quoted, as a reader is shown it, and who quotes a status."""

from collections.abc import Iterable
from typing import NamedTuple

from linnet.domain.errors import NotFound
from linnet.domain.paging import Page
from linnet.domain.views import StatusRow
from linnet.queries.statuses import Listed, visible, without_reblogs
from linnet.storage import quotes, statuses
from linnet.storage.database import Database, Reader


class Shown(NamedTuple):
    """A quoted status as one reader is shown it: ``state`` is the client API's."""

    state: str
    row: StatusRow


async def shown(database: Database, ids: Iterable[int], reader: int) -> dict[int, Shown]:
    """Of these statuses that others quote; those that are gone are left out."""
    wanted = list(ids)

    async def read(tx: Reader) -> dict[int, Shown]:
        found = await tx.all(quotes.SQL.shown, ids=wanted, reader=reader, now=tx.now)
        return {row[1]: Shown(row[0], statuses.as_row(tuple(row[1:]))) for row in found}

    return await database.read(read)


async def of(database: Database, status_id: int, reader: int, page: Page) -> tuple[Listed, ...]:
    """The statuses that quote this one, the latest first. Raises NotFound."""

    async def read(tx: Reader) -> tuple[Listed, ...]:
        if not await visible(tx, (status_id,), reader):
            raise NotFound
        return without_reblogs(await tx.page(quotes.SQL.of, page, id=status_id, reader=reader, now=tx.now))

    return await database.read(read)
