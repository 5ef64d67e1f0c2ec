"""Home timelines against the rules in words: whatever happened in whatever order, each page is what the rules say."""

import contextlib
import random
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from linnet.actions import blocks, edits, follows, interactions, lists, statuses, suspensions, tags, timelines
from linnet.domain.audience import Entry, without_repeats
from linnet.domain.edits import Revision
from linnet.domain.errors import LinnetError
from linnet.domain.lists import REPLIES, ListChanges
from linnet.domain.paging import Page
from linnet.domain.relations import FollowOptions, Mute
from linnet.domain.site import Limits, Site
from linnet.domain.statuses import Draft
from linnet.domain.visibility import Visibility
from linnet.queries import lists as list_queries
from linnet.queries import streams
from linnet.queries import timelines as queries
from linnet.storage import jobs
from linnet.storage.database import Operation
from linnet.system import IdMaker
from tests.storage.queries import sql
from tests.support.client import VirtualClock, make_account
from tests.support.databases import Databases, open_postgres, open_sqlite

PEOPLE = 5
TAGS = ("steam", "water")
SITE = Site("http://linnet.test", limits=Limits(merge_followers=2))
"""Two followers make an author a large one, so that both ways of fan-out meet in every run."""

Step = tuple[Any, ...]


def story(seed: int, length: int) -> list[Step]:
    """Random steps, weighted so that most rules have something to say on most timelines."""
    chance = random.Random(seed)

    def who() -> int:
        return chance.randrange(PEOPLE)

    def post() -> Step:
        visibility = chance.choice([Visibility.PUBLIC] * 3 + list(Visibility))
        named = who() if chance.random() < 0.4 else None
        answers = chance.randrange(30) if chance.random() < 0.4 else None
        tag = chance.choice([None, None, None, *TAGS])
        return ("post", who(), visibility, named, answers, chance.choice([None, "en", "de"]), tag)

    makers: dict[Callable[[], Step], int] = {
        post: 30,
        lambda: ("follow", who(), who(), chance.choice([None, None, ("en",)]), chance.random() < 0.7): 14,
        lambda: ("reblog", who(), chance.randrange(30)): 16,
        lambda: ("mute", who(), who(), chance.choice([None, 40, 400])): 5,
        lambda: ("unmute", who(), who()): 2,
        lambda: ("block", who(), who()): 3,
        lambda: ("unblock", who(), who()): 3,
        lambda: ("unfollow", who(), who()): 3,
        lambda: ("delete", who(), chance.randrange(30)): 4,
        lambda: ("tag", who(), chance.choice(TAGS)): 3,
        lambda: ("untag", who(), chance.choice(TAGS)): 1,
        lambda: ("retag", who(), chance.randrange(30), chance.choice(TAGS)): 3,
        lambda: ("silence", who(), chance.random() < 0.3): 1,
        lambda: ("list", who(), (who(), who(), who()), chance.choice(REPLIES), chance.random() < 0.4): 3,
        lambda: ("relist", who(), chance.randrange(4), who(), chance.choice(REPLIES), chance.random() < 0.4): 5,
        lambda: ("unlist", who(), chance.randrange(4), who(), chance.random() < 0.2): 2,
        lambda: ("jobs", chance.randrange(1, 4)): 10,
        lambda: ("wait", chance.choice([10, 100])): 3,
        lambda: ("check",): 4,
    }
    steps: list[Step] = [("follow", one, other, None, True) for one in range(PEOPLE) for other in range(PEOPLE)]
    chance.shuffle(steps)
    steps = steps[: PEOPLE * 2]
    for maker in chance.choices(list(makers), list(makers.values()), k=length):
        steps.append(maker())
    return steps


