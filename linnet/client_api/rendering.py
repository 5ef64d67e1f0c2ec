"""Pages of JSON: cached fragments joined with counts and with what the reader has done, misses rendered once."""

from collections.abc import Iterable, Mapping, Sequence

from linnet.actions.statuses import Written
from linnet.client_api.filtering import Filtered, Filtering
from linnet.domain.errors import NotFound
from linnet.domain.quotes import WITH_STATUS, State
from linnet.domain.site import Site
from linnet.domain.views import NOBODY, AccountRow, EmojiView, Identity, StatusContent, StatusRow
from linnet.mastodon import accounts, polls, reactions, statuses
from linnet.mastodon import quotes as rendered_quotes
from linnet.mastodon.cache import Fragment, FragmentCache, Key
from linnet.ports import Clock
from linnet.queries import accounts as account_queries
from linnet.queries import emojis as emoji_queries
from linnet.queries import quotes as quote_queries
from linnet.queries import statuses as status_queries
from linnet.queries.statuses import Listed
from linnet.storage.database import Database

Quotes = Mapping[int, bytes]
"""Quoting status -> its Quote, as JSON."""

Emojis = Mapping[str, EmojiView]
"""Shortcode -> custom emoji."""


class Rendering:
    """Renders what queries list. ``cache`` may be emptied at any moment: it only saves work."""

    def __init__(self, database: Database, site: Site, cache: FragmentCache, clock: Clock) -> None:
        self.database = database
        self.site = site
        self.cache = cache
        self.filtering = Filtering(database, cache, clock)

    async def statuses(self, page: Sequence[Listed], reader: Identity) -> list[bytes]:
        """One JSON object each, in order; a status that was deleted in between is left out."""
        filtered = await self.filtering.of(page, reader) if reader.filters else {}
        bodies = self._from_cache(page, reader.account_id, filtered)
        if bodies is None:
            found, quotes = await self._found(page), await self._quotes(page, reader)
            emojis = await self._reacted(page)
            whole = (self._status(place, reader.account_id, found, filtered, quotes, emojis) for place in page)
            bodies = [body for body in whole if body is not None]
        return bodies

    async def statuses_by_id(
        self, page: Sequence[Listed], reader: Identity, *, shallow: bool = False
    ) -> dict[int, bytes]:
        """Status id -> its JSON; ``shallow`` where they are quoted themselves, and what they quote is only named."""
        filtered = await self.filtering.of(page, reader) if reader.filters else {}
        found, quotes = await self._found(page), await self._quotes(page, reader, shallow=shallow)
        emojis = await self._reacted(page)
        bodies = (
            (place.row.id, self._status(place, reader.account_id, found, filtered, quotes, emojis)) for place in page
        )
        return {id: body for id, body in bodies if body is not None}

    async def prepare(self, page: Sequence[Listed]) -> None:
        """Renders together what will be asked for one by one."""
        await self._found(page)

    async def status(self, place: Listed, reader: Identity) -> bytes:
        return (await self.statuses((place,), reader))[0]

    async def waiting(self, posts: Iterable[Written], reader: Identity) -> dict[int, bytes]:
        """Status id -> the JSON of a post that the database does not have yet, for its author.

        Nothing of it is kept: it may still become another one when it is stored.
        """
        bodies: dict[int, bytes] = {}
        for row, content, _ in posts:
            place = Listed(row, None, row.id)
            profile = self.cache.get((row.account_id, row.author_version))
            if profile is None or profile.emojis is not None:
                profile = (await self._render_accounts((row.account_id,))).get(row.account_id)
            emojis, _ = await self._emojis((statuses.shortcodes(content),))
            found = {row.id: self._fragment(row, content, emojis)}
            if profile is not None:
                found[row.account_id] = profile
            met = await self.filtering.of_content(content, reader) if reader.filters else b""
            quotes = await self._quotes((place,), reader)
            body = self._status(place, reader.account_id, found, {row.id: met}, quotes, {})
            if body is not None:
                bodies[row.id] = body
        return bodies

    async def poll(self, row: StatusRow, reader: int) -> bytes:
        """The poll of a status. Raises NotFound where it was taken away in between."""
        fragment = (await self._found((Listed(row, None, row.id),))).get(row.id)
        if fragment is None or fragment.poll is None:
            raise NotFound
        return polls.rendered(fragment.poll, row, reader)

    def keep(self, row: StatusRow, content: StatusContent) -> None:
        """Renders a status that was written just now, so that nobody has to read it for that."""
        if not statuses.shortcodes(content):
            self.cache.put((row.id, row.version), self._fragment(row, content, {}))

    async def accounts(self, rows: Sequence[AccountRow]) -> list[bytes]:
        """One JSON object each, in order; an account that was deleted in between is left out."""
        bodies = await self.accounts_by_id(rows)
        return [bodies[row.id] for row in rows if row.id in bodies]

    async def accounts_by_id(self, rows: Iterable[AccountRow]) -> dict[int, bytes]:
        """Account id -> its JSON."""
        wanted = {row.id: row for row in rows}
        found = {id: fragment for id, row in wanted.items() if (fragment := self.cache.get((id, row.version)))}
        missing = wanted.keys() - found.keys()
        missing |= await self._outdated(found)
        if missing:
            found |= await self._render_accounts(missing)
        return {
            id: fragment.body + accounts.tail(row.followers, row.following, row.statuses, row.last_status_at)
            for id, row in wanted.items()
            if (fragment := found.get(id))
        }

    async def account_by_id(self, id: int) -> bytes:
        """One account as JSON. Raises NotFound."""
        rows = await account_queries.rows(self.database, (id,))
        if id not in rows:
            raise NotFound
        return (await self.accounts((rows[id],)))[0]

    async def emojis_called(self, codes: Iterable[str]) -> Emojis:
        """The custom emojis with these shortcodes."""
        found, _ = await self._emojis((codes,))
        return found

    async def _reacted(self, page: Sequence[Listed]) -> Emojis:
        """The custom emojis that the page's statuses were answered with; looked up only where one was."""
        answered = [row for row in _rows(page) if reactions.custom(row)]
        return await self.emojis_called({code for row in answered for code in reactions.shortcodes(row)})

    async def _quotes(self, page: Sequence[Listed], reader: Identity, *, shallow: bool = False) -> Quotes:
        """What the page's statuses quote, as this reader is shown it; looked up only where one of them does."""
        quoting = [row for row in _rows(page) if row.quote_state]
        if not quoting:
            return {}
        wanted = {row.quote_of_id for row in quoting if row.quote_of_id and row.quote_state == State.ACCEPTED}
        shown = await quote_queries.shown(self.database, wanted, reader.account_id) if wanted else {}
        whole = [Listed(one.row, None, id) for id, one in shown.items() if one.state in WITH_STATUS]
        bodies = await self.statuses_by_id(whole, reader, shallow=True) if whole and not shallow else {}
        states = {id: one.state for id, one in shown.items()}
        if shallow:
            return {row.id: rendered_quotes.shallow(row, states) for row in quoting}
        return {row.id: rendered_quotes.quote(row, states, bodies) for row in quoting}

    def _status(
        self, place: Listed, reader: int, found: dict[int, Fragment], filtered: Filtered, quotes: Quotes,
        emojis: Emojis, of: int = 0,
    ) -> bytes | None:  # fmt: skip
        """``of`` is the id of the reblog that this stands in, which met the same filters."""
        row, reblog = place.row, b""
        fragment, profile = found.get(row.id), found.get(row.account_id)
        if fragment is None or profile is None:
            return None
        author = profile.body + accounts.tail(*row[4:8])
        body = statuses.with_poll(fragment.body, fragment.poll, row, reader)
        if place.reblog is not None:
            original = self._status(Listed(place.reblog, None, 0), reader, found, filtered, quotes, emojis, row.id)
            if original is None:
                return None
            reblog = original
        met = filtered.get(of or row.id, b"")
        quote = quotes.get(row.id, b"null")
        answers = reactions.of_status(self.site, row, emojis)
        return statuses.joined(body, author, statuses.tail(row, place.shown, reader, met, quote, answers), reblog)

    def _from_cache(self, page: Sequence[Listed], reader: int, filtered: Filtered) -> list[bytes] | None:
        """``statuses``, or None where something is missing or was rendered with custom emojis, which may have
        changed."""
        get = self.cache.get
        bodies: list[bytes] = []
        for row, original, _ in page:
            shown = original or row
            # What is quoted may be gone, hidden or forbidden since; the pictures of custom emojis may have changed.
            if shown.more is not None and (shown.quote_state or reactions.custom(shown)):
                return None
            met = filtered.get(row.id, b"") if filtered else b""
            # A row is all that a whole status is made of, with who is not told what he has done to it.
            plain = original is None and reader != NOBODY and not met
            key: Key = row if plain else (row, original, reader != NOBODY, met)
            whole = get(key)
            if whole is None:
                body = self._from_fragments(row, original, reader, met)
                if body is None:
                    return None
                whole = Fragment(body)
                self.cache.put(key, whole)
            bodies.append(whole.body)
        return bodies

    def _from_fragments(self, row: StatusRow, original: StatusRow | None, reader: int, met: bytes) -> bytes | None:
        reblog = b"" if original is None else self._from_fragments(original, None, reader, met)
        fragment, profile = self.cache.get((row.id, row.version)), self.cache.get((row.account_id, row.author_version))
        if reblog is None or fragment is None or profile is None or (fragment.emojis, profile.emojis) != (None, None):
            return None
        author = profile.body + accounts.tail(*row[4:8])
        body = statuses.with_poll(fragment.body, fragment.poll, row, reader)
        answers = reactions.of_status(self.site, row, {})
        tail = statuses.tail(row, original or row, reader, met, reactions=answers)
        return statuses.joined(body, author, tail, reblog)

    async def _found(self, page: Sequence[Listed]) -> dict[int, Fragment]:
        found, missing = self._look_up(page)
        if missing or any(fragment.emojis is not None for fragment in found.values()):
            found = await self._complete(page, found, missing)
        return found

    def _look_up(self, page: Sequence[Listed]) -> tuple[dict[int, Fragment], set[int]]:
        """What the cache has of the page's statuses and their authors, and the ids of what it has not."""
        found: dict[int, Fragment] = {}
        missing: set[int] = set()
        get = self.cache.get
        for row in _rows(page):
            for id, version in ((row.id, row.version), (row.account_id, row.author_version)):
                if id not in found:
                    fragment = get((id, version))
                    if fragment is None:
                        missing.add(id)
                    else:
                        found[id] = fragment
        return found, missing

    async def _complete(
        self, page: Sequence[Listed], found: dict[int, Fragment], missing: set[int]
    ) -> dict[int, Fragment]:
        """Renders what is missing, or was rendered with an older set of custom emojis."""
        wanted = missing | await self._outdated(found)
        if not wanted:
            return found
        rows = {row.id: row for row in _rows(page) if row.id in wanted}
        authors = {row.account_id for row in _rows(page) if row.account_id in wanted}
        if authors:
            found |= await self._render_accounts(authors)
        if rows:
            found |= await self._render_statuses(rows)
        return found

    async def _outdated(self, found: dict[int, Fragment]) -> set[int]:
        with_emojis = {id: fragment for id, fragment in found.items() if fragment.emojis is not None}
        if not with_emojis:
            return set()
        state = await emoji_queries.state(self.database)
        return {id for id, fragment in with_emojis.items() if fragment.emojis != state}

    async def _render_statuses(self, rows: dict[int, StatusRow]) -> dict[int, Fragment]:
        words = [id for id, row in rows.items() if row.reblog_of_id is None]
        contents = await status_queries.contents(self.database, words) if words else {}
        rebloggers = {row.account_id for row in rows.values() if row.reblog_of_id is not None}
        authors = await account_queries.profiles(self.database, rebloggers) if rebloggers else {}
        codes = {id: statuses.shortcodes(content) for id, content in contents.items()}
        emojis, state = await self._emojis(codes.values())
        rendered: dict[int, Fragment] = {}
        for id, row in rows.items():
            author, content = authors.get(row.account_id), contents.get(id)
            if author is not None and row.reblog_of_id is not None:
                fragment, version = Fragment(statuses.reblog_fragment(self.site, row, author)), row.version
            elif content is not None:
                fragment, version = self._fragment(row, content, emojis, state if codes[id] else None), row.version
            else:
                continue
            rendered[id] = fragment
            # Edited between the two reads, its parts are of two versions: shown once, but kept under neither.
            if content is None or content.version == version:
                self.cache.put((id, version), fragment)
        return rendered

    def _fragment(
        self, row: StatusRow, content: StatusContent, emojis: dict[str, EmojiView], state: int | None = None
    ) -> Fragment:
        body = statuses.fragment(self.site, row, content, emojis)
        return Fragment(body, state, statuses.poll_frame(self.site, content, emojis))

    async def _render_accounts(self, ids: Iterable[int]) -> dict[int, Fragment]:
        profiles = await account_queries.profiles(self.database, ids)
        codes = {id: accounts.shortcodes(profile) for id, profile in profiles.items()}
        emojis, state = await self._emojis(codes.values())
        rendered: dict[int, Fragment] = {}
        for id, profile in profiles.items():
            body = accounts.fragment(self.site, profile, emojis)
            rendered[id] = Fragment(body, state if codes[id] else None)
            self.cache.put((id, profile.version), rendered[id])
        return rendered

    async def _emojis(self, codes: Iterable[Iterable[str]]) -> tuple[dict[str, EmojiView], int]:
        wanted = {code for some in codes for code in some}
        if not wanted:
            return {}, 0
        return await emoji_queries.named(self.database, wanted)


def _rows(page: Sequence[Listed]) -> Iterable[StatusRow]:
    for place in page:
        yield place.row
        if place.reblog is not None:
            yield place.reblog


def joined(items: Iterable[bytes]) -> bytes:
    """A JSON array of rendered objects."""
    return b"[" + b",".join(items) + b"]"
