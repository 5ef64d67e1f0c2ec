"""Follows, blocks, mutes and notes as rows, and the counts that go with them."""

from collections.abc import Iterable

import msgspec

from linnet.domain.views import Relationship
from linnet.storage import notifications, statements
from linnet.storage.database import Reader, Writer

SQL = statements.load("relations")

_languages = msgspec.json.Decoder(tuple[str, ...])


async def relationships(
    tx: Reader, reader: int, ids: Iterable[int], *, with_suspended: bool = False
) -> dict[int, Relationship]:
    rows = await tx.all(SQL.relationships, ids=list(ids), reader=reader, now=tx.now, with_suspended=int(with_suspended))
    return {row[0]: Relationship(*[*row[:4], _languages.decode(row[4]) if row[4] else None, *row[5:]]) for row in rows}


async def follow(
    tx: Writer, account_id: int, target_id: int, *, reblogs: int = 1, notify: int = 0, languages: str | None = None
) -> bool:
    """Whether it is new; then it is counted. ``languages`` is a JSON list, or None for all."""
    inserted = await tx.run(
        SQL.follow,
        account_id=account_id,
        target_id=target_id,
        id=tx.ids.next(),
        reblogs=reblogs,
        notify=notify,
        languages=languages,
    )
    if inserted:
        await _count(tx, account_id, target_id, 1)
    return bool(inserted)


async def unfollow(tx: Writer, account_id: int, target_id: int) -> bool:
    """Whether there was a follow; then it is counted off, and its notification, places in lists and endorsement go."""
    deleted = await tx.run(SQL.unfollow, account_id=account_id, target_id=target_id)
    if deleted:
        await _count(tx, account_id, target_id, -1)
        await tx.run(SQL.forget_member, account_id=account_id, target_id=target_id)
        await tx.run(SQL.forget_endorsement, account_id=account_id, target_id=target_id)
        await notifications.remove(tx, "follow", target_id, account_id)
    return bool(deleted)


async def unrequest(tx: Writer, account_id: int, target_id: int) -> bool:
    """Whether there was a follow request; its notification goes with it."""
    deleted = await tx.run(SQL.unrequest, account_id=account_id, target_id=target_id)
    if deleted:
        await notifications.remove(tx, "follow_request", target_id, account_id)
    return bool(deleted)


async def _count(tx: Writer, account_id: int, target_id: int, step: int) -> None:
    # The rows are locked already, in the order of their ids, by whoever decided on them.
    await tx.run(SQL.count_following, id=account_id, step=step)
    await tx.run(SQL.count_followers, id=target_id, step=step)
