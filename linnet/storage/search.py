"""The search index and hashtags as rows."""

from collections.abc import Iterable

from linnet.domain import search_query, times
from linnet.domain.text import first_link, search_terms
from linnet.domain.views import StatusContent, TagView
from linnet.storage import statements
from linnet.storage.database import Reader, Writer
from linnet.storage.statements import Row
from linnet.storage.statuses import contents_in_place

SQL = statements.load("search")
HISTORY_DAYS = 7


async def index(tx: Writer, ids: Iterable[int]) -> None:
    """Makes statuses findable by their words and by what operators ask for; reblogs are found by their originals.

    One that was filed before is filed anew, one that was deleted meanwhile is not.
    """
    for content, language, reply in await contents_in_place(tx, ids):
        facets = search_query.facets(
            content.account_id, language, (mention.id for mention in content.mentions),
            (view.type for view in content.media), reply=reply,
            sensitive=bool(content.sensitive or content.spoiler), link=first_link(content.text) is not None,
            poll=content.poll is not None,
        )  # fmt: skip
        terms = " ".join((search_terms(plain(content)), *facets)).strip()
        await tx.later(SQL.index_status, id=content.id, terms=terms)


def plain(content: StatusContent) -> str:
    """What a status is found by: its warning, its words, its poll's options, the descriptions of its pictures."""
    options = content.poll.options if content.poll else ()
    pictures = (view.description for view in content.media if view.description)
    return "\n".join((content.spoiler, content.text, *options, *pictures))


async def with_history(tx: Reader, rows: Iterable[Row]) -> tuple[TagView, ...]:
    """Hashtags (rows of key and name) with their uses in each of the last seven days, today first."""
    found = list(rows)
    today = tx.now // times.DAY_MS
    since = today - HISTORY_DAYS + 1
    used = await tx.all(SQL.tag_history, keys=[row[0] for row in found], since=since) if found else []
    uses = {(row[0], row[1]): (int(row[2]), int(row[3])) for row in used}
    days = range(today, since - 1, -1)
    return tuple(
        TagView(key, name, tuple((day * 86_400, *uses.get((key, day), (0, 0))) for day in days)) for key, name in found
    )
