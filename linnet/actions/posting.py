"""Posting where there may be no primary: into the database or the journal, and what of the journal its author sees."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec

from linnet.actions import statuses
from linnet.actions.statuses import Parent, Written
from linnet.domain import ids
from linnet.domain import statuses as rules
from linnet.domain.errors import Conflict, IdTaken, Invalid, LinnetError, NotAllowed, NotFound, Unavailable
from linnet.domain.journal import Entry
from linnet.domain.majority import NoMajority
from linnet.domain.site import Site
from linnet.domain.statuses import Draft, Settled
from linnet.domain.visibility import Visibility
from linnet.ports import Clock, Ids
from linnet.storage import aliases, drafts
from linnet.storage.database import RECEIPTS, Database, Operation, Reader, standby_first
from linnet.storage.detour import TOTAL_SECONDS, Detour, Undecided

T = TypeVar("T")

NAMED = ("in_reply_to_id", "quoted_status_id", "status_id")
"""Parameters that name a status."""
WAITERS, READERS = 200, 4
"""So many requests of one process may wait for what is in the journal, and so many readers, whose places are few; more
are told to come back."""
CAUGHT_UP_SECONDS = 0.5
"""How long it is waited, shortly after there was no primary, before a reader is told that a new post is not there."""
COMPOSED_MAX = 1_000
"""So many posts that wait are remembered as they are shown."""
AGAIN_SECONDS = 3.0
"""How long it is waited for what a standby has shown before the primary died, and the next one never had: where it was
acknowledged it is in the journal, among the oldest."""
SHOWN_SECONDS = 0.4
"""How long a reader waits for what of their own is in the journal: without a majority, reading goes on without it."""

_READING = ("GET", "HEAD")
_DRAINED_SECONDS = 0.25
_YOUNG_MS = 3_600_000
_FRESH_MS = 10_000
"""A post that is younger may have been shown by a standby a moment ago, and not by its primary yet."""


_written = msgspec.json.Decoder(Written)


class Posted(NamedTuple):
    """A post that is acknowledged. ``written`` is known where this very call has written it, or where it ``waits``."""

    id: int
    written: Written | None = None
    waits: bool = False


class Posting:
    """Posts, for every door. Without a ``detour`` there is the database alone."""

    def __init__(self, database: Database, site: Site, clock: Clock, ids: Ids, detour: Detour | None = None) -> None:
        self._database = database
        self._site = site
        self._clock = clock
        self._ids = ids
        self._detour = detour
        self._waiters = self._readers = 0
        self._composed_before: dict[int, Written] = {}
        self._looked_at = float("-inf")
        self._oldest: int | None = None

    @property
    def active(self) -> bool:
        """Whether posts may wait in the journal. Where there are none, nobody is asked for them."""
        return self._detour is not None and self._detour.active

    # -- posting ----------------------------------------------------------------------------------------------------

    async def post(self, author: int, draft: Draft, operation: Operation) -> Posted:
        """Posts under an id that is minted once. Raises Invalid, NotFound, NotAllowed, Conflict or Unavailable."""
        if self._detour is None:
            written: list[Written] = []
            id = await statuses.post(self._database, self._site, author, draft, operation, written.append)
            return Posted(id, _last(written, id))
        checked = rules.check(draft, self._site.limits)
        async with self.in_time():
            while True:
                try:
                    return await self._post(self._detour, author, checked, operation)
                except IdTaken:
                    continue

    @contextlib.asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Raises Unavailable where what is done in it takes longer than anybody is made to wait for a primary."""
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                yield
        except TimeoutError as error:
            raise Unavailable("The database has no primary now; please try again") from error

    async def _post(self, detour: Detour, author: int, draft: Draft, operation: Operation) -> Posted:
        id = self._ids.next()
        written: list[Written] = []
        composed: list[Written] = []

        async def compose() -> Entry:
            new, found = await self._composed(detour, author, draft, id, operation)
            if found is not None:
                composed.append(found)
            settled = drafts.as_json(draft if found is None else _settled(draft, found))
            shown = "" if found is None else msgspec.json.encode(found).decode()
            return Entry(new, author, operation.key, ids.milliseconds(new), settled, shown)

        write = statuses.writing(self._site, author, draft, id, written.append)
        accepted = await detour.post(write, operation, compose)
        if accepted.waits:
            waiting = _last(composed, accepted.id) or await self._by_id(detour, accepted.id)
            if waiting is not None:
                self._remember(waiting)
                return Posted(accepted.id, waiting, waits=True)
            # It was brought into the database a moment ago.
        mine = _last(written, accepted.id)
        if mine is not None:
            return Posted(accepted.id, mine)
        others = await self._aliases((accepted.id,))
        return Posted(others.get(accepted.id, accepted.id))

    async def _composed(
        self, detour: Detour, author: int, draft: Draft, id: int, operation: Operation
    ) -> tuple[int, Written | None]:
        """The id that it is to have, a later one than that of what it answers, so that it is drained after that.

        What was acknowledged before is never refused, whatever has become of it: None where it could not be composed
        now. Raises Undecided for what else a standby knows to speak against it.
        """
        parent = await self._parent(detour, author, draft)
        while parent is not None and id <= parent.id:
            # It was accepted by a machine whose clock is ahead of ours.
            await self._clock.sleep((ids.milliseconds(parent.id) - ids.milliseconds(id) + 1) / 1000)
            id = self._ids.next()
        read = partial(self._read, author=author, draft=draft, id=id, parent=parent, operation=operation)
        known, found = await self._database.read(read)
        if known is None and not isinstance(found, Written):
            raise Undecided from found
        return known or id, found if isinstance(found, Written) else None

    async def _parent(self, detour: Detour, author: int, draft: Draft) -> Parent | None:
        """What a post answers, where that is the author's own and waits, too: nobody else sees that yet."""
        answered = draft.in_reply_to_id
        entry = await detour.journal.by_id(answered) if answered else None
        if entry is None or entry.account_id != author:
            return None
        known = drafts.settled(entry.draft)
        return Parent(
            entry.id, author, known.thread_id, known.answers, int(known.visibility), int(bool(known.local_only))
        )

    async def _read(
        self, tx: Reader, author: int, draft: Draft, id: int, parent: Parent | None, operation: Operation
    ) -> tuple[int | None, Written | LinnetError]:
        """The id under which it was acknowledged before, if it was, and what it would be, or why it cannot be."""
        row = await tx.one(RECEIPTS.known, key=operation.key)
        known = None if row is None else int(row[0])
        try:
            return known, await statuses.compose(tx, self._site, author, draft, known or id, parent)
        except (Conflict, Invalid, NotAllowed, NotFound) as error:
            return known, error

    # -- what its author sees of it ---------------------------------------------------------------------------------

    async def one(self, id: int, reader: int) -> Written | None:
        """A post of ``reader``'s own that waits in the journal, or None.

        Raises Unavailable where there is no primary and the journal does not answer: a machine that is cut off must not
        say that what others have accepted meanwhile is not there.
        """
        if self._detour is None or not reader or not self._may_wait(id):
            return None
        try:
            async with asyncio.timeout(2 * SHOWN_SECONDS):
                written = await self._by_id(self._detour, id)
        except (NoMajority, TimeoutError) as error:
            if self.active:
                raise Unavailable("This machine cannot tell now; please try again", retry_after=1) from error
            return None
        return written if written is not None and written.row.account_id == reader else None

    async def of(self, account_id: int) -> tuple[Written, ...]:
        """What of an account waits in the journal, the newest first; for nobody else's eyes than its own."""
        if self._detour is None or not self._detour.active:
            return ()
        try:
            async with asyncio.timeout(SHOWN_SECONDS):
                entries = await self._detour.journal.of_account(account_id)
        except (NoMajority, TimeoutError):
            return ()
        return tuple(one for one in await self._all_shown(entries) if one is not None)

    async def around(self, id: int, reader: int) -> tuple[tuple[Written, ...], tuple[Written, ...], int]:
        """What of ``reader``'s own stands in the journal above and below a status, each in reading order, and the
        status that all above hangs on, which the database may know: 0 where there is none."""
        waiting = {one.row.id: one for one in await self.of(reader)}
        above: list[Written] = []
        at: int | None = id
        while at in waiting:
            above.append(waiting[at])
            at = waiting[at].row.in_reply_to_id
        below: list[Written] = []
        reached = {id}
        for one in reversed(waiting.values()):
            if one.row.in_reply_to_id in reached:
                reached.add(one.row.id)
                below.append(one)
        return tuple(above[:0:-1]), tuple(below), at or 0

    async def _by_id(self, detour: Detour, id: int) -> Written | None:
        entry = await detour.journal.by_id(id)
        return None if entry is None else (await self._all_shown((entry,)))[0]

    async def _all_shown(self, entries: Sequence[Entry]) -> list[Written | None]:
        """As they were accepted, without asking the database: there is the more of it, the less that can answer."""
        shown = {entry.id: self._known(entry) for entry in entries}
        new = [entry for entry in entries if shown[entry.id] is None]
        if new:

            async def read(tx: Reader) -> list[Written | None]:
                return [await self._shown(tx, entry) for entry in new]

            for written in await self._database.read(read):
                if written is not None:
                    shown[written.row.id] = written
                    self._remember(written)
        return [shown[entry.id] for entry in entries]

    def _known(self, entry: Entry) -> Written | None:
        known = self._composed_before.get(entry.id)
        if known is None and (known := _as_accepted(entry)) is not None:
            self._remember(known)
        return known

    def _remember(self, written: Written) -> None:
        self._composed_before[written.row.id] = written
        while len(self._composed_before) > COMPOSED_MAX:
            del self._composed_before[next(iter(self._composed_before))]

    async def _shown(self, tx: Reader, entry: Entry) -> Written | None:
        """None where it could not be shown as it was accepted, because something that it hangs on has gone."""
        draft = drafts.settled(entry.draft)
        parent = None
        if draft.in_reply_to_id is not None:
            answers = draft.answers or 0
            parent = Parent(draft.in_reply_to_id, answers, draft.thread_id, None, 0, int(bool(draft.local_only)))
        try:
            return await statuses.compose(tx, self._site, entry.account_id, draft, entry.id, parent)
        except LinnetError:
            return None

    # -- what is done to it -----------------------------------------------------------------------------------------

    async def once_more(
        self,
        error: NotFound,
        method: str,
        segments: MutableMapping[str, str],
        params: Callable[[], Awaitable[MutableMapping[str, Any]]],
        reader: int,
        answer: Callable[[], Awaitable[T]],
    ) -> T:
        """What a request is answered that met ``error`` because a status that it named is not in the database yet, or
        has another id there; any other error is raised as it is. Raises Unavailable, too."""
        if self._detour is None:
            raise error
        given = await params() if method != "GET" else {}
        async with self.in_time():
            if not await self.brought_in(method, segments, given, reader):
                raise error
            if method in _READING:
                with contextlib.suppress(NotFound), standby_first():
                    return await answer()
            return await answer()

    async def brought_in(
        self, method: str, segments: MutableMapping[str, str], params: MutableMapping[str, Any], reader: int
    ) -> bool:
        """Whether a request is worth another try that named a status which the database does not know.

        What waits in the journal is waited for, but for readers of it; and the id of what got another one at its drain
        is replaced, in ``segments`` and ``params``. Raises Unavailable.
        """
        if self._detour is None:
            return False
        named = _named(segments, params)
        young = [id for id in set(named) if self._may_wait(id)]
        reading = method in _READING
        if reading:
            again = any(self._may_wait(id, _FRESH_MS) for id in young)
        else:
            # A refusal is an answer only after the primary's next commit: what was not there before that may be by now,
            # and no longer wait.
            again = bool(young)
            if reader:
                await self._drained(self._detour, young)
        others = await self._aliases(named) if named else {}
        for id, other in others.items():
            for where, name in named[id]:
                where[name] = str(other)
        if self.active and again and not others and reading:
            # A machine that knows the new primary already may have shown it, and a standby is a moment behind.
            if self._readers >= READERS:
                raise Unavailable("This machine cannot tell now; please try again", retry_after=1)
            self._readers += 1
            try:
                await self._clock.sleep(CAUGHT_UP_SECONDS)
                await self._brought_in_again(self._detour, young)
            finally:
                self._readers -= 1
        return again or bool(others)

    async def _brought_in_again(self, detour: Detour, wanted: Iterable[int]) -> None:
        until = self._clock.monotonic() + AGAIN_SECONDS
        with contextlib.suppress(NoMajority):
            for id in wanted:
                while self._clock.monotonic() < until and await detour.journal.has(id):
                    await self._come_to(detour, id, until)

    async def _aliases(self, wanted: Iterable[int]) -> dict[int, int]:
        return await self._database.read(lambda tx: aliases.of(tx, wanted))

    def _may_wait(self, id: int, age_ms: int = _YOUNG_MS) -> bool:
        """An id that is older may be there only where the breaker is open: so most unknown ones cost nothing."""
        return self.active or abs(self._clock.now_ms() - ids.milliseconds(id)) < age_ms

    async def _drained(self, detour: Detour, wanted: Iterable[int]) -> None:
        """Returns when none of them waits. Raises Unavailable."""
        until = self._clock.monotonic() + TOTAL_SECONDS
        for id in wanted:
            while await self._waits(detour, id):
                if self._waiters >= WAITERS or self._clock.monotonic() >= until:
                    raise Unavailable("This post is not in the database yet; please try again")
                self._waiters += 1
                try:
                    await self._come_to(detour, id, until)
                finally:
                    self._waiters -= 1

    async def _come_to(self, detour: Detour, id: int, until: float) -> None:
        """Returns when nothing older waits any more, so that it is worth asking: one question serves all who wait."""
        while self._clock.monotonic() < until:
            await self._clock.sleep(_DRAINED_SECONDS)
            if not detour.drains:
                continue
            now = self._clock.monotonic()
            if now >= self._looked_at + _DRAINED_SECONDS:
                self._looked_at = now
                try:
                    self._oldest = await detour.journal.oldest()
                except NoMajority:
                    continue
            if self._oldest is None or self._oldest >= id:
                return

    async def _waits(self, detour: Detour, id: int) -> bool:
        try:
            return await detour.journal.by_id(id) is not None
        except NoMajority as error:
            raise Unavailable("This machine cannot tell now; please try again", retry_after=1) from error


Places = list[tuple[MutableMapping[str, Any], str]]


def _named(segments: MutableMapping[str, str], params: MutableMapping[str, Any]) -> dict[int, Places]:
    """The ids that a request names, and where."""
    found: dict[int, Places] = {}
    places: Places = [*((segments, name) for name in segments), *((params, name) for name in NAMED if name in params)]
    for where, name in places:
        id = ids.parse(str(where[name]))
        if id:
            found.setdefault(id, []).append((where, name))
    return found


def _as_accepted(entry: Entry) -> Written | None:
    """How its author was shown it; None where that was not written down, or by another version."""
    with contextlib.suppress(msgspec.DecodeError):
        return _written.decode(entry.shown)
    return None


def _last(written: list[Written], id: int) -> Written | None:
    """What was written by the attempt that counted, if one of ours did."""
    return written[-1] if written and written[-1].row.id == id else None


def _settled(draft: Draft, composed: Written) -> Settled:
    row, content, thread_id = composed
    given = {field.name: getattr(draft, field.name) for field in fields(draft)}
    settled = Settled(**given, thread_id=thread_id, answers=row.in_reply_to_account_id)
    return replace(settled, visibility=Visibility(row.visibility), local_only=bool(content.local_only))
