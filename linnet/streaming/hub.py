"""Follows the log of changes while somebody listens, once a process, and tells each stream what belongs on it.

What may be seen is asked of the database at that moment, for all who may be concerned in one statement: so a stream
shows what a timeline would, whatever was blocked, muted or deleted meanwhile. Who may be concerned at all is known from
memory (``Relations``).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, cast
from weakref import WeakValueDictionary

from linnet.domain.errors import NotFound, Unavailable
from linnet.domain.views import NOBODY, Identity
from linnet.ports import Clock
from linnet.queries import lists
from linnet.queries import streams as queries
from linnet.queries.statuses import Listed
from linnet.queries.streams import Seen
from linnet.storage import changes
from linnet.storage.changes import Change, Changes, Position
from linnet.storage.database import Database
from linnet.streaming import channels
from linnet.streaming.audience import Audience, Relations, Subscription
from linnet.streaming.channels import BEGUN, DIRECT, LIST, NOTIFICATIONS, RESET, USER, Channel, Event
from linnet.supervision import Tasks
from linnet.telemetry import log

POLL_SECONDS = 0.1
BATCH = 200
BEHIND_MAX = 20_000
"""So many changes are gone through for one who comes back; who was away for longer asks for everything anew."""
RETURNING_MAX = 4
"""So many who come back are told at once what they missed; the others wait for their turn."""
RETURNING_EACH = 2
"""So many of them are one account's: one may be slow to read."""
RETRY_SECONDS = 1.0
OLD_SECONDS = 30.0
"""So long an old primary may go on answering; after that it is taken for what there is now."""
FAILOVERS_MAX = 20
"""Nobody has seen more failovers than that of which the database knows nothing."""
SLOW_SECONDS = 30.0
"""So long one who comes back may take to read what was missed."""


class Rendering(Protocol):
    """Makes JSON of what is told; ``app`` hands it in."""

    async def prepare(self, places: Sequence[Listed]) -> None:
        """Looks up together what ``status`` will be asked for."""
        ...

    async def status(self, place: Listed, reader: Identity) -> bytes | None:
        """None where it is gone."""
        ...

    async def notification(self, id: int, reader: Identity) -> bytes | None:
        """None where it is gone, or may not be told any more."""
        ...

    async def conversation(self, id: int, reader: Identity) -> bytes | None: ...

    async def announcement(self, id: int) -> bytes | None: ...

    async def reaction(self, id: int, account_id: int) -> bytes | None: ...


