"""What makes a poll, and what makes a vote that counts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from linnet.domain import text as words
from linnet.domain.errors import Invalid
from linnet.domain.site import Limits


@dataclass(frozen=True, slots=True)
class PollDraft:
    """A poll as its author hands it in. ``expires_in`` is in s from when it is posted."""

    options: tuple[str, ...]
    expires_in: int
    multiple: bool = False
    hide_totals: bool = False


class PollView(msgspec.Struct, frozen=True, gc=False):
    """What of a poll only changes with its status's version. ``expires_at`` in ms since 1970."""

    options: tuple[str, ...]
    multiple: int
    hide_totals: int
    expires_at: int | None


class PollState(NamedTuple):
    """What is counted: ``counts`` by option; ``chosen`` is what the reader voted for, None without a vote."""

    expired: int
    voters: int
    counts: tuple[int, ...]
    chosen: tuple[int, ...] | None


_state = msgspec.json.Decoder(PollState)


def state(text: str) -> PollState:
    """Of the column ``poll`` of a status's row."""
    return _state.decode(text)


def unvoted(poll: PollView, now: int) -> str:
    """The column ``poll`` of a status's row for a poll in which nobody has voted yet."""
    expired = int(poll.expires_at is not None and poll.expires_at <= now)
    return f"[{expired},0,[{','.join('0' for _ in poll.options)}],null]"


def check(draft: PollDraft, limits: Limits) -> PollDraft:
    """The poll with its options cleaned, blank ones left out. Raises Invalid."""
    options = tuple(filter(None, (words.clean("poll[options]", one, 1_000).strip() for one in draft.options)))
    if len(options) < 2:
        raise Invalid("poll[options]", "must be more than one", "ERR_TOO_SHORT")
    if len(options) > limits.poll_options:
        raise Invalid("poll[options]", f"takes {limits.poll_options} at most", "ERR_TOO_MANY")
    if any(words.count(one) > limits.poll_option_chars for one in options):
        raise Invalid("poll[options]", f"cannot be longer than {limits.poll_option_chars} characters", "ERR_TOO_LONG")
    if len(set(options)) != len(options):
        raise Invalid("poll[options]", "must be different from each other", "ERR_TAKEN")
    if not limits.poll_seconds_min <= draft.expires_in <= limits.poll_seconds_max:
        bounds = f"{limits.poll_seconds_min} to {limits.poll_seconds_max}"
        raise Invalid("poll[expires_in]", f"must be {bounds} seconds", "ERR_INCLUSION")
    return replace(draft, options=options)


def opened(draft: PollDraft, now: int) -> PollView:
    """The poll as it is posted at ``now`` (ms since 1970)."""
    return PollView(draft.options, int(draft.multiple), int(draft.hide_totals), now + draft.expires_in * 1000)


def resets(before: PollView, after: PollView) -> bool:
    """Whether votes for one say nothing about the other (Mastodon's rule)."""
    return (before.options, before.multiple) != (after.options, after.multiple)


def check_vote(choices: Sequence[int], options: int, *, multiple: bool) -> tuple[int, ...]:
    """The chosen options in order, each once. Raises Invalid."""
    chosen = tuple(sorted(set(choices)))
    if not chosen:
        raise Invalid("choices", "can't be blank", "ERR_BLANK")
    if chosen[0] < 0 or chosen[-1] >= options:
        raise Invalid("choices", "name an option that there is not", "ERR_INCLUSION")
    if len(chosen) > 1 and not multiple:
        raise Invalid("choices", "must be one: this poll does not allow several", "ERR_TOO_MANY")
    return chosen
