"""Notifications and markers at the client API's door: who is told of what, and what is hidden again."""

from typing import Any

from linnet.actions import deletions
from linnet.storage.database import Operation
from tests.support.client import VirtualClock, next_page


async def told(person, query: str = "") -> list[tuple[str, str, str]]:
    """Type, sender's name and status id of each notification."""
    answer = await person.get(f"/api/v1/notifications{query}")
    assert answer.status == 200, answer.body
    return [(one["type"], one["account"]["username"], one.get("status", {}).get("id", "")) for one in answer.json()]


async def post(person, text: str, **more) -> str:
    answer = await person.post("/api/v1/statuses", json={"status": text, **more})
    assert answer.status == 200, answer.body
    return answer.json()["id"]


async def eventful(world):
    """Alice is told of one of each kind by bob: returns both, her status's id and that of his mention."""
    alice, bob = await world.people("alice", "bob")
    status = await post(alice, "hello")
    await bob.post(f"/api/v1/accounts/{alice.id}/follow")
    await bob.post(f"/api/v1/statuses/{status}/favourite")
    await bob.post(f"/api/v1/statuses/{status}/reblog")
    mention = await post(bob, "hi @alice")
    return alice, bob, status, mention


async def test_one_is_told_of_what_others_do(any_world):
    alice, bob, status, mention = await eventful(any_world)
    assert await told(alice) == [
        ("mention", "bob", mention), ("reblog", "bob", status), ("favourite", "bob", status), ("follow", "bob", ""),
    ]  # fmt: skip
    assert await told(bob) == []
    first = (await alice.get("/api/v1/notifications?limit=1")).json()[0]
    assert first["group_key"] == f"ungrouped-{first['id']}"
    assert first["status"]["content"].startswith("<p>hi")
    assert (await alice.get(f"/api/v1/notifications/{first['id']}")).json() == first
    assert (await bob.get(f"/api/v1/notifications/{first['id']}")).status == 404
    assert (await any_world.client.get("/api/v1/notifications")).status == 401


async def test_kinds_and_senders_can_be_chosen(any_world):
    alice, bob, status, mention = await eventful(any_world)
    carol = await any_world.person("carol")
    await carol.post(f"/api/v1/statuses/{status}/favourite")
    assert await told(alice, "?types[]=follow&types[]=mention") == [("mention", "bob", mention), ("follow", "bob", "")]
    excluded = "?exclude_types[]=follow&exclude_types[]=mention&exclude_types[]=reblog"
    assert await told(alice, excluded) == [("favourite", "carol", status), ("favourite", "bob", status)]
    assert await told(alice, f"?account_id={carol.id}") == [("favourite", "carol", status)]
    assert await told(alice, f"?account_id={bob.id}&types[]=favourite") == [("favourite", "bob", status)]
    assert await told(alice, "?types[]=unheard_of") == []
    assert len(await told(alice, "?include_filtered=true")) == 5


async def test_notifications_page_by_link(any_world):
    alice, *_ = await eventful(any_world)
    everything = await told(alice)
    target, seen = "/api/v1/notifications?limit=3", []
    while True:
        answer = await alice.get(target)
        if not answer.json():
            break
        seen += [one["type"] for one in answer.json()]
        target = next_page(answer)
    assert seen == [one[0] for one in everything]
    last = (await alice.get("/api/v1/notifications")).json()[-1]["id"]
    assert len(await told(alice, f"?min_id={last}&limit=2")) == 2
    assert await told(alice, f"?min_id={last}&limit=1") == everything[-2:-1]
    assert await told(alice, f"?since_id={last}&limit=1") == everything[:1]


async def test_what_was_undone_or_deleted_is_told_of_no_more(any_world):
    alice, bob, status, mention = await eventful(any_world)
    await bob.post(f"/api/v1/statuses/{status}/unfavourite")
    await bob.post(f"/api/v1/statuses/{status}/unreblog")
    await bob.post(f"/api/v1/accounts/{alice.id}/unfollow")
    assert await told(alice) == [("mention", "bob", mention)]
    await bob.delete(f"/api/v1/statuses/{mention}")
    assert await told(alice) == []


async def test_whoever_is_kept_away_is_heard_of_no_more(any_world):
    alice, bob, *_ = await eventful(any_world)
    await alice.post(f"/api/v1/accounts/{bob.id}/mute", json={"notifications": False})
    assert len(await told(alice)) == 4
    await alice.post(f"/api/v1/accounts/{bob.id}/mute")
    assert await told(alice) == []
    count = await alice.get("/api/v1/notifications/unread_count")
    assert count.json() == {"count": 0}
    await post(bob, "@alice are you there?")
    await alice.post(f"/api/v1/accounts/{bob.id}/unmute")
    assert len(await told(alice)) == 4
    await bob.post(f"/api/v1/accounts/{alice.id}/block")
    assert await told(alice) == []
    await bob.post(f"/api/v1/accounts/{alice.id}/unblock")
    # The block has ended the follow, whose notification went with it.
    assert [kind for kind, _, _ in await told(alice)] == ["mention", "reblog", "favourite"]
    await alice.post(f"/api/v1/accounts/{bob.id}/block")
    await alice.post(f"/api/v1/accounts/{bob.id}/unblock")
    assert await told(alice) == []


