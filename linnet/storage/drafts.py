"""Drafts and scheduled statuses as rows, and the uploads that they keep."""

from collections.abc import Iterable

import msgspec

from linnet.domain.errors import Invalid
from linnet.domain.statuses import Draft, Settled
from linnet.domain.views import DraftView, MediaView
from linnet.storage import media, statements
from linnet.storage.database import Reader, Writer
from linnet.storage.statements import Row

SQL = statements.load("drafts")

_draft = msgspec.json.Decoder(Draft)
_settled = msgspec.json.Decoder(Settled)


def as_json(draft: Draft) -> str:
    return msgspec.json.encode(draft).decode()


def settled(text: str) -> Settled:
    """What ``as_json`` made of one; raises ``msgspec.DecodeError`` for anything else."""
    return _settled.decode(text)


def as_view(row: Row, pictures: Iterable[MediaView] = ()) -> DraftView:
    draft = _draft.decode(row[2])
    known = {view.id: view for view in pictures}
    return DraftView(row[0], row[1], draft, row[3], row[4], tuple(known[id] for id in draft.media_ids if id in known))


async def taken(tx: Writer, draft_id: int) -> DraftView | None:
    """A draft or scheduled status, which nobody else changes until this transaction ends; without its media."""
    row = await tx.one(SQL.taken, id=draft_id)
    return None if row is None else as_view(row)


async def with_media(tx: Reader, rows: Iterable[Row]) -> tuple[DraftView, ...]:
    found = list(rows)
    held: dict[int, list[MediaView]] = {row[0]: [] for row in found}
    if found:
        for draft_id, *picture in await tx.all(SQL.media, ids=list(held)):
            held[draft_id].append(media.view(tuple(picture)))
    return tuple(as_view(row, held[row[0]]) for row in found)


async def hold(tx: Writer, account_id: int, draft_id: int, draft: Draft) -> list[tuple[str, str]]:
    """The uploads that the draft names are kept for it from now on, and no others: their types and states.

    Raises Invalid where one is somebody else's or is in use.
    """
    await tx.run(SQL.release, draft_id=draft_id)
    if not draft.media_ids:
        return []
    found = await tx.all(SQL.hold, draft_id=draft_id, ids=list(draft.media_ids), account_id=account_id)
    if len(found) != len(draft.media_ids):
        raise Invalid("media_ids", "names an attachment that is not yours or is in use", "ERR_INVALID")
    return [(type, state) for type, state in found]
