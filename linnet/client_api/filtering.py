"""Which statuses of a page meet the reader's filters; only for readers who have any."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from linnet.domain.filters import Matcher, searchable
from linnet.domain.views import Identity, StatusContent
from linnet.mastodon import filters as rendering
from linnet.mastodon.cache import Fragment, FragmentCache, Key
from linnet.ports import Clock
from linnet.queries import filters, statuses
from linnet.queries.statuses import Listed
from linnet.storage.database import Database

Filtered = Mapping[int, bytes]
"""Status id -> its FilterResults as JSON, with commas between them; what meets no filter stands not in it."""

READY_CHARS = 4_000_000
"""How many characters of keywords are kept ready, over all readers; then all are let go."""


class _Ready(NamedTuple):
    """A reader's matcher, and the version of the filters that it was made of."""

    version: int
    matcher: Matcher


class Filtering:
    """Keeps matchers of readers, and in ``cache`` what was found: it changes with the filters and the status only."""

    def __init__(self, database: Database, cache: FragmentCache, clock: Clock) -> None:
        self._database = database
        self._cache = cache
        self._clock = clock
        self._ready: dict[int, _Ready] = {}
        self._chars = 0
        cache.clears(self._ready.clear)

    async def of(self, page: Sequence[Listed], reader: Identity) -> Filtered:
        """What of the page meets the reader's filters, reblogs as their originals do."""
        version, matcher = await self._matcher(reader)
        if not matcher:
            return {}
        found: dict[int, bytes] = {}
        missing: list[tuple[Listed, Key]] = []
        for place in page:
            key = (reader.account_id, version, matcher.until, place.row.id, place.shown.id, place.shown.version)
            known = self._cache.get(key)
            if known is None:
                missing.append((place, key))
            elif known.body:
                found[place.row.id] = known.body
        if missing:
            contents = await statuses.contents(self._database, {place.shown.id for place, _ in missing})
            for place, key in missing:
                content = contents.get(place.shown.id)
                if content is not None and (body := self._look(matcher, place, content, key)):
                    found[place.row.id] = body
        return found

    async def of_content(self, content: StatusContent, reader: Identity) -> bytes:
        """The same for one status that the database does not have yet."""
        _, matcher = await self._matcher(reader)
        return rendering.results(matcher.results(searchable(content), {content.id})) if matcher else b""

    def _look(self, matcher: Matcher, place: Listed, content: StatusContent, key: Key) -> bytes:
        body = rendering.results(matcher.results(searchable(content), {place.row.id, place.shown.id}))
        # Edited between two reads, its words are of another version than the one that would be remembered.
        if content.version == place.shown.version:
            self._cache.put(key, Fragment(body))
        return body

    async def _matcher(self, reader: Identity) -> _Ready:
        ready = self._ready.get(reader.account_id)
        now = self._clock.now_ms()
        if ready is not None and ready.version == reader.filters and not ready.matcher.expired(now):
            return ready
        # The version is read again beside the filters: a standby may not have those that the token told of.
        version, found = await filters.in_force(self._database, reader.account_id)
        ready = _Ready(version, Matcher(found, now))
        self._chars += ready.matcher.chars
        if self._chars > READY_CHARS:
            self._ready, self._chars = {}, ready.matcher.chars
        self._ready[reader.account_id] = ready
        return ready
