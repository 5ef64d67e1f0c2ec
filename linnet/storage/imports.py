"""Imports as rows: how far each is, what was found in it, and its report."""

from typing import NamedTuple

from linnet.storage import statements
from linnet.storage.database import Reader

SQL = statements.load("imports")


class ImportRow(NamedTuple):
    """``state`` is ``running``, ``done`` or ``failed``; ``options`` and ``cursor`` are JSON; times in ms since 1970."""

    id: int
    account_id: int
    kind: str
    options: str
    name: str
    state: str
    file_key: str
    cursor: str
    bytes: int
    done: int
    total: int
    imported: int
    skipped: int
    refused: int
    error: str | None
    created_at: int
    moved_at: int


class Line(NamedTuple):
    """What was not taken in, and why."""

    item: str
    why: str


async def one(tx: Reader, id: int) -> ImportRow | None:
    row = await tx.one(SQL.one, id=id)
    return None if row is None else ImportRow(*row)


async def listed(tx: Reader, account_id: int) -> list[ImportRow]:
    """The latest first."""
    return [ImportRow(*row) for row in await tx.all(SQL.listed, account_id=account_id)]


async def lines(tx: Reader, id: int, limit: int) -> list[Line]:
    return [Line(*row) for row in await tx.all(SQL.lines, import_id=id, limit=limit)]
