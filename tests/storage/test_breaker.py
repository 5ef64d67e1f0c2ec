"""When posts go around the database, and when they go back to it: breaker and detour in virtual time."""

import asyncio
import json
from typing import Any

import pytest

from linnet.domain.errors import IdTaken, Invalid, TooLarge, Unavailable
from linnet.domain.journal import PLANNED, Entry
from linnet.domain.majority import Put
from linnet.storage.breaker import (
    BEAT_SECONDS,
    CAUTION_SECONDS,
    EMPTY_LOOKS,
    FULL_SECONDS,
    FULL_SECONDS_MAX,
    OVERDUE_SECONDS,
    YOUNG_SECONDS,
)
from linnet.storage.database import Abandoned, Operation
from linnet.storage.detour import HELD, Accepted, Undecided
from linnet.storage.journal import QUOTA_BYTES
from tests.storage.breaking import World, until, virtually


@virtually
async def test_on_the_usual_path_nobody_but_the_database_is_asked(world: World) -> None:
    assert await world.post(1) == Accepted(1, waits=False)
    assert (world.journal.looked, world.database.asked, world.database.beats, world.composed) == ([], [], 0, 0)
    assert not world.detour.active


@virtually
async def test_a_lost_connection_opens_it_at_once_and_takes_waiting_posts_along(world: World) -> None:
    world.database.slow_s = 5.0
    waiting = asyncio.gather(*(world.post(id) for id in (1, 2, 3)))
    await world.clock.sleep(0.05)
    began = world.clock.monotonic()
    world.database.broken()
    assert world.breaker.is_open
    assert await waiting == [Accepted(id, waits=True) for id in (1, 2, 3)]
    assert world.clock.monotonic() - began < 0.1
    assert sorted(world.database.asked) == ["key 1", "key 2", "key 3"], "they may have been done"
    assert await world.post(4) == Accepted(4, waits=True)
    assert [entry.id for entry in await world.journal.first(10)] == [1, 2, 3, 4]
    assert world.breaker.opened == 1


@virtually
async def test_a_silent_primary_opens_it_after_half_a_second(world: World) -> None:
    world.database.commits_s = None
    began = world.clock.monotonic()
    assert await world.post(1) == Accepted(1, waits=True)
    assert 0.45 < world.clock.monotonic() - began < 0.65
    assert (world.database.beats >= 1, world.database.doubted) == (True, 1)


@virtually
async def test_a_primary_without_room_is_left_for_a_while_though_it_commits_what_is_small(world: World) -> None:
    world.database.full()
    assert world.breaker.is_open
    await until(world, lambda: world.detour.drains, 0.1)
    await world.clock.sleep(FULL_SECONDS - 1)
    assert await world.post(1) == Accepted(1, waits=True)
    world.database.full()  # as what is brought in finds no room either
    await world.clock.sleep(FULL_SECONDS - 1)
    assert world.breaker.is_open
    await world.drain()
    await until(world, lambda: not world.breaker.is_open, 2.0)
    assert await world.post(2) == Accepted(2, waits=False)


@virtually
async def test_who_went_back_in_vain_for_want_of_room_stays_away_twice_as_long(world: World) -> None:
    for seconds in (FULL_SECONDS, 2 * FULL_SECONDS, 4 * FULL_SECONDS):
        world.database.full()
        assert seconds - 1 < await until(world, lambda: not world.breaker.is_open, seconds + 1)
    # Another primary has a disk of its own.
    world.database.full()
    world.database.broken()
    world.database.commits_s = 0.01
    await until(world, lambda: not world.breaker.is_open, 2.0)
    await world.clock.sleep(FULL_SECONDS_MAX)
    world.database.full()
    await until(world, lambda: not world.breaker.is_open, FULL_SECONDS + 1)


