"""Writing home timelines after the acknowledgement: fan-out, backfill, trimming, rebuilding."""

from linnet.actions import follows
from linnet.actions.tags import BACKFILL
from linnet.domain.visibility import Visibility
from linnet.storage import jobs, search, tags, timelines
from linnet.storage.database import Database, Writer
from linnet.storage.jobs import Job

BATCH = 1_000
"""Followers in one transaction: small enough that no post waits behind it."""
REBUILT = 20
"""Followed authors in one transaction of a rebuild, each with all the posts that a timeline keeps."""
FEW = 100
"""Up to how many followers a fan-out shares a transaction with others. Larger ones run alone and off the event loop."""


async def fan_out(database: Database, job: Job) -> None:
    """Job ``status.posted``: writes the status to the next batch of followers' home timelines."""
    status_id, author, after = job.payload["status_id"], job.payload["author_id"], job.payload["after"]

    async def write(tx: Writer) -> None:
        row = await tx.one(timelines.SQL.fanned_out_as, id=status_id)
        if after == 0:
            await search.index(tx, (status_id,))
            await follows.announce(tx, (status_id,))
        if row is None or row[1]:
            # Deleted meanwhile, or by an author whose posts are merged when they are read.
            return await jobs.finish(tx, job)
        if row[0] == Visibility.DIRECT:
            await tx.run(timelines.SQL.fan_out_mentioned, author_id=author, status_id=status_id)
            return await jobs.finish(tx, job)
        end = await tx.one(timelines.SQL.batch_end, author_id=author, after=after, size=BATCH)
        until, size = end if end is not None else (None, 0)
        if size:
            await tx.run(timelines.SQL.fan_out, author_id=author, status_id=status_id, after=after, until=until)
        if size < BATCH:
            return await jobs.finish(tx, job)
        return await jobs.proceed(tx, job, {**job.payload, "after": until})

    await database.write(write, heavy=after > 0 or job.payload.get("followers", 0) > FEW)


async def fan_out_together(tx: Writer, taken: list[Job]) -> list[Job]:
    """The same for several statuses at once: the jobs that are done, which are those of authors with few followers."""
    few = [job for job in taken if job.payload["after"] == 0 and job.payload["followers"] <= FEW]
    ids = [job.payload["status_id"] for job in few]
    await search.index(tx, ids)
    for status_id, author, visibility in await tx.all(timelines.SQL.apart, ids=ids):
        if visibility == Visibility.DIRECT:
            await tx.run(timelines.SQL.fan_out_mentioned, author_id=author, status_id=status_id)
        else:
            await follows.begin_announcing(tx, status_id, author)
    await tx.later(timelines.SQL.fan_out_together, ids=ids)
    return few


async def rebuild(database: Database, account_id: int, keep: int) -> None:
    """Makes a home timeline anew from what its reader follows now: at most ``keep`` posts. Nobody sees it empty."""

    async def own(tx: Writer) -> None:
        await tx.run(timelines.SQL.drop_strays, account_id=account_id)
        await tx.run(timelines.SQL.backfill, account_id=account_id, author_id=account_id, limit=keep)
        for (tag,) in await tx.all(tags.SQL.followed_keys, account_id=account_id):
            await tx.run(tags.SQL.backfill, account_id=account_id, tag=tag, limit=BACKFILL)

    async def batch(tx: Writer) -> int:
        followed = await tx.all(timelines.SQL.followed, account_id=account_id, after=after, limit=REBUILT)
        for _, author in followed:
            await tx.run(timelines.SQL.backfill, account_id=account_id, author_id=author, limit=keep)
        await tx.run(timelines.SQL.trim, account_id=account_id, keep=keep)
        return int(followed[-1][0]) if len(followed) == REBUILT else 0

    await database.write(own, heavy=True)
    after = 0
    while True:
        after = await database.write(batch, heavy=True)
        if not after:
            return
