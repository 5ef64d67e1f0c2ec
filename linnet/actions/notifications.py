"""Putting notifications away."""

from linnet.domain import ids
from linnet.domain.errors import NotFound
from linnet.domain.notifications import UNGROUPED
from linnet.storage import changes, notifications
from linnet.storage.database import Database, Operation, Writer


async def dismiss(database: Database, actor: int, id: int, operation: Operation) -> None:
    """Raises NotFound for what is not the actor's."""

    async def write(tx: Writer) -> None:
        if not await tx.run(notifications.SQL.dismiss, id=id, account_id=actor):
            raise NotFound
        await changes.append(tx, "notification.dismissed", actor, id)

    await database.write(write, operation)


async def dismiss_group(database: Database, actor: int, key: str, operation: Operation) -> None:
    """All of a group of the actor's (``domain/notifications.py: key_of``). Raises NotFound."""
    id = ids.parse(key.removeprefix(UNGROUPED)) or 0
    if key.startswith(UNGROUPED):
        return await dismiss(database, actor, id, operation)

    async def write(tx: Writer) -> None:
        if not await tx.run(notifications.SQL.dismiss_group, account_id=actor, group_key=key):
            raise NotFound
        await changes.append(tx, "notification.cleared", actor, actor)

    return await database.write(write, operation, heavy=True)


async def clear(database: Database, actor: int, operation: Operation) -> None:
    """All of the actor's notifications."""

    async def write(tx: Writer) -> None:
        if await tx.run(notifications.SQL.clear, account_id=actor):
            await changes.append(tx, "notification.cleared", actor, actor)

    await database.write(write, operation, heavy=True)
