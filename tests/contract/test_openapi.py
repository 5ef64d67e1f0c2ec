"""Every operation that is served answers as Mastodon's published API says, shown with real data.

One walk through a whole server asks them all; the tests below judge what it found. Null and empty prove nothing, so
that a ledger is kept of what was seen with a real value, and all that was not stands here with the reason.
"""

import asyncio
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from linnet.domain.notifications import KINDS
from linnet.domain.site import Site
from linnet.domain.visibility import WORDS
from tests.contract import apps, composed, doors, links, lists, news, people, posts, safety, streams, told
from tests.contract.cast import Cast, assemble
from tests.contract.gaps import NAMED, SAME_AS, UNSERVED_FIELDS, UNUSED_PARAMETERS
from tests.support.access import Letters
from tests.support.client import ORIGIN, open_world
from tests.support.databases import open_sqlite
from tests.support.openapi import Contract, load
from tests.support.walk import Walk

Chapter = Callable[[Walk, Cast], Coroutine[Any, Any, None]]

CHAPTERS: tuple[Chapter, ...] = (
    people.profiles, apps.oauth, people.relations, posts.media, posts.statuses, posts.reactions, posts.of_an_account,
    posts.timelines, composed.polls, composed.scheduled, links.quotes, links.cards, links.embedded, lists.lists,
    lists.tags, lists.people, lists.about, safety.filters,
    safety.leftovers, safety.conversations, safety.reports, safety.announcements,
    news.search, news.markers, told.groups, told.requests, told.push, news.notifications, people.walls,
    people.lookups, news.server, doors.closed, doors.wrong, doors.scopes,
)  # fmt: skip

ELSEWHERE: tuple[tuple[dict[str, Any], Chapter], ...] = (
    ({"site": Site(ORIGIN, registrations="approval")}, news.other_modes),
    ({"site": Site(ORIGIN, registrations="invite")}, news.other_modes),
    ({"rate_limits": True}, doors.counted),
    ({}, streams.streams),
    ({"mail": Letters()}, apps.waiting),
    ({"translator": links.Dictionary(), "site": Site(ORIGIN, translates=True)}, links.translated),
)
"""Chapters on servers of their own, and how those are set up."""


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load()


@pytest.fixture(scope="module")
def walk(contract: Contract, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Walk:
    """The walk, done once: whole servers on SQLite, asked through their doors."""
    walk = Walk(contract)

    async def visit(chapters: tuple[Chapter, ...], options: dict[str, Any]) -> None:
        folder = tmp_path_factory.mktemp("walk")
        shutil.copyfile(sqlite_template, folder / "linnet.db")

        async def database(clock: Any, ids: Any) -> Any:
            return open_sqlite(folder / "linnet.db", clock, ids)

        async with open_world(folder, database, **options) as walk.world:
            cast = await assemble(walk.world)
            for chapter in chapters:
                await chapter(walk, cast)

    async def go() -> None:
        await visit(CHAPTERS, {})
        for options, chapter in ELSEWHERE:
            await visit((chapter,), options)

    asyncio.run(go())
    return walk


def test_every_answer_is_as_published(walk: Walk):
    assert walk.answers > 500
    assert list(walk.problems) == []


def test_every_operation_that_is_named_or_served_was_walked(walk: Walk, contract: Contract):
    served = _served(contract)
    unknown = NAMED - contract.operations.keys()
    assert not unknown, f"the document has no {sorted(unknown)}"
    assert not NAMED - served, f"not served: {sorted(NAMED - served)}"
    assert not served - walk.walked, f"served, but the walk does not go there: {sorted(served - walk.walked)}"


def _served(contract: Contract) -> set[str]:
    apis = {operation.name for operation, _ in doors.served(contract)}
    return apis | {operation.name for operation in doors.shown(contract)} | streams.served(contract)


def test_every_field_was_seen_with_a_real_value_or_says_why_not(walk: Walk):
    # What the document gives no name to is checked with its operation's own chapter.
    unseen = {entity: _missing(walk, entity) for entity in walk.ledger.seen if entity}
    stated = {entity: set(reasons) for entity, reasons in UNSERVED_FIELDS.items()}
    assert {entity: fields for entity, fields in unseen.items() if fields} == stated
    for needed in ("Status", "Account", "CredentialAccount", "Notification", "MediaAttachment", "Relationship", "Tag"):
        assert walk.ledger.seen[needed], f"no {needed} was seen at all"


def _missing(walk: Walk, entity: str) -> set[str]:
    """Not seen, neither in this entity nor in the one that it repeats."""
    return walk.ledger.missing(entity) - walk.ledger.seen[SAME_AS.get(entity, entity)]


def test_every_word_that_we_use_was_seen(walk: Walk):
    assert walk.ledger.words["NotificationTypeEnum"] == set(KINDS)
    assert walk.ledger.words["StatusVisibilityEnum"] == set(WORDS)


def test_every_parameter_was_used_or_says_why_not(walk: Walk, contract: Contract):
    unused = {name: _unused(contract.operations[name].parameters, walk.used[name]) for name in walk.walked}
    stated = {name: set(reasons) for name, reasons in UNUSED_PARAMETERS.items()}
    assert {name: parameters for name, parameters in unused.items() if parameters} == stated


def _unused(parameters: frozenset[str], used: set[str]) -> set[str]:
    return {one for one in parameters if not any(name == one or name.startswith(f"{one}.") for name in used)}


def test_tells_what_is_not_served_yet(contract: Contract, capsys: pytest.CaptureFixture[str]):
    """Computed from the routes and the document, so that the list is always true."""
    served = _served(contract)
    groups = defaultdict(list)
    for name, operation in sorted(contract.operations.items(), key=lambda pair: (pair[1].path, pair[1].method)):
        if name not in served:
            noun = re.sub(r"^/(api/)?(v\w+/)?", "", operation.path).partition("/")[0]
            groups[noun].append(name)
    absent = sum(len(names) for names in groups.values())
    with capsys.disabled():
        print(f"\n{len(served)} of {len(contract.operations)} operations are served; these {absent} are not yet:")
        for noun, names in sorted(groups.items()):
            print(f"  {noun} ({len(names)}): {', '.join(names)}")
    assert len(served) + absent == len(contract.operations)
    assert len(served) >= len(NAMED)
