"""A token's subscription to notifications, and what a message to it says."""

from typing import NamedTuple

from linnet.domain.errors import NotFound
from linnet.domain.push import Wishes
from linnet.domain.views import Identity, Profile, StatusContent
from linnet.storage import accounts, push, statuses
from linnet.storage.database import Database, Reader

SQL = push.SQL


class Subscription(NamedTuple):
    """As whoever subscribed sees it."""

    id: int
    endpoint: str
    standard: int
    wishes: Wishes


class Delivery(NamedTuple):
    """One message: where it goes, and what it is about. ``secrets`` are sealed (``actions/push.py``)."""

    endpoint: str
    key: str
    secrets: str
    standard: int
    locale: str
    kind: str
    sender: Profile
    status: StatusContent | None


async def of(database: Database, subscriber: Identity) -> Subscription:
    """Raises NotFound."""

    async def read(tx: Reader) -> Subscription:
        row = await tx.one(SQL.of_token, token_hash=subscriber.key)
        if row is None:
            raise NotFound
        id, endpoint, standard, alerts, policy = row
        return Subscription(id, endpoint, standard, Wishes(tuple(alerts.split()), policy))

    return await database.read(read)


async def delivery(database: Database, subscription_id: int, account_id: int, notification_id: int) -> Delivery | None:
    """None where the subscription is gone, or the notification is, or may not be told of any more."""

    async def read(tx: Reader) -> Delivery | None:
        row = await tx.one(
            SQL.message, id=subscription_id, reader=account_id, notification_id=notification_id, now=tx.now
        )
        if row is None:
            return None
        endpoint, key, secrets, standard, locale, kind, sender_id, status_id = row
        sender = (await accounts.profiles(tx, (sender_id,))).get(sender_id)
        contents = await statuses.contents(tx, (status_id,)) if status_id else {}
        if sender is None or (status_id and status_id not in contents):
            return None
        return Delivery(endpoint, key, secrets, standard, locale, kind, sender, contents.get(status_id))

    return await database.read(read)
