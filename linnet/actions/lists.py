"""Lists of accounts: made, changed, filled and deleted. What leaves or enters a timeline is asked when it is read.

A member leaves by itself where its follow ends (``storage/relations.unfollow``), of which ``follow.ended`` is the news.
"""

from collections.abc import Sequence

from linnet.domain import lists as rules
from linnet.domain.errors import Invalid, NotFound
from linnet.domain.lists import ListChanges
from linnet.storage import changes, lists, relations
from linnet.storage.database import Database, Operation, Writer

SQL = lists.SQL


async def create(database: Database, actor: int, wanted: ListChanges, operation: Operation) -> int:
    """The new list's id. Raises Invalid: a title is needed, and there may be so many lists."""
    rules.check(ListChanges(wanted.title or "", wanted.replies_policy))

    async def write(tx: Writer) -> int:
        await tx.all(relations.SQL.lock, ids=(actor,))
        count = await tx.one(SQL.count, account_id=actor)
        rules.check_count(count[0] if count is not None else 0)
        new = tx.ids.next()
        await tx.run(
            SQL.insert,
            id=new,
            account_id=actor,
            title=wanted.title,
            replies_policy=wanted.replies_policy or "list",
            exclusive=int(bool(wanted.exclusive)),
        )
        await changes.append(tx, "list.changed", actor, new)
        return new

    return await database.write(write, operation, returns=int)


async def update(database: Database, actor: int, list_id: int, wanted: ListChanges, operation: Operation) -> None:
    """Raises NotFound or Invalid."""
    rules.check(wanted)

    async def write(tx: Writer) -> None:
        await tx.all(relations.SQL.lock, ids=(actor,))
        before = await lists.one(tx, actor, list_id)
        if before is None:
            raise NotFound
        await tx.run(
            SQL.update,
            id=list_id,
            account_id=actor,
            title=before.title if wanted.title is None else wanted.title,
            replies_policy=wanted.replies_policy or before.replies_policy,
            exclusive=before.exclusive if wanted.exclusive is None else int(wanted.exclusive),
        )
        await changes.append(tx, "list.changed", actor, list_id)

    await database.write(write, operation)


async def delete(database: Database, actor: int, list_id: int, operation: Operation) -> None:
    """Raises NotFound."""

    async def write(tx: Writer) -> None:
        await tx.all(relations.SQL.lock, ids=(actor,))
        if not await tx.run(SQL.delete, id=list_id, account_id=actor):
            raise NotFound
        await tx.run(SQL.delete_all_members, list_id=list_id)
        await changes.append(tx, "list.deleted", actor, list_id)

    await database.write(write, operation)


async def add(database: Database, actor: int, list_id: int, targets: Sequence[int], operation: Operation) -> None:
    """Puts accounts into a list: all of them, or none.

    Raises NotFound for one that ``actor`` does not follow, Invalid for one that is in it already or one too many.
    """
    wanted = sorted(set(targets))

    async def write(tx: Writer) -> None:
        # Whoever ends a follow takes the same rows, so that nobody is put in who is not followed any more.
        await tx.all(relations.SQL.lock, ids=sorted({actor, *wanted}))
        if await lists.one(tx, actor, list_id) is None:
            raise NotFound
        followed = await tx.all(SQL.followed, ids=wanted, account_id=actor)
        if len(followed) < len(wanted):
            raise NotFound
        count = await tx.one(SQL.count_members, list_id=list_id)
        rules.check_members((count[0] if count is not None else 0) + len(wanted))
        for target in wanted:
            new = tx.ids.next()
            if not await tx.run(SQL.insert_member, list_id=list_id, target_id=target, account_id=actor, id=new):
                raise Invalid("account", "has already been taken", "ERR_TAKEN")
        if wanted:
            await changes.append(tx, "list.changed", actor, list_id)

    await database.write(write, operation)


async def remove(database: Database, actor: int, list_id: int, targets: Sequence[int], operation: Operation) -> None:
    """Takes accounts out of a list; it is no error where one is not in it. Raises NotFound."""

    async def write(tx: Writer) -> None:
        if await lists.one(tx, actor, list_id) is None:
            raise NotFound
        if await tx.run(SQL.delete_members, list_id=list_id, ids=sorted(set(targets))):
            await changes.append(tx, "list.changed", actor, list_id)

    await database.write(write, operation)