@virtually
async def test_a_machine_that_goes_opens_it_sooner_where_commits_wait_for_it(world: World) -> None:
    await world.post(1)
    world.database.commits_s = None
    began = world.clock.monotonic()
    world.database.host_lost()
    world.database.host_lost()
    await world.clock.sleep(0.01)
    for listener in world.database.commit_listeners:
        listener()  # what was acknowledged before it went
    assert await world.post(2) == Accepted(2, waits=True)
    assert world.clock.monotonic() - began < 0.25
    assert (world.database.doubted, world.breaker.opened) == (1, 1)


@virtually
async def test_where_it_is_not_known_how_long_commits_take_a_machine_that_goes_says_little(world: World) -> None:
    world.database.commits_s = 0.4
    world.database.host_lost()
    await world.clock.sleep(2)
    assert (world.database.beats, world.breaker.opened) == (1, 0)


@virtually
async def test_a_machine_that_goes_opens_nothing_where_the_primary_commits(world: World) -> None:
    world.database.commits_s = 0.15
    for _ in range(3):
        world.database.host_lost()
        await world.clock.sleep(1)
    assert (world.database.beats, world.breaker.opened) == (3, 0)


@virtually
async def test_a_machine_that_goes_opens_nothing_while_all_commits_take_long(world: World) -> None:
    world.database.slow_s = 0.3
    for id in range(1, 30):
        await world.post(id)
    world.database.commits_s, asked = 0.7, world.database.beats
    world.database.host_lost()
    await world.clock.sleep(2)
    assert (world.database.beats - asked, world.breaker.opened) == (1, 0)


@virtually
async def test_while_a_beat_waits_nobody_is_doubted_by_the_breaker(world: World) -> None:
    """Who it is that commits nothing, the beat itself finds out: it may be one whose standbys are about to follow."""
    world.database.commits_s = None
    await world.post(1)
    asked, doubted = world.database.beats, world.database.doubted
    await world.clock.sleep(10 * BEAT_SECONDS)
    assert world.breaker.is_open
    assert (world.database.beats - asked >= 5, world.database.doubted - doubted) == (True, 0)


@virtually
async def test_where_everything_is_slow_a_silent_primary_is_given_longer(world: World) -> None:
    world.database.slow_s = 0.4
    for id in range(1, 30):
        await world.post(id)
    world.database.slow_s, world.database.commits_s = 0.0, None
    began = world.clock.monotonic()
    assert await world.post(30) == Accepted(30, waits=True)
    assert 1.0 < world.clock.monotonic() - began < 1.5


@virtually
async def test_one_slow_statement_does_not_open_it(world: World) -> None:
    world.database.slow_s = 1.9
    assert await world.post(1) == Accepted(1, waits=False)
    assert world.database.beats >= 5, "the primary was asked, and committed"
    assert world.breaker.opened == 0


@virtually
async def test_where_others_commit_nothing_is_asked(world: World) -> None:
    world.database.slow_s = 1.0
    slow = asyncio.get_running_loop().create_task(world.post(1))
    while not slow.done():
        for listener in world.database.commit_listeners:
            listener()
        await world.clock.sleep(0.05)
    assert world.database.beats == 0


@virtually
async def test_nobody_who_posts_nothing_is_watched(world: World) -> None:
    world.database.commits_s = None
    await world.clock.sleep(30)
    assert world.database.beats == 0
    assert not world.breaker.is_open


@virtually
async def test_planned_work_opens_it_before_anything_breaks_and_is_not_believed_for_ever(world: World) -> None:
    plan = {"until": world.clock.now_ms() + 5_000, "why": "switchover"}
    await world.majority.transact([], [Put(PLANNED, json.dumps(plan).encode())])
    assert await until(world, lambda: world.breaker.is_open, 0.5) < 0.3
    assert await world.post(1) == Accepted(1, waits=True)
    await world.drain()
    await world.clock.sleep(3)
    assert world.breaker.is_open, "the primary commits still, and is about to go"
    assert not world.breaker.commits
    await until(world, lambda: not world.breaker.is_open, 3)
    plan = {"until": world.clock.now_ms() + 10**9, "why": "a clock that is wrong"}
    await world.majority.transact([], [Put(PLANNED, json.dumps(plan).encode())])
    await until(world, lambda: world.breaker.is_open, 0.5)
    assert 55 < await until(world, lambda: not world.breaker.is_open, 65) < 62


