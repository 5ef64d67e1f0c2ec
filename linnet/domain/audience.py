"""Who sees a status on a home timeline: the rules in words. storage/fragments.sql: home_rules says the same in SQL.

tests/queries/test_home.py says it in Python, and compares.

A status stands on a reader's home when all of these hold:

1. The reader wrote it, or follows its author now and has the author in no exclusive list. A reblog needs a follow that
   shows reblogs; a follow with languages needs one of them, or a status whose language is not known. Or else the reader
   follows one of its hashtags; then it has to be public, no reblog, and its author not silenced, and 4 is not asked.
2. A direct status also needs the reader to be named in it, or to be its author.
3. Neither blocks the other, and the reader does not mute the author (the reader's own statuses need none of this and
   none of 4 and 5).
4. A reply to somebody else needs the reader to follow that account too (or to be it), and not to block or mute it.
5. The reader blocks nobody whom it names.
6. A reblog needs its original to be there, public or unlisted (or the reblogger's or the reader's own), its author not
   suspended, neither blocking the other, and not muted.
7. The author is not suspended.

A status stands on the timeline of one of the reader's lists when its author is a member, all of this holds but for what
1 says of exclusive lists and hashtags, it is not direct, and, where it is a reply to somebody else than the author and
the reader, the list's replies policy is ``followed``, or is ``list`` and that account is a member, too.

Of several entries that show the same status on one page only the newest stays.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, TypeVar


class Entry(NamedTuple):
    """One place on a timeline: a status, and the status that it reblogs where it does."""

    id: int
    reblog_of_id: int | None = None


class Place(Protocol):
    """What stands on a timeline."""

    @property
    def id(self) -> int: ...
    @property
    def reblog_of_id(self) -> int | None: ...


P = TypeVar("P", bound=Place)


def without_repeats(places: Iterable[P], seen: set[int] | None = None) -> Iterator[P]:
    """Leaves out what an earlier place shows already; a page is only told apart from itself, not from other pages."""
    known = set() if seen is None else seen
    for place in places:
        shown = place.reblog_of_id or place.id
        if shown not in known:
            known.add(shown)
            yield place


class Facts(NamedTuple):
    """What decides on which public streams a status is heard; flags are 0 or 1."""

    id: int
    account_id: int
    local: int
    visibility: int
    reblog_of_id: int | None
    answers_another: int
    has_media: int
    tags: tuple[str, ...] = ()
