"""Hashtags by name, those that somebody follows, and those that an account shows."""

from typing import NamedTuple

from linnet.domain import tags as rules
from linnet.domain.errors import NotFound
from linnet.domain.paging import Page
from linnet.domain.text import hashtag_key
from linnet.domain.views import FeaturedTagView, TagView
from linnet.storage import search, tags
from linnet.storage.database import Database, Reader

SQL = tags.SQL

SCAN = 1_000
"""In how many of an account's latest statuses its favourite hashtags are looked for."""
SUGGESTED = 10


class Followed(NamedTuple):
    """A page of hashtags; ``cursors`` are of the last and the first."""

    views: tuple[TagView, ...]
    cursors: tuple[int, int] | None = None


async def one(database: Database, reader: int, name: str) -> TagView:
    """A hashtag, also where nobody has used it yet, and what ``reader`` does with it."""
    key = hashtag_key(name)

    async def read(tx: Reader) -> TagView:
        row = await tx.one(search.SQL.tag, key=key)
        return (await tags.marked(tx, reader, await search.with_history(tx, [row or (key, name)])))[0]

    return await database.read(read)


async def followed(database: Database, reader: int, page: Page) -> Followed:
    """The latest first."""

    async def read(tx: Reader) -> Followed:
        rows = await tx.page(SQL.followed, page, account_id=reader)
        views = await search.with_history(tx, [row[:2] for row in rows])
        return Followed(await tags.marked(tx, reader, views), (rows[-1][2], rows[0][2]) if rows else None)

    return await database.read(read)


async def featured(database: Database, account_id: int) -> tuple[FeaturedTagView, ...]:
    """What an account shows on its profile."""
    return await database.read(lambda tx: tags.featured(tx, account_id))


async def featured_one(database: Database, account_id: int, tag: str) -> FeaturedTagView:
    """Raises NotFound."""
    row = await database.read(lambda tx: tx.one(SQL.featured_one, account_id=account_id, tag=tag))
    if row is None:
        raise NotFound
    return FeaturedTagView(*row)


async def suggestions(database: Database, account_id: int) -> tuple[TagView, ...]:
    """The hashtags that an account uses most, and does not feature."""

    async def read(tx: Reader) -> tuple[TagView, ...]:
        if len(await tags.featured(tx, account_id)) >= rules.FEATURED_MAX:
            return ()
        rows = await tx.all(SQL.most_used, account_id=account_id, scan=SCAN, limit=SUGGESTED)
        return await tags.marked(tx, account_id, await search.with_history(tx, rows))

    return await database.read(read)