async def test_a_deleted_account_is_heard_of_no_more(world):
    alice, bob, *_ = await eventful(world)
    await deletions.delete(world.database, None, bob.id, Operation("delete"))
    assert await told(alice) == []


async def test_notifications_are_put_away(any_world):
    alice, bob, *_ = await eventful(any_world)
    first = (await alice.get("/api/v1/notifications")).json()[0]["id"]
    assert (await bob.post(f"/api/v1/notifications/{first}/dismiss")).status == 404
    answer = await alice.post(f"/api/v1/notifications/{first}/dismiss")
    assert (answer.status, answer.json()) == (200, {})
    assert (await alice.post(f"/api/v1/notifications/{first}/dismiss")).status == 404
    assert len(await told(alice)) == 3
    assert (await alice.post("/api/v1/notifications/clear")).json() == {}
    assert await told(alice) == []


async def test_unread_are_those_above_the_marker(any_world):
    alice, bob, *_ = await eventful(any_world)
    ids = [one["id"] for one in (await alice.get("/api/v1/notifications")).json()]

    async def unread(query: str = "") -> int:
        return (await alice.get(f"/api/v1/notifications/unread_count{query}")).json()["count"]

    assert await unread() == 4
    assert await unread("?limit=2") == 2
    assert await unread("?types[]=mention&types[]=follow") == 2
    assert await unread(f"?account_id={bob.id}&exclude_types[]=mention") == 3
    assert await unread(f"?account_id={alice.id}") == 0
    await alice.post("/api/v1/markers", json={"notifications": {"last_read_id": ids[2]}})
    assert await unread() == 2


async def test_whoever_asked_to_hear_of_each_post_does(any_world):
    alice, bob, carol = await any_world.people("alice", "bob", "carol")
    await bob.post(f"/api/v1/accounts/{alice.id}/follow", json={"notify": True})
    await carol.post(f"/api/v1/accounts/{alice.id}/follow")
    other = await post(carol, "of another")
    first = await post(alice, "first")
    second = await post(alice, "second", in_reply_to_id=first)
    await post(alice, "a reply to another", in_reply_to_id=other)
    await post(alice, "@carol only you", visibility="direct")
    await alice.post(f"/api/v1/statuses/{other}/reblog")
    await any_world.run_jobs()
    assert sorted(await told(bob)) == [("status", "alice", first), ("status", "alice", second)]
    assert "status" not in [kind for kind, _, _ in await told(carol)]


async def test_those_who_reblogged_are_told_of_an_edit(world):
    alice, bob = await world.people("alice", "bob")
    status = await post(alice, "hello")
    await bob.post(f"/api/v1/statuses/{status}/reblog")
    await world.run_jobs()
    await alice.put(f"/api/v1/statuses/{status}", json={"status": "hello!"})
    await world.run_jobs()
    assert await told(bob) == [("update", "alice", status)]


async def test_markers_count_their_versions(open_any_world):
    world = await open_any_world(clock=VirtualClock(1_780_000_000_000))
    alice = await world.person("alice")
    assert (await alice.get("/api/v1/markers?timeline[]=home")).json() == {}
    first = (await alice.post("/api/v1/markers", json={"home": {"last_read_id": "5"}})).json()
    assert first == {"home": {"last_read_id": "5", "version": 0, "updated_at": "2026-05-28T20:26:40.000Z"}}
    world.clock.advance(1_000)
    form = {"home[last_read_id]": "7", "notifications[last_read_id]": "6"}
    second = (await alice.post("/api/v1/markers", form=form)).json()
    assert second["home"] == {"last_read_id": "7", "version": 1, "updated_at": "2026-05-28T20:26:41.000Z"}
    assert second["notifications"]["version"] == 0
    assert (await alice.get("/api/v1/markers?timeline[]=home&timeline[]=notifications")).json() == second
    assert (await alice.get("/api/v1/markers?timeline=notifications")).json().keys() == {"notifications"}
    assert (await alice.get("/api/v1/markers")).json() == {}
    wrong: Any
    for wrong in ({"home": "5"}, {"home": {}}, {"notifications": {"last_read_id": "x"}}):
        assert (await alice.post("/api/v1/markers", json=wrong)).status == 422
