"""What an account does to a status: favourite, reblog, bookmark, pin, mute its thread, and take each back."""

from typing import NamedTuple

from linnet.actions.statuses import count_author
from linnet.domain.errors import Invalid, NotAllowed, NotFound
from linnet.domain.site import Site
from linnet.domain.visibility import Visibility
from linnet.storage import changes, interactions, jobs, notifications, relations, statuses, timelines
from linnet.storage.database import Database, Operation, Writer

SQL = interactions.SQL


class Target(NamedTuple):
    """A status that something is to be done to."""

    id: int
    account_id: int
    thread_id: int
    visibility: int
    reblog_of_id: int | None
    in_reply_to_id: int | None


async def target(tx: Writer, status_id: int, actor: int) -> Target:
    """What ``status_id`` shows: its original where it is a reblog. Raises NotFound where ``actor`` may not see it."""
    for _ in range(2):
        row = await tx.one(statuses.SQL.target, id=status_id, reader=actor)
        if row is None:
            raise NotFound
        found = Target(*row)
        if found.reblog_of_id is None:
            return found
        status_id = found.reblog_of_id
    raise NotFound


async def favourite(database: Database, actor: int, status_id: int, operation: Operation) -> int:
    """The id of the status that is now favourited."""

    async def write(tx: Writer) -> int:
        found = await target(tx, status_id, actor)
        if await tx.run(SQL.favourite, account_id=actor, status_id=found.id, id=tx.ids.next()):
            await tx.run(statuses.SQL.count_favourite, id=found.id, step=1)
            await notifications.add(tx, "favourite", found.account_id, actor, found.id, found.thread_id)
            await changes.append(tx, "status.favourited", actor, found.id)
        return found.id

    return await database.write(write, operation, returns=int)


async def unfavourite(database: Database, actor: int, status_id: int, operation: Operation) -> int:
    async def write(tx: Writer) -> int:
        found = await target(tx, status_id, actor)
        if await tx.run(SQL.unfavourite, account_id=actor, status_id=found.id):
            await tx.run(statuses.SQL.count_favourite, id=found.id, step=-1)
            await notifications.remove(tx, "favourite", found.account_id, actor, found.id)
            await changes.append(tx, "status.unfavourited", actor, found.id)
        return found.id

    return await database.write(write, operation, returns=int)


async def bookmark(database: Database, actor: int, status_id: int, operation: Operation) -> int:
    async def write(tx: Writer) -> int:
        found = await target(tx, status_id, actor)
        await tx.run(SQL.bookmark, account_id=actor, status_id=found.id, id=tx.ids.next())
        return found.id

    return await database.write(write, operation, returns=int)


async def unbookmark(database: Database, actor: int, status_id: int, operation: Operation) -> int:
    """Also of what is gone meanwhile, or may not be seen any more. Raises NotFound for what never was bookmarked."""

    async def write(tx: Writer) -> int:
        if await tx.run(SQL.unbookmark, account_id=actor, status_id=status_id):
            return status_id
        found = await target(tx, status_id, actor)
        await tx.run(SQL.unbookmark, account_id=actor, status_id=found.id)
        return found.id

    return await database.write(write, operation, returns=int)


async def pin(database: Database, site: Site, actor: int, status_id: int, operation: Operation) -> int:
    """Raises Invalid for somebody else's status, a direct one, a reblog, or one more than fit."""

    async def write(tx: Writer) -> int:
        row = await tx.one(statuses.SQL.target, id=status_id, reader=actor)
        if row is None:
            raise NotFound
        found = Target(*row)
        if found.account_id != actor:
            raise Invalid("base", "Someone else's post cannot be pinned")
        if found.reblog_of_id is not None:
            raise Invalid("base", "A boost cannot be pinned")
        if found.visibility == Visibility.DIRECT:
            raise Invalid("base", "Posts that are only visible to mentioned users cannot be pinned")
        # Taken so that of two at once the later one counts what the earlier one has pinned.
        await tx.all(relations.SQL.lock, ids=(actor,))
        if await tx.run(SQL.pin, account_id=actor, status_id=found.id, id=tx.ids.next()):
            pinned = await tx.one(SQL.pins, account_id=actor)
            if pinned is not None and pinned[0] > site.limits.pins:
                raise Invalid("base", "You have already pinned the maximum number of posts")
            await changes.append(tx, "status.pinned", actor, found.id)
        return found.id

    return await database.write(write, operation, returns=int)


