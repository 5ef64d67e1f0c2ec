"""Statuses and their contents as rows."""

from collections.abc import Iterable

import msgspec

from linnet.domain.views import MediaView, MentionView, StatusContent, StatusRow
from linnet.storage import statements
from linnet.storage.database import Reader
from linnet.storage.statements import Row

SQL = statements.load("statuses")

_mentions = msgspec.json.Decoder(tuple[MentionView, ...])
_tags = msgspec.json.Decoder(tuple[str, ...])
decode_media = msgspec.json.Decoder(tuple[MediaView, ...]).decode


def as_row(row: Row) -> StatusRow:
    """The columns of the fragment ``status_row``."""
    return tuple.__new__(StatusRow, row)


async def rows(tx: Reader, ids: Iterable[int], reader: int) -> dict[int, StatusRow]:
    """The rows of these statuses, with what ``reader`` has done to them; those that are gone are left out."""
    return {row[0]: as_row(row) for row in await tx.all(SQL.rows, ids=list(ids), reader=reader)}


async def contents(tx: Reader, ids: Iterable[int]) -> dict[int, StatusContent]:
    found = await tx.all(SQL.contents, ids=list(ids))
    return {
        row[0]: StatusContent(
            *[*row[:7], _mentions.decode(row[7]), _tags.decode(row[8]), decode_media(row[9]), *row[10:]]
        )
        for row in found
    }
