"""Search over statuses and hashtags; accounts are found in queries/accounts.py."""

from typing import Any, NamedTuple

from linnet.domain import ids, search_query, usernames
from linnet.domain import text as words
from linnet.domain.audience import Entry
from linnet.domain.paging import Page
from linnet.domain.search_query import SearchQuery
from linnet.domain.site import Site
from linnet.domain.views import TagView
from linnet.queries.statuses import Listed, listed
from linnet.storage import search
from linnet.storage import statuses as status_rows
from linnet.storage.database import Database, Reader
from linnet.storage.statements import Statement
from linnet.storage.tags import marked

LAST = chr(0x10FFFF)
PHRASE_BATCH = 200
PHRASE_BATCHES = 10
"""A phrase is looked for in so many times so many statuses with its words: a search stays a matter of milliseconds."""


async def statuses(
    database: Database, site: Site, reader: int, text: str, page: Page, *, offset: int = 0, author: int = 0
) -> tuple[Listed, ...]:
    """Statuses that ``text`` describes (docs/users/search.md), the newest first; ``author`` 0 is anybody.

    Raises Invalid where an operator means nothing.
    """
    query = search_query.parse(text)
    if query.empty:
        return ()

    async def read(tx: Reader) -> tuple[Listed, ...]:
        people = await _people(tx, site, reader, query)
        if people is None:
            return ()
        rows = await _rows(tx, query, people.with_author(author), reader, page, offset)
        return await listed(tx, [Entry(*row) for row in rows], reader)

    return await database.read(read)


class _People(NamedTuple):
    """The accounts that a query names, by their ids."""

    authors: tuple[int, ...]
    not_authors: tuple[int, ...]
    named: tuple[int, ...]
    not_named: tuple[int, ...]

    def with_author(self, author: int) -> "_People":
        return self._replace(authors=(*self.authors, author)) if author else self


async def _people(tx: Reader, site: Site, reader: int, query: SearchQuery) -> _People | None:
    """None where somebody is asked for who is not there: nothing can be found."""
    groups = (query.authors, query.not_authors, query.named, query.not_named)
    keys = {name: _key(site, name) for group in groups for name in group if name != "me"}
    ids = {"me": reader}
    if keys:
        names, domains = zip(*keys.values(), strict=True)
        rows = await tx.all(search.SQL.named, names=list(set(names)), domains=list(set(domains)))
        by_key = {(row[1], row[2]): int(row[0]) for row in rows}
        ids |= {name: by_key[key] for name, key in keys.items() if key in by_key}
    if not all(name in ids for name in (*query.authors, *query.named)):
        return None
    return _People(*(tuple(ids[name] for name in group if name in ids) for group in groups))


def _key(site: Site, name: str) -> tuple[str, str]:
    """An account's name and domain as its row has them."""
    name, _, domain = name.partition("@")
    return usernames.key(name), "" if domain == site.domain.lower() else domain


async def _rows(
    tx: Reader, query: SearchQuery, people: _People, reader: int, page: Page, offset: int
) -> list[tuple[int, int | None]]:
    terms = [*query.terms, *map(search_query.named_term, people.named)]
    without = [*query.without, *((search_query.named_term(id),) for id in people.not_named)]
    if not query.reblogs:
        terms += map(search_query.author_term, people.authors)
        without += [(search_query.author_term(id),) for id in people.not_authors]
    values: dict[str, Any] = {
        "query": search_query.expression(terms, without),
        "reader": reader,
        "library": int(query.library),
        "public": int(query.public),
        "now": tx.now,
        "min_id": max(page.min_id, ids.first_at(query.since_ms) - 1 if query.since_ms else 0),
    }
    if query.reblogs:
        values |= {"authors": list(people.authors), "not_authors": list(people.not_authors)}
        values["anybody"] = int(not people.authors)
    statement = search.SQL.reblogs if query.reblogs else search.SQL.statuses
    max_id = page.max_id if query.before_ms is None else min(page.max_id, ids.first_at(query.before_ms))
    if not query.phrases and not query.not_phrases:
        rows = await tx.all(statement, **values, max_id=max_id, limit=page.limit, offset=offset)
        return [(row[0], row[1]) for row in rows]
    return await _with_phrases(tx, query, statement, {**values, "max_id": max_id}, page.limit, offset)


async def _with_phrases(
    tx: Reader, query: SearchQuery, statement: Statement, values: dict[str, Any], limit: int, offset: int
) -> list[tuple[int, int | None]]:
    """The index knows no phrases: what has their words is looked at, the newest first, up to a bound."""
    found: list[tuple[int, int | None]] = []
    for _ in range(PHRASE_BATCHES):
        rows = await tx.all(statement, **values, limit=PHRASE_BATCH, offset=0)
        contents = await status_rows.contents(tx, [row[1] or row[0] for row in rows])
        for row in rows:
            content = contents.get(row[1] or row[0])
            if content is not None and search_query.holds(query, search.plain(content)):
                found.append((row[0], row[1]))
        if len(rows) < PHRASE_BATCH or len(found) >= offset + limit:
            break
        values["max_id"] = rows[-1][0]
    return found[offset : offset + limit]


async def tags(database: Database, reader: int, text: str, limit: int, offset: int = 0) -> tuple[TagView, ...]:
    """Hashtags that begin so, with or without the #."""
    key = words.hashtag_key(text.strip().removeprefix("#"))
    if not key:
        return ()

    async def read(tx: Reader) -> tuple[TagView, ...]:
        rows = await tx.all(search.SQL.tags, first=key, last=key + LAST, limit=limit, offset=offset)
        return await marked(tx, reader, await search.with_history(tx, rows))

    return await database.read(read)