async def unpin(database: Database, actor: int, status_id: int, operation: Operation) -> int:
    async def write(tx: Writer) -> int:
        found = await target(tx, status_id, actor)
        if await tx.run(SQL.unpin, account_id=actor, status_id=found.id):
            await changes.append(tx, "status.unpinned", actor, found.id)
        return found.id

    return await database.write(write, operation, returns=int)


async def mute_thread(database: Database, actor: int, status_id: int, operation: Operation) -> int:
    """No more notifications from the status's thread."""

    async def write(tx: Writer) -> int:
        found = await target(tx, status_id, actor)
        await tx.run(SQL.mute_thread, account_id=actor, thread_id=found.thread_id)
        return found.id

    return await database.write(write, operation, returns=int)


async def unmute_thread(database: Database, actor: int, status_id: int, operation: Operation) -> int:
    async def write(tx: Writer) -> int:
        found = await target(tx, status_id, actor)
        await tx.run(SQL.unmute_thread, account_id=actor, thread_id=found.thread_id)
        return found.id

    return await database.write(write, operation, returns=int)


async def reblog(
    database: Database, site: Site, actor: int, status_id: int, visibility: Visibility, operation: Operation
) -> int:
    """The id of the reblog, also where there was one already. Raises NotAllowed for what may not be reblogged."""

    async def write(tx: Writer) -> int:
        original = await target(tx, status_id, actor)
        own_private = original.account_id == actor and original.visibility == Visibility.PRIVATE
        if original.visibility > Visibility.UNLISTED and not own_private:
            raise NotAllowed("This post cannot be boosted")
        row = await tx.one(statuses.SQL.reblog_of, status_id=original.id, account_id=actor)
        return int(row[0]) if row else await _insert_reblog(tx, site, actor, original, visibility)

    return await database.write(write, operation, returns=int)


async def _insert_reblog(tx: Writer, site: Site, actor: int, original: Target, visibility: Visibility) -> int:
    _, followers, merged = await count_author(tx, site, actor, counts=True)
    new = tx.ids.next()
    inserted = await tx.run(
        statuses.SQL.insert_reblog,
        id=new,
        account_id=actor,
        visibility=max(visibility, original.visibility) if visibility < Visibility.DIRECT else original.visibility,
        reblog_of_id=original.id,
        thread_id=original.thread_id,
        merged=int(merged),
    )
    if not inserted:
        # Another request of the same account was quicker, and its commit was waited for.
        await tx.run(statuses.SQL.uncount_author, id=actor)
        row = await tx.one(statuses.SQL.reblog_of, status_id=original.id, account_id=actor)
        if row is None:
            raise NotFound
        return int(row[0])
    await tx.run(statuses.SQL.count_reblog, id=original.id, step=1)
    await tx.run(timelines.SQL.add_home, account_id=actor, status_id=new)
    await notifications.add(tx, "reblog", original.account_id, actor, original.id, original.thread_id)
    await jobs.add(tx, "status.posted", {"status_id": new, "author_id": actor, "after": 0, "followers": followers})
    await changes.append(tx, "status.posted", actor, new)
    return new


async def unreblog(database: Database, actor: int, status_id: int, operation: Operation) -> int:
    """The id of the original."""

    async def write(tx: Writer) -> int:
        original = await target(tx, status_id, actor)
        row = await tx.one(statuses.SQL.reblog_of, status_id=original.id, account_id=actor)
        if row is not None and await tx.run(statuses.SQL.delete, id=row[0], account_id=actor):
            await tx.run(statuses.SQL.uncount_author, id=actor)
            await tx.run(statuses.SQL.count_reblog, id=original.id, step=-1)
            await notifications.remove(tx, "reblog", original.account_id, actor, original.id)
            await changes.append(tx, "status.withdrawn", actor, row[0])
        return original.id

    return await database.write(write, operation, returns=int)
