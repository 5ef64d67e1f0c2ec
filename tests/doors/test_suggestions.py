"""Whom somebody is told to look at: endorsements on profiles, suggestions, and friends whom one shares."""

from linnet.actions import suggestions as actions
from linnet.queries import suggestions as queries
from linnet.storage.statements import statement
from tests.doors.test_lists import following, ids, post

ACCOUNTS = "/api/v1/accounts"


async def set_flag(world, person, column: str, value: int) -> None:
    text = f"update accounts set {column} = :value where id = :id"
    await world.database.write(lambda tx: tx.run(statement("test.flag", text), value=value, id=person.id))


async def endorsed(person, other) -> bool:
    return (await person.get(f"{ACCOUNTS}/relationships?id[]={other.id}")).json()[0]["endorsed"]


async def test_who_is_followed_may_be_endorsed_until_the_follow_ends(any_world):
    alice, bob, carol = await any_world.people("alice", "bob", "carol")
    refused = await alice.post(f"{ACCOUNTS}/{bob.id}/endorse")
    assert refused.status == 422
    assert "must be already following" in refused.json()["error"]
    await following(alice, bob, carol)
    for _ in range(2):
        assert (await alice.post(f"{ACCOUNTS}/{bob.id}/endorse")).json()["endorsed"] is True
    assert (await alice.post(f"{ACCOUNTS}/{carol.id}/pin")).json()["endorsed"] is True
    everybody = f"{ACCOUNTS}/{alice.id}/endorsements"
    assert await ids(carol, everybody) == await ids(alice, "/api/v1/endorsements") == [str(carol.id), str(bob.id)]
    await carol.post(f"{ACCOUNTS}/{bob.id}/mute")
    assert await ids(carol, everybody) == [str(carol.id)]
    await alice.post(f"{ACCOUNTS}/{bob.id}/unfollow")
    await following(alice, bob)
    assert not await endorsed(alice, bob)
    assert (await alice.post(f"{ACCOUNTS}/{carol.id}/unpin")).json()["endorsed"] is False
    assert (await alice.post(f"{ACCOUNTS}/{carol.id}/unendorse")).status == 200
    assert await ids(bob, everybody) == []


async def suggested(person) -> list[tuple[str, str]]:
    answer = await person.get("/api/v2/suggestions")
    assert answer.status == 200
    return [(one["account"]["username"], one["sources"][0]) for one in answer.json()]


async def test_friends_of_friends_come_first_then_who_is_popular(any_world):
    alice, bob, carol, dora, emil, fritz = await any_world.people("alice", "bob", "carol", "dora", "emil", "fritz")
    await following(alice, bob, carol)
    await following(bob, dora, emil, alice)
    await following(carol, emil)
    await post(fritz, "I am here")
    await following(dora, fritz)
    near = [("emil", "friends_of_friends"), ("dora", "friends_of_friends")]
    assert await suggested(alice) == [*near, ("fritz", "most_followed")]
    found = (await alice.get("/api/v1/suggestions?limit=1")).json()
    assert [one["username"] for one in found] == ["emil"]
    assert (await alice.delete(f"/api/v1/suggestions/{emil.id}")).json() == {}
    assert (await alice.delete("/api/v1/suggestions/1")).status == 404
    assert await suggested(alice) == [("dora", "friends_of_friends"), ("fritz", "most_followed")]
    await set_flag(any_world, bob, "hide_collections", 1)
    await set_flag(any_world, fritz, "discoverable", 0)
    assert await suggested(alice) == [("dora", "most_followed")]


async def test_nobody_is_suggested_who_is_kept_away_or_does_not_want_it(any_world):
    world = any_world
    alice, bob, *others = await world.people("alice", "bob", "muted", "blocked", "blocker", "asked", "silenced", "left")
    muted, blocked, blocker, asked, silenced, left = others
    await following(alice, bob)
    await following(bob, *others)
    assert len(await suggested(alice)) == 6
    await alice.post(f"{ACCOUNTS}/{muted.id}/mute")
    await alice.post(f"{ACCOUNTS}/{blocked.id}/block")
    await blocker.post(f"{ACCOUNTS}/{alice.id}/block")
    await set_flag(world, asked, "locked", 1)
    await alice.post(f"{ACCOUNTS}/{asked.id}/follow")
    await set_flag(world, silenced, "silenced_at", 1)
    await set_flag(world, left, "suspended_at", 1)
    assert await suggested(alice) == []


async def test_what_was_declined_is_remembered_up_to_a_number(world, monkeypatch):
    monkeypatch.setattr(actions, "KEPT", 2)
    alice, bob, *others = await world.people("alice", "bob", "one", "two", "three")
    await following(alice, bob)
    await following(bob, *others)
    for other in others:
        await alice.delete(f"/api/v1/suggestions/{other.id}")
    assert await suggested(alice) == [("one", "friends_of_friends")]


async def test_only_so_many_follows_are_looked_at(world, monkeypatch):
    monkeypatch.setattr(queries, "EACH", 1)
    monkeypatch.setattr(queries, "SCAN", 0)
    alice, bob, carol, dora = await world.people("alice", "bob", "carol", "dora")
    await following(alice, bob)
    await following(bob, carol, dora)
    assert await suggested(alice) == [("dora", "friends_of_friends")]


async def test_friends_whom_one_shares(any_world):
    alice, bob, carol, dora = await any_world.people("alice", "bob", "carol", "dora")
    await following(alice, bob, carol)
    await following(bob, dora)
    await following(carol, dora)
    answer = await alice.get(f"{ACCOUNTS}/familiar_followers?id[]={dora.id}&id[]={bob.id}")
    found = {one["id"]: [account["username"] for account in one["accounts"]] for one in answer.json()}
    assert found == {str(dora.id): ["carol", "bob"], str(bob.id): []}
    await set_flag(any_world, carol, "hide_collections", 1)
    answer = await alice.get(f"{ACCOUNTS}/familiar_followers?id[]={dora.id}")
    assert [account["username"] for account in answer.json()[0]["accounts"]] == ["bob"]