@virtually
async def test_planned_work_that_is_done_is_over(world: World) -> None:
    for value in (b"nonsense", b'{"until": 5}'):
        await world.majority.transact([], [Put(PLANNED, value)])
        await world.clock.sleep(1)
        assert not world.breaker.is_open
    plan = {"until": world.clock.now_ms() + 30_000, "why": "switchover"}
    await world.majority.transact([], [Put(PLANNED, json.dumps(plan).encode())])
    await until(world, lambda: world.breaker.is_open, 0.5)
    world.majority.keys.pop(PLANNED)
    assert await until(world, lambda: not world.breaker.is_open, 2) < 0.6


@virtually
async def test_it_closes_when_the_primary_commits_and_what_waits_is_young(world: World) -> None:
    world.database.broken()
    await world.post(1)
    await world.clock.sleep(5)
    world.database.commits_s = 0.01
    await world.clock.sleep(2)
    assert world.breaker.is_open, "what waits is old"
    assert world.breaker.commits, "so that it can be drained"
    await world.drain()
    await until(world, lambda: not world.breaker.is_open, 0.2)
    assert await world.post(2) == Accepted(2, waits=False)


@virtually
async def test_under_load_something_always_waits_and_it_closes_all_the_same(world: World) -> None:
    """Going back only when nothing waited never ended."""
    world.database.broken()
    world.database.commits_s = 0.01

    async def load() -> None:
        for id in range(1, 100_000):
            await world.post(id)
            await world.clock.sleep(0.02)

    loading = asyncio.get_running_loop().create_task(load())
    began = world.clock.monotonic()
    while world.breaker.is_open:
        await world.drain()
        await world.post(200_000 + int(world.clock.monotonic() * 1000))
        await world.clock.sleep(0.05)
        assert world.clock.monotonic() - began < 3
    assert (await world.journal.backlog()).count > 0
    loading.cancel()


@virtually
async def test_where_more_comes_in_than_is_brought_in_posts_pass_what_waits_in_the_end(world: World) -> None:
    world.database.broken()
    await world.post(1)
    world.database.commits_s = 0.01
    assert OVERDUE_SECONDS - 1 < await until(world, lambda: not world.breaker.is_open, 25) < OVERDUE_SECONDS + 2
    assert await world.post(2) == Accepted(2, waits=False)
    await world.clock.sleep(3 * CAUTION_SECONDS)
    assert world.detour.active, "what waits is looked for as long as it does"
    await world.drain()
    assert await until(world, lambda: not world.detour.active, 20) <= 2 * YOUNG_SECONDS + 1


@virtually
async def test_where_nothing_waits_any_more_nobody_looks_for_it(world: World) -> None:
    world.database.broken()
    await world.post(1)
    world.database.commits_s = 0.01
    await until(world, lambda: not world.breaker.is_open, 25)
    await world.drain()
    assert world.detour.active
    assert await until(world, lambda: not world.detour.active, 20) <= EMPTY_LOOKS * YOUNG_SECONDS + 0.5
    world.journal.looked.clear()
    assert await world.post(2, "keyed") == Accepted(2, waits=False)
    assert world.journal.looked == []


@virtually
async def test_where_the_journal_does_not_answer_it_is_taken_for_possible_that_it_has_something(world: World) -> None:
    world.database.broken()
    await world.post(1)
    world.majority.failing = True
    world.database.commits_s = 0.01
    await until(world, lambda: not world.breaker.is_open, 25)
    assert CAUTION_SECONDS - 2 < await until(world, lambda: not world.detour.active, 20) <= CAUTION_SECONDS + 1


