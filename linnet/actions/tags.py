"""Following hashtags, and showing them on one's profile."""

from linnet.domain import ids
from linnet.domain import tags as rules
from linnet.domain.errors import Invalid, NotFound
from linnet.domain.text import hashtag_key
from linnet.storage import changes, jobs, relations, tags, timelines
from linnet.storage.database import Database, Operation, Writer
from linnet.storage.jobs import Job

SQL = tags.SQL

BACKFILL = 100
"""How many of the latest statuses a hashtag that is followed brings to the home timeline."""
BATCH = 1_000
"""Followers of a hashtag in one transaction."""


async def follow(database: Database, actor: int, text: str, operation: Operation) -> None:
    """Raises NotFound for what is no hashtag, Invalid for one too many."""
    name = _named(text)
    tag = hashtag_key(name)

    async def write(tx: Writer) -> None:
        await tx.all(relations.SQL.lock, ids=(actor,))
        count = await tx.one(SQL.count_followed, account_id=actor)
        new = tx.ids.next()
        if await tx.run(SQL.follow, account_id=actor, tag=tag, id=new, name=name):
            rules.check_followed(count[0] if count is not None else 0)
            await tx.run(SQL.backfill, account_id=actor, tag=tag, limit=BACKFILL)
            await changes.append(tx, "tag.followed", actor, new)

    await database.write(write, operation)


async def unfollow(database: Database, actor: int, text: str, operation: Operation) -> None:
    """It is no error where it was not followed. Raises NotFound for what is no hashtag."""
    tag = hashtag_key(_named(text))

    async def write(tx: Writer) -> None:
        if await tx.run(SQL.unfollow, account_id=actor, tag=tag):
            await changes.append(tx, "tag.unfollowed", actor, actor)

    await database.write(write, operation)


async def feature(database: Database, actor: int, text: str, operation: Operation, *, again: bool = False) -> str:
    """Shows a hashtag on the profile; its key. Raises Invalid for what is no hashtag, and for one too many.

    One that is shown already is Invalid, too, unless ``again`` says that this is no error.
    """
    name = rules.named(text)
    if name is None:
        raise Invalid("name", "is not a hashtag", "ERR_INVALID")
    tag = hashtag_key(name)

    async def write(tx: Writer) -> str:
        await tx.all(relations.SQL.lock, ids=(actor,))
        there = [view.key for view in await tags.featured(tx, actor)]
        if tag in there:
            if again:
                return tag
            raise Invalid("tag", "has already been taken", "ERR_TAKEN")
        rules.check_featured(len(there))
        used = await tx.one(SQL.used, account_id=actor, tag=tag)
        statuses, last = used if used is not None else (0, None)
        await tx.run(
            SQL.feature,
            account_id=actor,
            tag=tag,
            id=tx.ids.next(),
            name=name,
            statuses=statuses,
            last_status_at=ids.milliseconds(last) if last is not None else None,
        )
        await changes.append(tx, "account.changed", actor, actor)
        return tag

    # Counting looks at everything that the account has ever posted.
    return await database.write(write, operation, returns=str, heavy=True)


async def unfeature(database: Database, actor: int, text: str, operation: Operation) -> None:
    """It is no error where it was not shown. Raises NotFound for what is no hashtag."""
    tag = hashtag_key(_named(text))
    await database.write(lambda tx: _unfeature(tx, actor, tag), operation)


async def unfeature_by_id(database: Database, actor: int, featured_id: int, operation: Operation) -> None:
    """Raises NotFound where there is no such one."""

    async def write(tx: Writer) -> None:
        await tx.all(relations.SQL.lock, ids=(actor,))
        row = await tx.one(SQL.featured_by_id, account_id=actor, id=featured_id)
        if row is None:
            raise NotFound
        await _unfeature(tx, actor, row[0])

    await database.write(write, operation)


async def fan_out(database: Database, job: Job) -> None:
    """Job ``status.tagged``: brings the status to the next batch of those who follow a hashtag of it."""
    status_id, tag, after = job.payload["status_id"], job.payload["tag"], job.payload["after"]

    async def write(tx: Writer) -> None:
        if await tx.one(timelines.SQL.fanned_out_as, id=status_id) is None:
            return await jobs.finish(tx, job)
        end = await tx.one(SQL.batch_end, tag=tag, after=after, size=BATCH)
        until, size = end if end is not None else (None, 0)
        if size:
            await tx.run(SQL.fan_out, tag=tag, status_id=status_id, after=after, until=until)
        if size < BATCH:
            return await jobs.finish(tx, job)
        return await jobs.proceed(tx, job, {**job.payload, "after": until})

    await database.write(write, heavy=after > 0)


async def _unfeature(tx: Writer, actor: int, tag: str) -> None:
    if await tx.run(SQL.unfeature, account_id=actor, tag=tag):
        await changes.append(tx, "account.changed", actor, actor)


def _named(text: str) -> str:
    name = rules.named(text)
    if name is None:
        raise NotFound
    return name