class Hub:
    """All subscriptions of one process. ``Subscription`` says what each of them is."""

    def __init__(self, database: Database, rendering: Rendering, clock: Clock, tasks: Tasks) -> None:
        self._database = database
        self._rendering = rendering
        self._clock = clock
        self._tasks = tasks
        self.audience = Audience()
        self.relations = Relations()
        self.on_account: Callable[[int], Awaitable[None]] = nothing
        """Called for an account of which something changed that may end its streams, or concerns its filters."""
        self._begun = self.told = changes.BEGINNING
        """The change that is being told, and up to where all is."""
        self._readers: dict[int, Identity] = {}
        self._returning = asyncio.Semaphore(RETURNING_MAX)
        self._turns: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()
        """An account's: so few of all its streams come back at a time."""
        self._tail: asyncio.Task[None] | None = None
        self._unknown: dict[int, float] = {}
        """Timelines that were asked for and that the database does not know, and since when."""
        self._starting = asyncio.Lock()

    # -- coming and going -------------------------------------------------------------------------------------------

    async def connect(self, reader: Identity) -> None:
        """Begins to know whom an account follows, and to follow the log; once for each socket."""
        account_id = reader.account_id
        known = self.relations.enter(account_id)
        self._readers[account_id] = reader
        async with self._starting:
            if self._tail is None:
                self._begun = self.told = await changes.latest(self._database)
                self._tail = self._tasks.start("streams", self._follow())
        if not known:
            await self._know_tags(account_id)
            self.relations.know(account_id, await queries.followed(self._database, account_id))

    async def _know_tags(self, account_id: int) -> None:
        if account_id in self._readers:
            self.relations.know_tags(account_id, await queries.tags_followed(self._database, account_id))

    def knows(self, reader: Identity) -> None:
        """What a listener's account has become."""
        if reader.account_id in self._readers:
            self._readers[reader.account_id] = reader

    async def check(self, account_id: int, channel: Channel) -> None:
        """Raises NotFound for a list that is not the account's."""
        if channel.name == LIST:
            await lists.one(self._database, account_id, int(channel.about))

    def disconnect(self, account_id: int) -> None:
        """The counterpart of ``connect``."""
        if self.relations.leave(account_id):
            self._readers.pop(account_id, None)
        if not self.relations and self._tail is not None:
            self._tail.cancel()
            self._tail = None

    async def position(self) -> str:
        """From where somebody would have to be told in order to miss nothing from now on."""
        return str(await changes.latest(self._database))

    async def subscribe(self, subscription: Subscription, position: str | None) -> None:
        """Tells what was missed since ``position``, and from then on what comes.

        Without a position, from now on; with '' too, and where that is, is told.
        """
        if not position:
            subscription.position = self.told
            if position is not None:
                subscription.announce(Event(BEGUN, b"{}", self.told))
        if position or self._begun > self.told:
            # As of now: while he waits for his turn, more is told.
            since = changes.parse(position) if position else self.told
            turn = self._turns.setdefault(subscription.account_id, asyncio.Semaphore(RETURNING_EACH))
            async with turn, self._returning:
                await self._catch_up(subscription, since)
        if not subscription.ended:
            self.audience.add(subscription)
            subscription.current = True

    def told_to(self, subscription: Subscription) -> Position | None:
        """Up to where it has been told all; None where that is not known yet.

        What all others have been told is no place of one who is only coming back: from there he would miss the rest.
        """
        place = cast("Position | None", subscription.position)
        return max(place or self.told, self.told) if subscription.current else place

    async def _catch_up(self, subscription: Subscription, position: Position | None) -> None:
        """Ends in the moment in which nothing has begun to be told that this one has not heard."""
        alone = Audience()
        alone.add(subscription)
        behind = 0
        subscription.position = place = position or changes.BEGINNING
        while not subscription.ended:
            found = await self._after(place)
            behind += len(found.rows)
            if position is None or found.reset or behind > BEHIND_MAX:
                subscription.announce(Event(RESET, b"{}", self.told))
                return
            for some in _ranges(found.rows):
                homes = await self._homes(some, alone)
                for change in some:
                    if not await self._tell_or_say_so(change, alone, homes) or not await self._read_by(subscription):
                        return
            subscription.position = place = found.position
            if len(found.rows) < BATCH and place >= self._begun:
                return

    async def _read_by(self, subscription: Subscription) -> bool:
        """Waits until the socket has room again; ends it where that takes too long."""
        until = self._clock.monotonic() + SLOW_SECONDS
        while subscription.full and not subscription.ended:
            if self._clock.monotonic() > until:
                subscription.give_up()
            await self._clock.sleep(POLL_SECONDS)
        return not subscription.ended

    # -- following the log ------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            try:
                await self.turn()
            except Unavailable as error:
                log.warning("streams_wait", why=str(error), done=f"trying again in {RETRY_SECONDS} s")
                await self._clock.sleep(RETRY_SECONDS)
            except Exception as error:  # boundary: whatever a turn meets, nobody would be told anything after it
                log.error("streams_wait", exc_info=error, done=f"trying again in {RETRY_SECONDS} s")
                await self._clock.sleep(RETRY_SECONDS)
            await self._clock.sleep(POLL_SECONDS)

    async def turn(self) -> None:
        """Tells all that has been committed by now."""
        while True:
            found = await self._after(self.told)
            if found.reset:
                self._begun = self.told = found.position
                self._say(RESET, self.audience)
                return
            for some in _ranges(found.rows):
                # Whoever comes from here on was not thought of, and goes through all of these alone.
                self._begun = max(self._begun, some[-1].position)
                homes = await self._homes(some, self.audience)
                for change in some:
                    await self._tell_or_say_so(change, self.audience, homes)
                    self.told = change.position
            self._begun = self.told = max(self.told, found.position)
            if len(found.rows) < BATCH:
                return

    async def _after(self, place: Position) -> Changes:
        """Raises Unavailable where an old primary seems to answer: its log is no reason to begin anew."""
        found = await changes.read_after(self._database, place, BATCH)
        if self._unknown:
            known = found.position.timeline
            self._unknown = {timeline: since for timeline, since in self._unknown.items() if timeline > known}
        if found.older and place.timeline - found.position.timeline <= FAILOVERS_MAX:
            now = self._clock.monotonic()
            if now - self._unknown.setdefault(place.timeline, now) < OLD_SECONDS:
                raise Unavailable("An old primary answers")
        return found

    async def _homes(self, some: Sequence[Change], audience: Audience) -> "Homes":
        """Where there are several new posts: on whose home timelines they stand, asked in one statement."""
        wanted: dict[int, set[int]] = {}
        for change in some:
            if change.kind in UPDATES and (home := self._concerned(change.account_id, audience)):
                wanted[change.subject_id] = home
        if len(wanted) < 2:
            return {}
        try:
            found = await queries.on_homes(self._database, wanted)
            await self._rendering.prepare([one.place for seen in found.values() for one in seen])
        except Unavailable:
            raise
        except Exception as error:  # boundary: one that cannot be looked up must not hold up the others
            log.warning("streams_asked_singly", exc_info=error, done="each is looked up by itself")
            return {}
        return found

    async def _tell_or_say_so(self, change: Change, audience: Audience, homes: "Homes") -> bool:
        """False where it could not be told: then the listeners know that they have to ask for everything anew."""
        try:
            await self._tell(change, audience, homes)
        except Unavailable:
            raise
        except Exception as error:  # boundary: one change that cannot be told must not hold up all that come after it
            log.error("stream_gap", change=change.kind, exc_info=error, done="told all listeners of the gap")
            self._say(RESET, audience)
            return False
        return True

    def _say(self, name: str, audience: Audience) -> None:
        event = Event(name, b"{}", self.told)
        for subscription in audience.everybody():
            subscription.announce(event)

    async def _tell(self, change: Change, audience: Audience, homes: "Homes") -> None:
        if change.kind in UPDATES:
            await self._status(change, audience, UPDATES[change.kind], homes)
        elif change.kind in TOLD:
            await TOLD[change.kind](self, change, audience)

    # -- what is told of each kind of change ------------------------------------------------------------------------

    async def _status(self, change: Change, audience: Audience, name: str, homes: "Homes") -> None:
        events = Events(self._rendering, self._readers, name, change.position)
        status_id, home = change.subject_id, self._concerned(change.account_id, audience)
        facts = None
        if audience.public or (self.relations.any_tags and audience.accounts(USER)):
            facts = await queries.facts(self._database, status_id)
            if facts is not None and facts.tags:
                listeners = audience.accounts(USER)
                home |= {one for one in self.relations.followers_of_tags(facts.tags) if one in listeners}
        if status_id in homes:
            await self._each(audience, (USER,), homes[status_id], events)
            home -= self._concerned(change.account_id, audience)
        if home:
            await self._each(audience, (USER,), await queries.on_home(self._database, status_id, home), events)
        if found := audience.about(LIST):
            await self._lists(change, audience, {int(channel.about) for channel in found}, events)
        heard = [channel for channel in channels.public(facts) if channel in audience] if facts is not None else ()
        if heard:
            readers = {account_id for channel in heard for account_id in audience.accounts(channel)}
            seen = await queries.in_public(self._database, status_id, readers)
            await self._each(audience, heard, seen, events)

    async def _lists(self, change: Change, audience: Audience, list_ids: set[int], events: "Events") -> None:
        for found in await queries.on_lists(self._database, change.subject_id, change.account_id, list_ids):
            event = await events.of(found.place, found.reader)
            if event is not None:
                audience.tell(Channel(LIST, str(found.list_id)), found.reader, event)

    async def _each(self, audience: Audience, heard: Iterable[Channel], seen: Iterable[Seen], events: "Events") -> None:
        for reader, place in seen:
            event = await events.of(place, reader)
            if event is not None:
                for channel in heard:
                    audience.tell(channel, reader, event)

    def _concerned(self, author: int, audience: Audience) -> set[int]:
        """Who may have the author's posts on his home timeline, of those who listen to that."""
        listeners = audience.accounts(USER)
        followers = self.relations.followers(author)
        if len(listeners) < len(followers):
            return {one for one in listeners if one == author or one in followers}
        return {one for one in (author, *followers) if one in listeners}

    async def deleted(self, change: Change, audience: Audience) -> None:
        """Everybody could have it on a page."""
        event = self._deletion(change)
        for account_id in self._concerned(change.account_id, audience):
            audience.tell(USER, account_id, event)
        for channel in (*audience.public, *audience.about(LIST)):
            audience.tell_all(channel, event)
        for account_id in self.relations.followers_of_any_tag():
            audience.tell(USER, account_id, event)

    async def withdrawn(self, change: Change, audience: Audience) -> None:
        """It stood on timelines of followers only."""
        event = self._deletion(change)
        concerned = self._concerned(change.account_id, audience)
        for account_id in concerned:
            audience.tell(USER, account_id, event)
        if found := audience.about(LIST):
            about = {int(channel.about) for channel in found}
            for list_id in await queries.lists_with(self._database, change.account_id, about):
                audience.tell_all(Channel(LIST, str(list_id)), event)

    async def unsent(self, change: Change, audience: Audience) -> None:
        """A direct one: who was not named may not learn that there was any."""
        event = self._deletion(change)
        concerned = self._concerned(change.account_id, audience)
        told = await queries.homes_with(self._database, change.subject_id, concerned) if concerned else set()
        for account_id in told | (concerned & {change.account_id}):
            audience.tell(USER, account_id, event)

    def _deletion(self, change: Change) -> Event:
        return Event("delete", b"%d" % change.subject_id, change.position)

    async def notified(self, change: Change, audience: Audience) -> None:
        account_id = change.account_id
        if account_id in audience.accounts(USER) or account_id in audience.accounts(NOTIFICATIONS):
            reader = self._readers.get(account_id)
            payload = await self._rendering.notification(change.subject_id, reader) if reader is not None else None
            if payload is not None:
                event = Event("notification", payload, change.position)
                audience.tell(USER, account_id, event, notifications=True)
                audience.tell(NOTIFICATIONS, account_id, event)

    async def notifications_merged(self, change: Change, audience: Audience) -> None:
        event = Event("notifications_merged", b"1", change.position)
        audience.tell(USER, change.account_id, event, notifications=True)
        audience.tell(NOTIFICATIONS, change.account_id, event)

    async def announced(self, change: Change, audience: Audience) -> None:
        payload = await self._rendering.announcement(change.subject_id)
        if payload is not None:
            audience.tell_all(USER, Event("announcement", payload, change.position))

    async def announcement_reaction(self, change: Change, audience: Audience) -> None:
        """Only what was given: the log does not say what was taken back."""
        payload = await self._rendering.reaction(change.subject_id, change.account_id)
        if payload is not None:
            audience.tell_all(USER, Event("announcement.reaction", payload, change.position))

    async def announcement_deleted(self, change: Change, audience: Audience) -> None:
        audience.tell_all(USER, Event("announcement.delete", b"%d" % change.subject_id, change.position))

    async def follow_began(self, change: Change, audience: Audience) -> None:
        self.relations.began(change.account_id, change.subject_id)

    async def follow_ended(self, change: Change, audience: Audience) -> None:
        if audience is self.audience:  # who comes back goes through what is over: it may have begun again since
            self.relations.ended(change.account_id, change.subject_id)

    async def tags_changed(self, change: Change, audience: Audience) -> None:
        if audience is self.audience:
            await self._know_tags(change.account_id)

    async def account_changed(self, change: Change, audience: Audience) -> None:
        if audience is self.audience:
            await self.on_account(change.subject_id)

    async def filters_changed(self, change: Change, audience: Audience) -> None:
        if audience is self.audience:
            await self.on_account(change.account_id)
        audience.tell(USER, change.account_id, Event("filters_changed", None, change.position))

    async def list_changed(self, change: Change, audience: Audience) -> None:
        """A list that is there no more is listened to by nobody."""
        if audience is self.audience and change.kind == "list.deleted":
            for subscription in audience.of(Channel(LIST, str(change.subject_id)), change.account_id):
                subscription.wire.refuse(subscription, NotFound())

    async def conversation(self, change: Change, audience: Audience) -> None:
        reader = self._readers.get(change.account_id)
        if reader is not None and change.account_id in audience.accounts(DIRECT):
            payload = await self._rendering.conversation(change.subject_id, reader)
            if payload is not None:
                audience.tell(DIRECT, change.account_id, Event("conversation", payload, change.position))


