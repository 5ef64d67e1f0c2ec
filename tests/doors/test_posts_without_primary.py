"""Posting does not stop while there is no primary: a post is seen by its author, and brought in once, as any other."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from linnet.actions import draining
from linnet.storage.database import is_standby_first
from tests.support import client, pictures
from tests.support.client import Person, World
from tests.support.databases import Databases, open_postgres
from tests.support.detours import STATUSES, Cluster, get, on, open_cluster, post
from tests.support.tables import Dump, columns, differences, dump

pytestmark = pytest.mark.parametrize("engine", ["postgres"])

Kind = Callable[[Person, Person], Awaitable[dict[str, Any]]]


@pytest.fixture
async def cluster(open_any_world: Any) -> Cluster:
    return await open_cluster(open_any_world)


class Predictable:
    """Chance without any: what two servers make of the same requests can be compared."""

    def __init__(self) -> None:
        self._asked = 0

    def secret(self, size: int) -> bytes:
        self._asked += 1
        return self._asked.to_bytes(size, "big")

    def fraction(self) -> float:
        return 0.5


@pytest.fixture
async def new_cluster(
    origin: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[str], Awaitable[Cluster]]]:
    """Makes clusters that are alike to the last id and secret, each on a database of its own."""
    monkeypatch.setattr(client, "SystemChance", Predictable)
    async with contextlib.AsyncExitStack() as stack:

        async def made(name: str) -> Cluster:
            (tmp_path / name).mkdir()
            url = await origin.take()
            stack.push_async_callback(origin.give_back, url)

            async def database(clock: Any, ids: Any) -> Any:
                return open_postgres(url, clock, ids)

            async def opened(**options: Any) -> World:
                return await stack.enter_async_context(client.open_world(tmp_path / name, database, **options))

            return await open_cluster(opened, size=1)

        yield made


# -- as through the database ------------------------------------------------------------------------------------------


async def plain(anna: Person, bert: Person) -> dict[str, Any]:
    return {"text": "hello #Tag :blob:", "spoiler_text": "careful", "language": "de", "sensitive": True}


async def naming(anna: Person, bert: Person) -> dict[str, Any]:
    return {"text": "**hello** @bert and @nobody", "content_type": "text/markdown"}


async def direct(anna: Person, bert: Person) -> dict[str, Any]:
    return {"text": "psst @bert", "visibility": "direct"}


async def private(anna: Person, bert: Person) -> dict[str, Any]:
    return {"text": "for friends", "visibility": "private", "quote_approval_policy": "followers"}


async def local(anna: Person, bert: Person) -> dict[str, Any]:
    return {"text": "at home", "local_only": True, "quote_approval_policy": "nobody"}


async def pictured(anna: Person, bert: Person) -> dict[str, Any]:
    ids = []
    for _ in range(2):
        files = {"file": ("point.png", pictures.png(), "image/png")}
        ids.append((await anna.post("/api/v2/media", files=files, form={"description": "a point"})).json()["id"])
    return {"media_ids": ids[::-1], "spoiler_text": "see"}


async def asking(anna: Person, bert: Person) -> dict[str, Any]:
    return {"text": "well?", "poll": {"options": ["yes", "no"], "expires_in": 3600, "multiple": True}}


async def answering(anna: Person, bert: Person) -> dict[str, Any]:
    parent = await post(bert, "question", local_only=True)
    return {"text": "@bert answer", "in_reply_to_id": parent["id"], "visibility": "unlisted"}


async def going_on(anna: Person, bert: Person) -> dict[str, Any]:
    first = await post(anna, "one", in_reply_to_id=(await post(bert, "zero"))["id"])
    return {"text": "two", "in_reply_to_id": first["id"]}


async def quoting(anna: Person, bert: Person) -> dict[str, Any]:
    return {"text": "see", "quoted_status_id": (await post(bert, "quotable"))["id"]}


async def linking(anna: Person, bert: Person) -> dict[str, Any]:
    return {"text": "see https://example.com/page"}


KINDS = (plain, naming, direct, private, local, pictured, asking, answering, going_on, quoting, linking)


Rows = dict[str, tuple[list[str], list[tuple[Any, ...]]]]
"""Table -> its columns and rows."""


class Story(NamedTuple):
    """What one server made of a post: its answers, early and late, and all that it stored."""

    answered: Any
    early: list[Any]
    late: list[Any]
    stored: Rows
    told: list[Any]


async def _story(cluster: Cluster, kind: Kind, wait_ms: int, *, cut: bool) -> Story:
    world = cluster.nodes[0].world
    anna, bert = await world.people("anna", "bert")
    await bert.post(f"/api/v1/accounts/{anna.id}/follow")
    given = await kind(anna, bert)
    await world.run_jobs()
    before = await dump(world.database)
    if cut:
        cluster.cut()
    answered = await post(anna, **{"text": "", **given})
    if cut:
        assert not differences(before, await dump(world.database)), "nothing was written without a primary"
    places = [f"{STATUSES}/{answered['id']}", "/api/v1/timelines/home", f"/api/v1/accounts/{anna.id}/statuses"]
    places += [f"{places[0]}/context", f"{places[0]}/source"]
    early = [await get(anna, place) for place in places]
    cluster.clock.advance(wait_ms)
    if cut:
        assert await cluster.back() == 1
    await world.run_jobs()
    late = [await get(anna, place) for place in places]
    told = [await get(bert, "/api/v1/notifications"), await get(bert, "/api/v1/timelines/home")]
    names = await columns(world.database)
    stored = {table: (names[table], rows) for table, rows in (await dump(world.database)).items()}
    return Story(answered, early, late, stored, told)


COUNTED_LATER = ("replies_count", "quotes_count", "statuses_count", "last_status_at")
"""What is counted on other rows when the post is stored: of the answered status, the quoted one, and the author."""


def _uncounted(value: Any) -> Any:
    if isinstance(value, list):
        return [_uncounted(each) for each in value]
    if isinstance(value, dict):
        return {name: _uncounted(each) for name, each in value.items() if name not in COUNTED_LATER}
    return value


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_every_kind_of_post_is_the_same_in_the_end(new_cluster: Any, kind: Kind):
    """All answers and all rows, beside those of the same post on the usual way. The clock stands still."""
    usual = await _story(await new_cluster("usual"), kind, 0, cut=False)
    around = await _story(await new_cluster("around"), kind, 0, cut=True)
    assert around.late == usual.late
    assert around.told == usual.told
    assert around.early[0] == around.answered
    assert _uncounted([around.answered, around.early]) == _uncounted([usual.answered, usual.early])
    assert around.answered["account"] == usual.answered["account"]
    usual_rows, around_rows = _without(usual.stored, NUMBERED), _without(around.stored, NUMBERED)
    assert differences(usual_rows, around_rows) == ["drain_epoch gained (1, 2)"], "who has drained"


NUMBERED = {"changes": {"timeline", "transaction_id", "sequence"}}
"""What PostgreSQL numbers by itself."""

DRAINED_LATER = {
    "changes": {"at", "subject_id", *NUMBERED["changes"]},
    "conversations": {"id"},
    "conversation_statuses": {"conversation_id", "id"},
    "jobs": {"id"},
    "notifications": {"id"},
    "receipts": {"created_at"},
}
"""What is of the moment when a post is stored: the ids of what follows from it, and when it was told."""


def _without(stored: Rows, masked: dict[str, set[str]]) -> Dump:
    """Without those columns, and without the marks by which the engine knows its own commits again."""
    found: Dump = {}
    for table, (names, rows) in stored.items():
        kept = [at for at, name in enumerate(names) if name not in masked.get(table, ())]
        shown = [tuple(row[at] for at in kept) for row in rows]
        found[table] = [row for row in shown if not (table == "receipts" and row[0].startswith("write/"))]
    return found


@pytest.mark.parametrize("kind", [direct, asking, quoting], ids=lambda kind: kind.__name__)
async def test_what_a_wait_of_twenty_seconds_changes(new_cluster: Any, kind: Kind):
    """The post and its time are the same; what follows from it is of the moment when it was stored."""
    usual = await _story(await new_cluster("usual"), kind, 20_000, cut=False)
    around = await _story(await new_cluster("around"), kind, 20_000, cut=True)
    assert around.late == usual.late
    assert around.told[1] == usual.told[1]
    usual_rows, around_rows = _without(usual.stored, DRAINED_LATER), _without(around.stored, DRAINED_LATER)
    assert differences(usual_rows, around_rows) == ["drain_epoch gained (1, 2)"]


# -- once -------------------------------------------------------------------------------------------------------------


async def test_the_same_key_is_the_same_post_on_every_node_before_during_and_after_the_drain(cluster: Cluster):
    anna = await cluster.nodes[0].world.person("anna")
    there = on(1, cluster, anna)
    cluster.cut()
    first = await post(anna, key="one")
    assert await post(there, key="one") == first
    assert await post(anna, "another text", key="one") == first
    # Stored, and not taken out of the journal yet: whoever drained has died in between.
    entries = await cluster.journal.first(10)
    await draining.drain(cluster.nodes[0].world.database, cluster.nodes[0].world.site, entries, 2)
    assert (await post(there, key="one"))["id"] == first["id"]
    assert await cluster.back() == 1
    assert await post(anna, key="one") == await post(there, key="one") == first
    for node in cluster.nodes:
        node.switch.is_cautious = False
    assert await post(there, key="one") == first
    assert [one["id"] for one in await get(anna, f"/api/v1/accounts/{anna.id}/statuses")] == [first["id"]]


async def test_what_was_stored_without_anybody_hearing_of_it_is_the_same_post(cluster: Cluster):
    """The commit was carried out, its answer lost, and then there was no primary: a standby knows the receipt."""
    anna = await cluster.nodes[0].world.person("anna")
    cluster.nodes[0].database.losing = True
    status = await post(anna)
    assert [entry.id for entry in await cluster.journal.first(10)] == [int(status["id"])], "the lookup is no answer"
    cluster.nodes[1].switch.open()
    assert (await get(on(1, cluster, anna), "/api/v1/timelines/home")) == [status]
    await cluster.back()
    assert [one["id"] for one in await get(anna, "/api/v1/timelines/home")] == [status["id"]]
    assert (await get(anna, f"/api/v1/accounts/{anna.id}"))["statuses_count"] == 1


async def test_what_was_acknowledged_is_not_refused_to_who_asks_again(cluster: Cluster):
    """Its pictures are its own by now, what it answers has gone, and so may its author's right to post have."""
    anna, bert = await cluster.nodes[0].world.people("anna", "bert")
    parent = await post(bert, "parent")
    given = {**await pictured(anna, bert), "in_reply_to_id": parent["id"]}
    status = await post(anna, "hello", key="one", **given)
    await bert.delete(f"{STATUSES}/{parent['id']}")
    cluster.cut()
    for number in (0, 1):
        again = await post(on(number, cluster, anna), "hello", key="one", **given)
        assert again["id"] == status["id"]
        assert [one["id"] for one in again["media_attachments"]] == given["media_ids"]
    await cluster.back()
    assert len(await get(anna, f"/api/v1/accounts/{anna.id}/statuses")) == 1


