"""Follows and blocks: counted exactly whatever comes in whatever order, also where two come at once."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from linnet.actions import blocks, follows, profiles, statuses
from linnet.domain.errors import Invalid, NotAllowed, NotFound
from linnet.domain.profiles import ProfileChanges
from linnet.domain.relations import FollowOptions, Mute
from linnet.domain.site import Limits, Site
from linnet.domain.statuses import Draft
from linnet.storage import jobs
from linnet.storage.database import Database, Operation
from linnet.storage.jobs import Job
from linnet.storage.statements import statement
from tests.support.client import make_account

SITE = Site("http://linnet.test")
NO_OPTIONS = FollowOptions()
_numbers = itertools.count()

COUNTS = statement("test", "select id, followers, following from accounts")
FOLLOWS = statement("test", "select account_id, target_id from follows")
REQUESTS = statement("test", "select account_id, target_id from follow_requests")
BLOCKS = statement("test", "select account_id, target_id from blocks")
TOLD = statement("test", "select account_id, from_account_id from notifications where type = :type")

Move = Callable[[Database, int, int], Awaitable[None]]


def once() -> Operation:
    return Operation(f"test:{next(_numbers)}")


async def rows(database: Database, what: Any, **params: Any) -> set[tuple]:
    return {tuple(row) for row in await database.read(lambda tx: tx.all(what, **params))}


async def check_counts(database: Database) -> None:
    """What the accounts' rows say is what there is."""
    pairs = await rows(database, FOLLOWS)
    for account, followers, following in await rows(database, COUNTS):
        assert followers == sum(target == account for _, target in pairs)
        assert following == sum(source == account for source, _ in pairs)


class Model:
    """What follows, requests and blocks there should be, as plain sets of pairs."""

    def __init__(self, locked: set[int]) -> None:
        self.follows: set[tuple[int, int]] = set()
        self.requests: set[tuple[int, int]] = set()
        self.blocks: set[tuple[int, int]] = set()
        self.locked = locked

    def follow(self, a: int, b: int) -> None:
        if a == b or (a, b) in self.blocks or (b, a) in self.blocks or (a, b) in self.follows:
            return
        (self.requests if b in self.locked else self.follows).add((a, b))

    def unfollow(self, a: int, b: int) -> None:
        self.follows.discard((a, b))
        self.requests.discard((a, b))

    def remove(self, a: int, b: int) -> None:
        self.follows.discard((b, a))

    def block(self, a: int, b: int) -> None:
        if a != b and (a, b) not in self.blocks:
            self.blocks.add((a, b))
            for pair in ((a, b), (b, a)):
                self.follows.discard(pair)
                self.requests.discard(pair)

    def unblock(self, a: int, b: int) -> None:
        self.blocks.discard((a, b))

    def authorize(self, a: int, b: int) -> None:
        if (b, a) in self.requests:
            self.requests.discard((b, a))
            self.follows.add((b, a))

    def reject(self, a: int, b: int) -> None:
        self.requests.discard((b, a))


MOVES: dict[str, Move] = {
    "follow": lambda database, a, b: follows.follow(database, SITE, a, b, NO_OPTIONS, once()),
    "unfollow": lambda database, a, b: follows.unfollow(database, a, b, once()),
    "remove": lambda database, a, b: follows.remove_follower(database, a, b, once()),
    "block": lambda database, a, b: blocks.block(database, a, b, once()),
    "unblock": lambda database, a, b: blocks.unblock(database, a, b, once()),
    "authorize": lambda database, a, b: follows.authorize(database, a, b, once()),
    "reject": lambda database, a, b: follows.reject(database, a, b, once()),
}
LIKELY = ("follow", "follow", "follow", *MOVES)


async def attempt(move: Awaitable[None]) -> None:
    """A refusal is an answer, too."""
    try:
        await move
    except (NotAllowed, NotFound):
        return


async def crowd(database: Database, size: int, locked: int) -> list[int]:
    people = [await make_account(database, f"p{number}") for number in range(size)]
    for account in people[:locked]:
        await profiles.update(database, SITE, account, ProfileChanges(locked=True), {}, once())
    return people


@pytest.mark.parametrize("seed", range(6))
async def test_counts_and_rows_are_exact_under_any_sequence(database, seed):
    chance = random.Random(seed)
    people = await crowd(database, 5, locked=2)
    model = Model(set(people[:2]))
    for step in range(150):
        name, a, b = chance.choice(LIKELY), chance.choice(people), chance.choice(people)
        await attempt(MOVES[name](database, a, b))
        getattr(model, name)(a, b)
        if step % 10 == 9:
            assert await rows(database, FOLLOWS) == model.follows
            assert await rows(database, REQUESTS) == model.requests
            assert await rows(database, BLOCKS) == model.blocks
            await check_counts(database)
            told = {(target, source) for source, target in model.requests}
            assert await rows(database, TOLD, type="follow_request") == told
            assert await rows(database, TOLD, type="follow") <= {(b, a) for a, b in model.follows} | model.follows
    assert model.follows
    assert model.blocks


