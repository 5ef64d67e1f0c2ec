"""Scheduled statuses and drafts at the client API's door, on both engines: kept, changed, and posted once."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from linnet import app
from linnet.actions import deletions, edits, maintenance, statuses
from linnet.actions.scheduled import publish_due
from linnet.domain import times
from linnet.domain.site import Limits, Site
from linnet.storage import jobs
from linnet.storage.database import Operation
from tests.support.client import ORIGIN, Person, VirtualClock, World
from tests.support.stage import Stage

MINUTE_MS = 60_000
DAY_MS = 86_400_000
PLACE = "/api/v1/scheduled_statuses"


@pytest.fixture
async def timed(open_any_world: Any) -> World:
    return await open_any_world(clock=VirtualClock(), site=Site(ORIGIN, limits=Limits(scheduled=4, drafts=2)))


def later(world: World, ms: int) -> str:
    return times.iso(world.clock.now_ms() + ms)


async def scheduled(world: World, author: Person, ms: int = 10 * MINUTE_MS, **more: Any) -> dict[str, Any]:
    body = {"status": "in a while", "scheduled_at": later(world, ms), **more}
    answer = await author.post("/api/v1/statuses", json=body)
    assert answer.status == 200, answer.body
    return answer.json()


async def home(person: Person) -> list[dict[str, Any]]:
    return (await person.get("/api/v1/timelines/home")).json()


async def test_a_scheduled_status_is_posted_at_its_time_with_all_that_it_has(timed: World):
    anna = await timed.person("anna")
    poll = {"options": ["a", "b"], "expires_in": 300, "multiple": True, "hide_totals": False}
    kept = await scheduled(timed, anna, poll=poll, spoiler_text="soon", visibility="unlisted", language="en")
    assert kept["scheduled_at"] == later(timed, 10 * MINUTE_MS)
    assert (kept["params"]["text"], kept["params"]["poll"]) == ("in a while", poll)
    assert (await anna.get(PLACE)).json() == [kept]
    assert (await anna.get(f"{PLACE}/{kept['id']}")).json() == kept
    await timed.run_jobs()
    assert await home(anna) == []
    timed.clock.advance(10 * MINUTE_MS)
    await timed.run_jobs()
    (status,) = await home(anna)
    assert status["content"] == "<p>in a while</p>"
    assert (status["spoiler_text"], status["visibility"]) == ("soon", "unlisted")
    assert status["poll"]["expires_at"] == later(timed, 300_000)
    assert (await anna.get(PLACE)).json() == []
    timed.clock.advance(DAY_MS)
    await timed.run_jobs()
    assert len(await home(anna)) == 1


async def test_its_time_may_be_moved_both_ways_and_it_may_be_cancelled(timed: World):
    anna, bert = await timed.people("anna", "bert")
    one, two, three = [await scheduled(timed, anna, status=text) for text in ("one", "two", "three")]
    for body in ({"scheduled_at": later(timed, MINUTE_MS)}, {"scheduled_at": "soon"}, {}):
        assert (await anna.put(f"{PLACE}/{one['id']}", json=body)).status == 422
    assert (await bert.put(f"{PLACE}/{one['id']}", json={"scheduled_at": later(timed, DAY_MS)})).status == 404
    moved = (await anna.put(f"{PLACE}/{one['id']}", json={"scheduled_at": later(timed, 20 * MINUTE_MS)})).json()
    assert moved == {**one, "scheduled_at": later(timed, 20 * MINUTE_MS)}
    assert (await anna.put(f"{PLACE}/{two['id']}", json={"scheduled_at": later(timed, 5 * MINUTE_MS)})).status == 200
    assert (await bert.delete(f"{PLACE}/{three['id']}")).status == 404
    assert (await anna.delete(f"{PLACE}/{three['id']}")).json() == {}
    seen = []
    for _ in range(5):
        timed.clock.advance(5 * MINUTE_MS)
        await timed.run_jobs()
        seen.append([status["content"] for status in await home(anna)])
    assert seen == [["<p>two</p>"]] * 3 + [["<p>one</p>", "<p>two</p>"]] * 2


async def test_what_is_too_soon_or_too_many_is_refused_and_what_is_past_is_posted(timed: World):
    anna = await timed.person("anna")
    for at in (later(timed, 4 * MINUTE_MS), "tomorrow", "9999-99-99", "0001-01-01T00:00:00+14:00"):
        answer = await anna.post("/api/v1/statuses", json={"status": "x", "scheduled_at": at})
        assert (answer.status, list(answer.json()["details"])) == (422, ["scheduled_at"]), at
    past = await anna.post("/api/v1/statuses", json={"status": "now", "scheduled_at": later(timed, -1)})
    assert past.json()["content"] == "<p>now</p>"
    for _ in range(4):
        await scheduled(timed, anna)
    body = {"status": "x", "scheduled_at": later(timed, 10 * MINUTE_MS)}
    assert "limit of 4" in (await anna.post("/api/v1/statuses", json=body)).json()["error"]
    empty = await anna.post("/api/v1/statuses", json={"status": "", "scheduled_at": later(timed, DAY_MS)})
    assert empty.status == 422
    reply = {"status": "x", "in_reply_to_id": "1", "scheduled_at": later(timed, DAY_MS)}
    assert (await anna.post("/api/v1/statuses", json=reply)).status == 404


async def test_a_day_takes_so_many_and_no_more(open_any_world: Any):
    limits = Limits(scheduled_per_day=2)
    world = await open_any_world(clock=VirtualClock(), site=Site(ORIGIN, limits=limits))
    anna = await world.person("anna")
    two = [await scheduled(world, anna, 3 * DAY_MS) for _ in range(2)]
    body = {"status": "x", "scheduled_at": later(world, 3 * DAY_MS)}
    assert "limit of 2" in (await anna.post("/api/v1/statuses", json=body)).json()["error"]
    await scheduled(world, anna, 4 * DAY_MS)
    assert (await anna.put(f"{PLACE}/{two[0]['id']}", json={"scheduled_at": later(world, 3 * DAY_MS)})).status == 200


async def test_media_is_kept_for_it_alone_and_is_not_forgotten_meanwhile(timed: World):
    anna = await timed.person("anna")
    stage = Stage(timed)
    picture = str(await stage.upload(anna.id))
    kept = await scheduled(timed, anna, 3 * DAY_MS, media_ids=[picture])
    assert [one["id"] for one in kept["media_attachments"]] == [picture]
    other = await anna.post("/api/v1/statuses", json={"status": "x", "media_ids": [picture]})
    assert "media_ids" in other.json()["details"]
    assert (await anna.delete(f"/api/v1/media/{picture}")).status == 422
    draft = (await anna.post("/api/v1/drafts", json={"media_ids": [str(await stage.upload(anna.id))]})).json()
    unused = await stage.upload(anna.id)
    timed.clock.advance(2 * DAY_MS)
    keeping = app.keeping(timed.parts)
    assert await timed.database.write(lambda tx: maintenance.uploads(tx, keeping)) == 1
    assert (await anna.get(f"/api/v1/media/{unused}")).status == 404
    assert (await anna.get(f"{PLACE}/{kept['id']}")).json() == kept
    assert (await anna.get(f"/api/v1/drafts/{draft['id']}")).json() == draft
    timed.clock.advance(DAY_MS)
    await timed.run_jobs()
    (status,) = await home(anna)
    assert [one["id"] for one in status["media_attachments"]] == [picture]
    again = str(await stage.upload(anna.id))
    gone = await scheduled(timed, anna, media_ids=[again])
    await anna.delete(f"{PLACE}/{gone['id']}")
    assert (await anna.post("/api/v1/statuses", json={"status": "x", "media_ids": [again]})).status == 200


async def test_what_may_not_be_posted_any_more_becomes_a_draft(timed: World):
    anna, bert = await timed.people("anna", "bert")
    parent = (await bert.post("/api/v1/statuses", json={"status": "ask me"})).json()["id"]
    await scheduled(timed, anna, in_reply_to_id=parent, status="my answer")
    await edits.delete(timed.database, bert.id, int(parent), Operation("gone"))
    timed.clock.advance(10 * MINUTE_MS)
    await timed.run_jobs()
    assert await home(anna) == []
    (draft,) = (await anna.get("/api/v1/drafts")).json()
    assert (draft["params"]["text"], draft["params"]["in_reply_to_id"]) == ("my answer", int(parent))
    assert (await anna.get(PLACE)).json() == []


async def test_a_job_that_dies_on_the_way_posts_nothing_and_its_follower_posts_once(
    timed: World, monkeypatch: pytest.MonkeyPatch
):
    anna = await timed.person("anna")
    await scheduled(timed, anna)
    timed.clock.advance(10 * MINUTE_MS)
    write, failures = statuses.write_status, [OSError("cut off")]

    async def dying(*given: Any, **named: Any) -> Any:
        done = await write(*given, **named)
        if failures:
            raise failures.pop()
        return done

    monkeypatch.setattr(statuses, "write_status", dying)
    with pytest.raises(AssertionError, match="a job failed"):
        await timed.run_jobs()
    assert await home(anna) == []
    timed.clock.advance(MINUTE_MS)
    await timed.run_jobs()
    assert len(await home(anna)) == 1


async def test_a_draft_is_kept_changed_and_posted(timed: World):
    anna, bert = await timed.people("anna", "bert")
    picture = str(await Stage(timed).upload(anna.id))
    draft = (await anna.post("/api/v1/drafts", json={"spoiler_text": "wip", "media_ids": [picture]})).json()
    assert (draft["params"]["text"], [one["id"] for one in draft["media_attachments"]]) == ("", [picture])
    place = f"/api/v1/drafts/{draft['id']}"
    assert (await anna.post(f"{place}/publish")).status == 200
    assert (await anna.post(f"{place}/publish")).status == 404
    draft = (await anna.post("/api/v1/drafts", form={"status": "half a thou"})).json()
    place = f"/api/v1/drafts/{draft['id']}"
    for answer in (await bert.get(place), await bert.put(place, json={"status": "x"}), await bert.delete(place)):
        assert answer.status == 404
    poll = {"options": ["only one"], "expires_in": 300}
    changed = (await anna.put(place, json={"status": "a whole thought", "poll": poll})).json()
    assert changed["params"]["poll"]["options"] == ["only one"]
    refused = await anna.post(f"{place}/publish")
    assert "poll[options]" in refused.json()["details"]
    assert (await anna.get(place)).json() == changed
    await anna.put(place, json={"status": "a whole thought"})
    key = {"Idempotency-Key": "k"}
    posted = [(await anna.post(f"{place}/publish", headers=key)).json()["id"] for _ in range(2)]
    assert posted[0] == posted[1]
    assert (await home(anna))[0]["content"] == "<p>a whole thought</p>"
    assert (await anna.get("/api/v1/drafts")).json() == []


async def test_drafts_have_a_limit_and_an_end(timed: World):
    anna = await timed.person("anna")
    first, second = [(await anna.post("/api/v1/drafts", json={"status": text})).json() for text in "ab"]
    assert (await anna.post("/api/v1/drafts", json={"status": "c"})).status == 422
    page = await anna.get("/api/v1/drafts?limit=1")
    assert [one["id"] for one in page.json()] == [second["id"]]
    assert f"max_id={second['id']}" in (page.header("link") or "")
    assert (await anna.delete(f"/api/v1/drafts/{first['id']}")).json() == {}
    assert (await anna.post("/api/v1/drafts", json={"status": "c"})).status == 200
    assert (await anna.post("/api/v1/drafts", json={"status": "x" * 10_001})).status == 422


async def test_a_scheduled_status_that_two_workers_have_at_once_is_posted_once(timed: World):
    anna = await timed.person("anna")
    await scheduled(timed, anna)
    timed.clock.advance(10 * MINUTE_MS)
    (job,) = await timed.database.write(lambda tx: jobs.claim(tx, 10, MINUTE_MS))
    assert job.kind == "status.scheduled"
    work = [publish_due(timed.database, timed.site, job) for _ in range(4)]
    outcomes = Counter(type(one) for one in await asyncio.gather(*work, return_exceptions=True))
    assert outcomes == {type(None): 1, jobs.LeaseLost: 3}
    assert len(await home(anna)) == 1


async def test_of_many_drafts_at_once_as_many_are_kept_as_fit(timed: World):
    anna = await timed.person("anna")
    asked = [anna.post("/api/v1/drafts", json={"status": str(number)}) for number in range(6)]
    assert Counter(answer.status for answer in await asyncio.gather(*asked)) == {200: 2, 422: 4}
    at = later(timed, 10 * MINUTE_MS)
    asked = [anna.post("/api/v1/statuses", json={"status": "x", "scheduled_at": at}) for _ in range(8)]
    assert Counter(answer.status for answer in await asyncio.gather(*asked)) == {200: 4, 422: 4}


async def test_whoever_goes_leaves_nothing_unposted_behind(timed: World):
    anna = await timed.person("anna")
    await scheduled(timed, anna)
    await anna.post("/api/v1/drafts", json={"status": "a draft"})
    await deletions.delete(timed.database, None, anna.id, Operation("bye"))
    await timed.run_jobs()
    timed.clock.advance(DAY_MS)
    await timed.run_jobs()
    for table in ("drafts", "statuses"):
        assert (await Stage(timed).one(f"select count(*) from {table}"))[0] == 0
