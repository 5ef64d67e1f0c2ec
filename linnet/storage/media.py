"""Media attachments as rows."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from linnet.domain import statuses as rules
from linnet.domain.errors import Conflict, Invalid
from linnet.domain.views import MediaView
from linnet.storage import statements
from linnet.storage.database import Reader, Writer
from linnet.storage.statements import Row, Statement

SQL = statements.load("media")


class Own(NamedTuple):
    """One's own upload, the status that shows it (0: none), how far it is, and why nothing became of it."""

    view: MediaView
    status_id: int
    state: str = "ready"
    error: str = ""


def view(row: Row) -> MediaView:
    """Of the columns id, type, file_key, preview_key, description, blurhash, meta."""
    return MediaView(*[*row[:6], msgspec.json.decode(row[6])])


async def attach(tx: Writer, account_id: int, status_id: int, ids: Sequence[int]) -> tuple[MediaView, ...]:
    """In the order of ``ids``. Raises Invalid where one is not this account's or belongs to another status.

    Raises Conflict where one is not ready yet, or where they cannot stand together.
    """
    return await _together(tx, SQL.attach, account_id, status_id, ids)


async def attachable(tx: Reader, account_id: int, status_id: int, ids: Sequence[int]) -> tuple[MediaView, ...]:
    """What ``attach`` would answer, or raise, but nothing is tied to anything."""
    return await _together(tx, SQL.attachable, account_id, status_id, ids)


async def still_attachable(tx: Reader, account_id: int, status_id: int, ids: Sequence[int]) -> tuple[int, ...]:
    """Those of ``ids`` that "attach" would find now, in their order."""
    if not ids:
        return ()
    rows = await tx.all(SQL.attachable, ids=list(ids), account_id=account_id, status_id=status_id)
    there = {row[0] for row in rows}
    return tuple(id for id in ids if id in there)


async def _together(
    tx: Reader, statement: Statement, account_id: int, status_id: int, ids: Sequence[int]
) -> tuple[MediaView, ...]:
    if not ids:
        return ()
    rows = await tx.all(statement, ids=list(ids), account_id=account_id, status_id=status_id)
    found = {row[0]: view(row) for row in rows}
    if len(found) != len(ids):
        if await tx.all(SQL.unready, ids=list(ids), account_id=account_id):
            raise Conflict("Cannot attach files that have not finished processing. Try again in a moment!")
        raise Invalid("media_ids", "names an attachment that is not yours or is in use", "ERR_INVALID")
    rules.check_together([one.type for one in found.values()])
    return tuple(found[id] for id in ids)


async def own(tx: Reader, account_id: int, id: int) -> Own | None:
    """An upload of ``account_id``, or None."""
    row = await tx.one(SQL.own, id=id, account_id=account_id)
    return None if row is None else Own(view(row[:7]), *row[7:])


async def describe(
    tx: Writer, account_id: int, id: int, description: str | None, focus: tuple[float, float] | None
) -> bool:
    """New words and focus (x and y from -1 to 1) for an upload; None leaves each. False where it is not theirs."""
    found = await own(tx, account_id, id)
    if found is None:
        return False
    before = found.view
    meta = dict(before.meta)
    if focus is not None:
        meta["focus"] = {"x": focus[0], "y": focus[1]}
    point = meta.get("focus", {})
    await tx.run(
        SQL.describe,
        id=id,
        account_id=account_id,
        description=before.description if description is None else description,
        focus_x=point.get("x"),
        focus_y=point.get("y"),
        meta=msgspec.json.encode(meta).decode(),
    )
    return True