async def test_of_two_ids_for_one_key_both_are_readable_for_ever(cluster: Cluster):
    """One node reached no primary, and another one, which noticed nothing, was asked the same again."""
    here, there = cluster.nodes
    anna, bert = await here.world.people("anna", "bert")
    there.switch.open()
    accepted = await post(on(1, cluster, anna), key="one")
    stored = await post(anna, key="one")
    assert accepted["id"] != stored["id"]
    await cluster.back()
    for person in (anna, bert, on(1, cluster, bert)):
        assert (await get(person, f"{STATUSES}/{accepted['id']}"))["id"] == stored["id"]
    page = await here.world.client.get(f"/@anna/{accepted['id']}")
    assert page.status in (200, 302, 303), page.body
    liked = await bert.post(f"{STATUSES}/{accepted['id']}/favourite")
    assert (liked.status, liked.json()["id"]) == (200, stored["id"])
    reply = await post(bert, "@anna yes", in_reply_to_id=accepted["id"])
    assert reply["in_reply_to_id"] == stored["id"]
    assert len(await get(anna, f"/api/v1/accounts/{anna.id}/statuses")) == 1


async def test_where_another_post_has_the_id_another_one_is_minted(cluster: Cluster):
    anna, bert = await cluster.nodes[0].world.people("anna", "bert")
    repeated = iter([7 << 30, 7 << 30, 8 << 30, 8 << 30, *range(9 << 30, 10 << 30, 1 << 22)])
    for node in cluster.nodes:
        node.world.parts.ids.next = lambda: next(repeated)  # type: ignore[method-assign]
    # What is new for the database takes its ids from the engine's own maker, which is the same one.
    cluster.cut()
    first = await post(anna, "one", key="a")
    second = await post(on(1, cluster, bert), "two", key="b")
    assert first["id"] != second["id"]
    assert await cluster.back() == 2
    shown = [(await get(anna, f"{STATUSES}/{one['id']}"))["content"] for one in (first, second)]
    assert shown == ["<p>one</p>", "<p>two</p>"]


