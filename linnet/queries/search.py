"""Search over statuses and hashtags; accounts are found in queries/accounts.py."""

from linnet.domain import text as words
from linnet.domain.audience import Entry
from linnet.domain.paging import Page
from linnet.domain.views import TagView
from linnet.queries.statuses import Listed, listed
from linnet.storage import search
from linnet.storage.database import Database, Reader

LAST = chr(0x10FFFF)


async def statuses(
    database: Database, reader: int, text: str, page: Page, *, offset: int = 0, author: int = 0
) -> tuple[Listed, ...]:
    """Statuses with all the words of ``text``, the newest first; ``author`` 0 is anybody."""
    terms = words.query_terms(text)
    if not terms:
        return ()

    async def read(tx: Reader) -> tuple[Listed, ...]:
        rows = await tx.all(
            search.SQL.statuses,
            # Terms hold letters, marks and digits only, so quotes make them plain words for either engine.
            query=" ".join(f'"{term}"' for term in terms),
            reader=reader,
            author=author,
            now=tx.now,
            max_id=page.max_id,
            min_id=page.min_id,
            limit=page.limit,
            offset=offset,
        )
        return await listed(tx, [Entry(*row) for row in rows], reader)

    return await database.read(read)


async def tags(database: Database, text: str, limit: int, offset: int = 0) -> tuple[TagView, ...]:
    """Hashtags that begin so, with or without the #."""
    key = words.hashtag_key(text.strip().removeprefix("#"))
    if not key:
        return ()

    async def read(tx: Reader) -> tuple[TagView, ...]:
        rows = await tx.all(search.SQL.tags, first=key, last=key + LAST, limit=limit, offset=offset)
        return await search.with_history(tx, rows)

    return await database.read(read)


async def tag(database: Database, name: str) -> TagView:
    """One hashtag, also where nobody has used it yet."""
    key = words.hashtag_key(name)

    async def read(tx: Reader) -> TagView:
        row = await tx.one(search.SQL.tag, key=key)
        return (await search.with_history(tx, [row or (key, name)]))[0]

    return await database.read(read)
