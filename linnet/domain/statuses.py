"""What makes a status that may be posted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from linnet.domain import polls
from linnet.domain import text as words
from linnet.domain.errors import Conflict, Invalid
from linnet.domain.polls import PollDraft
from linnet.domain.quotes import Policy
from linnet.domain.site import Limits
from linnet.domain.visibility import Visibility

RAW_CHARS = 10_000
"""A bound on raw text, before anything counts it: Mastodon's own count makes long links short."""


PLAIN, MARKDOWN = "text/plain", "text/markdown"
CONTENT_TYPES = (PLAIN, MARKDOWN)
"""How a status may be written."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A status as its author hands it in. ``language`` is an ISO 639 code or None; ``sensitive`` covers the media.

    ``local_only`` None is what the answered status is, and else False.
    """

    text: str
    spoiler: str = ""
    visibility: Visibility = Visibility.PUBLIC
    in_reply_to_id: int | None = None
    language: str | None = None
    sensitive: bool = False
    media_ids: tuple[int, ...] = ()
    app_name: str | None = None
    app_website: str | None = None
    app_id: int = 0
    content_type: str = PLAIN
    local_only: bool | None = None
    poll: PollDraft | None = None
    quoted_status_id: int | None = None
    quote_policy: Policy = Policy.PUBLIC


@dataclass(frozen=True, slots=True)
class Settled(Draft):
    """A draft that was checked and accepted before it could be stored: who may see it is settled, and so is its place.

    ``thread_id`` is the conversation that it belongs to, ``answers`` the account that it answers.
    """

    thread_id: int = 0
    answers: int | None = None


def check(draft: Draft, limits: Limits) -> Draft:
    """The draft as it may be posted: its texts cleaned, and its poll's. Raises Invalid."""
    text, spoiler = check_text(draft.text, draft.spoiler, limits, has_media=bool(draft.media_ids))
    check_media(draft.media_ids, limits)
    poll = check_poll(draft.poll, limits, has_media=bool(draft.media_ids))
    return replace(draft, text=text, spoiler=spoiler, poll=poll)


def check_unfinished(draft: Draft, limits: Limits) -> Draft:
    """A draft that is only kept: nothing has to be there yet, but all is bounded. Raises Invalid."""
    check_media(draft.media_ids, limits)
    if draft.poll is not None and (
        len(draft.poll.options) > limits.poll_options or any(len(one) > RAW_CHARS for one in draft.poll.options)
    ):
        raise Invalid("poll[options]", f"takes {limits.poll_options} at most", "ERR_TOO_MANY")
    return replace(
        draft,
        text=words.clean("status", draft.text, RAW_CHARS),
        spoiler=words.clean("spoiler_text", draft.spoiler, RAW_CHARS),
    )


def check_poll(poll: PollDraft | None, limits: Limits, *, has_media: bool) -> PollDraft | None:
    """A status has a poll or media, as on Mastodon. Raises Invalid."""
    if poll is not None and has_media:
        raise Invalid("media_ids", "cannot be attached to a status with a poll", "ERR_INVALID")
    return None if poll is None else polls.check(poll, limits)


def check_text(text: str, spoiler: str, limits: Limits, *, has_media: bool) -> tuple[str, str]:
    """The cleaned text and spoiler. Raises Invalid for what is empty, too long or not text."""
    text = words.clean("status", text, RAW_CHARS).strip()
    spoiler = words.clean("spoiler_text", spoiler, RAW_CHARS).strip()
    if not text and not has_media:
        # A warning alone is a status too; Mastodon takes it as the text.
        text, spoiler = spoiler, ""
    if not text and not has_media:
        raise Invalid("text", "can't be blank", "ERR_BLANK")
    length = words.count(text, spoiler)
    if length > limits.status_chars:
        raise Invalid("text", f"is {length} characters long; the limit is {limits.status_chars}", "ERR_TOO_LONG")
    return text, spoiler


def check_media(ids: tuple[int, ...], limits: Limits) -> None:
    if len(ids) > limits.media_per_status:
        raise Invalid("media_ids", f"a status takes {limits.media_per_status} attachments at most", "ERR_TOO_MANY")
    if len(set(ids)) != len(ids):
        raise Invalid("media_ids", "names an attachment twice", "ERR_TAKEN")


def check_together(types: Sequence[str]) -> None:
    """A film or a sound stands alone in a status. Raises Conflict."""
    if len(types) > 1 and not {"video", "audio"}.isdisjoint(types):
        raise Conflict("Cannot attach a video to a post that already contains images")


def reply_audience(author: int, parent_author: int, parent_answers: int | None) -> int:
    """Whom a reply answers: in a thread of one's own, whoever that thread answers (Mastodon does the same)."""
    if author == parent_author and parent_answers is not None:
        return parent_answers
    return parent_author
