"""Hashtags at the client API's door: what following one brings, and what a profile shows."""

import pytest

from linnet.actions import repairs, timelines
from linnet.actions import tags as actions
from linnet.domain import tags as rules
from linnet.domain.errors import Invalid
from linnet.queries import wholeness
from linnet.storage.database import Operation
from linnet.storage.statements import statement
from tests.doors.test_lists import following, ids, post

HOME = "/api/v1/timelines/home"


async def marks(person, name: str) -> tuple[bool, bool]:
    tag = (await person.get(f"/api/v1/tags/{name}")).json()
    return tag["following"], tag["featuring"]


async def test_a_followed_hashtag_brings_public_posts_of_strangers_home(any_world):
    world = any_world
    alice, bob, carol = await world.people("alice", "bob", "carol")
    before = await post(bob, "an old #Engine")
    answer = await alice.post("/api/v1/tags/ENGINE/follow")
    assert (answer.json()["name"], answer.json()["following"]) == ("Engine", True)
    shown = [before, await post(bob, "another #engine"), await post(carol, "and #engine and #steam")]
    for visibility in ("unlisted", "private", "direct"):
        await post(bob, "@alice not this #engine", visibility=visibility)
    await post(bob, "nor this")
    boost = await carol.post(f"/api/v1/statuses/{before}/reblog")
    assert boost.status == 200
    await world.run_jobs()
    assert await ids(alice, HOME) == shown[::-1]
    await alice.post(f"/api/v1/accounts/{carol.id}/mute")
    assert await ids(alice, HOME) == shown[-2::-1]
    await bob.post(f"/api/v1/accounts/{alice.id}/block")
    assert await ids(alice, HOME) == []
    await bob.post(f"/api/v1/accounts/{alice.id}/unblock")
    await alice.post("/api/v1/tags/engine/unfollow")
    assert await ids(alice, HOME) == []
    assert await marks(alice, "engine") == (False, False)


async def test_an_edit_that_adds_a_hashtag_brings_the_post(any_world):
    world = any_world
    alice, bob = await world.people("alice", "bob")
    await alice.post("/api/v1/tags/engine/follow")
    status = await post(bob, "without")
    await world.run_jobs()
    assert await ids(alice, HOME) == []
    await bob.put(f"/api/v1/statuses/{status}", json={"status": "with #engine"})
    await world.run_jobs()
    assert await ids(alice, HOME) == [status]
    await bob.put(f"/api/v1/statuses/{status}", json={"status": "without again"})
    assert await ids(alice, HOME) == []


async def test_a_hashtag_with_many_followers_is_written_in_batches(world, monkeypatch):
    monkeypatch.setattr(actions, "BATCH", 2)
    people = await world.people("one", "two", "three", "four", "five")
    (author,) = await world.people("author")
    for person in people:
        await person.post("/api/v1/tags/engine/follow")
    status = await post(author, "an #engine")
    gone = await post(author, "another #engine")
    await author.delete(f"/api/v1/statuses/{gone}")
    await world.run_jobs()
    for person in people:
        assert await ids(person, HOME) == [status]


async def test_a_rebuilt_home_has_what_followed_hashtags_bring(any_world):
    world = any_world
    alice, bob = await world.people("alice", "bob")
    tagged = [await post(bob, f"an #engine {number}") for number in range(3)]
    await alice.post("/api/v1/tags/engine/follow")
    await alice.post("/api/v1/tags/steam/follow")
    steam = await post(bob, "only #steam")
    await world.run_jobs()
    await alice.post("/api/v1/tags/steam/unfollow")
    await timelines.rebuild(world.database, alice.id, 100)
    count = statement("test.entries", "select count(*) from home_entries where status_id = :id")
    assert tuple(await world.database.read(lambda tx: tx.one(count, id=int(steam)))) == (1,)
    assert await ids(alice, HOME) == tagged[::-1]
    clear = statement("test.clear", "delete from home_entries where account_id = :id")
    await world.database.write(lambda tx: tx.run(clear, id=alice.id))
    await timelines.rebuild(world.database, alice.id, 2)
    assert await ids(alice, HOME) == tagged[:0:-1]


async def test_an_exclusive_list_does_not_hide_a_followed_hashtag(world):
    alice, bob = await world.people("alice", "bob")
    await following(alice, bob)
    new = (await alice.post("/api/v1/lists", json={"title": "Apart", "exclusive": True})).json()["id"]
    await alice.post(f"/api/v1/lists/{new}/accounts", json={"account_ids": [bob.id]})
    await alice.post("/api/v1/tags/engine/follow")
    await post(bob, "apart")
    tagged = await post(bob, "an #engine")
    await world.run_jobs()
    assert await ids(alice, HOME) == [tagged]


