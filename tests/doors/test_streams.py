"""Open streams at the door: each tells exactly what the timeline that it belongs to would show, once, in order."""

import json
from typing import Any, cast

import pytest

from linnet.actions import announcements
from linnet.domain.announcements import Draft
from linnet.domain.errors import Unavailable
from linnet.storage import changes
from linnet.storage.changes import Position
from linnet.storage.database import Operation
from linnet.streaming.hub import Hub, Rendering
from tests.support.client import Person, VirtualClock, World, make_token
from tests.support.streams import about, events, websocket

USER = "/api/v1/streaming/user"


async def post(person: Person, text: str, **more: Any) -> str:
    answer = await person.post("/api/v1/statuses", json={"status": text, **more})
    assert answer.status == 200, answer.body
    return str(answer.json()["id"])


async def follow(one: Person, other: Person, **more: Any) -> None:
    assert (await one.post(f"/api/v1/accounts/{other.id}/follow", json=more)).status == 200


async def test_home_tells_of_posts_edits_deletions_and_notifications(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    await follow(alice, bob)
    async with events(any_world.application, USER, alice.token) as stream:
        first = await post(bob, "hello")
        event = await stream.next()
        shown = (await alice.get(f"/api/v1/statuses/{first}")).json()
        assert (event["event"], event["data"]) == ("update", shown)
        assert (await bob.put(f"/api/v1/statuses/{first}", json={"status": "hello again"})).status == 200
        event = await stream.next()
        assert event["event"] == "status.update"
        assert event["data"]["content"] == "<p>hello again</p>"
        own = await post(alice, "and I")
        assert about(await stream.next()) == ("update", own)
        await bob.post(f"/api/v1/statuses/{own}/favourite")
        event = await stream.next()
        assert (event["event"], event["data"]["type"], event["data"]["status"]["id"]) == (
            "notification", "favourite", own,
        )  # fmt: skip
        assert (await bob.delete(f"/api/v1/statuses/{first}")).status == 200
        assert about(await stream.next()) == ("delete", first)


async def test_home_is_silent_about_what_the_home_timeline_would_not_show(any_world: World):
    """Each of these is followed by one that is told, so that silence needs no waiting."""
    alice, bob, carol, dave = await any_world.people("alice", "bob", "carol", "dave")
    await follow(alice, bob, reblogs=False)
    await follow(alice, carol)
    foreign = await post(dave, "from afar")
    async with events(any_world.application, USER, alice.token) as stream:
        await post(dave, "not followed")
        await post(bob, "between us", in_reply_to_id=foreign)
        await post(bob, "for @dave alone", visibility="direct")
        await bob.post(f"/api/v1/statuses/{foreign}/reblog")
        told = [await post(bob, "for all"), await post(bob, "for followers", visibility="private")]
        assert await stream.names(2) == [("update", id) for id in told]
        await alice.post(f"/api/v1/accounts/{bob.id}/mute")
        await post(bob, "muted")
        await alice.post(f"/api/v1/accounts/{dave.id}/block")
        await carol.post(f"/api/v1/statuses/{foreign}/reblog")
        after = await post(carol, "still here")
        assert about(await stream.next()) == ("update", after)
        await alice.post(f"/api/v1/accounts/{bob.id}/unmute")
        await alice.post(f"/api/v1/accounts/{carol.id}/unfollow")
        await post(carol, "no more")
        again = await post(bob, "back")
        assert about(await stream.next()) == ("update", again)


async def test_who_is_followed_meanwhile_is_heard_at_once(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    async with events(any_world.application, USER, alice.token) as stream:
        await post(bob, "before")
        await follow(alice, bob)
        id = await post(bob, "after")
        assert about(await stream.next()) == ("update", id)


async def test_a_reblog_shows_what_its_reader_has_done(any_world: World):
    alice, bob, carol, dave = await any_world.people("alice", "bob", "carol", "dave")
    for person in (alice, dave):
        await follow(person, bob)
    id = await post(carol, "good")
    await alice.post(f"/api/v1/statuses/{id}/favourite")
    application = any_world.application
    async with events(application, USER, alice.token) as one, events(application, USER, dave.token) as two:
        await bob.post(f"/api/v1/statuses/{id}/reblog")
        mine, theirs = await one.next(), await two.next()
        assert mine["data"]["reblog"]["favourited"] is True
        assert theirs["data"]["reblog"]["favourited"] is False
        assert mine["id"] == theirs["id"]


@pytest.mark.parametrize("reblogged", [False, True])
async def test_of_a_quoted_post_each_is_told_what_they_may_see(any_world: World, reblogged: bool):
    alice, bob, quoting, quoted = await any_world.people("alice", "bob", "quoting", "quoted")
    first = await post(quoted, "not for bob")
    assert (await quoted.post(f"/api/v1/accounts/{bob.id}/block")).status == 200
    for person in (alice, bob):
        await follow(person, quoting)
    application = any_world.application
    id = await post(quoting, "look", quoted_status_id=first) if reblogged else ""
    async with events(application, USER, alice.token) as one, events(application, USER, bob.token) as two:
        if reblogged:
            id = (await quoting.post(f"/api/v1/statuses/{id}/reblog")).json()["id"]
        else:
            id = await post(quoting, "look", quoted_status_id=first)
        for person, stream, state in ((alice, one, "accepted"), (bob, two, "unauthorized")):
            told = (await stream.next())["data"]
            assert ((told["reblog"] or told)["quote"]["state"], told["id"]) == (state, id)
            assert told == (await person.get(f"/api/v1/statuses/{id}")).json()


async def test_a_direct_status_and_its_end_are_told_to_the_named_alone(any_world: World):
    alice, bob, carol = await any_world.people("alice", "bob", "carol")
    for one in (bob, carol):
        await follow(one, alice)
    application = any_world.application
    async with events(application, USER, bob.token) as named, events(application, USER, carol.token) as other:
        id = await post(alice, "@bob listen", visibility="direct")
        await any_world.run_jobs()
        assert {about(await named.next())[0], about(await named.next())[0]} == {"update", "notification"}
        assert (await alice.delete(f"/api/v1/statuses/{id}")).status == 200
        assert about(await named.next()) == ("delete", id)
        public = await post(alice, "everybody")
        assert about(await other.next()) == ("update", public)


async def test_public_streams_have_what_public_timelines_have(any_world: World):
    alice, bob, carol = await any_world.people("alice", "bob", "carol")
    await alice.post(f"/api/v1/accounts/{carol.id}/block")
    application = any_world.application
    async with (
        events(application, "/api/v1/streaming/public", alice.token) as everything,
        events(application, "/api/v1/streaming/public/local", alice.token) as local,
        events(application, "/api/v1/streaming/hashtag?tag=Cats", alice.token) as tagged,
        events(application, "/api/v1/streaming/public/remote", alice.token) as remote,
        events(application, "/api/v1/streaming/public?only_media=true", alice.token) as pictures,
    ):
        await post(carol, "blocked #cats")
        await post(bob, "quiet #cats", visibility="unlisted")
        first = await post(bob, "loud")
        reply = await post(alice, "I agree #cats", in_reply_to_id=first)
        second = await post(bob, "more #cats")
        expected = [("update", first), ("update", second)]
        assert await everything.names(2) == expected
        assert await local.names(2) == expected
        assert await tagged.names(2) == [("update", reply), ("update", second)]
        await bob.delete(f"/api/v1/statuses/{second}")
        for stream in (everything, local, tagged, remote, pictures):
            assert about(await stream.next()) == ("delete", second)


async def test_what_was_never_public_is_not_withdrawn_in_public(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    async with events(any_world.application, "/api/v1/streaming/public", alice.token) as stream:
        for visibility in ("unlisted", "private", "direct"):
            await bob.delete(f"/api/v1/statuses/{await post(bob, 'secret', visibility=visibility)}")
        id = await post(bob, "seen")
        assert about(await stream.next()) == ("update", id)


async def test_one_socket_carries_many_streams(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    await follow(alice, bob)
    async with websocket(any_world.application, f"access_token={alice.token}&stream=user") as socket:
        id = await post(bob, "one")
        event = await socket.next()
        assert (event["stream"], about(event)) == (["user"], ("update", id))
        assert set(event) == {"stream", "event", "payload", "position"}
        socket.subscribe("hashtag", tag="Fun")
        socket.subscribe("public:local")
        socket.subscribe("nonsense")
        assert await socket.next() == {"error": "Unknown stream type", "status": 404}
        id = await post(bob, "two #fun")
        found = [await socket.next() for _ in range(3)]
        assert sorted(one["stream"] for one in found) == [["hashtag", "Fun"], ["public:local"], ["user"]]
        assert {about(one) for one in found} == {("update", id)}
        socket.unsubscribe("user")
        socket.unsubscribe("public:local")
        socket.say("{")
        assert (await socket.next())["status"] == 400
        id = await post(bob, "three #fun")
        assert (await socket.next())["stream"] == ["hashtag", "Fun"]


async def test_a_browser_may_send_its_token_as_the_protocol(any_world: World):
    alice = await any_world.person("alice")
    async with websocket(any_world.application, "stream=user", protocol=alice.token) as socket:
        id = await post(alice, "hello")
        assert about(await socket.next()) == ("update", id)


@pytest.mark.parametrize(("scopes", "first"), [("read:statuses", "update"), ("read", "notification")])
async def test_notifications_are_told_to_tokens_that_may_read_them(world: World, scopes: str, first: str):
    alice, bob = await world.people("alice", "bob")
    token = await make_token(world.database, alice.id, scopes)
    async with events(world.application, USER, token) as stream:
        await follow(bob, alice)
        await post(alice, "hello")
        assert (await stream.next())["event"] == first


async def test_who_may_not_listen_is_told_why(world: World):
    alice = await world.person("alice", scopes="write")
    ask = world.client.get
    assert (await ask(USER)).status == 401
    assert (await ask(USER, token="wrong")).status == 401
    assert (await ask(USER, token=alice.token)).status == 403
    reader = await world.person("reader", scopes="read:statuses")
    assert (await ask("/api/v1/streaming/user/notification", token=reader.token)).status == 403
    assert (await ask("/api/v1/streaming/nothing", token=reader.token)).status == 404
    assert (await ask("/api/v1/streaming/hashtag", token=reader.token)).status == 422
    assert (await ask("/api/v1/streaming/list?list=1", token=reader.token)).status == 404
    assert (await ask("/api/v1/streaming", token=reader.token)).status == 422
    assert (await ask("/api/v1/streaming/health")).body == b"OK"
    async with websocket(world.application, "access_token=wrong") as socket:
        assert socket.status == 0
    async with websocket(world.application, f"access_token={reader.token}&stream=user:notification") as socket:
        assert socket.status == 0


async def test_who_comes_back_is_told_what_was_missed_once(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    await follow(alice, bob)
    application = any_world.application
    async with events(application, f"{USER}?position=", alice.token) as stream:
        begun = (await stream.next())["id"]
    missed = [await post(bob, "one"), await post(bob, "two")]
    gone = await post(bob, "three")
    await bob.delete(f"/api/v1/statuses/{gone}")
    async with events(application, USER, alice.token, last_event_id=begun) as stream:
        found = [await stream.next() for _ in range(3)]
        assert [about(one) for one in found] == [*[("update", id) for id in missed], ("delete", gone)]
        live = await post(bob, "four")
        found.append(await stream.next())
        assert about(found[-1]) == ("update", live)
    async with websocket(application, f"access_token={alice.token}&stream=user&position={found[1]['id']}") as socket:
        assert await socket.names(2) == [("delete", gone), ("update", live)]
        five = await post(bob, "five")
        assert about(await socket.next()) == ("update", five)


async def test_a_later_timeline_than_the_databases_is_waited_for_before_it_is_given_up(any_world: World):
    clock = VirtualClock()
    hub = Hub(any_world.database, cast("Rendering", None), clock, any_world.tasks)
    end = await changes.latest(any_world.database)
    later = Position(end.timeline + 1, 5, 5)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await hub._after(later)
    clock.advance(31_000)
    assert (await hub._after(later)).reset
    assert not (await hub._after(end)).reset


async def test_a_position_that_the_log_does_not_know_is_answered_with_a_reset(any_world: World):
    alice = await any_world.person("alice")
    for position in ("nonsense", "9999.9999999.9999999"):
        async with websocket(
            any_world.application, f"access_token={alice.token}&stream=user&position={position}"
        ) as socket:
            event = await socket.next()
            assert (event["event"], json.loads(event["payload"])) == ("stream.reset", {})
            id = await post(alice, "on we go")
            assert about(await socket.next()) == ("update", id)


async def test_a_list_is_told_of_its_members(any_world: World):
    alice, bob, carol = await any_world.people("alice", "bob", "carol")
    for other in (bob, carol):
        await follow(alice, other)
    made = await alice.post("/api/v1/lists", json={"title": "some", "replies_policy": "none"})
    number = made.json()["id"]
    assert (await alice.post(f"/api/v1/lists/{number}/accounts", json={"account_ids": [str(bob.id)]})).status == 200
    assert (await bob.get(f"/api/v1/streaming/list?list={number}")).status == 404
    async with websocket(any_world.application, f"access_token={alice.token}&stream=list&list={number}") as socket:
        carols = await post(carol, "not a member")
        await post(bob, "a reply to another", in_reply_to_id=carols)
        id = await post(bob, "for the list", visibility="private")
        event = await socket.next()
        assert (event["stream"], about(event)) == (["list", number], ("update", id))
        await carol.delete(f"/api/v1/statuses/{await post(carol, 'quietly', visibility='private')}")
        await bob.delete(f"/api/v1/statuses/{id}")
        assert about(await socket.next()) == ("delete", id)
        await alice.delete(f"/api/v1/lists/{number}")
        assert (await socket.next())["status"] == 404


async def test_a_followed_hashtag_is_heard_at_home(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    async with events(any_world.application, USER, alice.token) as stream:
        await post(bob, "before #cats")
        assert (await alice.post("/api/v1/tags/cats/follow")).status == 200
        await post(bob, "without")
        id = await post(bob, "with #cats")
        assert about(await stream.next()) == ("update", id)
        await bob.delete(f"/api/v1/statuses/{id}")
        assert about(await stream.next()) == ("delete", id)


async def test_a_conversation_is_told_to_those_who_take_part(any_world: World):
    alice, bob, _carol = await any_world.people("alice", "bob", "carol")
    await follow(bob, alice)
    path = "/api/v1/streaming/direct"
    async with events(any_world.application, path, bob.token) as stream:
        await post(alice, "@carol not for bob", visibility="direct")
        id = await post(alice, "@bob for you", visibility="direct")
        event = await stream.next()
        assert event["event"] == "conversation"
        assert event["data"] == (await bob.get("/api/v1/conversations")).json()[0]
        assert event["data"]["last_status"]["id"] == id


async def test_a_filter_is_told_with_the_status(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    for one in (alice, bob):
        await follow(one, bob if one is alice else alice)
    application = any_world.application
    async with events(application, USER, alice.token) as mine, events(application, USER, bob.token) as theirs:
        made = await alice.post(
            "/api/v2/filters",
            json={"title": "no", "context": ["home"], "keywords_attributes": [{"keyword": "spoiler"}]},
        )
        assert made.status == 200, made.body
        assert (await mine.next())["event"] == "filters_changed"
        await post(bob, "a spoiler")
        assert [one["filter"]["title"] for one in (await mine.next())["data"]["filtered"]] == ["no"]
        assert (await theirs.next())["data"]["filtered"] == []


async def test_everybody_is_told_of_announcements(any_world: World):
    alice, bob = await any_world.people("alice", "bob")
    database, operation = any_world.database, Operation("announce")
    async with events(any_world.application, USER, alice.token) as stream:
        draft = Draft("Cake at four", publish_at=1)
        number = await announcements.create(database, any_world.site, draft, operation)
        event = await stream.next()
        assert (event["event"], event["data"]) == ("announcement", (await alice.get("/api/v1/announcements")).json()[0])
        assert (await bob.put(f"/api/v1/announcements/{number}/reactions/🎂")).status == 200
        event = await stream.next()
        assert event["event"] == "announcement.reaction"
        assert event["data"] == {"name": "🎂", "count": 1, "announcement_id": str(number)}
        await announcements.delete(database, number, Operation("withdraw"))
        assert about(await stream.next()) == ("announcement.delete", str(number))


async def test_notifications_that_were_let_through_are_told_of(any_world: World):
    alice = await any_world.person("alice")
    async with events(any_world.application, "/api/v1/streaming/user/notification", alice.token) as stream:
        await any_world.database.write(lambda tx: changes.append(tx, "notification.merged", alice.id, alice.id))
        assert (await stream.next())["event"] == "notifications_merged"
