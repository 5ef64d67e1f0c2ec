"""Hashtags as accounts follow and feature them, as rows."""

from collections.abc import Sequence

import msgspec

from linnet.domain import ids
from linnet.domain.text import hashtag_key
from linnet.domain.views import NOBODY, FeaturedTagView, TagView
from linnet.domain.visibility import Visibility
from linnet.storage import jobs, statements
from linnet.storage.database import Reader, Writer

SQL = statements.load("tags")


async def marked(tx: Reader, reader: int, views: Sequence[TagView]) -> tuple[TagView, ...]:
    """The same with what ``reader`` does with them."""
    if reader == NOBODY or not views:
        return tuple(views)
    found = await tx.all(SQL.marks, reader=reader, keys=[view.key for view in views])
    marks = {row[0]: (int(row[1]), int(row[2])) for row in found}
    none = (0, 0)
    return tuple(
        msgspec.structs.replace(view, following=following, featuring=featuring)
        for view in views
        for following, featuring in (marks.get(view.key, none),)
    )


async def featured(tx: Reader, account_id: int) -> tuple[FeaturedTagView, ...]:
    """In the order in which they were chosen."""
    return tuple(FeaturedTagView(*row) for row in await tx.all(SQL.featured, account_id=account_id))


async def recount(tx: Writer, featured_id: int) -> None:
    """Counts the statuses of a featured hashtag anew."""
    await tx.run(SQL.recount, id=featured_id)


async def count(tx: Writer, status_id: int, author: int, tags: Sequence[str], visibility: int) -> None:
    """What follows from a status's having hashtags: its author's profile counts it, their followers get it."""
    if not tags:
        return
    keys = sorted({hashtag_key(name) for name in tags})
    if visibility <= Visibility.UNLISTED:
        await tx.run(SQL.count_featured, account_id=author, keys=keys, at=ids.milliseconds(status_id))
    if visibility == Visibility.PUBLIC:
        for (tag,) in await tx.all(SQL.followed_among, keys=keys):
            await jobs.add(tx, "status.tagged", {"status_id": status_id, "tag": tag, "after": 0})


async def uncount(tx: Writer, status_id: int, author: int, visibility: int) -> None:
    """Asked before the hashtags of a status are taken off."""
    if visibility <= Visibility.UNLISTED:
        await tx.run(SQL.uncount_featured, account_id=author, status_id=status_id)
