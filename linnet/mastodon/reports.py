"""Reports as the client API's parameters and JSON."""

from typing import Any

import msgspec

from linnet.domain import ids, times
from linnet.domain import reports as rules
from linnet.domain.errors import Invalid
from linnet.domain.reports import Complaint, Report
from linnet.mastodon import parsing
from linnet.mastodon.parsing import Params


def complaint(params: Params) -> Complaint:
    """Of POST /api/v1/reports. Raises Invalid."""
    target = parsing.id_(params, "account_id")
    if target is None:
        raise Invalid("account_id", "can't be blank", "ERR_BLANK")
    return Complaint(
        target,
        parsing.text(params, "category"),
        parsing.text(params, "comment"),
        parsing.id_list(params, "status_ids", rules.STATUSES_MAX),
        parsing.id_list(params, "rule_ids", rules.RULES_MAX),
        parsing.flag(params, "forward"),
    )


def report(one: Report, target: bytes) -> dict[str, Any]:
    """A Report around its target's account, which is rendered already."""
    return {
        "id": str(one.id),
        "action_taken": one.resolved_at is not None,
        "action_taken_at": times.iso(one.resolved_at) if one.resolved_at is not None else None,
        "category": one.category,
        "comment": one.comment,
        # Whoever asks for it: there is no other server yet that could be told.
        "forwarded": False,
        "created_at": times.iso(ids.milliseconds(one.id)),
        "status_ids": [str(id) for id in one.status_ids],
        "rule_ids": [str(id) for id in one.rule_ids],
        "collection_ids": [],
        "target_account": msgspec.Raw(target),
    }
