"""Notifications on their way to a push service: encrypted, so that only the receiver reads them, and signed by us."""

import base64
from typing import NamedTuple

import msgspec

from linnet.actions import push as actions
from linnet.actions.push import PURPOSE, Secrets
from linnet.domain import ids
from linnet.domain.errors import RemoteFailed
from linnet.domain.push import TTL_MS, Receiver
from linnet.domain.site import Site
from linnet.mastodon import push as rendering
from linnet.ports import Clock, RemoteRequest, RemoteServers, Vault
from linnet.queries import push as queries
from linnet.queries.push import Delivery
from linnet.storage.database import Database
from linnet.storage.jobs import Job
from linnet.telemetry import log

GONE = (404, 410)
"""What a push service says of a subscription that has ended (RFC 8030)."""


class Pusher(NamedTuple):
    """What it takes to send one."""

    database: Database
    site: Site
    clock: Clock
    vault: Vault
    remote: RemoteServers


async def send(pusher: Pusher, job: Job) -> None:
    """Job ``push.send``: one notification to one subscription. Raises RemoteFailed for what may work later.

    A service that refuses for good is not asked again; one that knows the subscription no more ends it.
    """
    left_ms = ids.milliseconds(job.payload["notification_id"]) + TTL_MS - pusher.clock.now_ms()
    delivery = await queries.delivery(pusher.database, **job.payload) if left_ms > 0 else None
    request = None if delivery is None else _request(pusher, job, delivery, left_ms // 1000)
    gone = False
    if request is not None:
        try:
            answer = await pusher.remote.ask(request)
        except RemoteFailed as failure:
            if failure.passing:
                raise
            gone = True
            log.warning("push_refused", job=job.id, error=str(failure), done="its subscription is ended")
        else:
            if answer.passing:
                raise RemoteFailed(f"The push service answered {answer.status}", passing=True)
            gone = answer.status in GONE
            if not answer.ok and not gone:
                log.warning("push_refused", job=job.id, error=f"answered {answer.status}", done="not trying again")
    await actions.settle(pusher.database, job, gone=gone)


def _request(pusher: Pusher, job: Job, delivery: Delivery, ttl_seconds: int) -> RemoteRequest | None:
    """None where the secrets cannot be read any more: they were sealed with another key than this server's."""
    try:
        secrets = msgspec.json.decode(pusher.vault.decrypt(delivery.secrets, PURPOSE), type=Secrets)
    except ValueError as error:
        log.warning("push_unreadable", job=job.id, error=str(error), done="not sent; the app subscribes anew")
        return None
    text = rendering.message(
        pusher.site, delivery.kind, job.payload["notification_id"], secrets.token, delivery.locale,
        delivery.sender, delivery.status,
    )  # fmt: skip
    receiver = Receiver(
        delivery.endpoint, base64.b64decode(delivery.key), base64.b64decode(secrets.secret), bool(delivery.standard)
    )
    headers, body = pusher.vault.seal_push(text, receiver, pusher.site.contact_email, pusher.clock.now_ms())
    headers = {**headers, "Content-Type": "application/octet-stream", "TTL": str(ttl_seconds), "Urgency": "normal"}
    return RemoteRequest(delivery.endpoint, "POST", headers, body, bytes_max=4_096, redirects=0, beginning=True)
