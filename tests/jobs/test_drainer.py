"""Who moves posts out of the journal: one of all, in order, once, and nothing goes before it is in the database."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from linnet.domain.errors import Unavailable
from linnet.domain.journal import Entry
from linnet.domain.majority import STEPS_MAX, NoMajority
from linnet.jobs.drainer import BATCH, BATCH_FIRST, DEFRAGMENTED_BYTES, DRAIN_SECONDS, KEPT_SECONDS, Drainer
from linnet.storage.journal import EPOCH, Lock, MajorityJournal, TooLate
from linnet.supervision import Tasks
from tests.support.client import VirtualClock
from tests.support.majority import MemoryMajority


@dataclass
class Stored:
    """The database, as far as the drainer knows it: who drained last, and what is stored."""

    entries: list[Entry] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    epoch: int = 0
    fails: int = 0
    refuses: set[int] = field(default_factory=set)

    async def drain(self, entries: Sequence[Entry], epoch: int) -> None:
        if epoch < self.epoch:
            raise TooLate
        if self.fails:
            self.fails -= 1
            raise Unavailable("no primary")
        if self.refuses & {entry.id for entry in entries}:
            raise ValueError("a row that the database does not take")
        self.epoch = epoch
        self.batches.append(len(entries))
        known = {entry.operation for entry in self.entries}
        self.entries += [entry for entry in entries if entry.operation not in known]

    @property
    def ids(self) -> list[int]:
        return [entry.id for entry in self.entries]


@dataclass
class Node:
    """One process's drainer, with its own word on whether the primary commits."""

    journal: MajorityJournal
    lock: Lock
    drainer: Drainer
    ready: bool = True
    hurried: bool = True


@dataclass
class World:
    clock: VirtualClock
    majority: MemoryMajority
    stored: Stored

    def node(self, name: str) -> Node:
        journal = MajorityJournal(self.majority, self.clock)
        lock = Lock(self.majority, self.clock, name)
        drainer = Drainer(
            journal, self.majority, lock, self.stored.drain, self.clock, Tasks(), ready=lambda: node.ready,
            hurried=lambda: node.hurried,
        )  # fmt: skip
        node = Node(journal, lock, drainer)
        return node

    async def post(self, *ids: int) -> None:
        journal = MajorityJournal(self.majority, self.clock)
        for id in ids:
            await journal.put(Entry(id, 7, f"key {id}", id, "{}"))

    async def waiting(self) -> int:
        return (await MajorityJournal(self.majority, self.clock).backlog()).count

    async def turns(self, node: Node, seconds: float) -> None:
        """What the node does in that time; its lock is kept alive as its other task would."""
        until = self.clock.monotonic() + seconds
        while self.clock.monotonic() < until:
            if node.lock.revision:
                await node.lock.keep()
            pause = await node.drainer.turn()
            self.clock.advance(max(1, int(min(pause, 1.0) * 1000)))


@pytest.fixture
def world() -> World:
    clock = VirtualClock()
    return World(clock, MemoryMajority(clock), Stored())


async def test_what_waits_is_stored_in_order_and_then_taken_out(world: World) -> None:
    await world.post(*range(BATCH + 20, 0, -1))
    node = world.node("one")
    await world.turns(node, 4)
    assert world.stored.ids == list(range(1, BATCH + 21))
    assert world.stored.batches == [BATCH_FIRST, 2 * BATCH_FIRST, 4 * BATCH_FIRST, BATCH + 20 - 7 * BATCH_FIRST]
    assert await world.waiting() == 0
    assert world.majority.keys[EPOCH].value == str(node.lock.revision).encode(), "no put from before is carried out"


async def test_where_nothing_waits_the_lock_is_not_taken(world: World) -> None:
    node = world.node("one")
    hurried = await node.drainer.turn()
    node.hurried = False
    assert await node.drainer.turn() > hurried
    assert not node.lock.revision


async def test_without_a_primary_nothing_is_tried_and_the_lock_is_left_to_others(world: World) -> None:
    await world.post(1)
    node, other = world.node("one"), world.node("other")
    world.stored.fails = 1
    await node.drainer.turn()
    node.ready = False
    await world.turns(node, 1)
    assert (world.stored.ids, node.lock.revision) == ([], 0)
    await world.turns(other, 1)
    assert world.stored.ids == [1]


async def test_whoever_loses_sight_of_the_primary_in_a_drain_leaves_it_to_others(world: World) -> None:
    await world.post(1)
    node, other = world.node("one"), world.node("other")
    drain = world.stored.drain
    given_up = asyncio.Event()

    async def hangs(entries: Sequence[Entry], epoch: int) -> None:
        node.ready = False
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    node.drainer._drain = hangs
    async with asyncio.timeout(DRAIN_SECONDS / 2):
        await node.drainer.turn()
        await given_up.wait()
    await node.drainer.turn()
    assert (node.lock.revision, await world.waiting()) == (0, 1)
    other.drainer._drain = drain
    await world.turns(other, 1)
    assert (world.stored.ids, await world.waiting()) == ([1], 0)


