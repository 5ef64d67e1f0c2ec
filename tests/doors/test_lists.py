"""Lists at the client API's door: whose they are, who may be in them, what they show and what home shows then."""

import pytest

from linnet.actions import lists as actions
from linnet.domain import lists as rules
from linnet.domain.errors import Invalid
from linnet.domain.lists import ListChanges
from linnet.queries import lists as queries
from linnet.storage.database import Operation
from linnet.storage.statements import statement

LIST = "/api/v1/lists"


async def ids(person, target: str) -> list[str]:
    answer = await person.get(target)
    assert answer.status == 200, answer.body
    return [one["id"] for one in answer.json()]


async def made(person, title: str = "Friends", **more) -> str:
    answer = await person.post(LIST, json={"title": title, **more})
    assert answer.status == 200, answer.body
    return answer.json()["id"]


async def post(person, text: str, **more) -> str:
    answer = await person.post("/api/v1/statuses", json={"status": text, **more})
    assert answer.status == 200, answer.body
    return answer.json()["id"]


async def following(follower, *others) -> None:
    for other in others:
        assert (await follower.post(f"/api/v1/accounts/{other.id}/follow")).status == 200


async def test_a_list_shows_its_members_and_what_the_reader_may_see(any_world):
    world = any_world
    alice, bob, carol, dave = await world.people("alice", "bob", "carol", "dave")
    await following(alice, bob, carol)
    list_id = await made(alice)
    members = {"account_ids": [str(bob.id), str(alice.id)]}
    assert (await alice.post(f"{LIST}/{list_id}/accounts", json=members)).json() == {}
    shown = [await post(bob, "for all"), await post(bob, "for followers", visibility="private")]
    shown.append(await post(alice, "her own"))
    await post(bob, "@alice between us", visibility="direct")
    await post(carol, "not in the list")
    boosted = await post(dave, "of a stranger")
    shown.append((await bob.post(f"/api/v1/statuses/{boosted}/reblog")).json()["id"])
    timeline = f"/api/v1/timelines/list/{list_id}"
    assert await ids(alice, timeline) == shown[::-1]
    assert (await bob.get(timeline)).status == 404
    await alice.post(f"/api/v1/accounts/{dave.id}/mute")
    assert await ids(alice, timeline) == shown[-2::-1]
    await alice.post(f"/api/v1/accounts/{bob.id}/mute")
    assert await ids(alice, timeline) == [shown[2]]


async def test_a_follow_that_ends_ends_the_places_in_lists(any_world):
    alice, bob, carol = await any_world.people("alice", "bob", "carol")
    await following(alice, bob, carol)
    list_id = await made(alice)
    both = {"account_ids": [bob.id, carol.id]}
    await alice.post(f"{LIST}/{list_id}/accounts", json=both)
    assert await ids(alice, f"{LIST}/{list_id}/accounts") == [str(carol.id), str(bob.id)]
    await alice.post(f"/api/v1/accounts/{bob.id}/unfollow")
    assert await ids(alice, f"{LIST}/{list_id}/accounts") == [str(carol.id)]
    await carol.post(f"/api/v1/accounts/{alice.id}/block")
    assert await ids(alice, f"{LIST}/{list_id}/accounts") == []
    refused = await alice.post(f"{LIST}/{list_id}/accounts", json={"account_ids": [bob.id]})
    assert refused.status == 404
    await following(alice, bob)
    assert await ids(alice, f"{LIST}/{list_id}/accounts") == []


async def test_one_who_cannot_be_added_keeps_out_the_others(any_world):
    alice, bob, carol = await any_world.people("alice", "bob", "carol")
    await following(alice, bob)
    list_id = await made(alice)
    accounts = f"{LIST}/{list_id}/accounts"
    assert (await alice.post(accounts, json={"account_ids": [bob.id, carol.id]})).status == 404
    assert (await alice.post(accounts, json={"account_ids": [bob.id, 1]})).status == 404
    assert await ids(alice, accounts) == []
    assert (await alice.post(accounts, form={"account_ids[]": str(bob.id)})).status == 200
    again = await alice.post(accounts, json={"account_ids": [bob.id, alice.id]})
    assert (again.status, again.json()["error"]) == (422, "Validation failed: Account has already been taken")
    assert await ids(alice, accounts) == [str(bob.id)]
    for place in (f"{LIST}/{list_id}", accounts):
        assert (await bob.get(place)).status == 404
    assert (await bob.delete(accounts, json={"account_ids": [bob.id]})).status == 404
    assert (await bob.put(f"{LIST}/{list_id}", json={"title": "mine"})).status == 404
    assert (await bob.delete(f"{LIST}/{list_id}")).status == 404
    assert (await alice.delete(accounts, json={"account_ids": [bob.id, carol.id]})).json() == {}
    assert await ids(alice, accounts) == []


