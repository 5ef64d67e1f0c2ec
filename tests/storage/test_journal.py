"""The journal's rules, each of which answers a failure that was seen, over a majority in memory."""

from dataclasses import replace
from functools import partial

import pytest

from linnet.domain.errors import IdTaken, TooLarge
from linnet.domain.journal import ENTRY_BYTES, Entry, pack, unpack
from linnet.domain.majority import NoMajority, Put
from linnet.ports import Journal
from linnet.storage.journal import EPOCH, LOCK, PUTS_PER_SECOND, Full, Lock, MajorityJournal, TooLate, fence
from tests.support.client import VirtualClock
from tests.support.databases import AnyDatabase
from tests.support.majority import MemoryMajority


def entry(id: int, operation: str = "", *, account: int = 7, draft: str = "{}") -> Entry:
    return Entry(id, account, operation or f"key {id}", 1_780_000_000_000 + id, draft)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def majority(clock: VirtualClock) -> MemoryMajority:
    return MemoryMajority(clock)


@pytest.fixture
def journal(majority: MemoryMajority, clock: VirtualClock) -> MajorityJournal:
    return MajorityJournal(majority, clock)


@pytest.fixture
async def lock(majority: MemoryMajority, clock: VirtualClock) -> Lock:
    lock = Lock(majority, clock, "me")
    assert await lock.take()
    return lock


def test_an_entry_is_packed_where_that_helps_and_bounded() -> None:
    short, long = entry(1, draft='{"text":"ä"}'), entry(2, draft='{"text":"' + "long " * 800 + '"}')
    assert unpack(pack(short)) == short
    assert pack(short).startswith(b"[")
    assert unpack(pack(long)) == long
    assert len(pack(long)) < 300
    noise = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(3_000))
    with pytest.raises(TooLarge):
        pack(entry(3, draft=noise))
    assert len(noise.encode()) > ENTRY_BYTES
    shown = replace(long, shown='{"html":"' + "long " * 900 + '"}')
    assert unpack(pack(shown)) == shown
    assert unpack(pack(replace(long, shown=noise))) == long, "what is too long to be kept with it is found out again"
    with pytest.raises(TooLarge):
        pack(entry(4, draft=noise + "x"))
    huge = "long " * 300_000
    assert unpack(pack(replace(long, shown=huge))) == long, "what would not be unpacked is not packed"
    with pytest.raises(TooLarge):
        pack(entry(5, draft=huge))


@pytest.mark.parametrize("data", [b"", b"nonsense", b"[1,2]", b"[]"])
def test_what_is_no_entry_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(data)


async def test_a_post_is_found_by_id_by_operation_and_by_account(journal: Journal) -> None:
    first, second, other = entry(1), entry(2), entry(3, account=8)
    for one in (first, second, other):
        assert await journal.put(one) == one.id
    assert await journal.by_id(2) == second
    assert await journal.by_id(9) is None
    assert await journal.by_operation("key 3") == 3
    assert await journal.by_operation("nobody's") is None
    assert await journal.of_account(7) == (second, first)
    assert await journal.of_account(7, 1) == (second,)
    assert await journal.of_account(9) == ()


async def test_one_operation_has_one_id_whichever_node_is_asked(
    journal: MajorityJournal, majority: MemoryMajority, clock: VirtualClock
) -> None:
    there = MajorityJournal(majority, clock)
    assert await journal.put(entry(1, "same")) == 1
    assert await there.put(entry(2, "same")) == 1
    assert await there.by_id(2) is None
    assert (await journal.backlog()).count == 1


async def test_what_came_first_is_the_oldest_whatever_ids_others_have(journal: MajorityJournal) -> None:
    """Else posting goes back to the database while what came long ago waits, because an older id came just now."""
    await journal.put(entry(5))
    first = (await journal.backlog()).oldest
    await journal.put(entry(2))
    assert first is not None
    assert (await journal.backlog()).oldest == first