async def test_nothing_is_taken_out_before_it_is_stored(world: World) -> None:
    await world.post(1, 2)
    node = world.node("one")
    world.stored.fails = 3
    for _ in range(3):
        await node.drainer.turn()
        assert await world.waiting() == 2
    await world.turns(node, 1)
    assert (world.stored.ids, await world.waiting()) == ([1, 2], 0)


async def test_one_drains_and_the_next_takes_over_what_it_left(world: World) -> None:
    """A drainer that dies after its commit, before it has taken anything out of the journal."""
    await world.post(1, 2)
    node, other = world.node("one"), world.node("other")
    drained = node.journal.drained

    async def dies(entries: Sequence[Entry], lock: int) -> bool:
        raise NoMajority("killed here")

    node.journal.drained = dies  # type: ignore[method-assign]
    with pytest.raises(NoMajority):
        await node.drainer.turn()
    assert (world.stored.ids, await world.waiting()) == ([1, 2], 2)
    await other.drainer.turn()
    assert not other.lock.revision, "the first one's lock has not ended"
    world.clock.advance(3_001)
    await world.turns(other, 1)
    assert (world.stored.ids, await world.waiting()) == ([1, 2], 0)
    assert other.lock.revision > node.lock.revision
    node.journal.drained = drained  # type: ignore[method-assign]
    await node.drainer.turn()
    assert world.stored.epoch == other.lock.revision


async def test_whoever_was_frozen_with_the_lock_stores_nothing_after_its_successor(world: World) -> None:
    await world.post(1)
    node, other = world.node("one"), world.node("other")
    assert await node.lock.take()
    late = node.lock.revision
    world.clock.advance(3_001)
    await world.turns(other, 1)
    with pytest.raises(TooLate):
        await world.stored.drain([Entry(2, 7, "late", 0, "{}")], late)
    assert not node.lock.held, "its own clock tells it, before it asks anybody"
    await world.post(3)
    await node.drainer.turn()
    assert world.stored.ids == [1]


async def test_a_fence_that_has_risen_makes_the_drainer_let_go(world: World) -> None:
    await world.post(1)
    node = world.node("one")
    world.stored.epoch = 10**9
    await node.drainer.turn()
    assert not node.lock.revision
    assert await world.waiting() == 1


async def test_a_post_that_the_database_does_not_take_holds_up_no_other(world: World) -> None:
    await world.post(*range(1, 10))
    world.stored.refuses = {4}
    node = world.node("one")
    await world.turns(node, 3)
    assert world.stored.ids == [1, 2, 3, 5, 6, 7, 8, 9]
    assert await world.waiting() == 0
    assert [entry.id for entry in await node.journal.parked()] == [4]
    world.stored.refuses.clear()
    await world.turns(node, 70)
    assert world.stored.ids[-1] == 4
    assert await node.journal.parked() == ()


async def test_what_answers_or_quotes_a_post_that_was_put_aside_waits_for_it(world: World) -> None:
    """It would be stored as if there had been nothing to answer. Whoever drains next knows of it, too."""
    await world.post(1, 2, 3)
    journal = MajorityJournal(world.majority, world.clock)
    for id, draft in (
        (4, {"in_reply_to_id": 2}), (5, {"quoted_status_id": 4}), (6, {"in_reply_to_id": 1}), (7, {"in_reply_to_id": 5})
    ):  # fmt: skip
        await journal.put(Entry(id, 7, f"key {id}", id, json.dumps(draft)))
    world.stored.refuses = {2}
    node, other = world.node("one"), world.node("other")
    await world.turns(node, 3)
    assert world.stored.ids == [1, 3, 6]
    assert [entry.id for entry in await journal.parked()] == [2, 4, 5, 7]
    await journal.put(Entry(8, 7, "key 8", 8, json.dumps({"in_reply_to_id": 7})))
    await node.drainer.stop()
    await world.turns(other, 3)
    assert world.stored.ids == [1, 3, 6]
    world.stored.refuses.clear()
    await world.turns(other, 70)
    assert world.stored.ids == [1, 3, 6, 2, 4, 5, 7, 8]
    assert await journal.parked() == ()


async def test_where_nobody_tells_that_a_post_was_put_aside_what_answers_it_waits_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    park = MajorityJournal.park

    async def lost(*given: Any) -> bool:
        await park(*given)
        monkeypatch.undo()
        raise NoMajority("the answer was lost")

    monkeypatch.setattr(MajorityJournal, "park", lost)
    await world.post(1, 2)
    journal = MajorityJournal(world.majority, world.clock)
    await journal.put(Entry(3, 7, "key 3", 3, json.dumps({"in_reply_to_id": 2})))
    world.stored.refuses = {2}
    node = world.node("one")
    with pytest.raises(NoMajority):
        await world.turns(node, 3)
    await world.turns(node, 3)
    assert world.stored.ids == [1]
    assert [entry.id for entry in await journal.parked()] == [2, 3]


