"""A post that waits for a primary: its author sees it on every node, nobody else does, and what is done to it waits."""

import asyncio
from typing import Any

import pytest

from linnet.actions import posting
from linnet.actions import statuses as actions
from linnet.actions.posting import CAUGHT_UP_SECONDS, READERS, Posting
from linnet.actions.statuses import Written
from linnet.domain import ids
from linnet.domain.errors import Invalid, NotFound
from linnet.domain.journal import Entry
from linnet.queries import statuses as queries
from linnet.storage.database import Reader
from linnet.storage.journal import QUOTA_BYTES
from linnet.storage.postgres_witnesses import Pulse
from tests.support import pages
from tests.support.detours import STATUSES, Cluster, get, on, open_cluster, post
from tests.support.waiting import until

pytestmark = pytest.mark.parametrize("engine", ["postgres"])


@pytest.fixture
async def cluster(open_any_world: Any) -> Cluster:
    return await open_cluster(open_any_world)


def texts(statuses: Any) -> list[str]:
    return [one["content"].removeprefix("<p>").removesuffix("</p>") for one in statuses]


def behind_once(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What is read first is not there yet; empty when that has happened."""
    one, behind = queries.one, [True]

    async def read(*given: Any) -> Any:
        if behind:
            behind.pop()
            raise NotFound
        return await one(*given)

    monkeypatch.setattr(queries, "one", read)
    return behind


# -- seen by its author -----------------------------------------------------------------------------------------------


async def test_its_author_sees_it_on_every_node_and_nobody_else_does(cluster: Cluster):
    anna, bert = await cluster.nodes[0].world.people("anna", "bert")
    await bert.post(f"/api/v1/accounts/{anna.id}/follow")
    before = await post(anna, "before")
    cluster.cut()
    status = await post(anna, "hello #tag")
    one = f"{STATUSES}/{status['id']}"
    for node in (0, 1):
        here = on(node, cluster, anna)
        assert await get(here, one) == status
        assert (await get(here, f"{one}/source"))["text"] == "hello #tag"
        assert await get(here, f"{one}/context") == {"ancestors": [], "descendants": []}
        assert [one["content"] for one in await get(here, f"{one}/history")] == [status["content"]]
        assert await get(here, f"{one}/favourited_by") == await get(here, f"{one}/reblogged_by") == []
        several = await get(here, f"{STATUSES}?id[]={before['id']}&id[]={status['id']}")
        assert [one["id"] for one in several] == [before["id"], status["id"]]
        assert [status] == (await get(here, "/api/v1/timelines/home"))[:1]
        assert [status] == (await get(here, f"/api/v1/accounts/{anna.id}/statuses"))[:1]
        other = on(node, cluster, bert)
        hidden = ("", "/context", "/source", "/history", "/favourited_by")
        assert {(await cluster.soon(other.get(f"{one}{more}"))).status for more in hidden} == {404}
        assert len(await get(other, f"{STATUSES}?id[]={before['id']}&id[]={status['id']}")) == 1
        for place in ("/api/v1/timelines/home", f"/api/v1/accounts/{anna.id}/statuses"):
            assert "hello" not in str(await get(other, place))
        assert (await cluster.soon(cluster.nodes[node].world.client.get(one))).status == 404


@pytest.mark.parametrize("known", [True, False], ids=["as it was accepted", "found out again"])
async def test_every_node_shows_it_alike_with_and_without_asking_the_database(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, known: bool
):
    """What waits has with it how it is shown; where it has not, as from another version, that is found out again."""
    found: list[int] = []
    find_out = Posting._shown

    async def noted(posting: Posting, tx: Reader, entry: Entry) -> Written | None:
        found.append(entry.id)
        return await find_out(posting, tx, entry)

    monkeypatch.setattr(Posting, "_shown", noted)
    if not known:
        monkeypatch.setattr(posting, "_as_accepted", lambda entry: None)
    anna = await cluster.nodes[0].world.person("anna")
    before = await post(anna, "before")
    cluster.cut()
    status = await post(anna, "hello :smile: #tag @anna https://example.org/", in_reply_to_id=before["id"])
    assert [status] == (await get(on(1, cluster, anna), "/api/v1/timelines/home"))[:1]
    assert set(found) == (set() if known else {int(status["id"])})


@pytest.mark.parametrize("written", ["", "null", "{}", "[1,2]", '["a",{},3]'])
def test_how_another_version_wrote_it_down_is_not_believed(written: str, engine: str):
    assert posting._as_accepted(Entry(1, 7, "one", 0, "{}", written)) is None


async def test_who_was_shown_it_before_the_primary_died_is_shown_it_again_when_it_is_brought_in(cluster: Cluster):
    """By a standby that had it from the old primary, whose successor has not."""
    anna, bert = await cluster.nodes[0].world.people("anna", "bert")
    cluster.cut()
    status = await post(anna)
    asked = asyncio.ensure_future(bert.get(f"{STATUSES}/{status['id']}"))
    began = cluster.clock.monotonic()

    def waits_longer() -> bool:
        cluster.clock.advance(100 if cluster.clock.sleeping else 0)
        return asked.done() or cluster.clock.monotonic() - began > 4 * CAUGHT_UP_SECONDS

    await until(waits_longer)
    assert not asked.done()
    await cluster.back()
    assert (await cluster.soon(asked)).status == 200


async def test_it_stands_on_the_first_page_only_and_where_it_was_asked_for(cluster: Cluster):
    anna = await cluster.nodes[0].world.person("anna")
    old = [await post(anna, f"old {number}") for number in range(3)]
    cluster.cut()
    first, second = await post(anna, "first #Tag"), await post(anna, "second", in_reply_to_id=old[0]["id"])
    home = "/api/v1/timelines/home"
    assert [one["id"] for one in await get(anna, f"{home}?limit=3")] == [second["id"], first["id"], old[2]["id"]]
    assert [one["id"] for one in await get(anna, f"{home}?since_id={first['id']}")] == [second["id"]]
    page = await anna.get(f"{home}?limit=1")
    assert f"max_id={second['id']}" in (page.header("link") or "")
    assert texts(await get(anna, f"{home}?max_id={old[1]['id']}")) == ["old 0"]
    mine = f"/api/v1/accounts/{anna.id}/statuses"
    assert [one["id"] for one in await get(anna, f"{mine}?tagged=tag")] == [first["id"]]
    assert await get(anna, f"{mine}?only_media=true") == []
    assert await get(anna, f"{mine}?pinned=true") == []


async def test_a_thread_goes_on_while_its_beginning_waits(cluster: Cluster):
    anna, bert = await cluster.nodes[0].world.people("anna", "bert")
    root = await post(bert, "root")
    cluster.cut()
    first = await post(anna, "first", in_reply_to_id=root["id"], visibility="unlisted")
    cluster.clock.advance(1_000)
    second = await post(on(1, cluster, anna), "second", in_reply_to_id=first["id"])
    cluster.clock.advance(1_000)
    third = await post(anna, "third", in_reply_to_id=second["id"])
    assert (third["in_reply_to_id"], third["in_reply_to_account_id"]) == (second["id"], str(bert.id))
    found = await get(anna, f"{STATUSES}/{second['id']}/context")
    assert (texts(found["ancestors"]), texts(found["descendants"])) == (["root", "first"], ["third"])
    found = await get(anna, f"{STATUSES}/{root['id']}/context")
    assert (texts(found["ancestors"]), texts(found["descendants"])) == ([], ["first", "second", "third"])
    early = [await get(anna, f"{STATUSES}/{one['id']}/context") for one in (first, second, third)]
    assert await cluster.back() == 3
    late = [await get(anna, f"{STATUSES}/{one['id']}/context") for one in (first, second, third)]
    assert [[texts(one[side]) for side in sorted(one)] for one in late] == [
        [texts(one[side]) for side in sorted(one)] for one in early
    ]
    assert (await get(bert, f"{STATUSES}/{root['id']}"))["replies_count"] == 1


async def test_a_reply_is_drained_after_what_it_answers_though_its_clock_is_behind(cluster: Cluster):
    anna = await cluster.nodes[0].world.person("anna")
    cluster.cut()
    ahead = cluster.nodes[0].world.parts.ids.next
    cluster.nodes[0].world.parts.ids.next = lambda: ahead() + (3_000 << 22)  # type: ignore[method-assign]
    first = await post(anna, "first")
    there = on(1, cluster, anna)
    replied = there.post(STATUSES, json={"status": "second", "in_reply_to_id": first["id"]})

    async def later() -> None:
        cluster.clock.advance(2_900)

    answer = await cluster.later(replied, later)
    assert answer.status == 200
    assert int(answer.json()["id"]) > int(first["id"])
    await cluster.back()
    assert (await get(anna, f"{STATUSES}/{answer.json()['id']}"))["in_reply_to_id"] == first["id"]


async def test_it_meets_its_authors_filters_and_shows_custom_pictures_as_ever(cluster: Cluster):
    anna = await cluster.nodes[0].world.person("anna")
    await anna.post("/api/v2/filters", json={
        "title": "No", "context": ["home"], "keywords_attributes": [{"keyword": "hello", "whole_word": True}],
    })  # fmt: skip
    cluster.cut()
    status = await post(anna)
    assert [one["filter"]["title"] for one in status["filtered"]] == ["No"]
    await cluster.back()
    assert await get(anna, f"{STATUSES}/{status['id']}") == status


async def test_nothing_is_asked_of_the_journal_where_all_is_well(cluster: Cluster):
    anna = await cluster.nodes[0].world.person("anna")
    asked = cluster.majority.asked
    status = await post(anna)
    for place in ("/api/v1/timelines/home", f"{STATUSES}/{status['id']}", f"{STATUSES}/{status['id']}/context"):
        await get(anna, place)
    await get(anna, f"/api/v1/accounts/{anna.id}/statuses")
    await anna.post(f"{STATUSES}/{status['id']}/favourite")
    old = ids.first_at(cluster.clock.now_ms() - 7_200_000)
    assert (await anna.post(f"{STATUSES}/{old}/favourite")).status == 404
    assert cluster.majority.asked == asked


# -- done to it -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", ["favourite", "bookmark", "pin", "mute", "reblog"])
async def test_what_is_done_to_it_waits_until_it_is_stored(cluster: Cluster, deed: str):
    anna = await cluster.nodes[0].world.person("anna")
    cluster.cut()
    status = await post(anna)
    answer = await cluster.later(on(1, cluster, anna).post(f"{STATUSES}/{status['id']}/{deed}"), cluster.back)
    assert answer.status == 200, answer.body
    assert status["id"] in (answer.json()["id"], (answer.json()["reblog"] or {}).get("id"))


async def test_an_edit_a_deletion_and_a_quote_of_it_wait_too(cluster: Cluster):
    anna = await cluster.nodes[0].world.person("anna")
    cluster.cut()
    first = await post(anna, "first")
    await post(anna, "second")
    quoting = anna.post(STATUSES, json={"status": "see", "quoted_status_id": first["id"]})
    quote = await cluster.later(quoting, cluster.back)
    assert quote.json()["quote"]["quoted_status"]["id"] == first["id"]
    cluster.cut()
    third = await post(anna, "third")
    edit = anna.put(f"{STATUSES}/{third['id']}", json={"status": "changed"})
    assert texts([(await cluster.later(edit, cluster.back)).json()]) == ["changed"]
    cluster.cut()
    fourth = await post(anna, "fourth")
    gone = await cluster.later(anna.delete(f"{STATUSES}/{fourth['id']}"), cluster.back)
    assert (gone.status, gone.json()["text"]) == (200, "fourth")
    assert (await cluster.soon(anna.get(f"{STATUSES}/{fourth['id']}"))).status == 404
    assert texts(await get(anna, "/api/v1/timelines/home")) == ["changed", "see", "second", "first"]


async def test_what_is_brought_in_while_it_is_said_not_to_be_there_is_there(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    """A refusal waits for a commit of the primary. A machine that was frozen does not know that posts had to wait."""
    anna = await cluster.nodes[0].world.person("anna")
    monkeypatch.setattr(type(cluster.nodes[1].world.database), "has_standbys", True)
    confirm, drained = Pulse.confirm, list[int]()

    async def meanwhile(*given: Any) -> None:
        drained.append(await cluster.drain())
        await confirm(*given)

    monkeypatch.setattr(Pulse, "confirm", meanwhile)
    there = on(1, cluster, anna)
    for given in ("in_reply_to_id", "quoted_status_id"):
        cluster.nodes[0].switch.open()
        waits = await post(anna, "waits")
        answer = await there.post(STATUSES, json={"status": "refers", given: waits["id"]})
        assert (answer.status, drained.pop()) == (200, 1), answer.body
        cluster.close()
        await get(anna, f"{STATUSES}/{waits['id']}")
    assert (await there.post(f"{STATUSES}/{ids.first_at(cluster.clock.now_ms())}/favourite")).status == 404


async def test_a_page_answers_what_waits_though_its_machine_does_not_know_of_it(cluster: Cluster):
    """Having been frozen, it knows neither the post nor that posts had to wait."""
    anna = await cluster.nodes[0].world.person("anna")
    there = await pages.signed_in(cluster.nodes[1].world, anna.id)
    root = await post(anna, "root")
    page = await there.go(f"/@anna/{root['id']}")
    cluster.nodes[0].switch.open()
    waits = await post(anna, "waits")
    answer = {"status": "an answer", "in_reply_to_id": waits["id"]}
    sent = await cluster.later(there.send(page, "/compose", answer), cluster.drain)
    assert sent.status == 303, sent.text
    cluster.close()
    context = await get(anna, f"{STATUSES}/{waits['id']}/context")
    assert texts(context["descendants"]) == ["an answer"]
    nothing = str(ids.first_at(cluster.clock.now_ms()))
    refused = await there.send(page, "/compose", {"status": "kept", "in_reply_to_id": nothing, "once": "1"})
    assert (refused.status, refused.value("status")) == (422, "kept")


async def test_a_post_that_is_not_seen_yet_by_who_made_it_is_made_once(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    anna = await cluster.nodes[0].world.person("anna")
    root = await post(anna, "root")
    behind = behind_once(monkeypatch)
    made = await cluster.soon(anna.post(STATUSES, json={"status": "reply", "in_reply_to_id": root["id"]}))
    assert (made.status, behind) == (200, [])
    context = await get(anna, f"{STATUSES}/{root['id']}/context")
    assert texts(context["descendants"]) == ["reply"]


async def test_what_waits_too_long_is_told_to_come_back(cluster: Cluster):
    anna = await cluster.nodes[0].world.person("anna")
    cluster.cut()
    status = await post(anna)

    async def nothing() -> None:
        cluster.clock.advance(45_000)

    answer = await cluster.later(anna.post(f"{STATUSES}/{status['id']}/favourite"), nothing)
    assert (answer.status, answer.header("retry-after")) == (503, "5")
    assert "error" in answer.json()


# -- what is not taken ------------------------------------------------------------------------------------------------


async def test_what_may_not_be_posted_is_refused_by_whoever_can_commit(cluster: Cluster):
    """A standby may not know yet what a post names: it was cut off, and the upload was made elsewhere."""
    anna, bert = await cluster.nodes[0].world.people("anna", "bert")
    secret = await post(bert, "secret", visibility="private")
    cluster.cut()
    for text in ("x" * 501, ""):
        answer = await anna.post(STATUSES, json={"status": text})
        assert (answer.status, "error" in answer.json()) == (422, True), text
    for given, status in (
        ({"status": "hello", "in_reply_to_id": secret["id"]}, 404),
        ({"status": "hello", "quoted_status_id": secret["id"]}, 404),
        ({"status": "hello", "media_ids": ["1"]}, 422),
    ):
        cluster.cut()
        answer = await cluster.later(anna.post(STATUSES, json=given), cluster.back)
        assert (answer.status, "error" in answer.json()) == (status, True), given
    cluster.cut()
    theirs = await post(bert, "waits")
    reply = anna.post(STATUSES, json={"status": "hello", "in_reply_to_id": theirs["id"]})
    assert (await cluster.later(reply, cluster.back)).status == 200, "what nobody else sees yet is waited for"


@pytest.mark.parametrize("catches_up", [True, False])
async def test_a_standby_that_lacks_what_a_post_names_refuses_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, catches_up: bool
):
    anna = await cluster.nodes[0].world.person("anna")
    compose, asked = actions.compose, []

    async def lacking(*given: Any) -> Written:
        asked.append(cluster.clock.monotonic())
        if len(asked) < 20 or not catches_up:
            raise Invalid("media_ids", "names an attachment that is not yours")
        return await compose(*given)

    monkeypatch.setattr(actions, "compose", lacking)
    cluster.cut()
    began = cluster.clock.monotonic()
    answer = await cluster.soon(anna.post(STATUSES, json={"status": "hello"}))
    assert answer.status == (200 if catches_up else 503)
    assert len(await cluster.journal.first(10)) == int(catches_up)
    assert cluster.clock.monotonic() - began > (10 if catches_up else 45)
    assert len(asked) < 60


async def test_readers_who_wait_leave_places_to_others(cluster: Cluster):
    """Anybody may ask for what is not there."""
    anna = await cluster.nodes[0].world.person("anna")
    status = await post(anna, "here")
    cluster.cut()
    loop = asyncio.get_running_loop()
    gone = [loop.create_task(anna.get(f"{STATUSES}/{int(status['id']) + n}")) for n in range(1, 3 * READERS)]
    await until(lambda: sum(one.done() for one in gone) == len(gone) - READERS)
    assert {one.result().status for one in gone if one.done()} == {503}
    waiting = [one for one in gone if not one.done()]
    assert await get(anna, f"{STATUSES}/{status['id']}") == status
    assert [(await cluster.soon(one)).status for one in waiting] == [404] * READERS


async def test_a_full_journal_says_so(cluster: Cluster):
    anna = await cluster.nodes[0].world.person("anna")
    cluster.majority.used = QUOTA_BYTES
    cluster.cut()
    for node in cluster.nodes:
        detour = node.world.parts.detour
        assert detour is not None
        await detour.journal.measure()  # type: ignore[attr-defined]
    answer = await anna.post(STATUSES, json={"status": "hello"})
    assert (answer.status, answer.header("retry-after")) == (503, "30")
    assert "error" in answer.json()


async def test_what_is_too_large_for_the_journal_waits_for_the_database(cluster: Cluster):
    anna = await cluster.nodes[0].world.person("anna")
    cluster.cut()
    long = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(1, 2_400))
    answer = await cluster.later(anna.post(STATUSES, json={"status": f"see https://example.com/{long}"}), cluster.back)
    assert answer.status == 200, answer.body
    assert await cluster.journal.first(10) == ()


async def test_without_a_majority_too_a_post_is_held_until_there_is_something_to_take_it(cluster: Cluster):
    anna = await cluster.nodes[0].world.person("anna")
    cluster.cut()
    cluster.majority.failing = True

    async def back() -> None:
        cluster.close()

    answer = await cluster.later(anna.post(STATUSES, json={"status": "hello"}), back)
    assert answer.status == 200
    cluster.cut()

    async def never() -> None:
        cluster.clock.advance(45_000)

    answer = await cluster.later(anna.post(STATUSES, json={"status": "hello"}), never)
    assert (answer.status, answer.header("retry-after")) == (503, "5")
    cluster.majority.failing = False
    assert len(await get(anna, f"/api/v1/accounts/{anna.id}/statuses")) == 1


# -- pages ------------------------------------------------------------------------------------------------------------


async def test_pages_post_and_show_what_waits_as_the_api_does(cluster: Cluster):
    here, there = (node.world for node in cluster.nodes)
    anna = await here.person("anna")
    bert = await pages.person(here, "bert")
    browser = await pages.signed_in(here, anna.id)
    root = await post(anna, "root")
    cluster.cut()
    sent = await browser.do("/", "/compose", {"status": "from a page"})
    waiting = sent.address.rpartition("#s")[2]
    assert [entry.id for entry in await cluster.journal.first(10)] == [int(waiting)]
    elsewhere = await pages.signed_in(there, anna.id)
    for place in ("/", "/@anna", f"/@anna/{waiting}"):
        assert "from a page" in (await elsewhere.go(place)).text, place
        assert "from a page" not in (await cluster.soon(bert.get(place))).text, place
    assert (await cluster.soon(bert.get(f"/@anna/{waiting}"))).status == 404
    await browser.do(f"/@anna/{root['id']}", "/compose", {"status": "an answer"})
    assert "an answer" in (await browser.go(f"/@anna/{root['id']}")).text
    answered = next(entry.id for entry in await cluster.journal.first(10) if entry.id != int(waiting))
    assert "root" in (await elsewhere.go(f"/@anna/{answered}")).text
    await cluster.back()
    assert (await browser.go("/")).text.count("from a page") == 1
    assert "from a page" in (await bert.get(f"/@anna/{waiting}")).text


async def test_a_standby_that_is_behind_is_given_a_moment(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    anna = await cluster.nodes[0].world.person("anna")
    monkeypatch.setattr(type(cluster.nodes[0].world.database), "has_standbys", True)
    behind = behind_once(monkeypatch)
    answer = await cluster.soon(anna.post(STATUSES, json={"status": "hello"}))
    assert (answer.status, behind) == (200, [])
    gone = await cluster.soon(anna.post(f"{STATUSES}/{answer.json()['id']}/favourite"))
    assert gone.json()["favourited"] is True
