"""Filters as rows."""

from linnet.domain.filters import Filter, FilteredStatus, Keyword
from linnet.storage import statements
from linnet.storage.database import Reader
from linnet.storage.statements import Row

SQL = statements.load("filters")


async def of_account(tx: Reader, account_id: int) -> tuple[Filter, ...]:
    """All filters with what stands in them, the oldest first."""
    rows = await tx.all(SQL.filters, account_id=account_id)
    if not rows:
        return ()
    keywords = await tx.all(SQL.keywords, account_id=account_id)
    statuses = await tx.all(SQL.statuses, account_id=account_id)
    return tuple(_filter(row, keywords, statuses) for row in rows)


async def one(tx: Reader, account_id: int, filter_id: int) -> Filter | None:
    row = await tx.one(SQL.filter, id=filter_id, account_id=account_id)
    if row is None:
        return None
    keywords = await tx.all(SQL.keywords_of, account_id=account_id, filter_id=filter_id)
    statuses = await tx.all(SQL.statuses_of, account_id=account_id, filter_id=filter_id)
    return _filter(row, keywords, statuses)


def _filter(row: Row, keywords: list[Row], statuses: list[Row]) -> Filter:
    id, title, contexts, action, expires_at = row
    return Filter(
        id, title, tuple(contexts.split()), action, expires_at,
        tuple(Keyword(key, word, bool(whole)) for key, of, word, whole in keywords if of == id),
        tuple(FilteredStatus(key, status_id) for key, of, status_id in statuses if of == id),
    )  # fmt: skip
