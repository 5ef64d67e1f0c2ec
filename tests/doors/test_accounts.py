"""Accounts at the client API's door: one's own and others', found, browsed, changed, and the statuses of each."""

import pytest

from linnet.actions import suspensions
from linnet.storage.database import Operation
from linnet.storage.statements import statement
from tests.support.pictures import drawing, jpeg, photo, png

PNG = "image/png"


def ids(answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [item["id"] for item in answer.json()]


async def post(person, text: str, **more) -> str:
    answer = await person.post("/api/v1/statuses", json={"status": text, **more})
    assert answer.status == 200, answer.body
    return answer.json()["id"]


async def stored(world) -> set[str]:
    found = world.parts.blobs.keys()
    return {key async for key in found}


async def test_an_account_is_shown_to_anybody(any_world):
    alice, bob = await any_world.people("Alice", "bob")
    for target in (f"/api/v1/accounts/{alice.id}", "/api/v1/accounts/lookup?acct=alice"):
        account = (await any_world.client.get(target)).json()
        assert (account["id"], account["acct"], account["url"]) == (str(alice.id), "Alice", "http://linnet.test/@Alice")
    for address in ("@ALICE", "alice@linnet.test", "@alice@LINNET.test"):
        assert (await bob.get("/api/v1/accounts/lookup", query={"acct": address})).json()["id"] == str(alice.id)
    for address in ("nobody", "alice@elsewhere.test", "", "@"):
        assert (await bob.get("/api/v1/accounts/lookup", query={"acct": address})).status == 404
    for wrong in ("1", "x", "99999999999999999999"):
        assert (await any_world.client.get(f"/api/v1/accounts/{wrong}")).status == 404
    many = f"id[]={bob.id}&id[]=7&id[]={alice.id}"
    assert ids(await any_world.client.get(f"/api/v1/accounts?{many}")) == [str(bob.id), str(alice.id)]


async def test_who_is_not_let_in_yet_is_not_shown(world):
    alice = await world.person("alice")
    wait = statement("test", "update users set approved_at = null where account_id = :id")
    await world.database.write(lambda tx: tx.run(wait, id=alice.id))
    assert (await world.client.get(f"/api/v1/accounts/{alice.id}")).status == 404
    assert (await world.client.get("/api/v1/accounts/lookup?acct=alice")).status == 404
    bob = await world.person("bob")
    assert ids(await bob.get("/api/v1/accounts/search?q=alice")) == []
    assert str(alice.id) not in ids(await bob.get("/api/v1/directory"))


async def test_ones_own_account_says_more(world):
    alice = await world.person("alice")
    mine = (await alice.get("/api/v1/accounts/verify_credentials")).json()
    assert mine["source"] == {
        "privacy": "public", "sensitive": False, "language": None, "quote_policy": "public", "note": "", "fields": [],
        "follow_requests_count": 0, "hide_collections": False, "discoverable": True, "indexable": True,
        "attribution_domains": [], "content_type": "text/plain",
    }  # fmt: skip
    assert mine["role"] == {"id": "-99", "name": "", "permissions": "65536", "color": "", "highlighted": False}
    root = await world.person("root", role="owner")
    role = (await root.get("/api/v1/accounts/verify_credentials")).json()["role"]
    assert (role["name"], role["permissions"], role["highlighted"]) == ("Owner", "1", True)
    assert (await world.client.get("/api/v1/accounts/verify_credentials")).status == 401
    weak = await world.person("weak", scopes="read:statuses")
    assert (await weak.get("/api/v1/accounts/verify_credentials")).status == 403


async def test_a_profile_is_changed_and_what_is_not_named_stays(any_world):
    alice, bob = await any_world.people("alice", "bob")
    wanted = {
        "display_name": "Alice :) <b>", "note": "I know @bob, see https://example.org/ #birds", "bot": True,
        "discoverable": False, "indexable": True,
        "fields_attributes": {
            "0": {"name": "site", "value": "https://example.org"}, "1": {"name": "", "value": ""},
            "2": {"name": "pronouns", "value": "she"},
        },
        "source": {"privacy": "unlisted", "sensitive": True, "language": "de"},
    }  # fmt: skip
    answer = await alice.patch("/api/v1/accounts/update_credentials", json=wanted)
    assert answer.status == 200, answer.body
    mine = answer.json()
    assert (mine["display_name"], mine["bot"], mine["discoverable"]) == ("Alice :) <b>", True, False)
    assert (mine["indexable"], mine["noindex"], mine["locked"]) == (True, False, False)
    assert 'class="u-url mention"' in mine["note"]
    assert "http://linnet.test/@bob" in mine["note"]
    assert mine["source"]["note"] == wanted["note"]
    assert [field["name"] for field in mine["fields"]] == ["site", "pronouns"]
    assert "<a href" in mine["fields"][0]["value"]
    assert mine["source"]["fields"][0]["value"] == "https://example.org"
    assert (mine["source"]["privacy"], mine["source"]["language"]) == ("unlisted", "de")
    changed = (await alice.patch("/api/v1/accounts/update_credentials", form={"locked": "true"})).json()
    assert changed == mine | {"locked": True}
    assert (await bob.get(f"/api/v1/accounts/{alice.id}")).json()["display_name"] == "Alice :) <b>"
    status = (await alice.post("/api/v1/statuses", json={"status": "hallo"})).json()
    assert (status["visibility"], status["language"], status["account"]["display_name"]) == (
        "unlisted", "de", "Alice :) <b>",
    )  # fmt: skip
    preferences = (await alice.get("/api/v1/preferences")).json()
    assert preferences == {
        "posting:default:visibility": "unlisted", "posting:default:sensitive": True,
        "posting:default:language": "de", "posting:default:quote_policy": "public", "reading:expand:media": "default",
        "reading:expand:spoilers": False, "reading:autoplay:gifs": False, "posting:default:content_type": "text/plain",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"display_name": "x" * 31}, "display_name"),
        ({"note": "x" * 501}, "note"),
        ({"note": "a\x01b"}, "note"),
        ({"fields_attributes": [{"name": "n", "value": "v"}] * 5}, "fields"),
        ({"fields_attributes": [{"name": "x" * 256, "value": "v"}]}, "fields"),
        ({"fields_attributes": [{"name": "", "value": "v"}]}, "fields"),
        ({"fields_attributes": ["x"]}, "fields_attributes"),
        ({"fields_attributes": [{"name": ["x"], "value": "v"}]}, "name"),
        ({"source": {"privacy": "direct"}}, "source[privacy]"),
        ({"source": {"privacy": "secret"}}, "source[privacy]"),
        ({"source": {"language": "klingonish-language"}}, "language"),
        ({"source": "x"}, "source"),
        ({"locked": "perhaps"}, "locked"),
        ({"avatar_description": "x" * 1501}, "avatar_description"),
    ],
)
async def test_what_cannot_be_said_of_oneself(world, wanted, field):
    alice = await world.person("alice")
    before = (await alice.get("/api/v1/accounts/verify_credentials")).json()
    answer = await alice.patch("/api/v1/accounts/update_credentials", json={"bot": True, **wanted})
    assert (answer.status, list(answer.json()["details"])) == (422, [field])
    assert (await alice.get("/api/v1/accounts/verify_credentials")).json() == before


