"""Two runs at once of every action on PostgreSQL: what is left is what is left of one after the other."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import asyncpg
import pytest

from linnet.actions import (
    blocks,
    drafts,
    edits,
    follows,
    interactions,
    media,
    profiles,
    reactions,
    statuses,
    suspensions,
    votes,
)
from linnet.domain.edits import Revision
from linnet.domain.errors import LinnetError
from linnet.domain.profiles import ProfileChanges
from linnet.domain.relations import FollowOptions, Mute
from linnet.domain.statuses import Draft
from linnet.domain.visibility import Visibility
from linnet.queries import wholeness
from linnet.storage import postgres_connection
from linnet.storage import statuses as statuses_storage
from linnet.storage.database import Operation
from linnet.storage.postgres_connection import Connection
from tests.storage.queries import sql
from tests.support import deeds, deeds_access, deeds_lists, deeds_moving, deeds_posts, deeds_quotes, deeds_safety  # noqa: F401  # they fill DEEDS
from tests.support.access import Letters
from tests.support.deeds_posts import POLL
from tests.support.stage import DEEDS, Call, Stage
from tests.support.tables import columns

pytestmark = pytest.mark.parametrize("engine", ["postgres"])

Pair = Callable[[Stage], Awaitable[tuple[Call, Call]]]
UNCOUNTED = {"receipts", "tags"}
"""Tables that tell how often somebody asked, or that all share."""


class Meeting:
    """Once it is set, two transactions meet: neither commits before the other wants to, or waits for its rows."""

    def __init__(self, watcher: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        self.watcher = watcher
        self.expected = 0
        self.arrived = 0
        self.met = 0
        self.errors: Counter[str] = Counter()
        self._asking = asyncio.Lock()
        commit, meaning = Connection.commit, postgres_connection.meaning_of_state

        async def meet(connection: Connection, before: str, limit_s: float | None) -> None:
            if self.expected:
                self.arrived += 1
                async with asyncio.timeout(20):
                    while self.arrived < self.expected and not await self._somebody_waits():
                        pass
                self.met += 1
            await commit(connection, before, limit_s)

        def note(error: Any) -> Exception:
            self.errors[type(error).__name__] += 1
            return meaning(error)

        monkeypatch.setattr(Connection, "commit", meet)
        monkeypatch.setattr(postgres_connection, "meaning_of_state", note)

    async def _somebody_waits(self) -> bool:
        async with self._asking:
            return bool(
                await self.watcher.fetchval(
                    "select count(*) from pg_stat_activity where datname = current_database()"
                    " and wait_event_type = 'Lock'"
                )
            )

    async def run(self, stage: Stage, *calls: Call) -> list[str]:
        """All at once, each under an operation of its own; what became of each, in words, sorted."""
        self.expected, self.arrived = len(calls), 0

        async def one(call: Call) -> str:
            try:
                return await _outcome(call, stage.operation())
            finally:
                # Whoever was refused comes to no commit: nobody shall wait for it.
                self.arrived = self.expected

        try:
            return sorted(await asyncio.gather(*(one(call) for call in calls)))
        finally:
            self.expected = 0


async def _outcome(call: Call, operation: Operation) -> str:
    try:
        await call(operation)
    except LinnetError:
        return "refused"
    return "done"


@pytest.fixture
async def stage(open_any_world: Any) -> Stage:
    return Stage(await open_any_world(mail=Letters()))


@pytest.fixture
async def meeting(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    database: Any = stage.database
    watcher = await asyncpg.connect(database._finder._urls[0])
    yield Meeting(watcher, monkeypatch)
    await watcher.close()


async def _rows(stage: Stage) -> Counter[str]:
    """How many rows each table has."""
    tables = [table for table in await columns(stage.database) if table not in UNCOUNTED]
    counts = sql(" union all ".join(f"select '{table}', count(*) from {table}" for table in tables))
    return Counter(dict(await stage.database.read(lambda tx: tx.all(counts))))


async def _gained(stage: Stage, run: Callable[[], Awaitable[list[str]]]) -> tuple[list[str], Counter[str]]:
    """The outcomes of a run, and how many rows each table has gained (or lost) by it."""
    before = await _rows(stage)
    outcomes = await run()
    after = await _rows(stage)
    after.subtract(before)
    return outcomes, Counter({table: count for table, count in after.items() if count})


async def _wrong(stage: Stage) -> list[str]:
    """What does not hold together: counters that say something else than the rows, rows about what is gone."""
    found = []
    for look in (wholeness.accounts, wholeness.statuses):
        async for findings, _ in look(stage.database, stage.world.parts.blobs):
            found += [finding.says for finding in findings]
    for table, column in ORPHANS:
        text = f"select count(*) from {table} t where t.{column} <> 0 and not exists"
        row = await stage.one(f"{text} (select 1 from statuses s where s.id = t.{column})")
        found += [f"{row[0]} rows of {table} are about a status that is gone"] * bool(row[0])
    return found


ORPHANS = (
    ("favourites", "status_id"), ("pins", "status_id"), ("mentions", "status_id"), ("notifications", "status_id"),
    ("status_tags", "status_id"), ("status_contents", "status_id"), ("status_edits", "status_id"),
)  # fmt: skip


async def _compare(stage: Stage, meeting: Meeting, name: str, prepare: Pair) -> list[str]:
    """A pair of calls in either order, and another such pair at once: which must be one of the two."""

    async def in_turn(*calls: Call) -> list[str]:
        return sorted([await _outcome(call, stage.operation()) for call in calls])

    allowed = []
    for turned in (1, -1):
        calls = (await prepare(stage))[::turned]
        allowed.append(await _gained(stage, partial(in_turn, *calls)))
        if calls[0] is calls[1]:
            break
    found = await _gained(stage, partial(meeting.run, stage, *await prepare(stage)))
    return [] if found in allowed else [f"{name}: at once {found}, one after the other {allowed}"]


async def test_every_action_twice_at_once(stage: Stage, meeting: Meeting):
    problems = []
    for name, prepare in DEEDS.items():

        async def twice(stage: Stage, prepare: Any = prepare) -> tuple[Call, Call]:
            call = await prepare(stage)
            return call, call

        if name != "setup.create_owner":
            problems += await _compare(stage, meeting, name, twice)
    await stage.world.run_jobs()
    problems += await _wrong(stage)
    assert not problems, "\n".join(problems)
    assert meeting.met > len(DEEDS)
    assert not meeting.errors["DeadlockDetectedError"]


# -- different actions on the same things -----------------------------------------------------------------------------

PAIRS: dict[str, Pair] = {**deeds_lists.PAIRS, **deeds_quotes.PAIRS}


def pair(made: Pair) -> Pair:
    PAIRS[made.__name__.strip("_").replace("_", " ")] = made
    return made


def _favourite(stage: Stage, actor: int, status: int) -> Call:
    return partial(interactions.favourite, stage.database, actor, status)


def _reblog(stage: Stage, actor: int, status: int) -> Call:
    return partial(interactions.reblog, stage.database, stage.site, actor, status, Visibility.PUBLIC)


def _follow(stage: Stage, actor: int, target: int) -> Call:
    return partial(follows.follow, stage.database, stage.site, actor, target, FollowOptions())


def _reply(stage: Stage, actor: int, status: int) -> Call:
    draft = Draft("an answer #tag", in_reply_to_id=status)
    return lambda operation: statuses.post(stage.database, stage.site, actor, draft, operation)


def _delete(stage: Stage, actor: int, status: int) -> Call:
    return partial(edits.delete, stage.database, actor, status)


def _edit(stage: Stage, actor: int, status: int, words: str) -> Call:
    return partial(edits.edit, stage.database, stage.site, actor, status, Revision(words))


def _react(stage: Stage, actor: int, status: int) -> Call:
    return partial(reactions.react, stage.database, stage.site, actor, status, "\U0001f44d")


def by_two(name: str, deed: Callable[[Stage, int, int], Call]) -> None:
    """Two actors do the same to one status."""

    async def made(stage: Stage) -> tuple[Call, Call]:
        author, one = await stage.pair()
        status = await stage.status(author)
        return deed(stage, one, status), deed(stage, await stage.person(), status)

    PAIRS[f"two {name}"] = made


def against_deletion(name: str, deed: Callable[[Stage, int, int], Call]) -> None:
    """Somebody does something to a status that its author deletes."""

    async def made(stage: Stage) -> tuple[Call, Call]:
        author, actor = await stage.pair()
        status = await stage.status(author)
        return deed(stage, actor, status), _delete(stage, author, status)

    PAIRS[f"{name} and deletion"] = made


for _name, _deed in (("favourites", _favourite), ("reblogs", _reblog), ("replies", _reply), ("reactions", _react)):
    by_two(_name, _deed)
    against_deletion(_name, _deed)


@pair
async def reaction_and_its_taking_back(stage: Stage) -> tuple[Call, Call]:
    author, actor = await stage.pair()
    status = await stage.status(author)
    return _react(stage, actor, status), partial(reactions.unreact, stage.database, actor, status, "\U0001f44d")


@pair
async def publishing_and_deleting_a_draft(stage: Stage) -> tuple[Call, Call]:
    author = await stage.person()
    draft_id = int(await stage.do(drafts.save, stage.site, author, Draft("a draft")))
    publish = partial(drafts.publish, stage.database, stage.site, author, draft_id)
    return publish, partial(drafts.delete, stage.database, author, draft_id)


def _vote(stage: Stage, actor: int, status: int) -> Call:
    return lambda operation: votes.vote(stage.database, actor, status, (0,), operation)


@pair
async def two_votes(stage: Stage) -> tuple[Call, Call]:
    author, one = await stage.pair()
    status = await stage.status(author, poll=POLL)
    return _vote(stage, one, status), _vote(stage, await stage.person(), status)


@pair
async def vote_and_deletion(stage: Stage) -> tuple[Call, Call]:
    author, actor = await stage.pair()
    status = await stage.status(author, poll=POLL)
    return _vote(stage, actor, status), _delete(stage, author, status)


@pair
async def vote_and_a_poll_that_is_taken_away(stage: Stage) -> tuple[Call, Call]:
    author, actor = await stage.pair()
    status = await stage.status(author, poll=POLL)
    revision = Revision("no poll any more", keeps_poll=False)
    edit = partial(edits.edit, stage.database, stage.site, author, status, revision)
    return _vote(stage, actor, status), edit


@pair
async def favourite_and_unfavourite(stage: Stage) -> tuple[Call, Call]:
    author, actor = await stage.pair()
    status = await stage.status(author)
    return _favourite(stage, actor, status), partial(interactions.unfavourite, stage.database, actor, status)


@pair
async def unfavourite_and_deletion(stage: Stage) -> tuple[Call, Call]:
    author, actor = await stage.pair()
    status = await stage.status(author)
    await stage.do(interactions.favourite, actor, status)
    return partial(interactions.unfavourite, stage.database, actor, status), _delete(stage, author, status)


@pair
async def reblog_and_unreblog(stage: Stage) -> tuple[Call, Call]:
    author, actor = await stage.pair()
    status = await stage.status(author)
    return _reblog(stage, actor, status), partial(interactions.unreblog, stage.database, actor, status)


@pair
async def two_follow_one(stage: Stage) -> tuple[Call, Call]:
    one, target = await stage.pair()
    return _follow(stage, one, target), _follow(stage, await stage.person(), target)


@pair
async def each_follows_the_other(stage: Stage) -> tuple[Call, Call]:
    one, other = await stage.pair()
    return _follow(stage, one, other), _follow(stage, other, one)


@pair
async def each_blocks_the_other(stage: Stage) -> tuple[Call, Call]:
    one, other = await stage.pair()
    await _follow(stage, one, other)(stage.operation())
    return partial(blocks.block, stage.database, one, other), partial(blocks.block, stage.database, other, one)


@pair
async def follow_and_block(stage: Stage) -> tuple[Call, Call]:
    one, other = await stage.pair()
    return _follow(stage, one, other), partial(blocks.block, stage.database, other, one)


@pair
async def follow_and_mute(stage: Stage) -> tuple[Call, Call]:
    one, other = await stage.pair()
    return _follow(stage, one, other), partial(blocks.mute, stage.database, one, other, Mute())


@pair
async def request_and_unlocking(stage: Stage) -> tuple[Call, Call]:
    one, other = await stage.pair()
    await stage.do(profiles.update, stage.site, other, ProfileChanges(locked=True), {})
    unlock = partial(profiles.update, stage.database, stage.site, other, ProfileChanges(locked=False), {})
    return _follow(stage, one, other), unlock


@pair
async def authorize_and_reject(stage: Stage) -> tuple[Call, Call]:
    one, other = await stage.pair()
    await stage.do(profiles.update, stage.site, other, ProfileChanges(locked=True), {})
    await _follow(stage, one, other)(stage.operation())
    return partial(follows.authorize, stage.database, other, one), partial(follows.reject, stage.database, other, one)


@pair
async def two_edits(stage: Stage) -> tuple[Call, Call]:
    author = await stage.person()
    status = await stage.status(author)
    return _edit(stage, author, status, "one"), _edit(stage, author, status, "two #tag")


@pair
async def edit_and_deletion(stage: Stage) -> tuple[Call, Call]:
    author = await stage.person()
    status = await stage.status(author)
    return _edit(stage, author, status, "one #tag @p1"), _delete(stage, author, status)


@pair
async def two_posts_with_one_picture(stage: Stage) -> tuple[Call, Call]:
    author = await stage.person()
    draft = Draft("hello", media_ids=(await stage.upload(author),))
    call = partial(statuses.post, stage.database, stage.site, author, draft)
    return call, call


@pair
async def post_and_deletion_of_its_picture(stage: Stage) -> tuple[Call, Call]:
    author = await stage.person()
    new = await stage.upload(author)
    post = partial(statuses.post, stage.database, stage.site, author, Draft("hello", media_ids=(new,)))
    return post, partial(media.delete, stage.database, stage.world.parts.blobs, author, new)


@pair
async def the_last_pins(stage: Stage) -> tuple[Call, Call]:
    author = await stage.person()
    wanted = [await stage.status(author) for _ in range(stage.site.limits.pins + 1)]
    for status in wanted[2:]:
        await stage.do(interactions.pin, stage.site, author, status)
    one, other = (partial(interactions.pin, stage.database, stage.site, author, status) for status in wanted[:2])
    return one, other


@pair
async def two_changes_of_a_profile(stage: Stage) -> tuple[Call, Call]:
    author = await stage.person()
    one, other = (
        partial(profiles.update, stage.database, stage.site, author, changes, {})
        for changes in (ProfileChanges(display_name="Ada"), ProfileChanges(note="hello"))
    )
    return one, other


@pair
async def post_and_suspension(stage: Stage) -> tuple[Call, Call]:
    author = await stage.person()
    post = partial(statuses.post, stage.database, stage.site, author, Draft("hello"))
    return post, partial(suspensions.suspend, stage.database, None, author)


@pair
async def posts_that_name_each_other(stage: Stage) -> tuple[Call, Call]:
    one, other = await stage.pair()
    calls = []
    for author, named in ((one, other), (other, one)):
        name = (await stage.one("select username from accounts where id = :id", id=named))[0]
        calls.append(partial(statuses.post, stage.database, stage.site, author, Draft(f"@{name} #a #b")))
    return calls[0], calls[1]


async def test_different_actions_at_once(stage: Stage, meeting: Meeting):
    problems = []
    for name, prepare in PAIRS.items():
        problems += await _compare(stage, meeting, name, prepare)
        await stage.world.run_jobs()
        problems += [f"{name}: {words}" for words in await _wrong(stage)]
    assert not problems, "\n".join(problems)
    assert not meeting.errors["DeadlockDetectedError"], meeting.errors


async def test_the_measure_tells_a_lock_that_is_missing(stage: Stage, meeting: Meeting, monkeypatch: Any):
    for name in ("target", "own"):
        locked = getattr(statuses_storage.SQL, name)
        unlocked = re.sub(r" for (key share|update) of s$", "", locked.postgres)
        assert unlocked != locked.postgres
        monkeypatch.setattr(statuses_storage.SQL, name, replace(locked, postgres=unlocked))
    problems = []
    for name in ("edit and deletion", "favourites and deletion", "reblogs and deletion") * 3:
        problems += await _compare(stage, meeting, name, PAIRS[name])
    assert problems
    await stage.world.run_jobs()
    assert await _wrong(stage)


async def test_many_vote_at_once_and_each_counts_once(stage: Stage):
    author, *people = [await stage.person() for _ in range(7)]
    status = await stage.status(author, poll=POLL)
    calls = [_vote(stage, person, status) for person in people for _ in range(3)]
    outcomes = Counter(await asyncio.gather(*(_outcome(call, stage.operation()) for call in calls)))
    assert outcomes == {"done": 6, "refused": 12}
    row = await stage.one("select voters, counts from polls where status_id = :id", id=status)
    assert tuple(row) == (6, "[6,0,0]")
    votes_cast = await stage.one("select count(*) from poll_votes where status_id = :id", id=status)
    assert votes_cast[0] == 6


async def test_many_at_once_count_exactly(stage: Stage):
    """No meeting is arranged: twenty come as they come."""
    author, *people = [await stage.person() for _ in range(6)]
    status = await stage.status(author)
    calls: list[Call] = []
    for person in people:
        calls += [_favourite(stage, person, status)] * 2 + [_reblog(stage, person, status)] * 2
        calls += [_follow(stage, person, author), _reply(stage, person, status)]
    assert set(await asyncio.gather(*(_outcome(call, stage.operation()) for call in calls))) == {"done"}
    row = await stage.one("select favourites, reblogs, replies from statuses where id = :id", id=status)
    assert tuple(row) == (5, 5, 5)
    assert await _wrong(stage) == []