async def test_shortly_after_going_back_the_journal_is_asked_first(cluster: Cluster):
    anna = await cluster.nodes[0].world.person("anna")
    cluster.cut()
    status = await post(anna, key="one")
    cluster.close()
    assert await post(on(1, cluster, anna), key="one") == status
    assert len(await cluster.journal.first(10)) == 1
    await cluster.drain()
    assert len(await get(anna, f"/api/v1/accounts/{anna.id}/statuses")) == 1


async def test_a_machine_that_is_cut_off_does_not_say_that_a_post_is_not_there(cluster: Cluster):
    anna = await cluster.nodes[0].world.person("anna")
    unknown = cluster.nodes[0].world.parts.ids.next()
    cluster.cut()
    assert (await cluster.soon(anna.get(f"{STATUSES}/{unknown}"))).status == 404
    cluster.majority.failing = True
    refused = await anna.get(f"{STATUSES}/{unknown}")
    assert (refused.status, refused.header("retry-after")) == (503, "1")
    assert await get(anna, f"{STATUSES}?id[]={unknown}") == []
    cluster.majority.failing = False
    await cluster.back()
    assert (await cluster.soon(anna.get(f"{STATUSES}/{unknown}"))).status == 404


async def test_what_the_database_does_not_show_is_looked_for_at_a_standby(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    """Where it may be there alone: for what is read and new, or shortly after there was no primary."""
    node = cluster.nodes[0]
    anna = await node.world.person("anna")
    unknown = node.world.parts.ids.next()
    cluster.clock.advance(60_000)
    fresh = node.world.parts.ids.next()
    read, asked = node.world.database.read, list[bool]()

    async def watched(*given: Any, **more: Any) -> Any:
        asked.append(is_standby_first())
        return await read(*given, **more)

    monkeypatch.setattr(node.world.database, "read", watched)
    assert (await anna.get(f"{STATUSES}/{unknown}")).status == 404
    assert asked == [False] * len(asked), "most unknown ids are just unknown"
    asked.clear()
    assert (await cluster.soon(anna.get(f"{STATUSES}/{fresh}"))).status == 404
    assert [asked[0], *asked[-2:]] == [False, True, False]
    cluster.cut()
    await post(anna, "one")
    asked.clear()
    assert (await cluster.soon(anna.get(f"{STATUSES}/{unknown}"))).status == 404
    assert [asked[0], *asked[-2:]] == [False, True, False]
    asked.clear()
    assert (await cluster.soon(anna.post(f"{STATUSES}/{unknown}/favourite"))).status == 404
    assert asked == [False] * len(asked)