async def test_an_exclusive_list_takes_its_members_from_home_and_gives_them_back(any_world):
    world = any_world
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await following(alice, bob, carol)
    list_id = await made(alice, exclusive=True)
    await alice.post(f"{LIST}/{list_id}/accounts", json={"account_ids": [bob.id]})
    apart, beside = await post(bob, "apart"), await post(carol, "beside")
    await world.run_jobs()
    assert await ids(alice, "/api/v1/timelines/home") == [beside]
    assert await ids(alice, f"/api/v1/timelines/list/{list_id}") == [apart]
    await alice.put(f"{LIST}/{list_id}", json={"exclusive": False})
    assert await ids(alice, "/api/v1/timelines/home") == [beside, apart]
    await alice.put(f"{LIST}/{list_id}", json={"exclusive": True})
    assert await ids(alice, "/api/v1/timelines/home") == [beside]
    await alice.delete(f"{LIST}/{list_id}")
    assert await ids(alice, "/api/v1/timelines/home") == [beside, apart]


@pytest.mark.parametrize("policy", rules.REPLIES)
async def test_replies_are_shown_as_the_list_says(any_world, policy: str):
    alice, bob, carol, dave = await any_world.people("alice", "bob", "carol", "dave")
    await following(alice, bob, carol, dave)
    list_id = await made(alice, replies_policy=policy)
    await alice.post(f"{LIST}/{list_id}/accounts", json={"account_ids": [bob.id, carol.id]})
    parents = {name: await post(one, "what do you think") for name, one in (("list", carol), ("followed", dave))}
    replies = {name: await post(bob, "much", in_reply_to_id=id) for name, id in parents.items()}
    replies["own"] = await post(bob, "to myself", in_reply_to_id=await post(bob, "words"))
    wanted = {"none": {"own"}, "list": {"own", "list"}, "followed": {"own", "list", "followed"}}[policy]
    found = set(await ids(alice, f"/api/v1/timelines/list/{list_id}"))
    assert {name for name, id in replies.items() if id in found} == wanted


async def test_there_are_only_so_many(world):
    alice, bob = await world.people("alice", "bob")
    for number in range(rules.LISTS_MAX):
        await made(alice, f"list {number}")
    refused = await alice.post(LIST, json={"title": "one too many"})
    assert refused.status == 422
    assert "maximum" in refused.json()["error"]
    assert len(await ids(alice, LIST)) == rules.LISTS_MAX
    for wrong in ({}, {"title": "  "}, {"title": "x" * 300}, {"title": "x", "replies_policy": "all"}):
        assert (await bob.post(LIST, json=wrong)).status == 422, wrong
    kept = await made(bob)
    many = statement(
        "test.members",
        "insert into list_members (list_id, target_id, account_id, id) with recursive c(n) as (select 1 union all "
        "select n + 1 from c where n < :count) select :list_id, n, :account_id, n from c",
    )
    given = {"count": rules.MEMBERS_MAX, "list_id": int(kept), "account_id": bob.id}
    await world.database.write(lambda tx: tx.run(many, **given))
    with pytest.raises(Invalid):
        await actions.add(world.database, bob.id, int(kept), [bob.id], Operation("one too many"))


async def test_a_window_of_what_is_not_shown_does_not_end_the_timeline(world, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queries, "WINDOWS", (4, 8, 16))
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await following(alice, bob)
    list_id = await made(alice, replies_policy="none")
    await alice.post(f"{LIST}/{list_id}/accounts", json={"account_ids": [bob.id]})
    parent, first = await post(carol, "talk to me"), await post(bob, "the first")
    for number in range(9):
        await post(bob, f"reply {number}", in_reply_to_id=parent)
    timeline = f"/api/v1/timelines/list/{list_id}"
    assert await ids(alice, f"{timeline}?limit=2") == [first]
    last = await post(bob, "the last")
    assert await ids(alice, f"{timeline}?limit=2") == [last, first]
    assert await ids(alice, f"{timeline}?limit=2&min_id={first}") == [last]
    assert await ids(alice, f"{timeline}?limit=1&min_id=1") == [first]


async def test_a_list_keeps_what_a_change_does_not_name(world):
    (alice,) = await world.people("alice")
    list_id = int(await made(alice, "Friends", replies_policy="none", exclusive=True))
    await actions.update(world.database, alice.id, list_id, ListChanges("Others"), Operation("rename"))
    assert (await alice.get(f"{LIST}/{list_id}")).json() == {
        "id": str(list_id), "title": "Others", "replies_policy": "none", "exclusive": True
    }  # fmt: skip