async def test_a_put_whose_answer_was_lost_is_there_once(journal: MajorityJournal, majority: MemoryMajority) -> None:
    majority.losing = 1
    with pytest.raises(NoMajority):
        await journal.put(entry(1))
    assert await journal.put(entry(1)) == 1
    assert [one.id for one in await journal.first(10)] == [1]


async def test_an_id_that_another_post_has_is_refused(journal: MajorityJournal) -> None:
    await journal.put(entry(1, "one"))
    with pytest.raises(IdTaken):
        await journal.put(entry(1, "another"))


async def test_a_put_that_hung_is_not_carried_out_after_the_drain(
    journal: MajorityJournal, majority: MemoryMajority, lock: Lock, clock: VirtualClock
) -> None:
    """A frozen leader carried out 251 puts at its thaw, of posts that had long been drained and their keys swept."""
    waiting = entry(1)
    majority.holding = True
    with pytest.raises(NoMajority):
        await journal.put(waiting)
    majority.holding = False
    assert await journal.put(waiting) == 1
    assert await journal.drained([waiting], lock.revision)
    assert await journal.raise_epoch(lock.revision)
    swept = await journal.sweep(majority.revision, lock.revision)
    assert swept == 1
    assert [outcome.succeeded for outcome in majority.thaw()] == [False]
    assert (await journal.backlog()).count == 0


async def test_a_put_that_meets_a_new_epoch_reads_it_and_goes_on(
    journal: MajorityJournal, majority: MemoryMajority, lock: Lock
) -> None:
    assert await journal.raise_epoch(lock.revision)
    asked = majority.asked
    assert await journal.put(entry(1)) == 1
    assert await journal.put(entry(2)) == 2
    assert majority.asked - asked == 3, "it is read once"
    assert majority.keys[EPOCH].value == str(lock.revision).encode()


async def test_the_key_outlives_the_drain(journal: MajorityJournal, lock: Lock) -> None:
    await journal.put(entry(1))
    assert await journal.drained([entry(1)], lock.revision)
    assert await journal.by_id(1) is None
    assert await journal.of_account(7) == ()
    assert await journal.by_operation("key 1") == 1
    assert await journal.put(entry(2, "key 1")) == 1


async def test_many_are_taken_out_in_transactions_that_the_majority_takes(journal: MajorityJournal, lock: Lock) -> None:
    entries = [entry(id) for id in range(1, 301)]
    for one in entries:
        await journal.put(one)
    assert [one.id for one in await journal.first(1_000)] == list(range(1, 301))
    assert (await journal.backlog()).count == 300
    assert await journal.drained(entries, lock.revision)
    assert (await journal.backlog()).count == 0
    assert await journal.keys() == 300


async def test_whoever_has_lost_the_lock_takes_nothing_out(
    journal: MajorityJournal, majority: MemoryMajority, lock: Lock, clock: VirtualClock
) -> None:
    await journal.put(entry(1))
    old = lock.revision
    clock.advance(3_001)
    assert await Lock(majority, clock, "other").take()
    assert not await journal.drained([entry(1)], old)
    assert not await journal.raise_epoch(old)
    assert not await journal.park(entry(1), old)
    assert not await journal.unparked(entry(1), old)
    assert await journal.sweep(majority.revision, old) is None
    assert [one.id for one in await journal.first(10)] == [1]


async def test_what_the_database_does_not_take_is_put_aside_and_still_found(
    journal: MajorityJournal, lock: Lock
) -> None:
    await journal.put(entry(1))
    assert await journal.park(entry(1), lock.revision)
    assert await journal.first(10) == ()
    assert await journal.by_id(1) == entry(1)
    assert await journal.parked() == (entry(1),)
    assert await journal.unparked(entry(1), lock.revision)
    assert await journal.by_id(1) is None


