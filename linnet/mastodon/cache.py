"""Rendered bytes under (id, version) keys: bounded, and harmless to empty at any moment."""

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


class FragmentCache:
    """Two halves: what is asked for moves to the young one, and when that is full the old one is let go.

    So the least recently used go first, by bytes and not by number, and finding something moves nothing.
    """

    def __init__(self, bytes_max: int) -> None:
        self._young: dict[Key, Fragment] = {}
        self._old: dict[Key, Fragment] = {}
        self._half = bytes_max // 2
        self._young_bytes = self._old_bytes = 0
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

    @property
    def size(self) -> int:
        """Bytes held, the entries' own cost included."""
        return self._young_bytes + self._old_bytes


def _cost(fragment: Fragment) -> int:
    poll = fragment.poll
    own = 0 if poll is None else OVERHEAD + len(poll.head) + sum(map(len, poll.titles))
    return len(fragment.body) + OVERHEAD + own
