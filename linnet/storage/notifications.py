"""Notifications as rows."""

from linnet.domain import ids
from linnet.domain import notifications as rules
from linnet.storage import access, changes, push, statements
from linnet.storage.database import Writer

SQL = statements.load("notifications")


async def add(
    tx: Writer, kind: str, account_id: int, from_account_id: int, status_id: int = 0, thread_id: int = 0
) -> None:
    """Notifies ``account_id`` once of ``kind`` (the client API's type), unless its blocks and mutes say otherwise.

    What its policy filters waits unseen, under a request of whoever caused it.
    """
    new = tx.ids.next()
    earliest, latest = rules.group_keys(kind, status_id, tx.now)
    added = await tx.all(
        SQL.add,
        id=new,
        account_id=account_id,
        type=kind,
        from_account_id=from_account_id,
        status_id=status_id,
        thread_id=thread_id,
        now=tx.now,
        earliest=earliest,
        latest=latest,
        joinable=ids.first_at(tx.now - rules.GAP_MS),
        filterable=int(kind in rules.FILTERABLE),
        followers_before=ids.first_at(tx.now - rules.NEW_FOLLOWER_MS),
        accounts_before=ids.first_at(tx.now - rules.NEW_ACCOUNT_MS),
    )
    for filtered, pushes in added:
        if filtered:
            await tx.run(SQL.request, account_id=account_id, from_account_id=from_account_id, id=tx.ids.next())
        elif kind not in rules.UNUSUAL:
            # Whoever follows the log sends on what any app understands; the others ask for themselves.
            await changes.append(tx, "notification.created", account_id, new)
            if pushes:
                await push.enqueue(tx, kind, account_id, from_account_id, new)


async def tell_staff(tx: Writer, account_id: int) -> None:
    """Tells whoever moderates that somebody has come in: confirmed, and approved where that is asked for."""
    for (moderator_id,) in await tx.all(access.SQL.staff):
        await add(tx, "admin.sign_up", moderator_id, account_id)


async def remove(tx: Writer, kind: str, account_id: int, from_account_id: int, status_id: int = 0) -> None:
    """Takes back what was undone, such as a favourite."""
    await tx.run(SQL.remove, account_id=account_id, type=kind, from_account_id=from_account_id, status_id=status_id)


async def remove_from(tx: Writer, account_id: int, from_account_id: int) -> None:
    """Takes away all that ``account_id`` was told of ``from_account_id``, and that it was let through."""
    await tx.run(SQL.remove_from, account_id=account_id, from_account_id=from_account_id, kinds=rules.ALL)
    await tx.run(SQL.remove_request, account_id=account_id, from_account_id=from_account_id)
