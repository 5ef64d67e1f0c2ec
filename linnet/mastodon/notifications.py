"""Notifications as the client API's JSON, one by one and in groups."""

from collections.abc import Iterable
from typing import Any

import msgspec

from linnet.domain import ids, times
from linnet.domain.errors import Invalid
from linnet.domain.notifications import GROUPED, key_of
from linnet.domain.site import Site
from linnet.domain.views import NotificationGroup, NotificationRow, Profile
from linnet.mastodon import accounts, parsing
from linnet.mastodon.parsing import Params


def notification(
    row: NotificationRow, account: bytes, status: bytes | None, report: bytes | None = None, more: bytes = b""
) -> bytes:
    """One notification around an account, a status, a report and what ``more`` there is, which are rendered already."""
    about = more if status is None else b',"status":' + status + more
    about += b"" if report is None else b',"report":' + report
    return b'{"id":"%d","type":"%b","created_at":"%b","group_key":"%b","account":%b%b}' % (
        row.id,
        row.type.encode(),
        times.iso(ids.milliseconds(row.id)).encode(),
        key_of(row.id, row.type, row.group_key).encode(),
        account,
        about,
    )


def grouped(params: Params) -> tuple[str, ...]:
    """Which kinds are to be shown together: those of ``grouped_types``, or all that can be. Raises Invalid."""
    asked = parsing.text_list(params, "grouped_types", 100)
    return tuple(kind for kind in GROUPED if kind in asked) if asked else GROUPED


def partial(params: Params) -> bool:
    """``expand_accounts``: whether all accounts but the latest of each group need only their names and pictures."""
    word = parsing.text(params, "expand_accounts") or "full"
    if word not in ("full", "partial_avatars"):
        raise Invalid("expand_accounts", "must be full or partial_avatars")
    return word == "partial_avatars"


def group(view: NotificationGroup, *, paged: bool, report: bytes | None = None) -> dict[str, Any]:
    """A NotificationGroup; where it stands on its page is only told of one that stands on a page."""
    body: dict[str, Any] = {
        "group_key": view.key,
        "notifications_count": view.count,
        "type": view.type,
        "most_recent_notification_id": view.newest,
        "sample_account_ids": [str(id) for id in view.senders],
    }
    if view.status_id:
        body["status_id"] = str(view.status_id)
    if report is not None:
        body["report"] = msgspec.Raw(report)
    if paged:
        body["page_min_id"], body["page_max_id"] = str(view.oldest), str(view.newest)
        body["latest_page_notification_at"] = times.iso(ids.milliseconds(view.newest))
    return body


def partial_account(site: Site, profile: Profile) -> dict[str, Any]:
    """A PartialAccountWithAvatar."""
    whole = accounts.static(site, profile, {})
    names = ("id", "acct", "url", "avatar", "avatar_static", "avatar_description", "locked", "bot")
    return {name: whole[name] for name in names}


def results(
    groups: Iterable[dict[str, Any]], accounts: Iterable[bytes], statuses: Iterable[bytes],
    partial_accounts: list[dict[str, Any]] | None,
) -> bytes:  # fmt: skip
    """GroupedNotificationsResults around accounts and statuses that are rendered already."""
    body: dict[str, Any] = {
        "accounts": [msgspec.Raw(one) for one in accounts],
        "statuses": [msgspec.Raw(one) for one in statuses],
        "notification_groups": list(groups),
    }
    if partial_accounts is not None:
        body["partial_accounts"] = partial_accounts
    return msgspec.json.encode(body)