@dataclass
class Play:
    """Runs steps against a database; what a rule refuses is simply not done."""

    database: Any
    clock: VirtualClock
    people: list[int]
    posted: list[int]
    number: int = 0
    checked: int = 0

    def operation(self) -> Operation:
        self.number += 1
        return Operation(f"step {self.number}")

    async def run(self, step: tuple[Any, ...]) -> None:
        name, *rest = step
        try:
            await getattr(self, f"do_{name}")(*rest)
        except LinnetError:
            return

    async def do_follow(self, one: int, other: int, languages: tuple[str, ...] | None, reblogs: bool) -> None:
        options = FollowOptions(reblogs=reblogs, languages=languages)
        await follows.follow(self.database, SITE, self.people[one], self.people[other], options, self.operation())

    async def do_unfollow(self, one: int, other: int) -> None:
        await follows.unfollow(self.database, self.people[one], self.people[other], self.operation())

    async def do_block(self, one: int, other: int) -> None:
        await blocks.block(self.database, self.people[one], self.people[other], self.operation())

    async def do_unblock(self, one: int, other: int) -> None:
        await blocks.unblock(self.database, self.people[one], self.people[other], self.operation())

    async def do_mute(self, one: int, other: int, duration_ms: int | None) -> None:
        await blocks.mute(
            self.database, self.people[one], self.people[other], Mute(duration_ms=duration_ms), self.operation()
        )

    async def do_unmute(self, one: int, other: int) -> None:
        await blocks.unmute(self.database, self.people[one], self.people[other], self.operation())

    async def do_post(
        self,
        author: int,
        visibility: Visibility,
        named: int | None,
        answers: int | None,
        language: str | None,
        tag: str | None = None,
    ) -> None:
        parent = self.posted[answers % len(self.posted)] if answers is not None and self.posted else None
        text = " ".join(("hello", *(() if named is None else (f"@p{named}",)), *(() if tag is None else (f"#{tag}",))))
        draft = Draft(text, visibility=visibility, in_reply_to_id=parent, language=language)
        self.posted.append(await statuses.post(self.database, SITE, self.people[author], draft, self.operation()))

    async def do_reblog(self, who: int, which: int) -> None:
        if self.posted:
            self.posted.append(
                await interactions.reblog(
                    self.database, SITE, self.people[who], self.posted[which % len(self.posted)], Visibility.PUBLIC,
                    self.operation(),
                )
            )  # fmt: skip

    async def do_delete(self, who: int, which: int) -> None:
        if self.posted:
            await edits.delete(self.database, self.people[who], self.posted[which % len(self.posted)], self.operation())

    async def do_tag(self, who: int, tag: str) -> None:
        await tags.follow(self.database, self.people[who], tag, self.operation())

    async def do_untag(self, who: int, tag: str) -> None:
        await tags.unfollow(self.database, self.people[who], tag, self.operation())

    async def do_retag(self, who: int, which: int, tag: str) -> None:
        if self.posted:
            revision = Revision(f"hello #{tag}")
            status = self.posted[which % len(self.posted)]
            await edits.edit(self.database, SITE, self.people[who], status, revision, self.operation())

    async def do_silence(self, who: int, silenced: bool) -> None:
        action = suspensions.silence if silenced else suspensions.unsilence
        await action(self.database, None, self.people[who], self.operation())

    async def do_list(self, who: int, members: tuple[int, ...], replies: str, exclusive: bool) -> None:
        wanted = ListChanges("those", replies, exclusive)
        new = await lists.create(self.database, self.people[who], wanted, self.operation())
        for one in sorted(set(members)):
            with contextlib.suppress(LinnetError):
                await lists.add(self.database, self.people[who], new, [self.people[one]], self.operation())

    async def _lists(self, who: int) -> list[int]:
        return [view.id for view in await list_queries.all(self.database, self.people[who])]

    async def do_relist(self, who: int, which: int, member: int, replies: str, exclusive: bool) -> None:
        if there := await self._lists(who):
            list_id, wanted = there[which % len(there)], ListChanges(None, replies, exclusive)
            await lists.update(self.database, self.people[who], list_id, wanted, self.operation())
            await lists.add(self.database, self.people[who], list_id, [self.people[member]], self.operation())

    async def do_unlist(self, who: int, which: int, member: int, whole: bool) -> None:
        there = await self._lists(who)
        if there and whole:
            await lists.delete(self.database, self.people[who], there[which % len(there)], self.operation())
        elif there:
            given = (self.people[who], there[which % len(there)], [self.people[member]])
            await lists.remove(self.database, *given, self.operation())

    async def do_wait(self, ms: int) -> None:
        self.clock.advance(ms)

    async def do_jobs(self, most: int) -> int:
        """Some of the waiting work, so that the rest is interleaved with what follows."""
        handlers = {
            "status.posted": timelines.fan_out,
            "status.tagged": tags.fan_out,
            "status.edited": edits.tell_rebloggers,
            "status.deleted": edits.clean_up,
        }
        claimed = await self.database.write(lambda tx: jobs.claim(tx, most, 30_000))
        for job in claimed:
            if job.kind in handlers:
                await handlers[job.kind](self.database, job)
            else:
                await self.database.write(lambda tx, job=job: jobs.finish(tx, job))
        return len(claimed)

    async def do_check(self) -> None:
        """All work that waits is done, and every timeline is looked at."""
        while await self.do_jobs(100):
            continue
        await _check(self)
        self.checked += 1


