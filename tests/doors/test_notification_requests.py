"""Notifications from strangers at the client API's door: what a policy makes of each, and who is let through."""

from typing import Any

import pytest

from linnet.actions import maintenance
from linnet.domain.times import DAY_MS
from tests.contract.cast import moderate
from tests.doors.test_notifications import post, told
from tests.storage.queries import sql
from tests.support.client import VirtualClock

POLICY = "/api/v2/notifications/policy"
REQUESTS = "/api/v1/notifications/requests"
COUNTS = sql("select (select count(*) from notifications), (select count(*) from notification_requests)")
DEFAULT = {
    "for_not_following": "accept", "for_not_followers": "accept", "for_new_accounts": "accept",
    "for_private_mentions": "filter", "for_limited_accounts": "filter",
}  # fmt: skip


async def set_policy(person, **wanted: str) -> None:
    answer = await person.patch(POLICY, json=wanted)
    assert answer.status == 200, answer.body


async def summary(person) -> tuple[int, int]:
    found = (await person.get(POLICY)).json()["summary"]
    return found["pending_requests_count"], found["pending_notifications_count"]


async def everything(person) -> list[str]:
    return [kind for kind, _, _ in await told(person, "?include_filtered=true")]


async def test_the_policy_is_mastodons_until_it_is_changed(any_world):
    alice = await any_world.person("alice")
    answer = await alice.get(POLICY)
    none = {"summary": {"pending_requests_count": 0, "pending_notifications_count": 0}}
    assert answer.json() == {**DEFAULT, **none}
    changed = await alice.patch(POLICY, json={"for_not_following": "drop", "for_private_mentions": "accept"})
    assert changed.json() == {**DEFAULT, "for_not_following": "drop", "for_private_mentions": "accept", **none}
    assert (await alice.patch(POLICY, json={"for_new_accounts": "maybe"})).status == 422
    assert (await alice.patch(POLICY)).json() == changed.json()
    old = (await alice.get("/api/v1/notifications/policy")).json()
    assert old["filter_not_following"] is True
    assert old["filter_private_mentions"] is False
    for method in ("PATCH", "PUT"):
        answer = await alice.ask(method, "/api/v1/notifications/policy", json={"filter_not_following": method == "PUT"})
        assert answer.json()["filter_not_following"] is (method == "PUT")
    assert (await alice.get(POLICY)).json()["for_not_following"] == "filter"


async def test_strangers_wait_and_friends_do_not(any_world):
    alice, bob, carol = await any_world.people("alice", "bob", "carol")
    await alice.post(f"/api/v1/accounts/{bob.id}/follow")
    await set_policy(alice, for_not_following="filter")
    status = await post(alice, "hello")
    for person in (bob, carol):
        await person.post(f"/api/v1/statuses/{status}/favourite")
        await post(person, "hi @alice")
    assert [(kind, who) for kind, who, _ in await told(alice)] == [("mention", "bob"), ("favourite", "bob")]
    assert await everything(alice) == ["mention", "favourite", "mention", "favourite"]
    assert (await alice.get("/api/v1/notifications/unread_count")).json() == {"count": 2}
    assert (await alice.get("/api/v2/notifications/unread_count")).json() == {"count": 2}
    groups = (await alice.get("/api/v2/notifications")).json()["notification_groups"]
    assert {id for group in groups for id in group["sample_account_ids"]} == {str(bob.id)}
    assert await summary(alice) == (1, 2)
    await set_policy(alice, for_not_following="drop")
    await post(carol, "@alice again")
    assert await everything(alice) == ["mention", "favourite", "mention", "favourite"]


