"""Drafts: statuses that are kept on the server until their author posts them."""

from collections.abc import Callable

from linnet.actions import statuses
from linnet.actions.statuses import Written
from linnet.domain import statuses as rules
from linnet.domain.errors import Invalid, NotFound
from linnet.domain.site import Site
from linnet.domain.statuses import Draft
from linnet.domain.views import DraftView
from linnet.storage import drafts, relations
from linnet.storage.database import Database, Operation, Writer

SQL = drafts.SQL


async def save(database: Database, site: Site, author: int, draft: Draft, operation: Operation) -> int:
    """Keeps a new draft; its id. Raises Invalid for what is out of bounds, or for one draft more than fit."""
    checked = rules.check_unfinished(draft, site.limits)

    async def write(tx: Writer) -> int:
        # Taken so that of two at once the later one counts the earlier one.
        await tx.all(relations.SQL.lock, ids=(author,))
        counts = await tx.one(SQL.counts, account_id=author, but=0, day=0, day_end=0)
        if counts is not None and counts[2] >= site.limits.drafts:
            raise Invalid("base", f"You have reached the limit of {site.limits.drafts} drafts", "ERR_TOO_MANY")
        new = tx.ids.next()
        await tx.run(
            SQL.insert, id=new, account_id=author, content=drafts.as_json(checked), scheduled_at=None, now=tx.now
        )
        await drafts.hold(tx, author, new, checked)
        return new

    return await database.write(write, operation, returns=int)


async def change(database: Database, site: Site, author: int, draft_id: int, draft: Draft, operation: Operation) -> int:
    """Another text in the draft's place. Raises NotFound or Invalid."""
    checked = rules.check_unfinished(draft, site.limits)

    async def write(tx: Writer) -> int:
        await own(tx, author, draft_id, scheduled=False)
        await tx.run(SQL.change, id=draft_id, content=drafts.as_json(checked), now=tx.now)
        await drafts.hold(tx, author, draft_id, checked)
        return draft_id

    return await database.write(write, operation, returns=int)


async def delete(database: Database, author: int, draft_id: int, operation: Operation) -> None:
    """Raises NotFound."""

    async def write(tx: Writer) -> None:
        await own(tx, author, draft_id, scheduled=False)
        await remove(tx, draft_id)

    await database.write(write, operation)


async def publish(
    database: Database,
    site: Site,
    author: int,
    draft_id: int,
    operation: Operation,
    written: Callable[[Written], object] | None = None,
) -> int:
    """Posts the draft, which is gone in the same commit; the status's id. Raises NotFound, NotAllowed or Invalid."""

    async def write(tx: Writer) -> int:
        kept = await own(tx, author, draft_id, scheduled=False)
        checked = rules.check(kept.draft, site.limits)
        # Its uploads are free for the status that shows them now.
        await remove(tx, draft_id)
        new = await statuses.write_status(tx, site, author, checked)
        if written is not None:
            written(new)
        return new.row.id

    return await database.write(write, operation, returns=int)


async def own(tx: Writer, author: int, draft_id: int, *, scheduled: bool) -> DraftView:
    """A draft, or scheduled status, of ``author``'s, taken for this transaction. Raises NotFound."""
    kept = await drafts.taken(tx, draft_id)
    if kept is None or kept.account_id != author or (kept.scheduled_at is not None) is not scheduled:
        raise NotFound
    return kept


async def remove(tx: Writer, draft_id: int) -> None:
    """With its uploads' keeping: what no status shows then is forgotten after a while, like any upload."""
    await tx.run(SQL.release, draft_id=draft_id)
    await tx.run(SQL.delete, id=draft_id)
