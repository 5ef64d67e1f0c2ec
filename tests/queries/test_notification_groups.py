"""Groups of notifications against the rules in words: whatever happened when, each page is what they say."""

import random
from collections import Counter
from typing import Any, NamedTuple

import pytest

from linnet.actions import statuses
from linnet.domain.notifications import GROUPED, KINDS, SAMPLES
from linnet.domain.paging import HIGHEST_ID, Page
from linnet.domain.site import Site
from linnet.domain.statuses import Draft
from linnet.queries import notification_groups as queries
from linnet.queries.notifications import Wanted
from linnet.storage import notifications
from linnet.storage.database import Operation
from linnet.system import IdMaker
from tests.storage.queries import sql
from tests.support.client import VirtualClock, make_account

MINUTE_MS = 60_000
HOUR_MINUTES = 60
PEOPLE = 12
MARKER = sql(
    "insert into markers (account_id, timeline, last_read_id, version, updated_at) values (:a, 'notifications',"
    " :id, 0, 0) on conflict (account_id, timeline) do update set last_read_id = excluded.last_read_id"
)


class Event(NamedTuple):
    """What the reference knows of a notification. ``group`` is None where it stands alone."""

    id: int
    kind: str
    status: int
    sender: int
    group: str | None


class Reference:
    """The rules: a group takes what comes within four hours of its last and within twelve of its first hour."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], tuple[int, int]] = {}
        self.events: list[Event] = []

    def add(self, id: int, kind: str, status: int, sender: int, minute: int) -> None:
        group = None
        if kind in ("favourite", "reblog", "follow", "admin.sign_up"):
            hour = minute // HOUR_MINUTES
            first, last = self._open.get((kind, status), (-100, -100_000))
            if minute - last > 4 * HOUR_MINUTES or hour >= first + 12:
                first = hour
            self._open[kind, status] = first, minute
            group = f"{kind} {status} {first}"
        self.events.append(Event(id, kind, status, sender, group))

    def page(self, limit: int, max_id: int, min_id: int, grouped: tuple[str, ...], *, forward: bool) -> list[Any]:
        """(newest, oldest, count, senders, kind, status) of each group, the latest first."""
        inside = [event for event in self.events if min_id < event.id < max_id]
        firsts: dict[str, Event] = {}
        for event in inside if forward else reversed(inside):
            if len(firsts) < limit:
                firsts.setdefault(self._name(event, grouped), event)
        if not firsts:
            return []
        low, high = min(event.id for event in firsts.values()), max(event.id for event in firsts.values())
        if len(firsts) < limit:
            low, high = (low, max_id - 1) if forward else (min_id + 1, high)
        found = []
        for name in firsts:
            known = [one for one in reversed(self.events) if self._name(one, grouped) == name and one.id <= high]
            ids = [one.id for one in known]
            senders = tuple(one.sender for one in known[:SAMPLES])
            oldest = min(id for id in ids if id >= low)
            found.append((ids[0], oldest, len(ids), senders, known[0].kind, known[0].status))
        return sorted(found, reverse=True)

    def count(self, above: int, grouped: tuple[str, ...]) -> int:
        return len({self._name(event, grouped) for event in self.events if event.id > above})

    @staticmethod
    def _name(event: Event, grouped: tuple[str, ...]) -> str:
        return event.group if event.group and event.kind in grouped else str(event.id)


async def told(database: Any, clock: VirtualClock, chance: random.Random) -> tuple[int, Reference]:
    """A reader whom many things are told of over two days, and what the rules make of them."""
    people = [await make_account(database, f"p{number}") for number in range(PEOPLE)]
    reader, site, reference = people[0], Site("http://linnet.test"), Reference()
    posts = [
        await statuses.post(database, site, reader, Draft(f"post {number}"), Operation(f"post {number}"))
        for number in range(2)
    ]
    seen = set()
    for _ in range(chance.choice((15, 90))):
        clock.advance(chance.choice((1, 3, 20, 90, 239, 241)) * MINUTE_MS)
        kind, sender = (
            chance.choice(("favourite", "favourite", "reblog", "follow", "mention")),
            chance.choice(people[1:]),
        )
        status = 0 if kind == "follow" else chance.choice(posts)
        if (kind, status, sender) in seen:
            continue
        seen.add((kind, status, sender))
        await database.write(lambda tx, known=(kind, reader, sender, status): notifications.add(tx, *known))
        row = await database.read(
            lambda tx: tx.one(sql("select max(id) from notifications where account_id = :a"), a=reader)
        )
        reference.add(int(row[0]), kind, status, sender, clock.now_ms() // MINUTE_MS)
    return reader, reference


@pytest.mark.parametrize("seed", range(6))
async def test_every_page_of_groups_is_what_the_rules_say(open_database, seed):
    chance, clock = random.Random(seed), VirtualClock()
    database = await open_database(clock=clock)
    reader, reference = await told(database, clock, chance)
    ids = [event.id for event in reference.events]
    for _ in range(25):
        limit, grouped = chance.choice((1, 2, 5, 40)), chance.choice((GROUPED, GROUPED, ("follow",), ()))
        max_id, min_id = chance.choice([HIGHEST_ID, *ids]), chance.choice([0, 0, *ids])
        forward = chance.random() < 0.5
        page = Page(limit, max_id, min_id, forward)
        found = await queries.page(database, reader, Wanted(KINDS), page, grouped)
        assert [
            (one.newest, one.oldest, one.count, one.senders, one.type, one.status_id) for one in found.groups
        ] == reference.page(limit, max_id, min_id, grouped, forward=forward), (limit, max_id, min_id, forward, grouped)
        assert {sender for one in found.groups for sender in one.senders} == found.accounts.keys()
        assert len(found.statuses) == len({one.status_id for one in found.groups if one.status_id})
    for above in (0, ids[len(ids) // 2]):
        await database.write(lambda tx, above=above: tx.run(MARKER, a=reader, id=above))
        for grouped in (GROUPED, ("follow",)):
            count = await queries.unread(database, reader, Wanted(KINDS), grouped, 1_000)
            assert count == reference.count(above, grouped)


async def test_what_comes_exactly_four_hours_later_joins_and_a_minute_later_does_not(open_database) -> None:
    clock = VirtualClock()
    # Whose ids are the lowest of their time.
    database = await open_database(clock=clock, ids=IdMaker(clock, 0, 0))
    clock.advance(HOUR_MINUTES * MINUTE_MS - clock.now_ms() % (HOUR_MINUTES * MINUTE_MS))
    people = [await make_account(database, f"p{number}") for number in range(4)]
    for sender, minutes in zip(people[1:], (1, 4 * HOUR_MINUTES, 4 * HOUR_MINUTES + 1), strict=True):
        clock.advance(minutes * MINUTE_MS)
        await database.write(lambda tx, sender=sender: notifications.add(tx, "follow", people[0], sender))
    found = await queries.page(database, people[0], Wanted(KINDS), Page(10), GROUPED)
    assert [group.senders for group in found.groups] == [(people[3],), (people[2], people[1])]


@pytest.mark.parametrize("seed", range(3))
async def test_pages_lead_through_all_there_is(open_database, seed):
    chance, clock = random.Random(f"pages {seed}"), VirtualClock()
    database = await open_database(clock=clock)
    reader, reference = await told(database, clock, chance)
    met: Counter[str] = Counter()
    page = Page(3)
    while (found := await queries.page(database, reader, Wanted(KINDS), page)).cursors:
        low, _ = found.cursors
        for one in found.groups:
            whole = [event for event in reference.events if event.group == _group(reference, one.newest)]
            met.update(str(event.id) for event in whole if one.oldest <= event.id <= one.newest)
        page = Page(3, max_id=low)
    assert {str(event.id) for event in reference.events if event.group} <= met.keys()


def _group(reference: Reference, id: int) -> str | None:
    return next(event.group for event in reference.events if event.id == id)