async def test_each_rule_keeps_away_whom_it_names(open_any_world):
    world = await open_any_world(clock=VirtualClock())
    alice, old = await world.people("alice", "old")
    await old.post(f"/api/v1/accounts/{alice.id}/follow")
    world.clock.advance(31 * DAY_MS)
    new, low = await world.people("new", "low")
    await new.post(f"/api/v1/accounts/{alice.id}/follow")
    await moderate(world, low.id, "silenced_at")

    async def heard(**policy: str) -> set[str]:
        await set_policy(alice, **{**dict.fromkeys(DEFAULT, "accept"), **policy})
        await alice.post("/api/v1/notifications/clear")
        for person in (old, new, low):
            await post(person, "hi @alice")
        return {who for _, who, _ in await told(alice)}

    assert await heard() == {"old", "new", "low"}
    assert await heard(for_new_accounts="filter") == {"old"}
    assert await heard(for_not_followers="filter") == {"old"}, "a follower of a moment is none yet"
    assert await heard(for_limited_accounts="drop") == {"old", "new"}
    await alice.post(f"/api/v1/accounts/{low.id}/follow")
    assert await heard(for_limited_accounts="drop", for_not_following="filter") == {"low"}
    world.clock.advance(4 * DAY_MS)
    assert await heard(for_not_followers="filter") == {"old", "new"}


async def test_private_words_wait_unless_they_answer(any_world):
    alice, bob, carol = await any_world.people("alice", "bob", "carol")
    public = await post(alice, "a public word")
    await post(bob, "@alice psst", visibility="direct", in_reply_to_id=public)
    assert await told(alice) == []
    await post(bob, "@alice aloud")
    asked = await post(alice, "@carol what do you say?", visibility="direct")
    first = await post(carol, "@alice this", visibility="direct", in_reply_to_id=asked)
    await post(carol, "@alice and that", visibility="direct", in_reply_to_id=first)
    assert [who for _, who, _ in await told(alice)] == ["carol", "carol", "bob"]
    await alice.post(f"/api/v1/accounts/{bob.id}/follow")
    await post(bob, "@alice psst again", visibility="direct")
    assert len(await told(alice)) == 4
    assert await summary(alice) == (1, 1)


async def test_whoever_is_accepted_is_heard_with_all_that_waited(any_world):
    alice, bob, carol = await any_world.people("alice", "bob", "carol")
    await set_policy(alice, for_not_following="filter")
    status = await post(alice, "hello")
    await bob.post(f"/api/v1/statuses/{status}/favourite")
    mention = await post(bob, "hi @alice")
    await post(carol, "hi @alice")
    found = (await alice.get(REQUESTS)).json()
    assert [(one["account"]["username"], one["notifications_count"]) for one in found] == [("carol", "1"), ("bob", "2")]
    request = found[1]
    assert request["last_status"]["id"] == mention
    assert (await alice.get(f"{REQUESTS}/{request['id']}")).json() == request
    assert (await carol.get(f"{REQUESTS}/{request['id']}")).status == 404
    assert (await carol.post(f"{REQUESTS}/{request['id']}/accept")).status == 404
    assert (await alice.post(f"{REQUESTS}/{request['id']}/accept")).json() == {}
    assert (await alice.post(f"{REQUESTS}/{request['id']}/accept")).status == 404
    assert (await alice.get(f"{REQUESTS}/merged")).json() == {"merged": False}
    await any_world.run_jobs()
    assert (await alice.get(f"{REQUESTS}/merged")).json() == {"merged": True}
    await post(bob, "@alice again")
    assert [kind for kind, who, _ in await told(alice) if who == "bob"] == ["mention", "mention", "favourite"]
    assert [one["account"]["username"] for one in (await alice.get(REQUESTS)).json()] == ["carol"]
    # A block takes it back.
    await alice.post(f"/api/v1/accounts/{bob.id}/block")
    await alice.post(f"/api/v1/accounts/{bob.id}/unblock")
    await post(bob, "@alice and again")
    assert await told(alice) == []


async def test_whoever_is_dismissed_waits_anew(any_world):
    alice, bob = await any_world.people("alice", "bob")
    await set_policy(alice, for_not_following="filter")
    await post(bob, "hi @alice")
    request = (await alice.get(REQUESTS)).json()[0]
    assert (await alice.post(f"{REQUESTS}/{request['id']}/dismiss")).json() == {}
    again = await post(bob, "hi again @alice")
    await any_world.run_jobs()
    assert await told(alice, "?include_filtered=true") == [("mention", "bob", again)]
    later = (await alice.get(REQUESTS)).json()
    assert [one["notifications_count"] for one in later] == ["1"]
    assert later[0]["id"] != request["id"]


