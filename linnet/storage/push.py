"""Subscriptions to notifications as rows."""

from linnet.storage import jobs, statements
from linnet.storage.database import Writer

SQL = statements.load("push")


async def enqueue(tx: Writer, kind: str, account_id: int, from_account_id: int, notification_id: int) -> None:
    """A job for each subscription of an account that wants to hear of this; only for accounts that have some."""
    found = await tx.all(SQL.wanting, account_id=account_id, from_account_id=from_account_id, alert=f"% {kind} %")
    for (id,) in found:
        payload = {"subscription_id": id, "account_id": account_id, "notification_id": notification_id}
        await jobs.add(tx, "push.send", payload)
