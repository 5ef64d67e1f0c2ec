"""Conversations at the client API's door: direct statuses by thread and people, read, put away, and kept true."""

from typing import Any

from linnet.actions import deletions
from linnet.storage.database import Operation
from tests.support.client import Person, World


async def say(person: Person, text: str, **more: Any) -> str:
    answer = await person.post("/api/v1/statuses", json={"status": text, "visibility": "direct", **more})
    assert answer.status == 200, answer.body
    return answer.json()["id"]


async def friends(world: World, *names: str) -> tuple[Person, ...]:
    """People who follow each other: private words of strangers are asked about first."""
    people = await world.people(*names)
    for one in people:
        for other in people:
            if one is not other:
                await one.post(f"/api/v1/accounts/{other.id}/follow")
    return people


async def talks(person: Person, query: str = "") -> list[tuple[list[str], str | None, bool]]:
    """With whom, the latest status, and whether it is unread."""
    answer = await person.get(f"/api/v1/conversations{query}")
    assert answer.status == 200, answer.body
    return [
        (
            sorted(each["username"] for each in one["accounts"]),
            one["last_status"] and one["last_status"]["id"],
            one["unread"],
        )
        for one in answer.json()
    ]


async def test_direct_words_make_a_conversation_of_everybody_in_it(any_world: World):
    alice, bob, carol = await friends(any_world, "alice", "bob", "carol")
    first = await say(alice, "@bob hello")
    assert await talks(alice) == [(["bob"], first, False)]
    assert await talks(bob) == [(["alice"], first, True)]
    answer = await say(bob, "@alice yes?", in_reply_to_id=first)
    assert await talks(alice) == [(["bob"], answer, True)]
    assert await talks(bob) == [(["alice"], answer, False)]
    three = await say(bob, "@alice and @carol, too", in_reply_to_id=answer)
    assert await talks(alice) == [(["bob", "carol"], three, True), (["bob"], answer, True)]
    assert await talks(carol) == [(["alice", "bob"], three, True)]
    alone = await say(carol, "to myself")
    assert (await talks(carol))[0] == (["carol"], alone, False)
    for visibility in ("public", "unlisted", "private"):
        await say(alice, f"{visibility} @bob", visibility=visibility)
    assert len(await talks(bob)) == 2


async def test_a_conversation_is_read_and_put_away(any_world: World):
    alice, bob = await friends(any_world, "alice", "bob")
    first = await say(alice, "@bob hello")
    (one,) = (await bob.get("/api/v1/conversations")).json()
    assert (await alice.post(f"/api/v1/conversations/{one['id']}/read")).status == 404
    assert (await alice.delete(f"/api/v1/conversations/{one['id']}")).status == 404
    answer = await bob.post(f"/api/v1/conversations/{one['id']}/read")
    assert answer.json() == {**one, "unread": False}
    assert await talks(bob) == [(["alice"], first, False)]
    assert (await bob.post(f"/api/v1/conversations/{one['id']}/unread")).json() == one
    assert (await bob.delete(f"/api/v1/conversations/{one['id']}")).json() == {}
    assert await talks(bob) == []
    assert (await bob.get("/api/v1/timelines/direct")).json() == []
    assert (await bob.get(f"/api/v1/statuses/{first}")).status == 200
    assert await talks(alice) == [(["bob"], first, False)]
    again = await say(alice, "@bob still there?", in_reply_to_id=first)
    assert await talks(bob) == [(["alice"], again, True)]


async def test_what_is_deleted_is_the_latest_no_more(any_world: World):
    alice, bob = await friends(any_world, "alice", "bob")
    first = await say(alice, "@bob one")
    second = await say(alice, "@bob two", in_reply_to_id=first)
    await alice.delete(f"/api/v1/statuses/{second}")
    assert await talks(bob) == [(["alice"], first, True)]
    await alice.delete(f"/api/v1/statuses/{first}")
    assert (await talks(alice), await talks(bob)) == ([], [])


async def test_whoever_is_named_later_comes_in(any_world: World):
    alice, bob, carol = await friends(any_world, "alice", "bob", "carol")
    first = await say(alice, "@bob one")
    await alice.ask("PUT", f"/api/v1/statuses/{first}", json={"status": "@bob @carol one"})
    assert await talks(alice) == [(["bob", "carol"], first, False)]
    assert await talks(bob) == [(["alice", "carol"], first, True)]
    assert await talks(carol) == [(["alice", "bob"], first, True)]
    before = (await carol.get("/api/v1/conversations")).json()
    await alice.ask("PUT", f"/api/v1/statuses/{first}", json={"status": "@bob @carol two"})
    after = (await carol.get("/api/v1/conversations")).json()
    assert [one["id"] for one in after] == [one["id"] for one in before]


async def test_whoever_is_kept_away_has_no_word(any_world: World):
    alice, bob = await friends(any_world, "alice", "bob")
    first = await say(alice, "@bob hello")
    await bob.post(f"/api/v1/accounts/{alice.id}/mute")
    assert await talks(bob) == []
    await bob.post(f"/api/v1/accounts/{alice.id}/unmute")
    assert await talks(bob) == [(["alice"], first, True)]
    await bob.post(f"/api/v1/accounts/{alice.id}/block")
    assert await talks(bob) == []
    await say(alice, "@bob why?", in_reply_to_id=first)
    await bob.post(f"/api/v1/accounts/{alice.id}/unblock")
    await bob.post(f"/api/v1/accounts/{alice.id}/follow")
    assert await talks(bob) == [(["alice"], first, True)], "what was said meanwhile never came"
    await bob.post(f"/api/v1/statuses/{first}/mute")
    await say(alice, "@bob hello?", in_reply_to_id=first)
    assert await talks(bob) == [(["alice"], first, True)]


async def test_a_deleted_account_is_nobody_any_more(any_world: World):
    alice, bob = await friends(any_world, "alice", "bob")
    await say(alice, "@bob hello")
    mine = await say(bob, "@alice bye")
    await deletions.delete(any_world.database, None, alice.id, Operation("delete"))
    await any_world.run_jobs()
    assert [(latest, unread) for _, latest, unread in await talks(bob)] == [(mine, False)]


async def test_they_page_by_their_latest(any_world: World):
    alice, bob = await friends(any_world, "alice", "bob")
    said = [await say(bob, f"@alice {number}") for number in range(5)]
    assert [latest for _, latest, _ in await talks(alice, "?limit=2")] == [said[4], said[3]]
    assert [latest for _, latest, _ in await talks(alice, f"?limit=2&max_id={said[3]}")] == [said[2], said[1]]
    assert [latest for _, latest, _ in await talks(alice, f"?limit=2&min_id={said[0]}")] == [said[2], said[1]]
    timeline = (await alice.get(f"/api/v1/timelines/direct?since_id={said[1]}")).json()
    assert [one["id"] for one in timeline] == said[:1:-1]
    assert (await any_world.client.get("/api/v1/timelines/direct")).status == 401


async def test_a_strangers_words_come_in_when_they_are_let_through(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    first = await say(alice, "@bob you do not know me")
    second = await say(alice, "@bob but", in_reply_to_id=first)
    assert await talks(bob) == []
    assert await talks(alice) == [(["bob"], second, False)]
    (request,) = (await bob.get("/api/v1/notifications/requests")).json()
    assert (await bob.post(f"/api/v1/notifications/requests/{request['id']}/accept")).status == 200
    await any_world.run_jobs()
    assert await talks(bob) == [(["alice"], second, True)]
    assert len((await bob.get("/api/v1/timelines/direct")).json()) == 2