async def test_only_keys_of_before_are_swept(journal: MajorityJournal, majority: MemoryMajority, lock: Lock) -> None:
    await journal.put(entry(1))
    until = majority.revision
    await journal.put(entry(2))
    assert await journal.sweep(until, lock.revision) == 1
    assert (await journal.by_operation("key 1"), await journal.by_operation("key 2")) == (None, 2)


async def test_a_full_journal_says_so_before_the_majority_is_full(
    majority: MemoryMajority, clock: VirtualClock
) -> None:
    journal = MajorityJournal(majority, clock, quota_bytes=40_000)
    await journal.put(entry(1))
    majority.used = 9_999
    await journal.measure()
    assert not journal.full
    majority.used = 10_000
    await journal.measure()
    assert journal.full
    with pytest.raises(Full) as refused:
        await journal.put(entry(2))
    assert refused.value.retry_after == 30
    majority.used = 100
    await journal.measure()
    assert await journal.put(entry(2)) == 2


async def test_so_many_posts_a_second_and_no_more(journal: MajorityJournal, clock: VirtualClock) -> None:
    for id in range(1, PUTS_PER_SECOND + 1):
        await journal.put(entry(id))
    with pytest.raises(Full) as refused:
        await journal.put(entry(999))
    assert refused.value.retry_after == 2
    clock.advance(10)
    assert await journal.put(entry(999)) == 999


# -- the lock -------------------------------------------------------------------------------------------------------


async def test_one_holds_the_lock_and_the_next_one_has_a_higher_revision(
    majority: MemoryMajority, clock: VirtualClock
) -> None:
    one, other = Lock(majority, clock, "one"), Lock(majority, clock, "other")
    assert await one.take()
    assert not await other.take()
    assert (one.held, other.held) == (True, False)
    first = one.revision
    await one.let_go()
    assert not one.held
    assert await other.take()
    assert other.revision > first


async def test_a_lock_is_kept_alive_and_ends_by_our_own_clock_first(
    majority: MemoryMajority, clock: VirtualClock
) -> None:
    lock = Lock(majority, clock, "me")
    await lock.take()
    clock.advance(2_000)
    assert await lock.keep()
    clock.advance(2_999)
    assert lock.held
    clock.advance(1)
    assert not lock.held
    assert not await lock.keep()
    assert not lock.revision
    assert not await lock.keep()


async def test_what_is_told_of_a_lock_that_was_let_go_says_nothing_of_the_next_one(
    majority: MemoryMajority, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Lock(majority, clock, "me")
    await lock.take()
    keep_alive = majority.keep_alive

    async def late(lease: int) -> bool:
        await lock.let_go()
        await lock.take()
        return await keep_alive(lease)

    monkeypatch.setattr(majority, "keep_alive", late)
    assert await lock.keep()
    assert lock.held


async def test_a_lease_that_somebody_ended_is_noticed(majority: MemoryMajority, clock: VirtualClock) -> None:
    lock = Lock(majority, clock, "me")
    await lock.take()
    for lease in list(majority.leases):
        await majority.revoke(lease)
    assert not await lock.keep()
    assert not lock.held


async def test_a_lock_whose_answer_was_lost_is_ours_by_its_lease(majority: MemoryMajority, clock: VirtualClock) -> None:
    lock = Lock(majority, clock, "me")
    lease = await majority.grant(3)
    majority.run([], [Put(LOCK, b"me", lease)], [])
    assert not await lock.take(), "a life of ours before this one does not count"
    await majority.revoke(lease)
    assert await lock.take()
    majority.failing = True
    await lock.let_go()
    assert not lock.revision


# -- the fence ------------------------------------------------------------------------------------------------------


async def test_the_fence_only_rises(database: AnyDatabase) -> None:
    for epoch in (5, 5, 9):
        await database.write(partial(fence, epoch=epoch))
    with pytest.raises(TooLate):
        await database.write(partial(fence, epoch=8))
    await database.write(partial(fence, epoch=9))