async def test_what_is_no_hashtag_cannot_be_followed(world):
    (alice,) = await world.people("alice")
    for name in ("12", "two%20words", "%23", "a-b", "x" * 600):
        assert (await alice.post(f"/api/v1/tags/{name}/follow")).status in (404, 422), name
    assert (await alice.get("/api/v1/followed_tags")).json() == []
    many = statement(
        "test.follows",
        "insert into tag_follows (account_id, tag, id, name) with recursive c(n) as (select 1 union all "
        "select n + 1 from c where n < :count) select :account_id, 'tag' || n, n, 'Tag' || n from c",
    )
    await world.database.write(lambda tx: tx.run(many, count=rules.FOLLOWED_MAX, account_id=alice.id))
    assert (await alice.post("/api/v1/tags/tag1/follow")).status == 200
    assert (await alice.post("/api/v1/tags/another/follow")).status == 422
    assert len((await alice.get("/api/v1/followed_tags?limit=200")).json()) == 200
    assert await marks(alice, "another") == (False, False)


async def featured(person, other) -> list[tuple[str, str, bool]]:
    found = (await person.get(f"/api/v1/accounts/{other.id}/featured_tags")).json()
    return [(one["name"], one["statuses_count"], one["last_status_at"] is not None) for one in found]


async def test_a_featured_hashtag_counts_what_everybody_may_see(any_world):
    alice, bob = await any_world.people("alice", "bob")
    first = await post(alice, "an #engine")
    await post(alice, "another #engine", visibility="unlisted")
    for visibility in ("private", "direct"):
        await post(alice, "nobody's #engine", visibility=visibility)
    await post(bob, "his #engine")
    new = (await alice.post("/api/v1/featured_tags", json={"name": "Engine"})).json()
    assert (new["name"], new["statuses_count"]) == ("Engine", "2")
    assert new["last_status_at"]
    assert await featured(bob, alice) == [("Engine", "2", True)]
    third = await post(alice, "a third #ENGINE")
    await post(alice, "a secret #engine", visibility="private")
    assert await featured(bob, alice) == [("Engine", "3", True)]
    await alice.put(f"/api/v1/statuses/{third}", json={"status": "no more"})
    await alice.delete(f"/api/v1/statuses/{first}")
    assert await featured(bob, alice) == [("Engine", "1", True)]
    await alice.post("/api/v1/tags/steam/feature")
    assert await featured(bob, alice) == [("Engine", "1", True), ("steam", "0", False)]
    assert await marks(alice, "engine") == (False, True)
    assert await marks(bob, "engine") == (False, False)
    assert (await alice.delete(f"/api/v1/featured_tags/{new['id']}")).json() == {}
    assert (await bob.delete(f"/api/v1/featured_tags/{new['id']}")).status == 404
    await alice.post("/api/v1/tags/steam/unfeature")
    assert await featured(bob, alice) == []


async def test_a_wrong_count_of_a_featured_hashtag_is_found_and_set_right(any_world):
    world = any_world
    (alice,) = await world.people("alice")
    await post(alice, "an #engine")
    await alice.post("/api/v1/featured_tags", json={"name": "engine"})

    async def findings() -> list[wholeness.Finding]:
        looks = wholeness.accounts(world.database, world.parts.blobs)
        return [finding async for found, _ in looks for finding in found]

    assert await findings() == []
    await world.database.write(lambda tx: tx.run(statement("test.spoil", "update featured_tags set statuses = 7")))
    (found,) = await findings()
    assert found.says == "@alice counts 7 posts with #engine; there are 1."
    assert found.counters is not None
    await repairs.recount(world.database, *found.counters)
    assert await findings() == []
    assert await featured(alice, alice) == [("engine", "1", True)]


async def test_a_profile_shows_only_so_many_hashtags(world):
    (alice,) = await world.people("alice")
    for number in range(rules.FEATURED_MAX):
        assert (await alice.post("/api/v1/featured_tags", form={"name": f"tag{number}"})).status == 200
    for _ in range(2):
        assert (await alice.post("/api/v1/tags/tag1/feature")).status == 200
    refused = await alice.post("/api/v1/featured_tags", json={"name": "more"})
    assert refused.status == 422
    assert (await alice.get("/api/v1/featured_tags/suggestions")).json() == []
    with pytest.raises(Invalid) as wrong:
        await actions.feature(world.database, alice.id, "no tag", Operation("wrong"))
    assert wrong.value.field == "name"


async def test_what_one_writes_of_most_is_suggested(any_world):
    (alice,) = await any_world.people("alice")
    for text in ("#engine", "#engine #steam", "#engine #steam #water"):
        await post(alice, f"about {text}")
    await post(alice, "a secret of #secrets", visibility="private")
    suggested = (await alice.get("/api/v1/featured_tags/suggestions")).json()
    assert [one["name"] for one in suggested] == ["engine", "steam", "water"]
    await alice.post("/api/v1/featured_tags", json={"name": "steam"})
    suggested = (await alice.get("/api/v1/featured_tags/suggestions")).json()
    assert [one["name"] for one in suggested] == ["engine", "water"]