async def test_a_long_link_in_a_note_counts_as_on_mastodon(world):
    alice = await world.person("alice")
    note = "https://example.org/" + "x" * 800
    assert (await alice.patch("/api/v1/accounts/update_credentials", json={"note": note})).status == 200


async def test_pictures_are_kept_replaced_and_taken_away(world):
    alice = await world.person("alice")
    answer = await alice.patch(
        "/api/v1/accounts/update_credentials",
        form={"avatar_description": "me, smiling"},
        files={
            "avatar": ("me.png", png(drawing(400, 400)), PNG),
            "header": ("sea.jpg", jpeg(photo(1500, 500)), "image/jpeg"),
        },
    )
    assert answer.status == 200, answer.body
    mine = answer.json()
    assert mine["avatar_description"] == "me, smiling"
    kept = await stored(world)
    for address in (mine["avatar"], mine["avatar_static"], mine["header"], mine["header_static"]):
        assert address.removeprefix("http://linnet.test/files/") in kept
    await alice.patch("/api/v1/accounts/update_credentials", files={"avatar": ("me.png", png(drawing(40, 40)), PNG)})
    await world.run_jobs()
    after = await stored(world)
    assert len(after) == len(kept)
    assert after != kept
    profile = (await alice.get("/api/v1/profile")).json()
    assert profile["avatar"].removeprefix("http://linnet.test/files/") in after
    gone = (await alice.delete("/api/v1/profile/avatar")).json()
    assert gone["avatar"] == "http://linnet.test/static/avatar.png"
    assert (await alice.delete("/api/v1/profile/header")).status == 200
    await world.run_jobs()
    assert await stored(world) == set()
    assert (await alice.get("/api/v1/profile")).json()["avatar"] is None


async def test_a_picture_that_is_none_changes_nothing_and_leaves_nothing(world):
    alice = await world.person("alice")
    files = {"header": ("x.png", png(drawing(30, 30)), PNG), "avatar": ("x.png", b"no picture", PNG)}
    answer = await alice.patch("/api/v1/accounts/update_credentials", form={"display_name": "x"}, files=files)
    assert answer.status == 422
    files = {"header": ("x.png", png(drawing(30, 30)), PNG)}
    answer = await alice.patch("/api/v1/accounts/update_credentials", form={"note": "x" * 600}, files=files)
    assert answer.status == 422
    assert await stored(world) == set()
    assert (await alice.get("/api/v1/accounts/verify_credentials")).json()["display_name"] == ""