@virtually
async def test_clocks_that_differ_do_not_keep_it_open(world: World) -> None:
    world.database.broken()
    world.clock.offset_ms = -3_600_000
    await world.post(1)
    world.clock.offset_ms = 0.0
    await world.drain()
    world.database.commits_s = 0.01
    await until(world, lambda: not world.breaker.is_open, 2)
    assert (await world.journal.backlog()).count == 0


@virtually
async def test_after_going_back_the_journal_is_asked_for_a_while_what_was_accepted_elsewhere(world: World) -> None:
    world.database.broken()
    world.database.commits_s = 0.01
    await until(world, lambda: not world.breaker.is_open, 2)
    elsewhere = Entry(1, 7, "same", world.clock.now_ms(), "{}")
    await world.journal.put(elsewhere)
    assert await world.post(2, "same") == Accepted(1, waits=True)
    await world.drain()
    assert await world.post(3, "same") == Accepted(1, waits=False)
    assert await world.post(4, "other") == Accepted(4, waits=False)
    world.majority.failing = True
    assert await world.post(5, "third") == Accepted(5, waits=False), "nobody knows: the receipts keep it apart"
    world.majority.failing = False
    await world.clock.sleep(CAUTION_SECONDS)
    assert await world.post(6, "fourth") == Accepted(6, waits=False)
    assert world.journal.looked == ["same", "same", "other", "third"]


@virtually
async def test_what_the_standbys_know_keeps_its_id_and_is_journalled_under_it(world: World) -> None:
    world.database.broken()
    world.database.standbys["same"] = 1
    assert await world.post(2, "same") == Accepted(1, waits=True)
    assert [entry.id for entry in await world.journal.first(10)] == [1]


@virtually
async def test_what_nobody_can_have_tried_is_not_looked_for(world: World) -> None:
    world.database.broken()
    assert await world.post(1, f"{Operation.ONCE}1") == Accepted(1, waits=True)
    assert world.database.asked == []


@virtually
async def test_an_id_that_is_taken_is_minted_again_by_whoever_asked(world: World) -> None:
    world.database.broken()
    await world.post(1, "one")
    with pytest.raises(IdTaken):
        await world.post(1, "another")


@virtually
async def test_what_is_wrong_with_a_post_is_said_by_the_database_alone(world: World) -> None:
    async def good(tx: Any) -> int:
        return 1

    async def wrong(tx: Any) -> int:
        raise Invalid("media_ids", "names an attachment that is not yours")

    async def compose() -> Entry:
        raise Undecided

    world.database.broken()
    loop = asyncio.get_running_loop()
    waiting = [
        loop.create_task(world.detour.post(write, Operation(key), compose))
        for write, key in ((good, "a"), (wrong, "b"))
    ]
    await world.clock.sleep(5)
    assert not any(one.done() for one in waiting)
    world.database.commits_s = 0.01
    assert await waiting[0] == Accepted(1, waits=False)
    with pytest.raises(Invalid):
        await waiting[1]


@virtually
async def test_what_only_the_database_can_take_takes_no_more_than_a_few_places(world: World) -> None:
    """Anybody can name what is not there, or write much; others' posts go through the same places."""
    noise = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(3_000))

    async def write(tx: Any) -> int:
        return 1

    async def undecided() -> Entry:
        raise Undecided

    world.database.broken()
    loop = asyncio.get_running_loop()
    held = [loop.create_task(world.detour.post(write, Operation(f"a{n}"), undecided)) for n in range(HELD - 1)]
    held.append(loop.create_task(world.post(1, draft=noise)))
    await world.clock.sleep(5)
    began = world.clock.monotonic()
    for one_more in (world.detour.post(write, Operation("b"), undecided), world.post(2, draft=noise)):
        with pytest.raises(Unavailable) as refused:
            await one_more
        assert refused.value.retry_after == 1
    assert await world.post(3) == Accepted(3, waits=True)
    assert world.clock.monotonic() - began < 0.1
    held[0].cancel()
    await asyncio.wait(held[:1])
    held.append(loop.create_task(world.detour.post(write, Operation("c"), undecided)))
    await world.clock.sleep(1)
    world.database.commits_s = 0.01
    assert await asyncio.gather(*held[1:]) == [Accepted(1, waits=False)] * HELD
    world.database.broken()
    again = [loop.create_task(world.detour.post(write, Operation(f"d{n}"), undecided)) for n in range(HELD)]
    await world.clock.sleep(1)
    assert not any(one.done() for one in again), "all places are free again"
    world.database.commits_s = 0.01
    await asyncio.gather(*again)


