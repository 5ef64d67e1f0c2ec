"""What keeps a server healthy over the years: the probe that it can write, and the end of what has had its time.

Each of these jobs stays in the outbox for ever: when it has done a turn it is due again at once, while more is left
to do, or after its period. So it is done once, however many workers there are.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from linnet.actions import cards
from linnet.domain import ids, times
from linnet.domain.access import SESSION_MS
from linnet.domain.times import DAY_MS
from linnet.ports import Blobs
from linnet.storage import access, instance, jobs, maintenance, settings, timelines
from linnet.storage import cards as card_rows
from linnet.storage import changes as log_of_changes
from linnet.storage import reports as report_rows
from linnet.storage.database import Database, Writer
from linnet.storage.jobs import Job

ROWS = 2_000
"""What one turn takes at most: some ten milliseconds of other people's time."""
READERS = 50
"""How many home timelines one turn trims."""
TAG_DAYS = 8
WEEKS = 12
"""How many weeks an instance tells of, the present one included, as in Mastodon."""
FILTERED_MS = 90 * DAY_MS
"""So long, filtered notifications wait for their reader to let them through."""
REPORT_DAYS = 365
"""So long a report is kept after it was resolved."""
UPLOAD_SECONDS = 3600.0
"""After so long, no file is still being written."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long things are kept, in ms; ``home_entries`` is a number of posts."""

    changes: int
    receipts: int
    sessions: int
    uploads: int
    apps: int
    home_entries: int


Sweep = Callable[[Writer, Keeping], Awaitable[int]]
"""Deletes at most ROWS rows of a table, and says how many it were; of several tables, the most."""


async def prove_writable(database: Database) -> None:
    """Makes one small commit as durable as any. Raises Unavailable where that cannot be done now."""

    async def write(tx: Writer) -> None:
        await settings.put(tx, "probe", str(tx.now))

    await database.write(write)


async def schedule(database: Database, kinds: tuple[str, ...]) -> None:
    """Sees to it that each kind of maintenance waits in the outbox; the first turn of each comes soon, one by one."""

    async def write(tx: Writer) -> None:
        for number, kind in enumerate(kinds, start=1):
            await jobs.add(tx, kind, {}, once=f"schedule:{kind}", run_at=tx.now + number * 10_000)

    await database.write(write)


async def sweep(database: Database, job: Job, work: Sweep, keeping: Keeping, every_ms: int) -> None:
    """One turn of a job that deletes rows."""

    async def write(tx: Writer) -> None:
        full = await work(tx, keeping) >= ROWS
        await jobs.proceed(tx, job, {}, run_at=tx.now + (0 if full else every_ms))

    await database.write(write, heavy=True)


async def changes(tx: Writer, keeping: Keeping) -> int:
    return await log_of_changes.forget(tx, tx.now - keeping.changes, ROWS)


async def receipts(tx: Writer, keeping: Keeping) -> int:
    return await tx.run(maintenance.SQL.expire_receipts, before=tx.now - keeping.receipts, limit=ROWS)


async def mutes(tx: Writer, keeping: Keeping) -> int:
    """Reading leaves out an expired mute by itself; this only frees its row."""
    await tx.run(maintenance.SQL.expire_mutes, now=tx.now)
    return 0