async def test_however_much_was_put_aside_whoever_drains_next_knows_of_all_of_it(world: World) -> None:
    ids = range(1, 2 * STEPS_MAX + 3)
    await world.post(*ids)
    world.stored.refuses = set(ids)
    await world.turns(world.node("one"), 30)
    journal = MajorityJournal(world.majority, world.clock)
    assert [entry.id for entry in await journal.parked()] == list(ids)
    last = ids[-1]
    await journal.put(Entry(last + 1, 7, "the answer", 1, json.dumps({"in_reply_to_id": last})))
    world.clock.advance(4_000)
    await world.turns(world.node("other"), 3)
    assert (world.stored.ids, len(await journal.parked())) == ([], len(ids) + 1)


async def test_whoever_loses_sight_of_the_primary_tries_what_was_put_aside_no_longer(world: World) -> None:
    """Each of them would be tried for most of a minute, under a lock that others could use."""
    await world.post(1, 2, 3)
    world.stored.refuses = {1, 2, 3}
    node = world.node("one")
    await world.turns(node, 3)
    assert len(await node.journal.parked()) == 3
    world.stored.refuses.clear()
    tried = []

    async def lost(entries: Sequence[Entry], epoch: int) -> None:
        tried.append(entries[0].id)
        node.ready = False
        await asyncio.Event().wait()

    node.drainer._drain = lost
    async with asyncio.timeout(10):
        await world.turns(node, 70)
    assert tried == [1]
    assert not node.lock.revision, "others may drain"


async def test_keys_are_swept_ten_minutes_after_the_drain_and_not_before(world: World) -> None:
    await world.post(1)
    node = world.node("one")
    await world.turns(node, KEPT_SECONDS - 5)
    assert await node.journal.by_operation("key 1") == 1
    assert node.lock.held
    await world.turns(node, 20)
    assert await node.journal.by_operation("key 1") is None
    assert not node.lock.revision, "nothing is left to do"


async def test_keys_of_what_came_later_stay_for_their_own_ten_minutes(world: World) -> None:
    await world.post(1)
    node = world.node("one")
    await world.turns(node, KEPT_SECONDS / 2)
    await world.post(2)
    await world.turns(node, KEPT_SECONDS / 2 + 10)
    assert (await node.journal.by_operation("key 1"), await node.journal.by_operation("key 2")) == (None, 2)
    await world.turns(node, KEPT_SECONDS)
    assert await node.journal.by_operation("key 2") is None


async def test_whoever_takes_the_lock_over_begins_its_ten_minutes_anew(world: World) -> None:
    await world.post(1)
    node, other = world.node("one"), world.node("other")
    await world.turns(node, KEPT_SECONDS - 60)
    world.clock.advance(3_001)
    await world.turns(other, 120)
    assert await other.journal.by_operation("key 1") == 1
    await world.turns(other, KEPT_SECONDS)
    assert await other.journal.by_operation("key 1") is None


async def test_room_is_given_back_a_while_after_the_drain(world: World) -> None:
    world.majority.alarmed.append((1, "NOSPACE"))
    await world.post(1)
    node = world.node("one")
    await world.turns(node, 50)
    assert world.majority.compacted == 0
    await world.turns(node, 20)
    assert world.majority.compacted > 0
    assert world.majority.alarmed == []
    assert world.majority.defragmented == [], "there is hardly any room to gain"
    world.majority.free = DEFRAGMENTED_BYTES
    await world.post(2)
    await world.turns(node, 130)
    assert world.majority.defragmented == ["http://one:2379"]


async def test_a_member_that_is_away_keeps_the_others_from_no_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(url: str) -> None:
        raise NoMajority("it does not answer")

    monkeypatch.setattr(world.majority, "status", away)
    world.majority.alarmed.append((1, "NOSPACE"))
    await world.post(1)
    await world.turns(world.node("one"), 70)
    assert world.majority.compacted > 0
    assert world.majority.alarmed == []


async def test_a_majority_that_is_away_is_waited_for(world: World) -> None:
    await world.post(1)
    node = world.node("one")
    world.majority.failing = True
    with pytest.raises(NoMajority):
        await node.drainer.turn()
    world.majority.failing = False
    await world.turns(node, 1)
    assert world.stored.ids == [1]
    await node.drainer.stop()
    assert not node.lock.revision


async def test_a_lock_that_somebody_holds_costs_the_others_one_small_request(world: World) -> None:
    await world.post(1)
    node, other = world.node("one"), world.node("other")
    await world.turns(node, 1)
    revision, asked = world.majority.revision, world.majority.asked
    await other.drainer.turn()
    assert (world.majority.revision, world.majority.asked, len(world.majority.leases)) == (revision, asked + 1, 1)
