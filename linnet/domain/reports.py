"""Reports: what somebody tells the moderators of an account, and what of it may be said."""

from typing import NamedTuple

import msgspec

from linnet.domain import text as words
from linnet.domain.errors import Invalid

CATEGORIES = ("other", "spam", "legal", "violation")
COMMENT_CHARS = 1_000
STATUSES_MAX = 100
RULES_MAX = 100
OPEN_MAX = 100
"""How many reports of one account may wait at once."""


class Complaint(NamedTuple):
    """A report as it is handed in. ``forward`` asks to tell the account's own server, too."""

    target_id: int
    category: str = "other"
    comment: str = ""
    status_ids: tuple[int, ...] = ()
    rule_ids: tuple[int, ...] = ()
    forward: bool = False


class Report(msgspec.Struct, frozen=True, gc=False):
    """A report as it is kept. Times in ms since 1970, ``resolved_at`` None while it waits."""

    id: int
    account_id: int
    target_id: int
    category: str
    comment: str
    status_ids: tuple[int, ...]
    rule_ids: tuple[int, ...]
    forward: bool
    resolved_at: int | None
    resolved_by: int | None


def check(complaint: Complaint) -> Complaint:
    """Cleaned; whoever names rules says that they were violated. Raises Invalid."""
    category = "violation" if complaint.rule_ids else complaint.category or "other"
    if category not in CATEGORIES:
        raise Invalid("category", f"must be one of {', '.join(CATEGORIES)}", "ERR_INCLUSION")
    return complaint._replace(
        category=category,
        comment=words.clean("comment", complaint.comment, COMMENT_CHARS).strip(),
        status_ids=tuple(dict.fromkeys(complaint.status_ids)),
        rule_ids=tuple(dict.fromkeys(complaint.rule_ids)),
    )
