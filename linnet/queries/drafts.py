"""What somebody has written and not posted: drafts, and scheduled statuses."""

from linnet.domain.errors import NotFound
from linnet.domain.paging import Page
from linnet.domain.views import DraftView
from linnet.storage import drafts
from linnet.storage.database import Database, Reader

SQL = drafts.SQL


async def page(database: Database, account_id: int, page: Page, *, scheduled: bool) -> tuple[DraftView, ...]:
    """One's own drafts, or scheduled statuses, the latest first."""

    async def read(tx: Reader) -> tuple[DraftView, ...]:
        return await drafts.with_media(
            tx, await tx.page(SQL.page, page, account_id=account_id, scheduled=int(scheduled))
        )

    return await database.read(read)


async def one(database: Database, account_id: int, draft_id: int, *, scheduled: bool) -> DraftView:
    """Raises NotFound."""

    async def read(tx: Reader) -> tuple[DraftView, ...]:
        row = await tx.one(SQL.one, id=draft_id, account_id=account_id, scheduled=int(scheduled))
        return await drafts.with_media(tx, () if row is None else (row,))

    found = await database.read(read)
    if not found:
        raise NotFound
    return found[0]
