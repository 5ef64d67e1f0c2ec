"""Exports as rows: how far an archive is, and the pieces that it is made of."""

from typing import NamedTuple

from linnet.storage import statements
from linnet.storage.database import Reader, Writer

SQL = statements.load("exports")


class ExportRow(NamedTuple):
    """``state`` is ``running``, ``ready`` or ``failed``; times in ms since 1970; ``pending`` is a key not yet added."""

    id: int
    account_id: int
    state: str
    folder: str
    cursor: str
    pending: str | None
    done: int
    total: int
    bytes: int
    created_at: int
    expires_at: int


async def one(tx: Reader, id: int) -> ExportRow | None:
    row = await tx.one(SQL.one, id=id)
    return None if row is None else ExportRow(*row)


async def listed(tx: Reader, account_id: int) -> list[ExportRow]:
    """The latest first."""
    return [ExportRow(*row) for row in await tx.all(SQL.listed, account_id=account_id)]


async def remove_some(tx: Writer, id: int, limit: int) -> tuple[list[str], bool]:
    """Takes away an export's rows, so many pieces at a time: their keys, and whether all of it is gone."""
    found = await one(tx, id)
    rows = await tx.all(SQL.parts, export_id=id, after=-1, limit=limit)
    await tx.run(SQL.delete_parts, export_id=id, numbers=[row[0] for row in rows])
    keys = [row[1] for row in rows]
    if len(rows) == limit:
        return keys, False
    await tx.run(SQL.delete, id=id)
    return [*keys, *([found.pending] if found is not None and found.pending else [])], True
