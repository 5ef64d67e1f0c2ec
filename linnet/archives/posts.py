"""A post as it travels: what every archive's form is turned into, and what ours is made of."""

from dataclasses import dataclass

import msgspec

from linnet.domain import times


class Attached(msgspec.Struct, frozen=True, omit_defaults=True):
    """A medium of a post: ``name`` is that of its file within the archive, ``focus`` x and y from -1 to 1."""

    name: str
    description: str = ""
    focus: tuple[float, float] | None = None


class Poll(msgspec.Struct, frozen=True, omit_defaults=True):
    """``expires_at`` in ms since 1970; ``votes`` one number an option."""

    options: tuple[str, ...]
    votes: tuple[int, ...]
    multiple: bool = False
    expires_at: int | None = None
    voters: int = 0


class Post(msgspec.Struct, frozen=True, omit_defaults=True):
    """``source`` names the post where it comes from; ``at`` in ms since 1970; ``parent`` is the source it answers."""

    source: str
    at: int
    text: str
    spoiler: str = ""
    visibility: int = 0
    sensitive: bool = False
    language: str | None = None
    parent: str | None = None
    media: tuple[Attached, ...] = ()
    poll: Poll | None = None
    edited_at: int | None = None
    content_type: str = ""
    local_only: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """What an archive says of its owner; texts are plain. ``avatar`` and ``header`` name files within the archive."""

    display_name: str
    note: str
    fields: tuple[tuple[str, str], ...] = ()
    avatar: str = ""
    header: str = ""
    flags: tuple[tuple[str, bool], ...] = ()


def milliseconds(text: object) -> int | None:
    """Of an ISO 8601 time, or None."""
    return times.parse(text) if isinstance(text, str) and len(text) <= 40 else None


def word(value: object, most: int = 2_000) -> str:
    """A text of at most so many characters; '' for anything else."""
    return value[:most] if isinstance(value, str) else ""