@virtually
async def test_whatever_an_ill_server_says_it_is_looked_whether_to_go_back(world: World) -> None:
    world.database.broken()
    world.database.commits_s, world.database.ill = 0.01, ZeroDivisionError("cache lookup failed")
    await world.clock.sleep(10)
    assert (world.breaker.is_open, world.detour.drains) == (True, False)
    assert await world.post(1) == Accepted(1, waits=True)
    await world.drain()
    world.database.ill = None
    await until(world, lambda: not world.breaker.is_open, 3.0)
    assert await world.post(2) == Accepted(2, waits=False)


@virtually
async def test_a_journal_that_was_full_has_room_the_next_time(world: World) -> None:
    """Room is given back a minute after all has gone: long after posts have gone back to the database."""
    world.majority.used = QUOTA_BYTES
    world.database.broken()
    await until(world, lambda: world.journal.full, 10.0)
    world.database.commits_s = 0.01
    await until(world, lambda: not world.breaker.is_open, 10.0)
    await world.clock.sleep(CAUTION_SECONDS)
    assert world.journal.full
    world.majority.used = 0
    await until(world, lambda: not world.journal.full, 10.0)
    world.database.broken()
    assert await world.post(1) == Accepted(1, waits=True)


@virtually
async def test_what_is_too_long_for_the_journal_waits_for_the_database(world: World) -> None:
    world.database.broken()
    noise = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(3_000))
    waiting = asyncio.get_running_loop().create_task(world.post(1, draft=noise))
    await world.clock.sleep(5)
    assert not waiting.done()
    world.database.commits_s = 0.01
    assert await waiting == Accepted(1, waits=False)


@virtually
async def test_without_database_and_journal_it_says_so_in_time(world: World) -> None:
    world.database.broken()
    world.majority.failing = True
    began = world.clock.monotonic()
    with pytest.raises(Unavailable):
        await world.post(1)
    assert 44 < world.clock.monotonic() - began < 56
    noise = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(3_000))
    world.majority.failing = False
    with pytest.raises(Unavailable) as refused:
        await world.post(2, draft=noise)
    assert isinstance(refused.value.__cause__, TooLarge)


@virtually
async def test_a_dead_majority_does_not_keep_posts_from_a_primary_that_is_back(world: World) -> None:
    world.majority.failing = True
    world.database.broken()
    waiting = asyncio.get_running_loop().create_task(world.post(1))
    await world.clock.sleep(2)
    world.database.commits_s = 0.01
    assert await waiting == Accepted(1, waits=False)
    assert not world.breaker.is_open


@virtually
async def test_a_put_that_hangs_is_not_waited_for_once_the_primary_is_back(world: World) -> None:
    world.database.broken()

    async def hang(entry: Entry) -> int:
        await asyncio.Event().wait()
        return entry.id

    world.journal.put = hang  # type: ignore[method-assign]
    waiting = asyncio.get_running_loop().create_task(world.post(1))
    await world.clock.sleep(1)
    world.database.commits_s = 0.01
    began = world.clock.monotonic()
    assert await waiting == Accepted(1, waits=False)
    assert world.clock.monotonic() - began < 1.5


@virtually
async def test_a_generation_that_has_ended_takes_nothing_more(world: World) -> None:
    old = world.breaker.generation
    world.database.broken()
    assert world.breaker.generation is not old

    async def write(tx: Any) -> int:
        return 1

    with pytest.raises(Abandoned):
        await world.database.write_within(old, write, Operation("late"), returns=int)
    assert world.database.rows == {}
