"""Web Push as the client API has it: parameters of subscriptions, their JSON, and what a message says."""

from collections.abc import Mapping
from typing import Any

import msgspec

from linnet.domain import push as rules
from linnet.domain import text_html
from linnet.domain.errors import Invalid
from linnet.domain.notifications import KINDS
from linnet.domain.push import BODY_CHARS, Receiver, Wishes
from linnet.domain.site import Site
from linnet.domain.views import Profile, StatusContent
from linnet.mastodon import accounts, parsing
from linnet.mastodon.parsing import Params

TITLES = {
    "mention": "You were mentioned by {name}",
    "status": "{name} just posted",
    "reblog": "{name} boosted your post",
    "follow": "{name} is now following you",
    "follow_request": "{name} asks to follow you",
    "favourite": "{name} favourited your post",
    "poll": "A poll by {name} has ended",
    "update": "{name} edited a post",
    "quote": "{name} quoted your post",
    "quoted_update": "{name} edited a post that you have quoted",
    "pleroma:emoji_reaction": "{name} reacted to your post",
    "admin.sign_up": "{name} signed up",
    "admin.report": "{name} has reported somebody",
}


def receiver(params: Params) -> Receiver:
    """Of POST /api/v1/push/subscription. Raises Invalid."""
    given = _object(params, "subscription")
    keys = _object(given, "keys")
    return rules.receiver(
        parsing.text(given, "endpoint"),
        parsing.text(keys, "p256dh"),
        parsing.text(keys, "auth"),
        standard=parsing.flag(given, "standard"),
    )


def wishes(params: Params, policy: str = "all") -> Wishes:
    """What ``data`` asks to be told of. Raises Invalid."""
    data = _object(params, "data")
    alerts = _object(data, "alerts")
    chosen = tuple(kind for kind in KINDS if parsing.flag(alerts, kind))
    # The published document has the policy inside of "data" for one method and beside it for the other.
    return rules.wishes(chosen, parsing.text(data, "policy") or parsing.text(params, "policy") or policy)


def subscription(id: int, endpoint: str, standard: int, view: Wishes, server_key: str) -> dict[str, Any]:
    """A WebPushSubscription."""
    return {
        "id": str(id),
        "endpoint": endpoint,
        "standard": bool(standard),
        "alerts": {kind: kind in view.alerts for kind in KINDS},
        "policy": view.policy,
        "server_key": server_key,
    }


def message(
    site: Site, kind: str, id: int, token: str, locale: str, sender: Profile, status: StatusContent | None
) -> bytes:
    """The JSON of one message, well below the 4 KiB that push services take."""
    text = sender.note if status is None else status.spoiler or status.text or text_html.to_plain(status.html)
    body = " ".join(text.split())
    return msgspec.json.encode(
        {
            "access_token": token,
            "preferred_locale": locale,
            "notification_id": id,
            "notification_type": kind,
            "icon": accounts.picture(site, sender.avatar_static_key, accounts.DEFAULT_AVATAR),
            "title": TITLES.get(kind, "{name}").replace("{name}", sender.name),
            "body": body if len(body) <= BODY_CHARS else body[: BODY_CHARS - 1] + "…",
        }
    )


def _object(params: Params, name: str) -> Mapping[str, Any]:
    value = params.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise Invalid(name, "must be an object")
    return value
