"""What an account is told of: the client API's types that there are here, which stand together, what is kept away.

All that is to be said of a type stands here: add a new one to ``KINDS``, and where it fits to the tables below it.
"""

from typing import NamedTuple

from linnet.domain.times import DAY_MS

KINDS = (
    "mention", "status", "reblog", "follow", "follow_request", "favourite", "poll", "update", "admin.sign_up",
    "admin.report", "quote", "quoted_update",
)  # fmt: skip
REACTION = "pleroma:emoji_reaction"
UNUSUAL = (REACTION,)
"""Types that Mastodon has not: only an app that names one in its request is told of it, since others may break."""
ALL = (*KINDS, *UNUSUAL)
GROUPED = ("favourite", "reblog", "follow", "admin.sign_up")
"""Of these, many say the same as one: they are shown together."""
FILTERABLE = frozenset({"mention", "reblog", "follow", "follow_request", "favourite", "quote", REACTION})
"""What a policy may keep away: what strangers cause. The rest was asked for, or is about the account itself."""

UNREAD_MAX = 1_000
UNGROUPED = "ungrouped-"
SAMPLES = 8
"""So many of a group's latest senders are named."""

HOUR_MS = 3_600_000
GAP_MS = 4 * HOUR_MS
"""A group ends when nothing comes for so long,"""
SPAN_HOURS = 12
"""and takes nothing more so long after its first hour."""

NEW_ACCOUNT_MS = 30 * DAY_MS
NEW_FOLLOWER_MS = 3 * DAY_MS
"""Whoever follows for less than this is as good as no follower."""

LEVELS = ("accept", "filter", "drop")


class Policy(NamedTuple):
    """What becomes of notifications from whom: an index into LEVELS each. The names are the client API's."""

    for_not_following: int = 0
    for_not_followers: int = 0
    for_new_accounts: int = 0
    for_private_mentions: int = 1
    for_limited_accounts: int = 1


def chosen(types: tuple[str, ...], excluded: tuple[str, ...], understood: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The kinds that a reader asks for: all where none is named, without the excluded ones; unknown ones are none.

    Unusual ones are only among them where they are named, or are ``understood``.
    """
    usual = (kind for kind in KINDS if not types or kind in types)
    unusual = (kind for kind in UNUSUAL if kind in types or (not types and kind in understood))
    return tuple(kind for kind in (*usual, *unusual) if kind not in excluded)


def group_keys(kind: str, status_id: int, now_ms: int) -> tuple[str, str]:
    """The oldest group that a notification of now may still join, and the one that it begins; '' and '' for none.

    Keys end with the hour of the group's beginning since 1970, in as many digits until 2084, so that they sort by it.
    """
    if kind not in GROUPED:
        return "", ""
    about = f"{kind}-{status_id}" if status_id else kind
    hour = now_ms // HOUR_MS
    return f"{about}-{hour - SPAN_HOURS + 1}", f"{about}-{hour}"


def key_of(id: int, kind: str, group_key: str, grouped: tuple[str, ...] = GROUPED) -> str:
    """The client API's ``group_key`` of a notification, where the kinds ``grouped`` are shown together."""
    return group_key if group_key and kind in grouped else f"{UNGROUPED}{id}"
