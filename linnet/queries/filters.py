"""An account's filters, for itself alone."""

from linnet.domain.errors import NotFound
from linnet.domain.filters import Filter, FilteredStatus, Keyword
from linnet.storage import filters
from linnet.storage.database import Database, Reader

SQL = filters.SQL


async def all(database: Database, account_id: int) -> tuple[Filter, ...]:
    """Expired ones, too; the oldest first."""
    return await database.read(lambda tx: filters.of_account(tx, account_id))


async def in_force(database: Database, account_id: int) -> tuple[int, tuple[Filter, ...]]:
    """The version of the account's filters, and the filters of that very version; expired ones are left out later."""

    async def read(tx: Reader) -> tuple[int, tuple[Filter, ...]]:
        row = await tx.one(SQL.version, account_id=account_id)
        return (int(row[0]) if row else 0), await filters.of_account(tx, account_id)

    return await database.read(read)


async def one(database: Database, account_id: int, filter_id: int) -> Filter:
    """Raises NotFound."""
    found = await database.read(lambda tx: filters.one(tx, account_id, filter_id))
    if found is None:
        raise NotFound
    return found


async def keyword(database: Database, account_id: int, keyword_id: int) -> tuple[Filter, Keyword]:
    """A keyword and the filter that it belongs to. Raises NotFound."""

    async def read(tx: Reader) -> tuple[Filter, Keyword] | None:
        row = await tx.one(SQL.keyword, id=keyword_id, account_id=account_id)
        found = await filters.one(tx, account_id, row[1]) if row else None
        return (found, Keyword(row[0], row[2], bool(row[3]))) if row and found else None

    pair = await database.read(read)
    if pair is None:
        raise NotFound
    return pair


async def status(database: Database, account_id: int, id: int) -> FilteredStatus:
    """Raises NotFound."""
    row = await database.read(lambda tx: tx.one(SQL.status, id=id, account_id=account_id))
    if row is None:
        raise NotFound
    return FilteredStatus(row[0], row[2])
