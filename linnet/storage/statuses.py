"""Statuses and their contents as rows."""

from collections.abc import Iterable

import msgspec

from linnet.domain.polls import PollView
from linnet.domain.views import MediaView, MentionView, StatusContent, StatusRow
from linnet.storage import cards, statements
from linnet.storage.database import Reader, Writer
from linnet.storage.statements import Row

SQL = statements.load("statuses")

_mentions = msgspec.json.Decoder(tuple[MentionView, ...])
_tags = msgspec.json.Decoder(tuple[str, ...])
decode_media = msgspec.json.Decoder(tuple[MediaView, ...]).decode
_poll = msgspec.json.Decoder(PollView)


def decode_poll(text: str | None) -> PollView | None:
    return None if text is None else _poll.decode(text)


def as_row(row: Row) -> StatusRow:
    """The columns of the fragment ``status_row``."""
    return tuple.__new__(StatusRow, row)


async def rows(tx: Reader, ids: Iterable[int], reader: int) -> dict[int, StatusRow]:
    """The rows of these statuses, with what ``reader`` has done to them; those that are gone are left out."""
    return {row[0]: as_row(row) for row in await tx.all(SQL.rows, ids=list(ids), reader=reader, now=tx.now)}


async def contents(tx: Reader, ids: Iterable[int]) -> dict[int, StatusContent]:
    return {row[0]: _content(row) for row in await tx.all(SQL.contents, ids=list(ids))}


async def contents_in_place(tx: Reader, ids: Iterable[int]) -> list[tuple[StatusContent, str | None, bool]]:
    """The same, each with its language and whether it is a reply."""
    found = await tx.all(SQL.contents, ids=list(ids))
    return [(_content(row), row[18], row[19] is not None) for row in found]


def _content(row: Row) -> StatusContent:
    return StatusContent(
        *[
            *[*row[:7], _mentions.decode(row[7]), _tags.decode(row[8]), decode_media(row[9])],
            *[*row[10:14], decode_poll(row[14]), cards.decode(row[15]), *row[16:18]],
        ]
    )


async def renew(tx: Writer, status_id: int) -> None:
    """Gives a status a fresh version, because something that hangs on it is shown differently now."""
    version = tx.ids.next()
    await tx.run(SQL.renew_edit, id=status_id, version=version)
    await tx.run(SQL.renew, id=status_id, version=version)
    await tx.run(SQL.touch_content, id=status_id, version=version)
