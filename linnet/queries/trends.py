"""What trends now, as one reader may see it."""

from typing import NamedTuple
from urllib.parse import quote, urldefrag

from linnet.domain.cards import CardView
from linnet.domain.errors import NotFound
from linnet.domain.paging import Page
from linnet.domain.times import DAY_MS
from linnet.domain.trends import DAYS
from linnet.domain.views import NOBODY, TagView
from linnet.queries.statuses import Listed, whole, without_reblogs
from linnet.storage import cards, search, tags, trends
from linnet.storage.database import Database, Reader


class LinkView(NamedTuple):
    """A link that trends. ``history`` as in TagView."""

    id: int
    card: CardView
    history: tuple[tuple[int, int, int], ...]


async def trending_tags(database: Database, reader: int, limit: int, offset: int = 0) -> tuple[TagView, ...]:
    """The most first, with the uses of each in the last days."""

    async def read(tx: Reader) -> tuple[TagView, ...]:
        rows = await tx.all(trends.SQL.trending_tags, limit=limit, offset=offset)
        return await tags.marked(tx, reader, await search.with_history(tx, rows))

    return await database.read(read)


async def trending_links(database: Database, limit: int, offset: int = 0) -> tuple[LinkView, ...]:
    """The most first."""

    async def read(tx: Reader) -> tuple[LinkView, ...]:
        rows = await tx.all(trends.SQL.trending_links, limit=limit, offset=offset)
        today = tx.now // DAY_MS
        since = today - DAYS + 1
        used = await tx.all(trends.SQL.link_history, ids=[row[0] for row in rows], since=since) if rows else []
        uses = {(row[0], row[1]): (int(row[2]), int(row[3])) for row in used}
        days = range(today, since - 1, -1)
        views = ((row[0], cards.decode(row[1])) for row in rows)
        return tuple(
            LinkView(id, card, tuple((day * 86_400, *uses.get((id, day), (0, 0))) for day in days))
            for id, card in views
            if card is not None
        )

    return await database.read(read)


async def with_link(database: Database, reader: int, url: str, page: Page) -> tuple[Listed, ...]:
    """Public statuses that link there, newest first. Raises NotFound where nobody has, or there is nothing to show."""

    async def read(tx: Reader) -> tuple[Listed, ...]:
        known = await tx.one(cards.SQL.known, url=urldefrag(url)[0])
        if known is None:
            raise NotFound
        return without_reblogs(await tx.page(cards.SQL.timeline, page, card_id=known[0], reader=reader, now=tx.now))

    return await database.read(read)


async def trending_statuses(database: Database, reader: int, limit: int, offset: int = 0) -> tuple[Listed, ...]:
    """The most first, without those that ``reader`` may not see or has shut out."""

    async def read(tx: Reader) -> tuple[Listed, ...]:
        statement = trends.SQL.trending_statuses
        return without_reblogs(await tx.all(statement, reader=reader, now=tx.now, limit=limit, offset=offset))

    return await database.read(read)


class Trending(NamedTuple):
    """What a moderator may take out of the trends: ``words`` tell what it is, ``address`` is where it is found."""

    kind: str
    subject: str
    words: str
    address: str


async def trending(database: Database, limit: int) -> tuple[Trending, ...]:
    """The first of each kind."""
    found = [
        Trending("tag", view.key, f"#{view.name}", f"/tags/{quote(view.name)}")
        for view in await trending_tags(database, NOBODY, limit)
    ]
    for link in await trending_links(database, limit):
        found.append(Trending("link", str(link.id), link.card.title, link.card.url))
    listed = await trending_statuses(database, NOBODY, limit)
    for view in await whole(database, listed):
        place = f"/@{view.author.username}/{view.row.id}"
        found.append(Trending("status", str(view.row.id), f"@{view.author.username}: {view.content.text}", place))
    return tuple(found)
