"""Following: at once or on request, and every way in which a follow ends."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from linnet.domain import relations as rules
from linnet.domain.errors import NotAllowed, NotFound
from linnet.domain.relations import FollowOptions
from linnet.domain.site import Site
from linnet.storage import changes, jobs, notifications, relations, statuses, timelines
from linnet.storage.database import Database, Operation, Writer
from linnet.storage.jobs import Job

SQL = relations.SQL

BACKFILL = 100
"""How many of an author's latest posts a new follow brings to the home timeline."""
BATCH = 100


class Party(NamedTuple):
    """One of the two accounts of a relation, its row taken for the transaction."""

    id: int
    locked: int
    suspended_at: int | None
    silenced_at: int | None
    followers: int
    following: int


class _Options(NamedTuple):
    """As a follow's row has them."""

    reblogs: int = 1
    notify: int = 0
    languages: str | None = None


async def parties(tx: Writer, actor: int, other: int) -> tuple[Party, Party]:
    """Both rows, locked in the order of their ids so that no two changes wait for each other. Raises NotFound."""
    found = {row[0]: Party(*row) for row in await tx.all(SQL.lock, ids=(actor, other))}
    if actor not in found or other not in found:
        raise NotFound
    return found[actor], found[other]


async def follow(
    database: Database, site: Site, actor: int, target: int, options: FollowOptions, operation: Operation
) -> None:
    """Follows, asks a locked account, or changes the options of what there is already.

    Raises NotFound, NotAllowed (oneself, or a block between the two) or Invalid (one follow too many).
    """

    async def write(tx: Writer) -> None:
        if actor == target:
            raise NotAllowed("You cannot follow yourself")
        follower, author = await parties(tx, actor, target)
        if author.suspended_at is not None:
            raise NotFound
        if await tx.one(SQL.obstacle, account_id=actor, target_id=target):
            raise NotAllowed("This action is not allowed")
        if not await _change_options(tx, actor, target, options):
            rules.check_following(follower.following, follower.followers, site.limits)
            wanted = _merged(options, _Options())
            if author.locked or follower.silenced_at is not None:
                await _ask(tx, actor, target, wanted)
            else:
                await _begin(tx, actor, target, wanted)
                await notifications.add(tx, "follow", target, actor)

    await database.write(write, operation)


async def unfollow(database: Database, actor: int, target: int, operation: Operation) -> None:
    """Ends the follow or takes back the request; it is no error where there is neither."""

    async def write(tx: Writer) -> None:
        await parties(tx, actor, target)
        await end(tx, actor, target)
        if await relations.unrequest(tx, actor, target):
            await changes.append(tx, "follow.unrequested", actor, target)

    await database.write(write, operation)


async def remove_follower(database: Database, actor: int, follower: int, operation: Operation) -> None:
    """Ends ``follower``'s follow of ``actor``."""

    async def write(tx: Writer) -> None:
        await parties(tx, actor, follower)
        await end(tx, follower, actor)

    await database.write(write, operation)


async def authorize(database: Database, actor: int, follower: int, operation: Operation) -> None:
    """Lets ``follower``, who asked, follow ``actor``. Raises NotFound where nothing was asked."""

    async def write(tx: Writer) -> None:
        await parties(tx, actor, follower)
        if not await _authorize(tx, actor, follower):
            raise NotFound

    await database.write(write, operation)


async def reject(database: Database, actor: int, follower: int, operation: Operation) -> None:
    """Raises NotFound where nothing was asked."""

    async def write(tx: Writer) -> None:
        await parties(tx, actor, follower)
        if not await relations.unrequest(tx, follower, actor):
            raise NotFound
        await changes.append(tx, "follow.rejected", actor, follower)

    await database.write(write, operation)


async def end(tx: Writer, follower: int, author: int) -> None:
    """Ends a follow where there is one; both accounts' rows are locked already."""
    if await relations.unfollow(tx, follower, author):
        await changes.append(tx, "follow.ended", follower, author)


