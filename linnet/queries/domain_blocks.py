"""The servers that somebody blocks."""

from typing import NamedTuple

from linnet.domain.paging import Page
from linnet.storage import domain_blocks
from linnet.storage.database import Database

SQL = domain_blocks.SQL


class Domains(NamedTuple):
    """A page of domains; ``cursors`` are of the last and the first."""

    names: tuple[str, ...]
    cursors: tuple[int, int] | None = None


async def all(database: Database, reader: int, page: Page) -> Domains:
    """The latest first."""
    rows = await database.read(lambda tx: tx.page(SQL.all, page, account_id=reader))
    return Domains(tuple(row[0] for row in rows), (rows[-1][1], rows[0][1]) if rows else None)


async def preview(database: Database, reader: int, domain: str) -> tuple[int, int]:
    """How many accounts there ``reader`` follows, and how many follow ``reader``: what a block would end."""
    row = await database.read(lambda tx: tx.one(SQL.preview, account_id=reader, domain=domain))
    return (int(row[0]), int(row[1])) if row is not None else (0, 0)