Row = tuple[Any, ...]
Tables = dict[str, list[Row]]

TABLES = {
    "statuses": (
        "select id, account_id, visibility, reblog_of_id, in_reply_to_account_id, language from statuses order by id"
    ),
    "follows": "select account_id, target_id, reblogs, languages from follows",
    "blocks": "select account_id, target_id from blocks",
    "mutes": "select account_id, target_id, expires_at from mutes",
    "mentions": "select status_id, account_id from mentions",
    "silenced": "select id from accounts where silenced_at is not null",
    "tag_follows": "select account_id, tag from tag_follows",
    "status_tags": "select status_id, tag from status_tags",
    "lists": "select id, account_id, replies_policy, exclusive from lists",
    "list_members": "select list_id, target_id from list_members",
}


async def _tables(database: Any) -> Tables:
    async def read(tx: Any) -> Tables:
        return {name: [tuple(row) for row in await tx.all(sql(text))] for name, text in TABLES.items()}

    return await database.read(read)


def naive_home(tables: Tables, reader: int, now: int, only: tuple[int, str] | None = None) -> list[Entry]:
    """The rules of domain/audience.py over whole tables, with nothing precomputed, newest first.

    ``only`` are a list's id and replies policy: then it is that list's timeline.
    """
    originals = {row[0]: row for row in tables["statuses"]}
    following = {row[1]: row for row in tables["follows"] if row[0] == reader}
    blocked = {row[1] for row in tables["blocks"] if row[0] == reader}
    blockers = {row[0] for row in tables["blocks"] if row[1] == reader}
    muted = {row[1] for row in tables["mutes"] if row[0] == reader and (row[2] is None or row[2] > now)}
    silenced = {row[0] for row in tables["silenced"]}
    mine = {row[1] for row in tables["tag_follows"] if row[0] == reader}
    tagged = {row[0] for row in tables["status_tags"] if row[1] in mine}
    exclusive = {row[0] for row in tables["lists"] if row[1] == reader and row[3]}
    apart = {row[1] for row in tables["list_members"] if row[0] in exclusive}
    members = {row[1] for row in tables["list_members"] if only and row[0] == only[0]}
    named = _named(tables)

    def by_follow(row: Row) -> bool:
        id, author, visibility, reblog_of, answers, language = row
        follow = following.get(author)
        if follow is None or (reblog_of is not None and not follow[2]):
            return False
        if follow[3] is not None and language is not None and f'"{language}"' not in follow[3]:
            return False
        if visibility == Visibility.DIRECT and reader not in named.get(id, ()):
            return False
        others = answers is not None and answers not in (author, reader)
        if others and (answers not in following or answers in blocked | muted):
            return False
        return only is not None or author not in apart

    def by_tag(row: Row) -> bool:
        id, author, visibility, *_ = row
        return only is None and id in tagged and visibility == Visibility.PUBLIC and author not in silenced

    def listed(row: Row, replies: str) -> bool:
        _, author, visibility, _, answers, _ = row
        if author not in members or visibility == Visibility.DIRECT:
            return False
        elsewhere = answers is not None and answers not in (author, reader)
        return not elsewhere or replies == "followed" or (replies == "list" and answers in members)

    def stands(row: Row) -> bool:
        id, author, _, reblog_of, *_ = row
        if only is not None and not listed(row, only[1]):
            return False
        if author != reader:
            if not by_follow(row) and not by_tag(row):
                return False
            if author in blocked | blockers | muted or named.get(id, set()) & blocked:
                return False
        if reblog_of is None:
            return True
        original = originals.get(reblog_of)
        if original is None or (original[2] > Visibility.UNLISTED and original[1] not in (author, reader)):
            return False
        return original[1] not in blocked | blockers | muted

    return [Entry(row[0], row[3]) for row in reversed(tables["statuses"]) if stands(row)]


