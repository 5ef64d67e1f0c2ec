"""Announcements: made by commands' actions, shown at the client API's door, put away and reacted to."""

from typing import Any
from urllib.parse import quote

import pytest

from linnet.actions import announcements
from linnet.domain.announcements import REACTIONS_MAX, Draft
from linnet.domain.errors import NotFound
from linnet.storage import emojis
from tests.support.access import once, rows
from tests.support.client import Person, VirtualClock, World


async def announce(
    world: World, text: str, publish_at: int | None = 0, starts_at: int | None = None, ends_at: int | None = None
) -> int:
    draft = Draft(text, publish_at, starts_at, ends_at)
    return await announcements.create(world.database, world.site, draft, once(world))


async def seen(person: Person) -> list[dict[str, Any]]:
    answer = await person.get("/api/v1/announcements")
    assert answer.status == 200, answer.body
    return answer.json()


async def test_it_is_written_like_a_status(any_world: World):
    _, bob = await any_world.people("alice", "bob")
    status = (await bob.post("/api/v1/statuses", json={"status": "look"})).json()
    await announce(any_world, f"Hello @alice, see {status['url']} and {status['url'][:-3]}111 #tea")
    (one,) = await seen(bob)
    assert one["content"].startswith("<p>Hello <span")
    assert [each["acct"] for each in one["mentions"]] == ["alice"]
    assert [each["name"] for each in one["tags"]] == ["tea"]
    assert one["statuses"] == [{"id": status["id"], "url": status["url"]}]
    assert (one["read"], one["reactions"], one["starts_at"], one["all_day"]) == (False, [], None, False)
    assert (await any_world.client.get("/api/v1/announcements")).status == 401


async def test_it_is_put_away_by_each_for_itself(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    made = await announce(any_world, "tea")
    for _ in range(2):
        assert (await alice.post(f"/api/v1/announcements/{made}/dismiss")).json() == {}
    assert [one["read"] for one in await seen(alice)] == [True]
    assert [one["read"] for one in await seen(bob)] == [False]
    assert (await alice.post("/api/v1/announcements/1/dismiss")).status == 404


async def test_people_react_to_it(any_world: World):
    async def emoji(tx: Any) -> None:
        await tx.run(
            emojis.SQL.put, shortcode="linnet", file_key="a.png", static_key="b.png", category=None,
            visible_in_picker=1, now=tx.now,
        )  # fmt: skip

    await any_world.database.write(emoji)
    alice, bob = await any_world.people("alice", "bob")
    at = f"/api/v1/announcements/{await announce(any_world, 'tea')}/reactions"
    for person, name in ((alice, "👍"), (alice, "👍"), (alice, "linnet"), (bob, "👍")):
        assert (await person.put(f"{at}/{quote(name)}")).status == 200
    (one,) = await seen(bob)
    thumb, bird = one["reactions"]
    assert thumb == {"name": "👍", "count": 2, "me": True}
    assert (bird["name"], bird["count"], bird["me"]) == ("linnet", 1, False)
    assert bird["url"].endswith("/a.png")
    assert bird["static_url"].endswith("/b.png")
    assert (await alice.delete(f"{at}/{quote('👍')}")).json() == {}
    assert (await alice.delete(f"{at}/{quote('👍')}")).status == 404
    assert {"name": "👍", "count": 1, "me": False} in (await seen(alice))[0]["reactions"]
    for name in ("nosuch", "two words", "👍👍", "x" * 200):
        assert (await alice.put(f"{at}/{quote(name)}")).status == 422, name
    for number in range(REACTIONS_MAX - 2):
        assert (await alice.put(f"{at}/{quote(chr(0x1F600 + number))}")).status == 200
    assert (await alice.put(f"{at}/{quote('🐦')}")).status == 422
    assert (await bob.put(f"{at}/linnet")).status == 200


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_it_comes_and_goes_at_its_times(open_any_world: Any):
    clock = VirtualClock()
    world = await open_any_world(clock=clock)
    alice = await world.person("alice")
    now = clock.now_ms()
    kept = await announce(world, "kept back", None)
    await announce(world, "later", now + 1_000)
    short = await announce(world, "short", now, now, now + 2_000)
    assert [one["content"] for one in await seen(alice)] == ["<p>short</p>"]
    assert (await alice.post(f"/api/v1/announcements/{kept}/dismiss")).status == 404
    clock.advance(1_000)
    assert [one["content"] for one in await seen(alice)] == ["<p>short</p>", "<p>later</p>"]
    await announcements.publish(world.database, kept, once(world))
    clock.advance(1_000)
    assert [one["content"] for one in await seen(alice)] == ["<p>kept back</p>", "<p>later</p>"]
    assert (await alice.put(f"/api/v1/announcements/{short}/reactions/%F0%9F%91%8D")).status == 404


async def test_nothing_is_left_of_one_that_was_taken_away(any_world: World):
    alice = await any_world.person("alice")
    made = await announce(any_world, "tea")
    await alice.post(f"/api/v1/announcements/{made}/dismiss")
    await alice.put(f"/api/v1/announcements/{made}/reactions/{quote('👍')}")
    await announcements.delete(any_world.database, made, once(any_world))
    assert await seen(alice) == []
    for table in ("announcements", "announcement_reads", "announcement_reactions"):
        assert await rows(any_world, table) == []
    for act in (announcements.delete, announcements.publish):
        with pytest.raises(NotFound):
            await act(any_world.database, made, once(any_world))