async def authorize_waiting(database: Database, job: Job) -> None:
    """Job ``account.unlocked``: who waits for an account that is locked no more follows it now; a batch at a time."""
    account_id = job.payload["account_id"]

    async def write(tx: Writer) -> None:
        waiting = [row[0] for row in await tx.all(SQL.oldest_requests, target_id=account_id, limit=BATCH)]
        found = {row[0]: Party(*row) for row in await tx.all(SQL.lock, ids=[account_id, *waiting])}
        if account_id not in found or found[account_id].locked:
            return await jobs.finish(tx, job)
        for follower in waiting:
            await _authorize(tx, account_id, follower)
        if len(waiting) == BATCH:
            return await jobs.proceed(tx, job, job.payload)
        return await jobs.finish(tx, job)

    await database.write(write, heavy=True)


async def announce(tx: Writer, ids: Sequence[int]) -> None:
    """Has those followers notified who want to hear of each post; most authors have none, and nothing follows."""
    for status_id, author in await tx.all(SQL.announced, ids=ids):
        await begin_announcing(tx, status_id, author)


async def begin_announcing(tx: Writer, status_id: int, author: int) -> None:
    await jobs.add(tx, "status.announced", {"status_id": status_id, "author_id": author, "after": 0})


async def notify_followers(database: Database, job: Job) -> None:
    """Job ``status.announced``: followers who want to hear of each post are notified; a batch at a time."""
    status_id, author, after = job.payload["status_id"], job.payload["author_id"], job.payload["after"]

    async def write(tx: Writer) -> None:
        if await tx.one(statuses.SQL.own, id=status_id, account_id=author) is None:
            return await jobs.finish(tx, job)
        rows = await tx.all(SQL.notified, author_id=author, after=after, limit=BATCH)
        for follower, _ in rows:
            await notifications.add(tx, "status", follower, author, status_id)
        if len(rows) == BATCH:
            return await jobs.proceed(tx, job, {**job.payload, "after": rows[-1][1]})
        return await jobs.finish(tx, job)

    await database.write(write, heavy=True)


async def _change_options(tx: Writer, actor: int, target: int, options: FollowOptions) -> bool:
    """Whether there was a follow or a request, which has the new options now."""
    for read, write in (
        (SQL.follow_options, SQL.set_follow_options),
        (SQL.request_options, SQL.set_request_options),
    ):
        row = await tx.one(read, account_id=actor, target_id=target)
        if row is not None:
            changed = _merged(options, _Options(*row))
            if changed != _Options(*row):
                await tx.run(write, account_id=actor, target_id=target, **changed._asdict())
            return True
    return False


def _merged(options: FollowOptions, before: _Options) -> _Options:
    return _Options(
        before.reblogs if options.reblogs is None else int(options.reblogs),
        before.notify if options.notify is None else int(options.notify),
        before.languages if options.languages is None else _languages(options.languages),
    )


def _languages(codes: tuple[str, ...]) -> str | None:
    return msgspec.json.encode(codes).decode() if codes else None


async def _ask(tx: Writer, actor: int, target: int, options: _Options) -> None:
    new = tx.ids.next()
    if await tx.run(SQL.request, account_id=actor, target_id=target, id=new, **options._asdict()):
        await notifications.add(tx, "follow_request", target, actor)
        await changes.append(tx, "follow.requested", actor, target)


async def _begin(tx: Writer, follower: int, author: int, options: _Options) -> None:
    if await relations.follow(tx, follower, author, **options._asdict()):
        await tx.run(timelines.SQL.backfill, account_id=follower, author_id=author, limit=BACKFILL)
        await changes.append(tx, "follow.began", follower, author)


async def _authorize(tx: Writer, author: int, follower: int) -> bool:
    row = await tx.one(SQL.request_options, account_id=follower, target_id=author)
    if row is None:
        return False
    await relations.unrequest(tx, follower, author)
    await _begin(tx, follower, author, _Options(*row))
    await notifications.add(tx, "follow", author, follower)
    return True
