"""Timelines as their readers see them now, whatever was written to them before."""

from dataclasses import dataclass, replace

from linnet.domain import text as words
from linnet.domain.audience import without_repeats
from linnet.domain.paging import Page
from linnet.domain.views import StatusRow
from linnet.queries.statuses import Listed, placed, without_reblogs
from linnet.storage import statuses, timelines
from linnet.storage.database import Database, Reader
from linnet.storage.statuses import as_row

SCAN = 200
"""How many posts of large authors are looked at before the reader's own follows among those authors are."""


async def home(database: Database, reader: int, page: Page) -> tuple[Listed, ...]:
    """The reader's home timeline, newest first."""

    async def read(tx: Reader) -> tuple[Listed, ...]:
        return await placed(tx, await _home_rows(tx, reader, page), reader)

    return await database.read(read)


async def _home_rows(tx: Reader, reader: int, page: Page) -> list[StatusRow]:
    """The places on one page, repeats left out and the page filled, newest first."""
    rows: list[StatusRow] = []
    seen: set[int] = set()
    rest = page
    while True:
        chunk = await _home_chunk(tx, reader, rest)
        rows += without_repeats(chunk, seen)
        if page.forward or len(chunk) < page.limit or len(rows) >= page.limit:
            return rows[: page.limit]
        rest = replace(rest, max_id=chunk[-1].id)


async def _home_chunk(tx: Reader, reader: int, page: Page) -> list[StatusRow]:
    found = await tx.page(timelines.SQL.home, page, reader=reader, now=tx.now)
    written = [as_row(row[:-1]) for row in found]
    # What lies beyond the page's own far end cannot stand on it.
    full = len(written) == page.limit
    min_id = written[-1].id if full and not page.forward else page.min_id
    newest = found[0][-1] if found else await _newest_merged(tx)
    if newest is None or newest <= min_id:
        return written
    max_id = written[0].id if full and page.forward else page.max_id
    merged = await _merged(tx, reader, replace(page, max_id=max_id, min_id=min_id), written)
    # An author's first merged post may also have been written to timelines, where the change came in between.
    ordered = sorted({row.id: row for row in (*written, *merged)}.values(), key=lambda row: -row.id)
    return ordered[-page.limit :] if page.forward else ordered[: page.limit]


async def _newest_merged(tx: Reader) -> int | None:
    row = await tx.one(timelines.SQL.newest_merged)
    return None if row is None else row[0]


async def _merged(tx: Reader, reader: int, page: Page, written: list[StatusRow]) -> list[StatusRow]:
    """Posts of large authors for this reader, as many as the page has room for beside what was ``written``.

    By time, until the page is certain to be full; and author by author where that finds too few of too many.
    """
    known = {row.id for row in written}
    found: list[StatusRow] = []
    rest, scanned = page, 0
    while scanned < SCAN:
        window = await tx.page(timelines.SQL.merged_window, rest, reader=reader, now=tx.now)
        found += [as_row(row[:-1]) for row in window if row[-1] and row[0] not in known]
        if len(window) < page.limit:
            return found
        scanned += len(window)
        if page.forward:
            edge = max(row[0] for row in window)
            sure = sum(row.id <= edge for row in written)
            rest = replace(rest, min_id=edge)
        else:
            edge = min(row[0] for row in window)
            sure = sum(row.id >= edge for row in written)
            rest = replace(rest, max_id=edge)
        if len(found) + sure >= page.limit:
            return found
    rows = await tx.page(timelines.SQL.merged_by_author, page, reader=reader, now=tx.now)
    ids = sorted((row[0] for row in rows), reverse=True)
    ids = ids[-page.limit :] if page.forward else ids[: page.limit]
    return list((await statuses.rows(tx, ids, reader)).values())


async def public(database: Database, reader: int, page: Page, *, only_media: bool = False) -> tuple[Listed, ...]:
    """Everybody's public statuses, without reblogs and without replies to others."""

    async def read(tx: Reader) -> tuple[Listed, ...]:
        found = await tx.page(timelines.SQL.public, page, reader=reader, now=tx.now, only_media=int(only_media))
        return without_reblogs(found)

    return await database.read(read)


@dataclass(frozen=True, slots=True)
class Tagged:
    """Which hashtags: ``name`` or one of ``any``, all of ``all``, none of ``none``; as people write them."""

    name: str
    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()


async def tag(
    database: Database, reader: int, tagged: Tagged, page: Page, *, only_media: bool = False
) -> tuple[Listed, ...]:
    """Public statuses with hashtags, newest first."""
    name = words.hashtag_key(tagged.name)
    every, none = ({words.hashtag_key(one) for one in names} for names in (tagged.all, tagged.none))
    either = {name, *(words.hashtag_key(one) for one in tagged.any)}

    async def read(tx: Reader) -> tuple[Listed, ...]:
        if every or none or len(either) > 1:
            rows = await tx.page(
                timelines.SQL.tags,
                page,
                reader=reader,
                now=tx.now,
                only_media=int(only_media),
                any=sorted(either),
                all=sorted(every),
                all_count=len(every),
                none=sorted(none),
            )
        else:
            rows = await tx.page(
                timelines.SQL.tag, page, reader=reader, now=tx.now, only_media=int(only_media), tag=name
            )
        return without_reblogs(rows)

    return await database.read(read)
