"""Emojis that answer a status: which there are, and how they are counted."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from linnet.domain.errors import Invalid

CHARS_MAX = 64
"""Longer than any emoji, families and flags of regions included."""

_PICTURE = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)
_ONE = f"{_PICTURE}\ufe0f?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*"
_EMOJI = re.compile(f"{_ONE}(?:\u200d{_ONE})*|[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3")
_CUSTOM = re.compile(r":?([A-Za-z0-9_]{2,30}):?")
_SELECTOR = "\ufe0f"


class Count(NamedTuple):
    """How many have answered with an emoji; a custom one is its ``:shortcode:``."""

    emoji: str
    times: int


_counts = msgspec.json.Decoder(tuple[Count, ...])


def counts(text: str | None) -> tuple[Count, ...]:
    """Of the column ``reactions`` of a status, in the order in which they came."""
    return () if text is None else _counts.decode(text)


def as_text(found: Sequence[Count]) -> str | None:
    return msgspec.json.encode(found).decode() if found else None


def parse(name: str) -> str:
    """An emoji of Unicode, or ``:shortcode:`` of what may be a custom one. Raises Invalid."""
    if len(name) <= CHARS_MAX:
        if _EMOJI.fullmatch(name):
            return name
        if custom := _CUSTOM.fullmatch(name):
            return f":{custom[1]}:"
    raise Invalid("name", "is not an emoji", "ERR_INCLUSION")


def shortcode(emoji: str) -> str | None:
    """Of a custom emoji, None for one of Unicode."""
    return emoji[1:-1] if emoji.startswith(":") else None


def spelling(emoji: str, known: Sequence[Count]) -> str:
    """The emoji as others have written it: some write the same one with and some without a variation selector."""
    bare = emoji.replace(_SELECTOR, "")
    return next((one.emoji for one in known if one.emoji.replace(_SELECTOR, "") == bare), emoji)


def counted(known: Sequence[Count], emoji: str, step: int) -> tuple[Count, ...]:
    """With one more of it, or (-1) one less; a new one stands at the end, and one that nobody uses is gone."""
    if all(one.emoji != emoji for one in known):
        known = (*known, Count(emoji, 0))
    changed = (Count(one.emoji, one.times + step * (one.emoji == emoji)) for one in known)
    return tuple(one for one in changed if one.times > 0)
