"""Filters at the client API's door: kept, changed, and shown on every answer that has a status in it."""

from typing import Any

import pytest

from linnet.domain import filters as rules
from linnet.queries import filters
from tests.storage.queries import sql
from tests.support.client import Person, VirtualClock, World

EVERYWHERE = ["home", "notifications", "public", "thread", "account"]


async def make(person: Person, *keywords: str, **changed: Any) -> dict[str, Any]:
    attributes = [{"keyword": keyword} for keyword in keywords]
    body = {"title": "Animals", "context": EVERYWHERE, "keywords_attributes": attributes, **changed}
    answer = await person.post("/api/v2/filters", json=body)
    assert answer.status == 200, answer.body
    return answer.json()


async def post(person: Person, text: str, **more: Any) -> str:
    answer = await person.post("/api/v1/statuses", json={"status": text, **more})
    assert answer.status == 200, answer.body
    return answer.json()["id"]


async def marks(person: Person, address: str) -> list[list[Any]]:
    """Of each status: the keywords and statuses that it was found by."""
    found = (await person.get(address)).json()
    if isinstance(found, dict):
        found = [found]
    return [
        [(one["filter"]["title"], one["keyword_matches"], one["status_matches"]) for one in each["filtered"]]
        for each in found
    ]


async def test_what_a_status_meets_is_told_wherever_it_is_shown(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    await alice.post(f"/api/v1/accounts/{bob.id}/follow")
    cat = await post(bob, "@alice my Cat")
    await alice.post(f"/api/v1/statuses/{cat}/bookmark")
    await any_world.run_jobs()
    await make(alice, "cat", "dog")
    met = [("Animals", ["cat"], None)]
    for address in (
        "/api/v1/timelines/home", "/api/v1/timelines/public", f"/api/v1/statuses/{cat}", f"/api/v1/statuses?id[]={cat}",
        f"/api/v1/accounts/{bob.id}/statuses", "/api/v1/bookmarks",
    ):  # fmt: skip
        assert await marks(alice, address) == [met], address
    told = (await alice.get("/api/v1/notifications")).json()
    assert [one["status"]["filtered"][0]["keyword_matches"] for one in told if "status" in one] == [["cat"]]
    answer = await alice.get("/api/v2/search?q=cat&type=statuses")
    assert all(one["filtered"] for one in answer.json()["statuses"])
    reply = await post(bob, "and a dog", in_reply_to_id=cat)
    context = (await alice.get(f"/api/v1/statuses/{reply}/context")).json()
    assert context["ancestors"][0]["filtered"][0]["keyword_matches"] == ["cat"]
    assert (await alice.post(f"/api/v1/statuses/{reply}/favourite")).json()["filtered"] != []
    # Nobody else is told, and whoever is not signed in not even that there is such a thing.
    assert await marks(bob, f"/api/v1/statuses/{cat}") == [[]]
    assert "filtered" not in (await any_world.client.get(f"/api/v1/statuses/{cat}")).json()


async def test_a_reblog_meets_what_its_original_meets(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    cat = await post(bob, "cat")
    made = await make(alice, "cat")
    assert (await alice.post(f"/api/v2/filters/{made['id']}/statuses", json={"status_id": cat})).status == 200
    again = (await bob.post(f"/api/v1/statuses/{cat}/reblog")).json()["id"]
    for _ in range(2):
        shown = (await alice.get(f"/api/v1/statuses/{again}")).json()
        (met,) = shown["filtered"]
        assert (met["keyword_matches"], met["status_matches"]) == (["cat"], [cat])
        assert shown["reblog"]["filtered"] == [met]


async def test_everything_of_a_status_is_searched(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    await make(alice, "cat", whole_word=True)
    warned = await post(bob, "words", spoiler_text="about a cat")
    assert await marks(alice, f"/api/v1/statuses/{warned}") == [[("Animals", ["cat"], None)]]
    await bob.ask("PUT", f"/api/v1/statuses/{warned}", json={"status": "words", "spoiler_text": "about a dog"})
    assert await marks(alice, f"/api/v1/statuses/{warned}") == [[]]


async def test_a_change_is_seen_at_once(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    cat = await post(bob, "cat and dog")
    address = f"/api/v1/statuses/{cat}"
    made = await make(alice, "cat", filter_action="hide")
    assert (await alice.get(address)).json()["filtered"][0]["filter"]["filter_action"] == "hide"
    (keyword,) = made["keywords"]
    await alice.ask("PUT", f"/api/v2/filters/keywords/{keyword['id']}", json={"keyword": "bird"})
    assert await marks(alice, address) == [[]]
    added = (await alice.post(f"/api/v2/filters/{made['id']}/keywords", json={"keyword": "dog"})).json()
    assert await marks(alice, address) == [[("Animals", ["dog"], None)]]
    change = {
        "title": "Pets", "filter_action": "blur", "context": ["public"],
        "keywords_attributes": [{"id": added["id"], "_destroy": True}, {"keyword": "Cat"}],
    }  # fmt: skip
    changed = (await alice.ask("PUT", f"/api/v2/filters/{made['id']}", json=change)).json()
    assert (changed["title"], changed["filter_action"], changed["context"]) == ("Pets", "blur", ["public"])
    assert [each["keyword"] for each in changed["keywords"]] == ["bird", "Cat"]
    assert await marks(alice, address) == [[("Pets", ["Cat"], None)]]
    assert (await alice.delete(f"/api/v2/filters/{made['id']}")).json() == {}
    assert await marks(alice, address) == [[]]
    version = await any_world.database.read(
        lambda tx: tx.one(sql("select filters_version from users where account_id = :id"), id=alice.id)
    )
    assert version == (0,), "whoever has no filters pays for none"


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_filter_ends_when_it_was_to_end(open_any_world: Any):
    clock = VirtualClock()
    world = await open_any_world(clock=clock)
    alice, bob = await world.people("alice", "bob")
    cat = await post(bob, "cat")
    made = await make(alice, "cat", expires_in=60)
    assert made["expires_at"] == "2026-05-28T20:27:40.000Z"
    assert await marks(alice, f"/api/v1/statuses/{cat}") != [[]]
    clock.advance(60_000)
    assert await marks(alice, f"/api/v1/statuses/{cat}") == [[]]
    kept = (await alice.ask("PUT", f"/api/v2/filters/{made['id']}", json={"title": "Still"})).json()
    assert kept["expires_at"] == made["expires_at"]
    for never in (None, ""):
        renewed = (await alice.ask("PUT", f"/api/v2/filters/{made['id']}", json={"expires_in": never})).json()
        assert renewed["expires_at"] is None
    assert await marks(alice, f"/api/v1/statuses/{cat}") == [[("Still", ["cat"], None)]]


async def test_the_old_version_sees_the_same_data(any_world: World):
    alice = await any_world.person("alice")
    body = {"phrase": "cat", "context": ["home"], "irreversible": True, "whole_word": False, "expires_in": 3600}
    made = (await alice.post("/api/v1/filters", json=body)).json()
    assert (made["phrase"], made["irreversible"], made["whole_word"], made["context"]) == ("cat", True, False, ["home"])
    (new,) = (await alice.get("/api/v2/filters")).json()
    assert (new["title"], new["filter_action"], new["keywords"][0]["id"]) == ("cat", "hide", made["id"])
    change = {"phrase": "dog", "context": ["public"], "irreversible": False, "whole_word": True}
    changed = (await alice.ask("PUT", f"/api/v1/filters/{made['id']}", json=change)).json()
    assert (changed["phrase"], changed["irreversible"], changed["whole_word"]) == ("dog", False, True)
    assert changed["expires_at"] == made["expires_at"]
    await alice.post(f"/api/v2/filters/{new['id']}/keywords", json={"keyword": "bird"})
    # Its other keyword would be meant as well.
    refused = await alice.ask("PUT", f"/api/v1/filters/{made['id']}", json=change)
    assert refused.status == 422
    alone = await alice.ask("PUT", f"/api/v1/filters/{made['id']}", json={"phrase": "cow"})
    assert alone.json()["phrase"] == "cow"
    listed = (await alice.get("/api/v1/filters")).json()
    assert [one["phrase"] for one in listed] == ["cow", "bird"]
    for one in listed:
        assert (await alice.delete(f"/api/v1/filters/{one['id']}")).json() == {}
    assert (await alice.get("/api/v2/filters")).json() == []


async def test_nobody_reaches_the_filters_of_others(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    cat = await post(alice, "cat")
    made = await make(alice, "cat")
    (keyword,) = made["keywords"]
    entry = (await alice.post(f"/api/v2/filters/{made['id']}/statuses", json={"status_id": cat})).json()
    assert entry["status_id"] == cat
    assert (await alice.post(f"/api/v2/filters/{made['id']}/statuses", json={"status_id": cat})).json() == entry
    for method, address, body in (
        ("GET", f"/api/v2/filters/{made['id']}", None),
        ("PUT", f"/api/v2/filters/{made['id']}", {"title": "mine"}),
        ("DELETE", f"/api/v2/filters/{made['id']}", None),
        ("GET", f"/api/v2/filters/{made['id']}/keywords", None),
        ("POST", f"/api/v2/filters/{made['id']}/keywords", {"keyword": "x"}),
        ("PUT", f"/api/v2/filters/keywords/{keyword['id']}", {"keyword": "x"}),
        ("DELETE", f"/api/v2/filters/keywords/{keyword['id']}", None),
        ("POST", f"/api/v2/filters/{made['id']}/statuses", {"status_id": cat}),
        ("DELETE", f"/api/v2/filters/statuses/{entry['id']}", None),
        ("GET", f"/api/v1/filters/{keyword['id']}", None),
        ("PUT", f"/api/v1/filters/{keyword['id']}", {"phrase": "x"}),
        ("DELETE", f"/api/v1/filters/{keyword['id']}", None),
    ):
        assert (await bob.ask(method, address, json=body)).status == 404, (method, address)
    hidden = await post(alice, "secret", visibility="direct")
    own = await make(bob)
    assert (await bob.post(f"/api/v2/filters/{own['id']}/statuses", json={"status_id": hidden})).status == 404
    theirs = {"keywords_attributes": [{"id": keyword["id"], "keyword": "x"}]}
    assert (await bob.ask("PUT", f"/api/v2/filters/{own['id']}", json=theirs)).status == 404
    assert (await alice.get(f"/api/v2/filters/{made['id']}")).json()["keywords"] == made["keywords"]


async def test_whoever_has_no_filters_pays_for_none(world: World, monkeypatch: pytest.MonkeyPatch):
    alice, bob = await world.people("alice", "bob")
    cat = await post(bob, "cat")
    made = await make(alice, "cat")

    def fail(*_: Any) -> None:
        raise AssertionError("filters were looked for")

    monkeypatch.setattr(filters, "in_force", fail)
    for person, status in ((bob, 200), (alice, 500)):
        assert (await person.get(f"/api/v1/statuses/{cat}")).status == status
    monkeypatch.undo()
    await alice.delete(f"/api/v2/filters/{made['id']}")
    monkeypatch.setattr(filters, "in_force", fail)
    assert (await alice.get(f"/api/v1/statuses/{cat}")).json()["filtered"] == []


async def test_a_deleted_status_is_forgotten(any_world: World):
    alice = await any_world.person("alice")
    cat = await post(alice, "cat")
    made = await make(alice)
    await alice.post(f"/api/v2/filters/{made['id']}/statuses", json={"status_id": cat})
    await alice.delete(f"/api/v1/statuses/{cat}")
    await any_world.run_jobs()
    assert (await alice.get(f"/api/v2/filters/{made['id']}/statuses")).json() == []


async def test_errors_name_the_field(any_world: World):
    alice = await any_world.person("alice")
    good = {"title": "t", "context": ["home"]}
    for changed, field in (
        ({"title": ""}, "title"), ({"title": "x" * 257}, "title"), ({"context": []}, "context"),
        ({"context": ["attic"]}, "context"), ({"filter_action": "burn"}, "filter_action"),
        ({"expires_in": "soon"}, "expires_in"), ({"keywords_attributes": ["cat"]}, "keywords_attributes"),
        ({"keywords_attributes": [{"keyword": " "}]}, "keyword"),
    ):  # fmt: skip
        answer = await alice.post("/api/v2/filters", json=good | changed)
        assert answer.status == 422, changed
        assert field in answer.json()["error"].lower().replace(" ", "_"), answer.json()
    assert (await alice.get("/api/v2/filters")).json() == []


async def test_there_are_only_so_many(any_world: World, monkeypatch: pytest.MonkeyPatch):
    for name, most in (("FILTERS_MAX", 2), ("KEYWORDS_MAX", 3), ("STATUSES_MAX", 1)):
        monkeypatch.setattr(rules, name, most)
    alice = await any_world.person("alice")
    made = await make(alice, "one", "two")
    await make(alice, "three")
    assert (await alice.post("/api/v2/filters", json={"title": "t", "context": ["home"]})).status == 422
    assert (await alice.post(f"/api/v2/filters/{made['id']}/keywords", json={"keyword": "four"})).status == 422
    for number, status in ((1, 200), (2, 422)):
        body = {"status_id": await post(alice, f"status {number}")}
        assert (await alice.post(f"/api/v2/filters/{made['id']}/statuses", json=body)).status == status
