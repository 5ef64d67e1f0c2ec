"""What an account has taken in, how far each import is, and its report."""

from typing import NamedTuple

from linnet.domain.errors import NotFound
from linnet.storage import imports
from linnet.storage.database import Database, Reader
from linnet.storage.imports import ImportRow, Line


class Report(NamedTuple):
    """An import with the lines of its report, of which there may be fewer than were refused."""

    row: ImportRow
    lines: list[Line]


async def listed(database: Database, account_id: int) -> list[ImportRow]:
    """The latest first."""
    return await database.read(lambda tx: imports.listed(tx, account_id))


async def one(database: Database, account_id: int, id: int, lines: int) -> Report:
    """Raises NotFound for an import that is not this account's."""

    async def read(tx: Reader) -> Report:
        found = await imports.one(tx, id)
        if found is None or found.account_id != account_id:
            raise NotFound
        return Report(found, await imports.lines(tx, id, lines))

    return await database.read(read)
