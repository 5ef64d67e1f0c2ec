"""How much of an archive is read: its maker may be anybody, and may have meant harm."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from linnet.domain.errors import Invalid


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes, numbers and levels. ``ratio`` holds for what unpacks to more than ``ratio_from`` bytes."""

    archive_bytes: int = 8 << 30
    entries: int = 200_000
    unpacked_bytes: int = 16 << 30
    text_bytes: int = 1 << 30
    ratio: int = 200
    ratio_from: int = 32 << 20
    item_bytes: int = 1 << 20
    line_bytes: int = 16 << 10
    depth: int = 40
    items: int = 1_000_000
    name_chars: int = 500


class Source(Protocol):
    """A file that is read here and there."""

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def read(self, size: int = -1, /) -> bytes: ...


class Refusal(NamedTuple):
    """Something that is not taken in: which one, and why, as a line of the report."""

    item: str
    why: str


def damaged(why: str) -> Invalid:
    """The archive as a whole cannot be read (any further)."""
    return Invalid("archive", why)