async def nothing(_account_id: int) -> None:
    return None


class Events:
    """One event for each way in which a status is seen: most see it alike, and are sent the same bytes."""

    def __init__(self, rendering: Rendering, readers: Mapping[int, Identity], name: str, position: Position) -> None:
        self._rendering = rendering
        self._readers = readers
        self._name = name
        self._position = position
        self._made: dict[tuple[Listed, int], Event | None] = {}

    async def of(self, place: Listed, reader: int) -> Event | None:
        who = self._readers.get(reader)
        if who is None:
            return None
        # Filters are somebody's own, and so is what may be seen of a quoted post: these are shared with nobody.
        quoting = (place.reblog or place.row).quote_state
        key = (place, reader if who.filters or quoting else NOBODY)
        if key not in self._made:
            body = await self._rendering.status(place, who)
            self._made[key] = None if body is None else Event(self._name, body, self._position)
        return self._made[key]


Teller = Callable[[Hub, Change, Audience], Awaitable[None]]

Homes = Mapping[int, list[Seen]]
"""Status -> who sees it on his home timeline, where that is known already."""

AHEAD = 16
"""So many changes are looked up together: what is told is as old as the look, whatever was blocked or muted since."""

UPDATES = {"status.posted": "update", "status.edited": "status.update"}
"""The events that show a whole status."""

