"""Rendered bytes under (id, version) keys: bounded, and harmless to empty at any moment."""

from collections.abc import Callable
from typing import Any, NamedTuple

from linnet.mastodon.polls import Frame


class Fragment(NamedTuple):
    """Rendered JSON without its closing brace.

    ``emojis`` is the state of the custom emojis that it was rendered with, or None where it could name none.
    ``poll`` is what its poll is rendered from at each read.
    """

    body: bytes
    emojis: int | None = None
    poll: Frame | None = None


Key = tuple[Any, ...]
"""An id and a version, and whatever else stands in the bytes; ids are given once, so what kind of thing it is need not
stand here."""

OVERHEAD = 600
"""Bytes that an entry costs besides its body."""


LITTER_BYTES = 2_000
_LITTER = b'{"id":"0","content":"rubbish"' + b" " * (LITTER_BYTES - 29)


class FragmentCache:
    """Two halves: what is asked for moves to the young one, and when that is full the old one is let go.

    So the least recently used go first, by bytes and not by number, and finding something moves nothing.
    """

    def __init__(self, bytes_max: int) -> None:
        self._young: dict[Key, Fragment] = {}
        self._old: dict[Key, Fragment] = {}
        self._half = bytes_max // 2
        self._young_bytes = self._old_bytes = 0
        self._with_it: list[Callable[[], None]] = []
        self.hits = 0
        self.misses = 0

    def get(self, key: Key) -> Fragment | None:
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is None:
                self.misses += 1
                return None
            self.put(key, found)
        self.hits += 1
        return found

    def put(self, key: Key, fragment: Fragment) -> None:
        size = _cost(fragment)
        if size > self._half:
            return
        if self._young_bytes + size > self._half:
            self._old, self._old_bytes = self._young, self._young_bytes
            self._young, self._young_bytes = {}, 0
        replaced = self._young.get(key)
        if replaced is not None:
            self._young_bytes -= _cost(replaced)
        self._young[key] = fragment
        self._young_bytes += size

    def clear(self) -> None:
        self._young, self._old = {}, {}
        self._young_bytes = self._old_bytes = 0
        for clear in self._with_it:
            clear()

    def clears(self, more: Callable[[], None]) -> None:
        """What is kept elsewhere goes with it."""
        self._with_it.append(more)

    def litter(self) -> None:
        """For drills: everything true goes, and rubbish comes to the brim, under ids and versions that are not these.

        So it would be where a cache was restored, or given to another server, by mistake: no answer may show any of it.
        """
        known = dict.fromkeys([*self._young, *self._old])
        self.clear()
        wrong = {0: ("rubbish",), **{number: _elsewhere(key) for number, key in enumerate(known, 1)}}
        number = 0
        while not self._old or self._young_bytes + LITTER_BYTES < self._half - OVERHEAD:
            key = wrong.get(number, ("rubbish", number))
            self.put(("rubbish", number) if key in known else key, Fragment(_LITTER))
            number += 1

    @property
    def size(self) -> int:
        """Bytes held, the entries' own cost included."""
        return self._young_bytes + self._old_bytes


def _elsewhere(key: Any) -> Any:
    """A key like this one, of other ids and versions: those are large numbers, counts and flags are not."""
    if isinstance(key, tuple):
        return tuple(map(_elsewhere, key))
    return key - 1 if isinstance(key, int) and key > 1 << 32 else key


def _cost(fragment: Fragment) -> int:
    poll = fragment.poll
    own = 0 if poll is None else OVERHEAD + len(poll.head) + sum(map(len, poll.titles))
    return len(fragment.body) + OVERHEAD + own