async def test_the_profile_can_be_read_and_changed_in_its_raw_form(world):
    alice = await world.person("alice")
    changed = (await alice.patch("/api/v1/profile", json={"note": "a *b*", "display_name": "A"})).json()
    assert (changed["note"], changed["display_name"], changed["avatar"]) == ("a *b*", "A", None)
    assert (await alice.get("/api/v1/profile")).json() == changed


async def test_accounts_are_found_by_how_their_words_begin(any_world):
    alice, bob, carol, me = await any_world.people("alice_liddell", "bob", "carol", "me")
    await bob.patch("/api/v1/accounts/update_credentials", json={"display_name": "Robert Liddell Ünal"})
    await me.post(f"/api/v1/accounts/{bob.id}/follow")

    async def found(query: str, **more) -> list[str]:
        return ids(await me.get("/api/v1/accounts/search", query={"q": query, **more}))

    assert await found("lidd") == [str(bob.id), str(alice.id)]
    assert await found("lidd", following="true") == [str(bob.id)]
    assert await found("lidd", limit=1, offset=1) == [str(alice.id)]
    assert await found("alice_lid") == await found("@alice") == await found("alice liddell") == [str(alice.id)]
    assert await found("liddell alice") == [str(alice.id)]
    assert await found("ali liddell") == await found("liddell robert x") == []
    assert await found("unal") == await found("Ünal robert") == [str(bob.id)]
    assert await found("@carol@linnet.test", resolve="true") == [str(carol.id)]
    assert await found("carol@elsewhere.test", resolve="true") == await found("%") == await found("_") == []
    await bob.patch("/api/v1/accounts/update_credentials", json={"display_name": "Rob"})
    assert await found("liddell") == [str(alice.id)]
    assert (await me.get("/api/v1/accounts/search?q=")).status == 422
    assert (await any_world.client.get("/api/v1/accounts/search?q=bob")).status == 401


async def test_the_directory_shows_who_wants_to_be_found(any_world):
    alice, bob, carol, me = await any_world.people("alice", "bob", "carol", "me")
    await me.patch("/api/v1/accounts/update_credentials", json={"discoverable": False})
    for person in (bob, alice):
        await post(person, "hello")
    new = [str(carol.id), str(bob.id), str(alice.id)]
    assert ids(await any_world.client.get("/api/v1/directory?order=new&local=true")) == new
    active = [str(alice.id), str(bob.id), str(carol.id)]
    assert ids(await me.get("/api/v1/directory")) == active
    assert ids(await me.get("/api/v1/directory?limit=1&offset=1")) == active[1:2]
    await me.post(f"/api/v1/accounts/{alice.id}/mute")
    await bob.post(f"/api/v1/accounts/{me.id}/block")
    assert ids(await me.get("/api/v1/directory")) == [str(carol.id)]


async def test_an_accounts_statuses_by_every_filter(any_world):
    alice, bob, eve = await any_world.people("alice", "bob", "eve")
    await bob.post(f"/api/v1/accounts/{alice.id}/follow")
    other = await post(bob, "of another")
    plain = await post(alice, "plain #Birds")
    answer = await alice.post("/api/v2/media", files={"file": ("a.png", png(drawing(50, 50)), PNG)})
    picture = await post(alice, "", media_ids=[answer.json()["id"]])
    own_reply = await post(alice, "more", in_reply_to_id=plain)
    reply = await post(alice, "yes", in_reply_to_id=other)
    private = await post(alice, "for friends", visibility="private")
    direct = await post(alice, "psst @bob", visibility="direct")
    reblog = (await alice.post(f"/api/v1/statuses/{other}/reblog")).json()["id"]
    assert (await alice.post(f"/api/v1/statuses/{plain}/pin")).status == 200
    path = f"/api/v1/accounts/{alice.id}/statuses"

    everything = [reblog, direct, private, reply, own_reply, picture, plain]
    assert ids(await alice.get(path)) == ids(await bob.get(path)) == everything
    for stranger in (eve.get, any_world.client.get):
        assert ids(await stranger(path)) == [reblog, reply, own_reply, picture, plain]
    assert ids(await eve.get(f"{path}?only_media=true")) == [picture]
    assert ids(await eve.get(f"{path}?exclude_replies=true")) == [reblog, own_reply, picture, plain]
    assert ids(await eve.get(f"{path}?exclude_reblogs=1&exclude_replies=1")) == [own_reply, picture, plain]
    assert ids(await eve.get(f"{path}?tagged=birds")) == ids(await eve.get(f"{path}?tagged=%23BIRDS")) == [plain]
    assert ids(await eve.get(f"{path}?pinned=true")) == [plain]
    assert ids(await eve.get(f"{path}?limit=2&max_id={own_reply}")) == [picture, plain]
    assert ids(await eve.get(f"{path}?limit=1&min_id={picture}")) == [own_reply]
    assert (await eve.get("/api/v1/accounts/1/statuses")).status == 404
    await bob.post(f"/api/v1/accounts/{eve.id}/block")
    assert ids(await eve.get(path)) == [reply, own_reply, picture, plain]
    await alice.post(f"/api/v1/accounts/{eve.id}/block")
    assert ids(await eve.get(path)) == []


