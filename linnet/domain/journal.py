"""A post that was accepted while the database could not take it, and how it is written down meanwhile."""

import zlib
from dataclasses import astuple, dataclass, replace

import msgspec

from linnet.domain.errors import TooLarge

ENTRIES = "/linnet/journal/entry/"
"""Where what waits is kept, in the order of ids."""
PLANNED = "/linnet/planned"
"""Where planned work announces itself: ``{"until": ms since 1970, "why": text}``. Whoever put it deletes it."""
FAILING = "/linnet/failing"
"""Where whoever met a disk that fails says so: ``{"host": HOST:PORT of its PostgreSQL, "why": text}``, for a while."""
ENTRY_BYTES = 3_584
"""What an entry may take, packed. Of 4 KiB, etcd would need twice as much."""

_PACKED_FROM = 600
"""Below that, packing gains nothing that is worth its time."""
_UNPACKED_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One post that waits. ``operation`` is the key of its receipt, ``at`` ms since 1970, ``draft`` JSON.

    ``shown`` is JSON of how its author is shown it, so that no machine need find that out again; '' where it is not
    known, or would be too long.
    """

    id: int
    account_id: int
    operation: str
    at: int
    draft: str
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits. ``revision`` is the majority's at that moment, ``oldest`` the one at which the first entry came."""

    count: int
    revision: int
    oldest: int | None = None


class Failing(msgspec.Struct):
    """What stands at FAILING."""

    host: str
    why: str = ""


def pack(entry: Entry) -> bytes:
    """Raises TooLarge for what cannot be kept."""
    plain = msgspec.json.encode(astuple(entry))
    packed = zlib.compress(plain, 6) if len(plain) > _PACKED_FROM else plain
    if len(packed) <= ENTRY_BYTES and len(plain) <= _UNPACKED_MAX:
        return packed
    if entry.shown:
        return pack(replace(entry, shown=""))
    raise TooLarge(f"The post takes {len(packed)} bytes, and can wait for the database with {ENTRY_BYTES} only")


def unpack(data: bytes) -> Entry:
    """What ``pack`` made; raises ValueError for anything else."""
    plain = data
    if not data.startswith(b"["):
        try:
            plain = zlib.decompressobj().decompress(data, _UNPACKED_MAX)
        except zlib.error as error:
            raise ValueError(str(error)) from error
    return Entry(*msgspec.json.decode(plain, type=tuple[int, int, str, int, str, str]))