@pytest.mark.parametrize("seed", range(3))
async def test_what_comes_at_once_is_counted_once(open_database, engine, request, seed):
    """Two processes, few accounts: they meet on the same rows, and none waits for another in a ring."""
    chance = random.Random(seed)
    log = request.getfixturevalue("postgres_server").folder / "log" if engine == "postgres" else None
    deadlocks = log.read_text().count("deadlock detected") if log else 0
    databases = [await open_database(), await open_database()]
    people = await crowd(databases[0], 3, locked=1)

    async def runner(database: Database) -> None:
        for _ in range(25):
            name, a, b = chance.choice(LIKELY), chance.choice(people), chance.choice(people)
            await attempt(MOVES[name](database, a, b))

    await asyncio.gather(*(runner(database) for database in databases for _ in range(4)))
    await check_counts(databases[0])
    blocked = await rows(databases[0], BLOCKS)
    between = {pair for a, b in blocked for pair in ((a, b), (b, a))}
    assert not between & (await rows(databases[0], FOLLOWS) | await rows(databases[0], REQUESTS))
    if log:
        assert log.read_text().count("deadlock detected") == deadlocks


@pytest.mark.parametrize("name", MOVES)
async def test_the_same_move_twice_at_once_is_one(open_database, name):
    one, other = await open_database(), await open_database()
    a, b, c = await crowd(one, 3, locked=0)
    for source, target in ((a, b), (b, a), (c, b)):
        await attempt(MOVES["follow"](one, source, target))
    await asyncio.gather(attempt(MOVES[name](one, a, b)), attempt(MOVES[name](other, a, b)))
    await check_counts(one)


async def test_an_operation_that_is_repeated_happens_once(database):
    alice, bob, carol = await crowd(database, 3, locked=0)
    for who in (bob, carol):
        await follows.follow(database, SITE, who, alice, NO_OPTIONS, once())
    calls: list[Callable[[Operation], Awaitable[Any]]] = [
        lambda operation: follows.follow(database, SITE, alice, bob, FollowOptions(notify=True), operation),
        lambda operation: blocks.mute(database, alice, bob, Mute(duration_ms=60_000), operation),
        lambda operation: blocks.unmute(database, alice, bob, operation),
        lambda operation: blocks.note(database, alice, bob, "a friend", operation),
        lambda operation: follows.unfollow(database, alice, bob, operation),
        lambda operation: follows.remove_follower(database, alice, bob, operation),
        lambda operation: blocks.block(database, alice, carol, operation),
        lambda operation: blocks.unblock(database, alice, carol, operation),
    ]
    counted = [statement("test", f"select count(*) from {table}") for table in ("changes", "jobs", "notifications")]
    for call in calls:
        operation = once()
        await call(operation)
        before = [await rows(database, count) for count in counted]
        await call(operation)
        assert [await rows(database, count) for count in counted] == before
        await check_counts(database)


async def test_there_is_a_limit_to_whom_one_may_follow(database):
    site = Site("http://linnet.test", limits=Limits(follows=2))
    alice, *others = await crowd(database, 4, locked=0)
    for other in others[:2]:
        await follows.follow(database, site, alice, other, NO_OPTIONS, once())
    with pytest.raises(Invalid, match="more than 2") as refused:
        await follows.follow(database, site, alice, others[2], NO_OPTIONS, once())
    assert refused.value.code == "ERR_TOO_MANY"
    # Whoever is followed already may still be followed otherwise.
    await follows.follow(database, site, alice, others[0], FollowOptions(reblogs=False), once())
    await check_counts(database)


WAITING = statement("test", "select kind from jobs order by id")


async def run(database: Database, kind: str, handler: Callable[[Database, Job], Awaitable[None]]) -> int:
    """Runs the jobs of a kind, each a batch a round; how many rounds that were."""
    for rounds in itertools.count():
        claimed = [job for job in await database.write(lambda tx: jobs.claim(tx, 9, 1)) if job.kind == kind]
        if not claimed:
            return rounds
        for job in claimed:
            await handler(database, job)
    raise AssertionError


async def test_those_who_wait_come_in_batches_and_not_where_it_was_locked_again(database, monkeypatch):
    monkeypatch.setattr(follows, "BATCH", 3)
    author, *others = await crowd(database, 8, locked=1)
    for other in others:
        await follows.follow(database, SITE, other, author, NO_OPTIONS, once())
    for locked in (False, True):
        await profiles.update(database, SITE, author, ProfileChanges(locked=locked), {}, once())
    assert await rows(database, WAITING) == {("account.unlocked",)}
    assert await run(database, "account.unlocked", follows.authorize_waiting) == 1
    assert await rows(database, FOLLOWS) == set()
    await profiles.update(database, SITE, author, ProfileChanges(locked=False), {}, once())
    assert await run(database, "account.unlocked", follows.authorize_waiting) == 3
    assert await rows(database, FOLLOWS) == {(other, author) for other in others}
    await check_counts(database)


async def test_those_who_asked_hear_of_a_post_in_batches_and_once(database, monkeypatch):
    monkeypatch.setattr(follows, "BATCH", 3)
    author, *others = await crowd(database, 8, locked=0)
    for other in others:
        await follows.follow(database, SITE, other, author, FollowOptions(notify=True), once())
    status = await statuses.post(database, SITE, author, Draft("hello"), once())
    for _ in range(2):
        await database.write(lambda tx: follows.announce(tx, (status,)))
    assert await run(database, "status.announced", follows.notify_followers) == 3
    assert await rows(database, TOLD, type="status") == {(other, author) for other in others}
