"""Polls: opened with a status, changed with it, and closed when their time is over; votes.py has the votes."""

from linnet.domain import polls as rules
from linnet.domain.polls import PollDraft, PollView
from linnet.storage import changes, jobs, notifications, polls
from linnet.storage.database import Database, Writer
from linnet.storage.jobs import Job

BATCH = 200
"""Voters who are told in one transaction."""


async def open_(tx: Writer, status_id: int, author: int, poll: PollView) -> None:
    """With a new status: its poll, and the job that closes it."""
    await polls.open_(tx, status_id, author, poll)
    await _close_at(tx, status_id, poll)


async def revise(
    tx: Writer, status_id: int, author: int, before: PollView | None, wanted: PollDraft | None
) -> PollView | None:
    """With an edit: the poll that the status has from now on. Other options, or another rule for choosing, void all."""
    if wanted is None:
        if before is not None:
            await polls.taken(tx, status_id)
            await tx.run(polls.SQL.delete_votes, status_id=status_id)
            await tx.run(polls.SQL.delete, status_id=status_id)
        return None
    after = rules.opened(wanted, tx.now)
    await polls.taken(tx, status_id)
    if before is None or rules.resets(before, after):
        await polls.open_(tx, status_id, author, after)
    else:
        await tx.run(polls.SQL.prolong, status_id=status_id, expires_at=after.expires_at)
    await _close_at(tx, status_id, after)
    return after


async def _close_at(tx: Writer, status_id: int, poll: PollView) -> None:
    if poll.expires_at is not None:
        name, payload = f"poll:{status_id}", {"status_id": status_id, "after": 0}
        await jobs.put(tx, "poll.expired", payload, once=name, run_at=poll.expires_at)


async def close(database: Database, job: Job) -> None:
    """Job ``poll.expired``: tells the author and those who voted, a batch at a time."""
    status_id, after = job.payload["status_id"], job.payload["after"]

    async def write(tx: Writer) -> None:
        counted = await polls.taken(tx, status_id)
        if counted is None or counted.expires_at is None:
            # It was deleted, or its status has no poll any more.
            return await jobs.finish(tx, job)
        if counted.expires_at > tx.now:
            # An edit has given it more time.
            return await jobs.proceed(tx, job, {**job.payload, "after": 0}, run_at=counted.expires_at)
        if after == 0:
            await notifications.add(tx, "poll", counted.account_id, counted.account_id, status_id)
            await changes.append(tx, "status.poll_expired", counted.account_id, status_id)
        rows = await tx.all(polls.SQL.voters, status_id=status_id, after=after, limit=BATCH)
        for voter, _ in rows:
            await notifications.add(tx, "poll", voter, counted.account_id, status_id)
        if len(rows) == BATCH:
            return await jobs.proceed(tx, job, {**job.payload, "after": rows[-1][1]})
        return await jobs.finish(tx, job)

    await database.write(write, heavy=True)
