"""Scheduled statuses: kept until their time, then posted by a job, once."""

from linnet.actions import quotes, statuses
from linnet.actions.drafts import own, remove
from linnet.domain import statuses as rules
from linnet.domain.errors import Conflict, Invalid, NotAllowed, NotFound
from linnet.domain.site import Site
from linnet.domain.statuses import Draft
from linnet.domain.times import DAY_MS
from linnet.storage import drafts, jobs, relations
from linnet.storage.database import Database, Operation, Writer
from linnet.storage.jobs import Job

SQL = drafts.SQL

SOONEST_MS = 5 * 60_000
"""As on Mastodon: what is to be posted sooner may as well be posted now."""


async def schedule(
    database: Database, site: Site, author: int, draft: Draft, at: int, operation: Operation, *, instead_of: int = 0
) -> int:
    """Keeps a status until ``at`` (ms since 1970); the scheduled status's id. Raises Invalid or NotFound.

    ``instead_of`` is a draft that it was made of, which goes in the same commit.
    """
    checked = rules.check(draft, site.limits)

    async def write(tx: Writer) -> int:
        if instead_of:
            await own(tx, author, instead_of, scheduled=False)
            await remove(tx, instead_of)
        # What it answers and quotes must be there now, and is looked at again when it is posted.
        await statuses.parent_of(tx, author, checked.in_reply_to_id)
        await quotes.quoted(tx, author, checked.quoted_status_id)
        await _check_time(tx, site, author, at)
        new = tx.ids.next()
        await tx.run(
            SQL.insert, id=new, account_id=author, content=drafts.as_json(checked), scheduled_at=at, now=tx.now
        )
        held = await drafts.hold(tx, author, new, checked)
        if any(state != "ready" for _, state in held):
            raise Conflict("Cannot attach files that have not finished processing. Try again in a moment!")
        rules.check_together([type for type, _ in held])
        await jobs.put(tx, "status.scheduled", {"draft_id": new}, once=_name(new), run_at=at)
        return new

    return await database.write(write, operation, returns=int)


async def reschedule(
    database: Database, site: Site, author: int, scheduled_id: int, at: int, operation: Operation
) -> int:
    """Another time for it. Raises NotFound or Invalid."""

    async def write(tx: Writer) -> int:
        await own(tx, author, scheduled_id, scheduled=True)
        await _check_time(tx, site, author, at, but=scheduled_id)
        await tx.run(SQL.set_time, id=scheduled_id, scheduled_at=at, now=tx.now)
        await jobs.put(tx, "status.scheduled", {"draft_id": scheduled_id}, once=_name(scheduled_id), run_at=at)
        return scheduled_id

    return await database.write(write, operation, returns=int)


async def cancel(database: Database, author: int, scheduled_id: int, operation: Operation) -> None:
    """Raises NotFound."""

    async def write(tx: Writer) -> None:
        await own(tx, author, scheduled_id, scheduled=True)
        await remove(tx, scheduled_id)
        await jobs.drop(tx, _name(scheduled_id))

    await database.write(write, operation)


async def publish_due(database: Database, site: Site, job: Job) -> None:
    """Job ``status.scheduled``: posts it in the commit that takes it away, so that it is posted once.

    What may not be posted any more (such as a reply to what is deleted) becomes a draft: nothing that was written is
    lost.
    """
    draft_id = job.payload["draft_id"]

    async def write(tx: Writer) -> None:
        kept = await drafts.taken(tx, draft_id)
        if kept is None or kept.scheduled_at is None:
            return await jobs.finish(tx, job)
        if kept.scheduled_at > tx.now:
            return await jobs.proceed(tx, job, job.payload, run_at=kept.scheduled_at)
        await remove(tx, draft_id)
        await statuses.write_status(tx, site, kept.account_id, kept.draft)
        return await jobs.finish(tx, job)

    async def keep(tx: Writer) -> None:
        kept = await drafts.taken(tx, draft_id)
        if kept is not None and kept.scheduled_at is not None and kept.scheduled_at <= tx.now:
            await tx.run(SQL.set_time, id=draft_id, scheduled_at=None, now=tx.now)
            return await jobs.finish(tx, job)
        return await jobs.proceed(tx, job, job.payload)

    try:
        await database.write(write)
    except (Conflict, Invalid, NotAllowed, NotFound):
        await database.write(keep)


async def _check_time(tx: Writer, site: Site, author: int, at: int, *, but: int = 0) -> None:
    """Not too soon, and not too many; ``but`` is one that does not count."""
    if at < tx.now + SOONEST_MS:
        raise Invalid("scheduled_at", "must be at least 5 minutes in the future", "ERR_INCLUSION")
    # Taken so that of two at once the later one counts the earlier one.
    await tx.all(relations.SQL.lock, ids=(author,))
    day = at // DAY_MS * DAY_MS
    counts = await tx.one(SQL.counts, account_id=author, but=but, day=day, day_end=day + DAY_MS)
    total, that_day = (int(counts[0]), int(counts[1])) if counts is not None else (0, 0)
    if total >= site.limits.scheduled:
        raise Invalid("base", f"You have reached the limit of {site.limits.scheduled} scheduled posts", "ERR_TOO_MANY")
    if that_day >= site.limits.scheduled_per_day:
        most = site.limits.scheduled_per_day
        raise Invalid("base", f"You have reached the limit of {most} scheduled posts for that day", "ERR_TOO_MANY")


def _name(scheduled_id: int) -> str:
    """What its job is called, of which there is one."""
    return f"scheduled:{scheduled_id}"