async def test_a_suspended_account_keeps_its_name_only(any_world):
    alice, bob = await any_world.people("alice", "bob")
    await alice.patch("/api/v1/accounts/update_credentials", json={"display_name": "Alice"})
    await bob.post(f"/api/v1/accounts/{alice.id}/follow")
    await post(alice, "hello @bob")
    await any_world.run_jobs()
    await suspensions.suspend(any_world.database, None, alice.id, Operation("suspend"))
    shown = (await bob.get(f"/api/v1/accounts/{alice.id}")).json()
    assert (shown["suspended"], shown["display_name"], shown["acct"]) == (True, "", "alice")
    assert ids(await bob.get(f"/api/v1/accounts/{alice.id}/statuses")) == []
    assert ids(await bob.get(f"/api/v1/accounts/{alice.id}/followers")) == []
    assert ids(await bob.get("/api/v1/timelines/home")) == ids(await bob.get("/api/v1/notifications")) == []
    assert (await alice.get("/api/v1/timelines/home")).status == 403
    assert (await bob.get(f"/api/v1/accounts/relationships?id={alice.id}")).json() == []
    kept = (await bob.get(f"/api/v1/accounts/relationships?id={alice.id}&with_suspended=true")).json()
    assert kept[0]["following"]
    await suspensions.unsuspend(any_world.database, None, alice.id, Operation("unsuspend"))
    assert (await bob.get(f"/api/v1/accounts/{alice.id}")).json()["display_name"] == "Alice"
    assert len(ids(await bob.get("/api/v1/timelines/home"))) == 1


async def test_a_silenced_account_is_met_by_its_followers_only(world):
    alice, bob, eve = await world.people("alice", "bob", "eve")
    await bob.post(f"/api/v1/accounts/{alice.id}/follow")
    status = await post(alice, "hello")
    await suspensions.silence(world.database, None, alice.id, Operation("silence"))
    assert (await eve.get(f"/api/v1/accounts/{alice.id}")).json()["limited"] is True
    assert ids(await eve.get("/api/v1/timelines/public")) == []
    assert ids(await bob.get("/api/v1/timelines/public")) == [status]
    assert str(alice.id) not in ids(await eve.get("/api/v1/directory"))
    asked = (await alice.post(f"/api/v1/accounts/{eve.id}/follow")).json()
    assert (asked["following"], asked["requested"]) == (False, True)
    await suspensions.unsilence(world.database, None, alice.id, Operation("unsilence"))
    assert ids(await eve.get("/api/v1/timelines/public")) == [status]


async def test_what_no_account_has_here_is_an_empty_list(world):
    alice = await world.person("alice")
    for noun in ("lists", "featured_tags", "endorsements"):
        assert ids(await alice.get(f"/api/v1/accounts/{alice.id}/{noun}")) == []
        assert (await alice.get(f"/api/v1/accounts/1/{noun}")).status == 404


async def test_domains_and_tabs_of_a_profile_are_kept(any_world):
    alice = await any_world.person("alice")
    written = ["https://Example.org/", "*.news.example", "example.org", " ", "bücher.example"]
    body = {"attribution_domains": written, "show_media": False, "show_featured": False}
    changed = (await alice.patch("/api/v1/profile", json=body)).json()
    assert changed["attribution_domains"] == ["example.org", "news.example", "xn--bcher-kva.example"]
    await alice.patch("/api/v1/profile", json={"note": "other words"})
    kept = (await alice.get("/api/v1/profile")).json()
    assert kept["attribution_domains"] == changed["attribution_domains"]
    assert [kept[name] for name in ("show_media", "show_media_replies", "show_featured")] == [False, True, False]
    shown = (await any_world.client.get(f"/api/v1/accounts/{alice.id}")).json()
    assert (shown["show_media"], shown["show_media_replies"], shown["show_featured"]) == (False, True, False)
    for wrong in (["no domain"], ["<b>.org"], [f"{number}.example" for number in range(11)], [["a"]]):
        assert (await alice.patch("/api/v1/profile", json={"attribution_domains": wrong})).status == 422
    gone = await alice.patch("/api/v1/profile", form={"attribution_domains[]": ""})
    assert gone.json()["attribution_domains"] == []
