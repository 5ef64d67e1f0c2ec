"""Scheduled statuses and drafts as the client API's parameters and JSON."""

from typing import Any

from linnet.domain import times
from linnet.domain.errors import Invalid
from linnet.domain.site import Site
from linnet.domain.statuses import Draft
from linnet.domain.views import DraftView
from linnet.mastodon import parsing, statuses
from linnet.mastodon.parsing import Params


def time(params: Params) -> int | None:
    """``scheduled_at`` in ms since 1970, None where none is given. Raises Invalid."""
    text = parsing.text(params, "scheduled_at").strip()
    if not text:
        return None
    found = times.parse(text)
    if found is None:
        raise Invalid("scheduled_at", "is not a time such as 2030-01-31T12:00:00Z")
    return found


def scheduled(site: Site, view: DraftView) -> dict[str, Any]:
    """A ScheduledStatus."""
    return {
        "id": str(view.id),
        "scheduled_at": times.iso(view.scheduled_at or 0),
        "params": _params(view.draft),
        "media_attachments": [statuses.media(site, one) for one in view.media],
    }


def draft(site: Site, view: DraftView) -> dict[str, Any]:
    """Linnet's own: what a ScheduledStatus is, with the time when it was saved."""
    return {
        "id": str(view.id),
        "updated_at": times.iso(view.updated_at),
        "params": _params(view.draft),
        "media_attachments": [statuses.media(site, one) for one in view.media],
    }


def _params(draft: Draft) -> dict[str, Any]:
    poll = draft.poll and {
        "options": list(draft.poll.options),
        "expires_in": draft.poll.expires_in,
        "multiple": draft.poll.multiple,
        "hide_totals": draft.poll.hide_totals,
    }
    return {
        "text": draft.text,
        "spoiler_text": draft.spoiler,
        "visibility": draft.visibility.word,
        "sensitive": draft.sensitive,
        "language": draft.language,
        "in_reply_to_id": draft.in_reply_to_id,
        "media_ids": [str(id) for id in draft.media_ids] or None,
        "poll": poll,
        "quoted_status_id": str(draft.quoted_status_id) if draft.quoted_status_id else None,
        "quote_approval_policy": draft.quote_policy.word,
        "content_type": draft.content_type,
        "local_only": draft.local_only,
        "application_id": draft.app_id,
        "scheduled_at": None,
        "idempotency": None,
        "with_rate_limit": False,
    }
