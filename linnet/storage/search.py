"""The search index and hashtags as rows."""

from collections.abc import Iterable

from linnet.domain import times
from linnet.domain.views import TagView
from linnet.storage import statements
from linnet.storage.database import Reader, Writer
from linnet.storage.statements import Row

SQL = statements.load("search")
HISTORY_DAYS = 7


async def index(tx: Writer, status_id: int, terms: str) -> None:
    """Files a status under its terms; one that was filed before is filed anew."""
    await tx.run(SQL.forget_status, id=status_id)
    if terms:
        await tx.run(SQL.index_status, id=status_id, terms=terms)


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
