"""Polls at the client API's door, on both engines: posted, voted in, changed, hidden until the end, and closed."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from linnet.actions import deletions
from linnet.storage.database import Operation
from tests.support.client import Person, VirtualClock, World

OPTIONS = ["tea", "coffee", "water"]
HOUR_MS = 3_600_000


@pytest.fixture
async def timed(open_any_world: Any) -> World:
    return await open_any_world(clock=VirtualClock())


async def asked(author: Person, **poll: Any) -> dict[str, Any]:
    """A status with a poll."""
    given = {"options": OPTIONS, "expires_in": 3600, **poll}
    answer = await author.post("/api/v1/statuses", json={"status": "What do you drink?", "poll": given})
    assert answer.status == 200, answer.body
    return answer.json()


async def vote(voter: Person, id: str, *choices: int) -> Any:
    return await voter.post(f"/api/v1/polls/{id}/votes", json={"choices": list(choices)})


async def test_a_poll_is_shown_with_its_status_and_counts_each_voter_once(timed: World):
    anna, bert, carla = await timed.people("anna", "bert", "carla")
    status = await asked(anna)
    poll = status["poll"]
    assert [option["title"] for option in poll["options"]] == OPTIONS
    assert (poll["voted"], poll["own_votes"], poll["expired"], poll["multiple"]) == (True, [], False, False)
    assert (await bert.get(f"/api/v1/polls/{poll['id']}")).json()["voted"] is False
    voted = (await vote(bert, poll["id"], 1)).json()
    assert (voted["voted"], voted["own_votes"], voted["votes_count"], voted["voters_count"]) == (True, [1], 1, 1)
    again = await vote(bert, poll["id"], 0)
    assert again.status == 422
    assert (await vote(carla, poll["id"], 1)).status == 200
    shown = (await bert.get(f"/api/v1/statuses/{status['id']}")).json()["poll"]
    assert [option["votes_count"] for option in shown["options"]] == [0, 2, 0]
    stranger = (await timed.client.get(f"/api/v1/polls/{poll['id']}")).json()
    assert "voted" not in stranger
    assert stranger["voters_count"] == 2
    (listed,) = (await anna.get("/api/v1/timelines/home")).json()
    assert listed["poll"]["votes_count"] == 2
    await bert.post(f"/api/v1/statuses/{status['id']}/reblog")
    boosted = (await bert.get(f"/api/v1/accounts/{bert.id}/statuses")).json()[0]
    assert (boosted["poll"], boosted["reblog"]["poll"]) == (None, shown)


async def test_several_choices_count_as_one_voter(timed: World):
    anna, bert = await timed.people("anna", "bert")
    poll = (await asked(anna, multiple=True))["poll"]
    form = [("choices[]", "2"), ("choices[]", "0")]
    voted = (await bert.post(f"/api/v1/polls/{poll['id']}/votes", form=form)).json()
    assert (voted["own_votes"], voted["votes_count"], voted["voters_count"]) == ([0, 2], 2, 1)


async def test_a_form_asks_the_same(timed: World):
    anna = await timed.person("anna")
    form = [("status", "hm?"), ("poll[options][]", "yes"), ("poll[options][]", "no"), ("poll[expires_in]", "300")]
    form += [("poll[multiple]", "true"), ("poll[hide_totals]", "1")]
    poll = (await anna.post("/api/v1/statuses", form=form)).json()["poll"]
    assert (poll["multiple"], [one["votes_count"] for one in poll["options"]]) == (True, [None, None])


@pytest.mark.parametrize(
    ("poll", "field"),
    [
        ({"options": ["a", "b"]}, "poll[expires_in]"),
        ({"options": ["a", "b"], "expires_in": 299}, "poll[expires_in]"),
        ({"options": ["a", "b"], "expires_in": 10**9}, "poll[expires_in]"),
        ({"options": ["a"], "expires_in": 600}, "poll[options]"),
        ({"options": ["a", " "], "expires_in": 600}, "poll[options]"),
        ({"options": ["a", "a "], "expires_in": 600}, "poll[options]"),
        ({"options": ["a", "b" * 51], "expires_in": 600}, "poll[options]"),
        ({"options": list("abcde"), "expires_in": 600}, "poll[options]"),
        ({"options": [1, 2], "expires_in": 600}, "poll[options]"),
        ("yes or no", "poll"),
    ],
)
async def test_a_poll_that_may_not_be_names_what_is_wrong(world: World, poll: Any, field: str):
    anna = await world.person("anna")
    answer = await anna.post("/api/v1/statuses", json={"status": "x", "poll": poll})
    assert answer.status == 422
    assert field in answer.json()["details"]


async def test_votes_that_do_not_count(timed: World):
    anna, bert, carla = await timed.people("anna", "bert", "carla")
    poll = (await asked(anna))["poll"]
    for choices in ((), (3,), (0, 1)):
        assert (await vote(bert, poll["id"], *choices)).status == 422
    assert (await bert.post(f"/api/v1/polls/{poll['id']}/votes", json={"choices": ["x"]})).status == 422
    assert (await vote(anna, poll["id"], 0)).status == 422
    await anna.post(f"/api/v1/accounts/{carla.id}/block")
    assert (await vote(carla, poll["id"], 0)).status == 404
    plain = (await anna.post("/api/v1/statuses", json={"status": "no poll"})).json()
    assert (await vote(bert, plain["id"], 0)).status == 404
    timed.clock.advance(HOUR_MS)
    late = await vote(bert, poll["id"], 0)
    assert (late.status, "already ended" in late.json()["error"]) == (422, True)
    assert (await bert.get(f"/api/v1/polls/{poll['id']}")).json()["votes_count"] == 0


async def test_hidden_totals_are_shown_when_it_is_over(timed: World):
    anna, bert = await timed.people("anna", "bert")
    status = await asked(anna, hide_totals=True)
    await vote(bert, status["id"], 2)

    async def counts() -> list[int | None]:
        poll = (await bert.get(f"/api/v1/statuses/{status['id']}")).json()["poll"]
        return [option["votes_count"] for option in poll["options"]]

    assert await counts() == [None, None, None]
    timed.clock.advance(HOUR_MS)
    assert await counts() == [0, 0, 1]
    assert (await anna.get(f"/api/v1/polls/{status['id']}")).json()["expired"] is True


async def test_the_end_is_told_to_the_author_and_to_those_who_voted_once(timed: World):
    anna, bert, carla = await timed.people("anna", "bert", "carla")
    status = await asked(anna)
    await vote(bert, status["id"], 0)
    await timed.run_jobs()
    timed.clock.advance(HOUR_MS)
    await timed.run_jobs()
    for person, told in ((anna, 1), (bert, 1), (carla, 0)):
        found = (await person.get("/api/v1/notifications")).json()
        assert [one["type"] for one in found] == ["poll"] * told
        assert all(one["status"]["poll"]["expired"] and one["account"]["id"] == str(anna.id) for one in found)


async def test_an_edit_may_prolong_a_poll_or_begin_it_anew_or_take_it_away(timed: World):
    anna, bert = await timed.people("anna", "bert")
    status = await asked(anna)
    place = f"/api/v1/statuses/{status['id']}"
    await vote(bert, status["id"], 0)
    same = {"options": OPTIONS, "expires_in": 7200}
    longer = (await anna.put(place, json={"status": "Still?", "poll": same})).json()["poll"]
    assert longer["votes_count"] == 1
    assert longer["expires_at"] > status["poll"]["expires_at"]
    timed.clock.advance(HOUR_MS)
    await timed.run_jobs()
    assert (await bert.get("/api/v1/notifications")).json() == []
    other = {"options": ["wine", "beer"], "expires_in": 7200}
    anew = (await anna.put(place, json={"status": "And now?", "poll": other})).json()["poll"]
    assert (anew["votes_count"], anew["id"]) == (0, status["poll"]["id"])
    assert (await vote(bert, status["id"], 1)).status == 200
    gone = (await anna.put(place, json={"status": "Never mind"})).json()
    assert gone["poll"] is None
    assert (await bert.get(f"/api/v1/polls/{status['id']}")).status == 404
    history = (await anna.get(f"{place}/history")).json()
    shown = [[option["title"] for option in edit.get("poll", {}).get("options", ())] for edit in history]
    assert shown == [OPTIONS, OPTIONS, ["wine", "beer"], []]
    timed.clock.advance(3 * HOUR_MS)
    await timed.run_jobs()
    assert (await bert.get("/api/v1/notifications?types[]=poll")).json() == []


async def test_a_poll_stands_without_pictures(world: World):
    anna = await world.person("anna")
    poll = {"options": OPTIONS, "expires_in": 3600}
    answer = await anna.post("/api/v1/statuses", json={"status": "x", "poll": poll, "media_ids": ["1"]})
    assert "media_ids" in answer.json()["details"]


async def test_a_voter_who_goes_takes_the_vote_along(timed: World):
    anna, bert = await timed.people("anna", "bert")
    status = await asked(anna)
    await vote(bert, status["id"], 0)
    await deletions.delete(timed.database, None, bert.id, Operation("bye"))
    await timed.run_jobs()
    assert (await anna.get(f"/api/v1/polls/{status['id']}")).json()["voters_count"] == 0


async def test_many_vote_at_once_and_each_counts_once(timed: World):
    anna, *voters = await timed.people("anna", "bert", "carla", "dora")
    status = await asked(anna)
    answers = await asyncio.gather(*(vote(voter, status["id"], choice) for voter in voters for choice in (0, 1, 2)))
    assert Counter(answer.status for answer in answers) == {200: 3, 422: 6}
    poll = (await anna.get(f"/api/v1/polls/{status['id']}")).json()
    assert (poll["voters_count"], poll["votes_count"]) == (3, 3)
    assert sum(option["votes_count"] for option in poll["options"]) == 3