def _named(tables: Tables) -> dict[int, set[int]]:
    named: dict[int, set[int]] = {}
    for status_id, account_id in tables["mentions"]:
        named.setdefault(status_id, set()).add(account_id)
    return named


def naive_page(entries: list[Entry], limit: int, max_id: int) -> list[Entry]:
    return list(without_repeats(entry for entry in entries if entry.id < max_id))[:limit]


async def _home(database: Any, reader: int, page: Page) -> list[Entry]:
    return [Entry(place.row.id, place.row.reblog_of_id) for place in await queries.home(database, reader, page)]


async def _list(database: Any, reader: int, list_id: int, page: Page) -> list[Entry]:
    found = await list_queries.timeline(database, reader, list_id, page)
    return [Entry(place.row.id, place.row.reblog_of_id) for place in found]


async def _check(play: Play) -> None:
    tables = await _tables(play.database)
    now = play.clock.now_ms()
    for reader in play.people:
        await _check_pages(partial(_home, play.database, reader), naive_home(tables, reader, now))
    await _check_streams(play, tables, now)
    for list_id, owner, replies, _ in tables["lists"]:
        wanted = naive_home(tables, owner, now, (list_id, replies))
        await _check_list_streams(play, list_id, owner, {entry.id for entry in wanted})
        await _check_pages(partial(_list, play.database, owner, list_id), wanted)


async def _check_streams(play: Play, tables: Tables, now: int) -> None:
    """Who is told of a status is who has it at home, and is shown the same."""
    homes = {reader: {entry.id for entry in naive_home(tables, reader, now)} for reader in play.people}
    places = {
        (reader, place.row.id): place
        for reader in play.people
        for place in await queries.home(play.database, reader, Page(limit=100))
    }
    for status_id, *_ in tables["statuses"]:
        seen = await streams.on_home(play.database, status_id, play.people)
        assert {reader for reader, _ in seen} == {reader for reader, home in homes.items() if status_id in home}
        for reader, place in seen:
            assert places.get((reader, status_id), place) == place


async def _check_list_streams(play: Play, list_id: int, owner: int, wanted: set[int]) -> None:
    for status_id, author in await play.database.read(lambda tx: tx.all(sql("select id, account_id from statuses"))):
        found = await streams.on_lists(play.database, status_id, author, (list_id,))
        assert [(one.list_id, one.reader) for one in found] == ([(list_id, owner)] if status_id in wanted else [])


async def _check_pages(read: Callable[[Page], Awaitable[list[Entry]]], wanted: list[Entry]) -> None:
    page = Page(limit=3)
    for _ in range(40):
        found = await read(page)
        assert found == naive_page(wanted, page.limit, page.max_id)
        if not found:
            break
        page = Page(limit=3, max_id=found[-1].id)
    forward = await read(Page(limit=100, forward=True))
    assert [entry.id for entry in forward] == [entry.id for entry in naive_page(wanted, 100, 2**63 - 1)]


async def _scenario(database: Any, clock: VirtualClock, steps: list[Step]) -> int:
    """How often every timeline was looked at."""
    people = [await make_account(database, f"p{number}") for number in range(PEOPLE)]
    play = Play(database, clock, people, [])
    for step in (*steps, ("check",)):
        clock.advance(1)
        await play.run(step)
    return play.checked


