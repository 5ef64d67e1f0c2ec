"""Following, blocking, muting and noting at the client API's door, and the lists of each."""

from linnet.http.limits import LIMITS, Limit
from tests.support.client import VirtualClock, next_page


async def relationship(person, other) -> dict:
    answer = await person.get(f"/api/v1/accounts/relationships?id[]={other.id}")
    assert answer.status == 200
    return answer.json()[0]


async def counts(person, other) -> tuple[int, int]:
    account = (await person.get(f"/api/v1/accounts/{other.id}")).json()
    return account["followers_count"], account["following_count"]


def ids(answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [item["id"] for item in answer.json()]


async def test_a_follow_is_counted_once_notified_once_and_brings_the_latest_posts(any_world):
    alice, bob = await any_world.people("alice", "bob")
    first = (await bob.post("/api/v1/statuses", json={"status": "before"})).json()
    for _ in range(2):
        answer = await alice.post(f"/api/v1/accounts/{bob.id}/follow")
        assert answer.status == 200
        assert answer.json() == {
            "id": str(bob.id), "following": True, "showing_reblogs": True, "notifying": False, "languages": None,
            "followed_by": False, "blocking": False, "blocked_by": False, "muting": False,
            "muting_notifications": False, "muting_expires_at": None, "requested": False, "requested_by": False,
            "domain_blocking": False, "endorsed": False, "note": "",
        }  # fmt: skip
    assert await counts(alice, bob) == (1, 0)
    assert await counts(alice, alice) == (0, 1)
    assert ids(await alice.get("/api/v1/timelines/home")) == [first["id"]]
    assert [told["type"] for told in (await bob.get("/api/v1/notifications")).json()] == ["follow"]
    assert (await relationship(bob, alice))["followed_by"]
    for _ in range(2):
        assert not (await alice.post(f"/api/v1/accounts/{bob.id}/unfollow")).json()["following"]
    assert await counts(alice, bob) == (0, 0)
    assert ids(await alice.get("/api/v1/timelines/home")) == []
    assert (await bob.get("/api/v1/notifications")).json() == []


async def test_a_follows_options_change_and_stay(world):
    alice, bob = await world.people("alice", "bob")
    options = {"reblogs": False, "notify": True, "languages": ["en", "de"]}
    found = (await alice.post(f"/api/v1/accounts/{bob.id}/follow", json=options)).json()
    assert (found["showing_reblogs"], found["notifying"], found["languages"]) == (False, True, ["en", "de"])
    found = (await alice.post(f"/api/v1/accounts/{bob.id}/follow", form={"notify": "false"})).json()
    assert (found["showing_reblogs"], found["notifying"], found["languages"]) == (False, False, ["en", "de"])
    found = (await alice.post(f"/api/v1/accounts/{bob.id}/follow", json={"languages": None, "reblogs": True})).json()
    assert (found["showing_reblogs"], found["notifying"], found["languages"]) == (True, False, None)
    refused = await alice.post(f"/api/v1/accounts/{bob.id}/follow", json={"languages": ["not a language"]})
    assert refused.status == 422


async def test_who_may_not_be_followed(world):
    alice, bob = await world.people("alice", "bob")
    assert (await alice.post(f"/api/v1/accounts/{alice.id}/follow")).status == 403
    assert (await alice.post("/api/v1/accounts/4711/follow")).status == 404
    assert (await alice.post("/api/v1/accounts/nobody/follow")).status == 404
    await bob.post(f"/api/v1/accounts/{alice.id}/block")
    assert (await alice.post(f"/api/v1/accounts/{bob.id}/follow")).status == 403
    assert (await bob.post(f"/api/v1/accounts/{alice.id}/follow")).status == 403
    assert (await world.client.post(f"/api/v1/accounts/{alice.id}/follow")).status == 401


async def test_a_locked_account_is_asked_first(any_world):
    alice, bob, eve = await any_world.people("alice", "bob", "eve")
    await bob.patch("/api/v1/accounts/update_credentials", json={"locked": True})
    for person in (alice, eve):
        answer = (await person.post(f"/api/v1/accounts/{bob.id}/follow", json={"notify": True})).json()
        assert (answer["following"], answer["requested"], answer["notifying"]) == (False, True, True)
    assert (await relationship(bob, alice))["requested_by"]
    assert ids(await bob.get("/api/v1/follow_requests")) == [str(eve.id), str(alice.id)]
    told = (await bob.get("/api/v1/notifications")).json()
    assert [one["type"] for one in told] == ["follow_request", "follow_request"]
    mine = (await bob.get("/api/v1/accounts/verify_credentials")).json()
    assert mine["source"]["follow_requests_count"] == 2

    answer = await bob.post(f"/api/v1/follow_requests/{alice.id}/authorize")
    assert answer.json()["followed_by"]
    assert not answer.json()["requested_by"]
    assert (await relationship(alice, bob))["notifying"]
    answer = await bob.post(f"/api/v1/follow_requests/{eve.id}/reject")
    assert not answer.json()["followed_by"]
    assert (await bob.post(f"/api/v1/follow_requests/{eve.id}/reject")).status == 404
    assert (await bob.post(f"/api/v1/follow_requests/{eve.id}/authorize")).status == 404
    assert await counts(alice, bob) == (1, 0)
    assert [one["type"] for one in (await bob.get("/api/v1/notifications")).json()] == ["follow"]


async def test_a_request_can_be_taken_back(world):
    alice, bob = await world.people("alice", "bob")
    await bob.patch("/api/v1/accounts/update_credentials", json={"locked": True})
    await alice.post(f"/api/v1/accounts/{bob.id}/follow")
    assert not (await alice.post(f"/api/v1/accounts/{bob.id}/unfollow")).json()["requested"]
    assert ids(await bob.get("/api/v1/follow_requests")) == []
    assert (await bob.get("/api/v1/notifications")).json() == []


async def test_unlocking_lets_everybody_in_who_waits(any_world):
    alice, bob, eve = await any_world.people("alice", "bob", "eve")
    await bob.patch("/api/v1/accounts/update_credentials", json={"locked": True})
    for person in (alice, eve):
        await person.post(f"/api/v1/accounts/{bob.id}/follow")
    await bob.patch("/api/v1/accounts/update_credentials", json={"locked": False})
    await any_world.run_jobs()
    assert ids(await bob.get("/api/v1/follow_requests")) == []
    assert await counts(bob, bob) == (2, 0)


async def test_a_block_ends_what_was_between_the_two(any_world):
    alice, bob = await any_world.people("alice", "bob")
    await alice.post(f"/api/v1/accounts/{bob.id}/follow")
    await bob.post(f"/api/v1/accounts/{alice.id}/follow")
    assert len((await alice.get("/api/v1/notifications")).json()) == 1
    for _ in range(2):
        found = (await alice.post(f"/api/v1/accounts/{bob.id}/block")).json()
        assert (found["blocking"], found["following"], found["followed_by"]) == (True, False, False)
    assert (await relationship(bob, alice))["blocked_by"]
    assert await counts(alice, alice) == await counts(alice, bob) == (0, 0)
    assert (await alice.get("/api/v1/notifications")).json() == []
    assert ids(await alice.get("/api/v1/blocks")) == [str(bob.id)]
    assert not (await alice.post(f"/api/v1/accounts/{bob.id}/unblock")).json()["blocking"]
    assert ids(await alice.get("/api/v1/blocks")) == []
    assert (await alice.post(f"/api/v1/accounts/{alice.id}/block")).status == 403
    assert (await alice.post("/api/v1/accounts/1/block")).status == 404


async def test_a_mute_ends_by_itself(open_any_world):
    world = await open_any_world(clock=VirtualClock())
    alice, bob = await world.people("alice", "bob")
    found = (await alice.post(f"/api/v1/accounts/{bob.id}/mute", json={"duration": 60, "notifications": False})).json()
    assert (found["muting"], found["muting_notifications"]) == (True, False)
    ends = found["muting_expires_at"]
    listed = (await alice.get("/api/v1/mutes")).json()
    assert [(one["id"], one["mute_expires_at"]) for one in listed] == [(str(bob.id), ends)]
    world.clock.advance(61_000)
    assert not (await relationship(alice, bob))["muting"]
    assert ids(await alice.get("/api/v1/mutes")) == []


async def test_a_mute_that_was_made_longer_outlives_its_first_end(open_any_world):
    world = await open_any_world(clock=VirtualClock())
    alice, bob = await world.people("alice", "bob")
    await alice.post(f"/api/v1/accounts/{bob.id}/mute", json={"duration": 60})
    await alice.post(f"/api/v1/accounts/{bob.id}/mute")
    world.clock.advance(61_000)
    found = await relationship(alice, bob)
    assert (found["muting"], found["muting_notifications"], found["muting_expires_at"]) == (True, True, None)
    listed = (await alice.get("/api/v1/mutes")).json()
    assert [(one["id"], one["mute_expires_at"]) for one in listed] == [(str(bob.id), None)]
    assert not (await alice.post(f"/api/v1/accounts/{bob.id}/unmute")).json()["muting"]
    assert (await alice.post(f"/api/v1/accounts/{alice.id}/mute")).status == 403
    assert (await alice.post(f"/api/v1/accounts/{bob.id}/mute", json={"duration": "long"})).status == 422


async def test_notes_are_ones_own(world):
    alice, bob = await world.people("alice", "bob")
    answer = await alice.post(f"/api/v1/accounts/{bob.id}/note", json={"comment": " met in Berlin "})
    assert answer.json()["note"] == "met in Berlin"
    assert (await relationship(bob, alice))["note"] == ""
    assert (await alice.post(f"/api/v1/accounts/{bob.id}/note", form={"comment": ""})).json()["note"] == ""
    assert (await alice.post(f"/api/v1/accounts/{bob.id}/note", json={"comment": "x" * 2001})).status == 422
    assert (await alice.post("/api/v1/accounts/1/note", json={"comment": "x"})).status == 404


async def test_a_follower_can_be_removed(world):
    alice, bob = await world.people("alice", "bob")
    await alice.post(f"/api/v1/accounts/{bob.id}/follow")
    assert not (await bob.post(f"/api/v1/accounts/{alice.id}/remove_from_followers")).json()["followed_by"]
    assert await counts(bob, bob) == (0, 0)


async def test_followers_and_following_page_by_link(any_world):
    alice, *others = await any_world.people("alice", "bob", "carol", "dave", "erin", "frank")
    for person in others:
        await person.post(f"/api/v1/accounts/{alice.id}/follow")
        await alice.post(f"/api/v1/accounts/{person.id}/follow")
    latest_first = [str(person.id) for person in reversed(others)]
    for path in (f"/api/v1/accounts/{alice.id}/followers", f"/api/v1/accounts/{alice.id}/following"):
        assert ids(await any_world.client.get(path)) == latest_first
        seen, target = [], f"{path}?limit=2"
        while True:
            answer = await alice.get(target)
            if not answer.json():
                break
            seen += ids(answer)
            target = next_page(answer)
        assert seen == latest_first
        first = await alice.get(f"{path}?limit=2")
        assert ids(await alice.get(next_page(first, "prev"))) == []
    assert (await alice.get("/api/v1/accounts/1/followers")).status == 404


async def test_hidden_collections_show_to_their_owner_only(world):
    alice, bob = await world.people("alice", "bob")
    await bob.post(f"/api/v1/accounts/{alice.id}/follow")
    await alice.patch("/api/v1/accounts/update_credentials", json={"hide_collections": True})
    assert ids(await bob.get(f"/api/v1/accounts/{alice.id}/followers")) == []
    assert ids(await world.client.get(f"/api/v1/accounts/{alice.id}/followers")) == []
    assert ids(await alice.get(f"/api/v1/accounts/{alice.id}/followers")) == [str(bob.id)]


async def test_lists_of_accounts_leave_out_whom_the_reader_keeps_away(world):
    alice, bob, carol = await world.people("alice", "bob", "carol")
    for person in (bob, carol):
        await person.post(f"/api/v1/accounts/{alice.id}/follow")
    path = f"/api/v1/accounts/{alice.id}/followers"
    await carol.post(f"/api/v1/accounts/{bob.id}/mute")
    assert ids(await carol.get(path)) == [str(carol.id)]
    assert ids(await bob.get(path)) == [str(carol.id), str(bob.id)]
    await alice.post(f"/api/v1/accounts/{bob.id}/block")
    assert ids(await bob.get(path)) == []


async def test_familiar_followers_are_those_whom_one_follows(world):
    alice, bob, carol, dave = await world.people("alice", "bob", "carol", "dave")
    await alice.post(f"/api/v1/accounts/{bob.id}/follow")
    await bob.post(f"/api/v1/accounts/{dave.id}/follow")
    await carol.post(f"/api/v1/accounts/{dave.id}/follow")
    found = (await alice.get(f"/api/v1/accounts/familiar_followers?id[]={dave.id}&id[]={carol.id}")).json()
    assert [(one["id"], [account["id"] for account in one["accounts"]]) for one in found] == [
        (str(dave.id), [str(bob.id)]),
        (str(carol.id), []),
    ]


async def test_relationships_come_in_the_order_asked_for(world):
    alice, bob, carol = await world.people("alice", "bob", "carol")
    query = f"id[]={carol.id}&id[]={bob.id}&id[]=99&id[]={alice.id}"
    found = (await alice.get(f"/api/v1/accounts/relationships?{query}")).json()
    assert [one["id"] for one in found] == [str(carol.id), str(bob.id), str(alice.id)]
    assert (await alice.get(f"/api/v1/accounts/relationships?id={bob.id}")).json()[0]["id"] == str(bob.id)
    assert (await alice.get("/api/v1/accounts/relationships")).json() == []
    assert (await alice.get("/api/v1/accounts/relationships?id[]=x")).status == 422


async def test_follows_have_a_limit_of_their_own(open_sqlite_world, monkeypatch):
    monkeypatch.setitem(LIMITS, "follows", Limit(1, 3_600))
    world = await open_sqlite_world(rate_limits=True)
    alice, bob, carol = await world.people("alice", "bob", "carol")
    assert (await alice.post(f"/api/v1/accounts/{bob.id}/follow")).status == 200
    assert (await alice.post(f"/api/v1/accounts/{carol.id}/follow")).status == 429
    assert (await alice.post(f"/api/v1/accounts/{bob.id}/unfollow")).status == 200
    assert (await carol.post(f"/api/v1/accounts/{bob.id}/follow")).status == 200
