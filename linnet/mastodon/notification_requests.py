"""The policy for notifications, and who waits because of it, as the client API's JSON."""

from typing import Any

from linnet.domain import ids, times
from linnet.domain.errors import Invalid
from linnet.domain.notifications import LEVELS, Policy
from linnet.mastodon import parsing
from linnet.mastodon.parsing import Params

_OLD = {f"filter_{name.removeprefix('for_')}": name for name in Policy._fields if name != "for_limited_accounts"}
"""What the first version of the policy called its flags."""


def policy(view: Policy, requests: int, notifications: int) -> dict[str, Any]:
    """A NotificationPolicy."""
    return {**{name: LEVELS[level] for name, level in view._asdict().items()}, **_summary(requests, notifications)}


def old_policy(view: Policy, requests: int, notifications: int) -> dict[str, Any]:
    """A V1NotificationPolicy: whether there is a filter at all."""
    flags = {old: getattr(view, name) > 0 for old, name in _OLD.items()}
    return {**flags, **_summary(requests, notifications)}


def policy_changes(params: Params) -> dict[str, int]:
    """The fields that PATCH /api/v2/notifications/policy is to set. Raises Invalid."""
    found = {}
    for name in Policy._fields:
        word = parsing.optional_text(params, name)
        if word is not None and word not in LEVELS:
            raise Invalid(name, f"must be one of {', '.join(LEVELS)}")
        if word is not None:
            found[name] = LEVELS.index(word)
    return found


def old_policy_changes(params: Params) -> dict[str, int]:
    """The same of the first version's flags."""
    found = {name: parsing.optional_flag(params, old) for old, name in _OLD.items()}
    return {name: int(value) for name, value in found.items() if value is not None}


def request(id: int, latest: int, count: int, account: bytes, status: bytes | None) -> bytes:
    """A NotificationRequest around an account and a status that are rendered already."""
    return (
        b'{"id":"%d","created_at":"%b","updated_at":"%b","notifications_count":"%d","account":%b,"last_status":%b}'
    ) % (id, _time(id), _time(latest), count, account, status or b"null")


def _time(id: int) -> bytes:
    return times.iso(ids.milliseconds(id)).encode()


def _summary(requests: int, notifications: int) -> dict[str, Any]:
    return {"summary": {"pending_requests_count": requests, "pending_notifications_count": notifications}}
