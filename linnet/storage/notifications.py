"""Notifications as rows."""

from linnet.domain.notifications import KINDS
from linnet.storage import access, changes, statements
from linnet.storage.database import Writer

SQL = statements.load("notifications")


async def add(
    tx: Writer, kind: str, account_id: int, from_account_id: int, status_id: int = 0, thread_id: int = 0
) -> None:
    """Notifies ``account_id`` once of ``kind`` (the client API's type), unless its blocks and mutes say otherwise."""
    new = tx.ids.next()
    added = await tx.run(
        SQL.add,
        id=new,
        account_id=account_id,
        type=kind,
        from_account_id=from_account_id,
        status_id=status_id,
        thread_id=thread_id,
        now=tx.now,
    )
    if added:
        await changes.append(tx, "notification.created", account_id, new)


async def tell_staff(tx: Writer, account_id: int) -> None:
    """Tells whoever moderates that somebody has come in: confirmed, and approved where that is asked for."""
    for (moderator_id,) in await tx.all(access.SQL.staff):
        await add(tx, "admin.sign_up", moderator_id, account_id)


async def remove(tx: Writer, kind: str, account_id: int, from_account_id: int, status_id: int = 0) -> None:
    """Takes back what was undone, such as a favourite."""
    await tx.run(SQL.remove, account_id=account_id, type=kind, from_account_id=from_account_id, status_id=status_id)


async def remove_from(tx: Writer, account_id: int, from_account_id: int) -> None:
    """Takes away all that ``account_id`` was told of ``from_account_id``."""
    await tx.run(SQL.remove_from, account_id=account_id, from_account_id=from_account_id, kinds=KINDS)