@pytest.mark.parametrize("decision", ["accept", "dismiss"])
async def test_many_are_decided_at_once(any_world, decision):
    alice, bob, carol, dora = await any_world.people("alice", "bob", "carol", "dora")
    await set_policy(alice, for_not_following="filter")
    for person in (bob, carol, dora):
        await post(person, "hi @alice")
    ids = [one["id"] for one in (await alice.get(REQUESTS)).json()]
    pages = (await alice.get(f"{REQUESTS}?limit=2")).json() + (await alice.get(f"{REQUESTS}?max_id={ids[1]}")).json()
    assert [one["id"] for one in pages] == ids
    assert (await alice.post(f"{REQUESTS}/{decision}", json={"id": [*ids[:2], "1"]})).json() == {}
    await any_world.run_jobs()
    assert [one["id"] for one in (await alice.get(REQUESTS)).json()] == ids[2:]
    assert [who for _, who, _ in await told(alice)] == (["dora", "carol"] if decision == "accept" else [])
    assert (await alice.post(f"{REQUESTS}/{decision}", json={"id": ["x"]})).status == 422
    assert (await alice.post(f"{REQUESTS}/{decision}")).json() == {}


@pytest.mark.parametrize(
    ("decision", "kind"), [("accept", "notifications.accepted"), ("dismiss", "notifications.dismissed")]
)
async def test_what_waits_is_moved_a_batch_at_a_time(any_world, monkeypatch, decision, kind):
    monkeypatch.setattr("linnet.actions.notification_requests.BATCH", 2)
    alice, bob, carol = await any_world.people("alice", "bob", "carol")
    await set_policy(alice, for_not_following="filter")
    for number in range(5):
        await post(bob, f"@alice {number}")
    await post(carol, "@alice")
    await any_world.run_jobs()
    ids = [one["id"] for one in (await alice.get(REQUESTS)).json()]
    await alice.post(f"{REQUESTS}/{decision}", json={"id": ids})
    waiting = await any_world.database.read(lambda tx: tx.all(sql("select kind from jobs")))
    assert waiting == [(kind,)]
    assert await any_world.run_jobs() > 3
    assert len(await everything(alice)) == (6 if decision == "accept" else 0)
    assert len(await told(alice)) == len(await everything(alice))


async def test_what_is_undone_waits_no_more(any_world):
    alice, bob = await any_world.people("alice", "bob")
    await set_policy(alice, for_not_following="filter")
    status = await post(alice, "hello")
    await bob.post(f"/api/v1/statuses/{status}/favourite")
    assert await summary(alice) == (1, 1)
    await bob.post(f"/api/v1/statuses/{status}/unfavourite")
    assert await summary(alice) == (0, 0)
    assert (await alice.get(REQUESTS)).json() == []


async def test_who_is_muted_or_blocked_does_not_wait_in_sight(any_world):
    alice, bob = await any_world.people("alice", "bob")
    await set_policy(alice, for_not_following="filter")
    await post(bob, "hi @alice")
    await alice.post(f"/api/v1/accounts/{bob.id}/mute")
    assert (await alice.get(REQUESTS)).json() == []
    assert await summary(alice) == (0, 0)
    await alice.post(f"/api/v1/accounts/{bob.id}/unmute")
    await bob.post(f"/api/v1/accounts/{alice.id}/block")
    assert (await alice.get(REQUESTS)).json() == []


async def test_what_nobody_asks_for_goes_after_its_time(open_any_world):
    world = await open_any_world(clock=VirtualClock())
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await set_policy(alice, for_not_following="filter")
    await post(bob, "hi @alice")
    await post(carol, "hi @alice")
    request = (await alice.get(REQUESTS)).json()[0]
    await alice.post(f"{REQUESTS}/{request['id']}/accept")
    await world.run_jobs()

    async def swept(days: int) -> list[int]:
        world.clock.advance(days * DAY_MS)
        sweep: Any = maintenance.waiting_notifications
        await world.database.write(lambda tx: sweep(tx, None))
        counts = await world.database.read(lambda tx: tx.one(COUNTS))
        return list(counts)

    assert await swept(89) == [2, 2]
    assert await swept(2) == [1, 1], "only what was let through is left"
    assert [who for _, who, _ in await told(alice)] == ["carol"]