BOOST_OF_A_STRANGER = [
    ("follow", 0, 1, None, True), ("post", 2, Visibility.PUBLIC, None, None, "en"), ("reblog", 1, 0), ("block", 0, 2),
    ("jobs", 3), ("unblock", 0, 2),
]  # fmt: skip
GROWN_LARGE = [
    ("follow", 0, 1, None, True), ("post", 1, Visibility.PUBLIC, None, None, "en"), ("follow", 2, 1, None, True),
    ("post", 1, Visibility.PRIVATE, None, None, "en"), ("jobs", 1), ("unfollow", 2, 1), ("unfollow", 0, 1),
    ("post", 1, Visibility.PUBLIC, 0, None, "de"), ("follow", 0, 1, ("en",), True),
]  # fmt: skip
NAMED_THEN_FOLLOWING = [
    ("post", 1, Visibility.DIRECT, 0, None, None), ("jobs", 3), ("follow", 0, 1, None, True),
    ("mute", 0, 1, 50), ("wait", 60),
]  # fmt: skip


IN_A_LIST = [
    ("follow", 0, 1, None, True), ("follow", 0, 2, None, True), ("post", 1, Visibility.PUBLIC, None, None, "en"),
    ("post", 2, Visibility.PUBLIC, None, 0, "en"), ("list", 0, (2,), "list", True), ("check",),
    ("relist", 0, 0, 1, "none", True), ("check",), ("unfollow", 0, 2), ("check",), ("follow", 0, 2, None, True),
    ("check",), ("unlist", 0, 0, 1, False),
]  # fmt: skip


WITH_A_TAG = [
    ("post", 1, Visibility.PUBLIC, None, None, "en", "steam"), ("tag", 0, "steam"), ("check",),
    ("post", 2, Visibility.PUBLIC, None, 0, "de", "steam"), ("post", 2, Visibility.UNLISTED, None, None, "de", "steam"),
    ("jobs", 1), ("follow", 3, 4, None, True), ("follow", 2, 4, None, True),
    ("post", 4, Visibility.PUBLIC, None, None, None, "steam"), ("check",), ("silence", 2, True), ("check",),
    ("retag", 1, 0, "water"), ("tag", 0, "water"), ("untag", 0, "steam"), ("check",), ("mute", 0, 1, None),
]  # fmt: skip


TOLD = (BOOST_OF_A_STRANGER, GROWN_LARGE, NAMED_THEN_FOLLOWING, IN_A_LIST, WITH_A_TAG)


@pytest.mark.parametrize("first", range(0, 120, 20))
async def test_home_is_what_the_rules_say_on_sqlite(sqlite_template: Path, tmp_path: Path, first: int):
    stories = [story(seed, 90) for seed in range(first, first + 20)] + (list(TOLD) if first == 0 else [])
    for number, steps in enumerate(stories):
        path = tmp_path / f"{number}.db"
        shutil.copyfile(sqlite_template, path)
        clock = VirtualClock()
        database = open_sqlite(path, clock, IdMaker(clock, 0, 0), synchronous="OFF")
        checked = await _scenario(database, clock, steps)
        await database.close()
        assert checked >= 1


@pytest.mark.parametrize("steps", [story(seed, 70) for seed in range(4)] + list(TOLD))
async def test_home_is_what_the_rules_say_on_postgresql(postgres_databases: Databases, steps: list[Step]):
    clock = VirtualClock()
    url = await postgres_databases.take()
    database = open_postgres(url, clock, IdMaker(clock, 0, 0))
    checked = await _scenario(database, clock, steps)
    await database.close()
    await postgres_databases.give_back(url)
    assert checked >= 1


@pytest.mark.parametrize("spare", [0, 1])
def test_the_naive_timeline_tells_a_wrong_one_apart(spare: int):
    """The measure itself: a status of somebody who is followed stands, one of a stranger does not."""
    tables: Tables = {name: [] for name in TABLES}
    tables["statuses"] = [(1, 10, 0, None, None, None), (2, 20, 0, None, None, None)]
    tables["follows"] = [(5, 10, 1, None)] * (1 - spare)
    assert naive_home(tables, 5, 0) == [Entry(1)] * (1 - spare)