async def tag_uses(tx: Writer, keeping: Keeping) -> int:
    return await tx.run(maintenance.SQL.expire_tag_uses, before=tx.now // DAY_MS - TAG_DAYS, limit=ROWS)


async def preview_cards(tx: Writer, keeping: Keeping) -> int:
    return await cards.sweep(tx, ROWS)


async def card_uses(tx: Writer, keeping: Keeping) -> int:
    return await tx.run(card_rows.SQL.expire_uses, before=tx.now // DAY_MS - TAG_DAYS, limit=ROWS)


async def weeks(tx: Writer, keeping: Keeping) -> int:
    """Counts the week that is, and forgets the one before the last twelve; nothing that waits for another turn."""
    start = times.week_start(tx.now)
    await tx.run(instance.SQL.count_week, start=start, first=ids.first_at(start))
    await tx.run(instance.SQL.forget_weeks, before=start - WEEKS * times.WEEK_MS)
    return 0


async def apps(tx: Writer, keeping: Keeping) -> int:
    return await tx.run(maintenance.SQL.expire_apps, before=ids.first_at(tx.now - keeping.apps), limit=ROWS)


async def reports(tx: Writer, keeping: Keeping) -> int:
    """Only those that were resolved: the others wait for a moderator, and their number for each account is bounded."""
    return await tx.run(report_rows.SQL.expire, before=tx.now - REPORT_DAYS * DAY_MS, limit=ROWS)


async def uploads(tx: Writer, keeping: Keeping) -> int:
    """Rows first: from then on nobody can attach them. Their files follow as a job of the same commit."""
    before = ids.first_at(tx.now - keeping.uploads)
    rows = await tx.all(maintenance.SQL.unattached, before=before, limit=ROWS)
    keys = [key for row in rows for key in row if key]
    if keys:
        await jobs.add(tx, "files.delete", {"keys": keys})
    return len(rows)


async def logins(tx: Writer, keeping: Keeping) -> int:
    """Sessions, codes and links. Used codes stay a day longer: one that is shown again was stolen."""
    gone = (
        await tx.run(access.SQL.expire_sessions, used_before=tx.now - keeping.sessions, limit=ROWS),
        await tx.run(access.SQL.expire_old_sessions, born_before=tx.now - SESSION_MS, limit=ROWS),
        await tx.run(access.SQL.expire_grants, before=tx.now - DAY_MS, limit=ROWS),
        await tx.run(access.SQL.expire_email_tokens, before=tx.now, limit=ROWS),
    )
    return max(gone)


async def waiting_notifications(tx: Writer, keeping: Keeping) -> int:
    """What a policy filtered and nobody asked for, and subscriptions to notifications whose token is gone."""
    day_ago = ids.first_at(tx.now - DAY_MS)
    gone = (
        await tx.run(maintenance.SQL.expire_filtered, before=ids.first_at(tx.now - FILTERED_MS), limit=ROWS),
        await tx.run(maintenance.SQL.expire_requests, before=day_ago, limit=ROWS),
        await tx.run(maintenance.SQL.expire_push_subscriptions, limit=ROWS),
    )
    return max(gone)


async def delete_files(database: Database, blobs: Blobs, job: Job) -> None:
    """Job ``files.delete``: what no row names any more. A file that is gone already is no error."""
    for key in job.payload["keys"]:
        await blobs.delete(key)
    await database.write(lambda tx: jobs.finish(tx, job))


async def clear_temporary(database: Database, blobs: Blobs, job: Job, every_ms: int) -> None:
    """Job ``maintenance.files``: what uploads that were cut off have left on the disk."""
    await blobs.sweep_temporary(UPLOAD_SECONDS)
    await database.write(lambda tx: jobs.proceed(tx, job, {}, run_at=tx.now + every_ms))


async def trim_homes(database: Database, job: Job, keeping: Keeping, every_ms: int) -> None:
    """Job ``maintenance.homes``: some home timelines a turn, in the order of their readers' ids."""
    after = job.payload.get("after", 0)

    async def write(tx: Writer) -> None:
        readers = await tx.all(maintenance.SQL.readers, after=after, limit=READERS)
        for (reader,) in readers:
            await tx.run(timelines.SQL.trim, account_id=reader, keep=keeping.home_entries)
        if len(readers) == READERS:
            await jobs.proceed(tx, job, {"after": readers[-1][0]})
        else:
            await jobs.proceed(tx, job, {}, run_at=tx.now + every_ms)

    await database.write(write, heavy=True)