_FACTS = ("status.", "notification.", "conversation.")
"""Changes that do not change who is to be told of the next one."""


def _ranges(rows: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """The changes in their order: several that may be looked up together, or one."""
    some: list[Change] = []
    for change in rows:
        plain = change.kind.startswith(_FACTS)
        if some and (not plain or len(some) == AHEAD):
            yield some
            some = []
        some.append(change)
        if not plain:
            yield some
            some = []
    if some:
        yield some


TOLD: dict[str, Teller] = {
    "status.deleted": Hub.deleted,
    "status.withdrawn": Hub.withdrawn,
    "status.unsent": Hub.unsent,
    "notification.created": Hub.notified,
    "notification.merged": Hub.notifications_merged,
    "announcement.published": Hub.announced,
    "announcement.reaction": Hub.announcement_reaction,
    "announcement.deleted": Hub.announcement_deleted,
    "follow.began": Hub.follow_began,
    "follow.ended": Hub.follow_ended,
    "tag.followed": Hub.tags_changed,
    "tag.unfollowed": Hub.tags_changed,
    "filters.changed": Hub.filters_changed,
    "list.deleted": Hub.list_changed,
    "conversation.updated": Hub.conversation,
    "account.changed": Hub.account_changed,
    "account.deleted": Hub.account_changed,
}
"""What each kind of change means for those who listen. Other kinds mean nothing to them."""
