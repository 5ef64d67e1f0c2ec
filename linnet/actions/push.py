"""Subscribing to notifications, as a token does it, and the end of that."""

import base64

import msgspec

from linnet.domain.errors import Invalid, NotFound
from linnet.domain.push import SUBSCRIPTIONS, Receiver, Wishes
from linnet.domain.views import Identity
from linnet.ports import Vault
from linnet.storage import jobs, push
from linnet.storage.database import Database, Operation, Writer
from linnet.storage.jobs import Job

SQL = push.SQL

PURPOSE = "push subscription"
"""Under which the vault seals what would let others read messages, or act in the receiver's name."""


class Secrets(msgspec.Struct, frozen=True):
    """What is sealed of a subscription: the token, which messages carry, and the receiver's secret in base64."""

    token: str
    secret: str


async def subscribe(
    database: Database, vault: Vault, subscriber: Identity, token: str, receiver: Receiver, wishes: Wishes,
    operation: Operation,
) -> None:  # fmt: skip
    """Takes the place of what this token was subscribed with. Raises Invalid for a key that is none."""
    if not vault.is_push_key(receiver.key):
        raise Invalid("p256dh", "is no public key of the curve P-256")
    secrets = msgspec.json.encode(Secrets(token, base64.b64encode(receiver.secret).decode())).decode()
    sealed = vault.encrypt(secrets, PURPOSE)

    async def write(tx: Writer) -> None:
        await tx.run(
            SQL.put, id=tx.ids.next(), account_id=subscriber.account_id, token_hash=subscriber.key,
            endpoint=receiver.endpoint, key=base64.b64encode(receiver.key).decode(), secrets=sealed,
            standard=int(receiver.standard), **_columns(wishes),
        )  # fmt: skip
        await tx.run(SQL.trim, account_id=subscriber.account_id, keep=SUBSCRIPTIONS)
        await tx.run(SQL.flag, account_id=subscriber.account_id)

    await database.write(write, operation)


async def change(database: Database, subscriber: Identity, wishes: Wishes, operation: Operation) -> None:
    """Raises NotFound where this token is not subscribed."""

    async def write(tx: Writer) -> None:
        if not await tx.run(SQL.set_wishes, token_hash=subscriber.key, **_columns(wishes)):
            raise NotFound

    await database.write(write, operation)


async def unsubscribe(database: Database, subscriber: Identity, operation: Operation) -> None:
    """It is no error where there is nothing to end."""

    async def write(tx: Writer) -> None:
        for (account_id,) in await tx.all(SQL.remove, token_hash=subscriber.key):
            await tx.run(SQL.flag, account_id=account_id)

    await database.write(write, operation)


async def settle(database: Database, job: Job, *, gone: bool) -> None:
    """Ends a job ``push.send``; ``gone`` says that nobody receives there any more."""

    async def write(tx: Writer) -> None:
        if gone:
            for (account_id,) in await tx.all(SQL.forget, id=job.payload["subscription_id"]):
                await tx.run(SQL.flag, account_id=account_id)
        await jobs.finish(tx, job)

    await database.write(write)


def _columns(wishes: Wishes) -> dict[str, str]:
    return {"alerts": f" {' '.join(wishes.alerts)} ", "policy": wishes.policy}
