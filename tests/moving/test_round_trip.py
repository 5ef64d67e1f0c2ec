"""An account that is written down on one server and taken in on an empty one is the same account."""

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.storage.queries import sql
from tests.support import archives, pictures
from tests.support.client import Person, World

PROFILE = {
    "display_name": "Ada L.", "note": "First of all #programmers", "locked": "true", "bot": "false",
    "discoverable": "true", "fields_attributes[0][name]": "Site", "fields_attributes[0][value]": "https://ada.example",
    "source[privacy]": "unlisted", "source[language]": "de",
}  # fmt: skip


@pytest.fixture
async def other(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[World]:
    """The empty server."""
    async with archives.empty_world(tmp_path / "other", sqlite_template) as world:
        yield world


async def _post(ada: Person, text: str, **more: Any) -> Any:
    answer = await ada.post("/api/v1/statuses", json={"status": text, **more})
    assert answer.status == 200, answer.body
    return answer.json()


async def _upload(ada: Person, data: bytes, description: str) -> str:
    answer = await ada.post(
        "/api/v2/media",
        form={"description": description, "focus": "0.5,-0.25"},
        files={"file": ("a.png", data, "image/png")},
    )
    return str(answer.json()["id"])


async def _live(ada: Person, bob: Person) -> None:
    """Some of everything."""
    files = {"avatar": ("a.png", pictures.png(), "image/png"), "header": ("h.png", pictures.png(), "image/png")}
    assert (await ada.patch("/api/v1/accounts/update_credentials", form=PROFILE, files=files)).status == 200
    first = await _post(ada, "Hello #world", language="en", visibility="public")
    reply = await _post(ada, "and more", in_reply_to_id=first["id"], visibility="unlisted")
    await _post(ada, "third", in_reply_to_id=reply["id"], visibility="private")
    media = [
        await _upload(ada, pictures.png(), "a disc"),
        await _upload(ada, pictures.png(pictures.drawing(120, 90)), "another"),
    ]
    shown = await _post(ada, "look", media_ids=media, spoiler_text="discs", sensitive=True)
    poll = {"options": ["yes", "no"], "expires_in": 3600}
    asked = await _post(ada, "really?", poll=poll)
    await bob.post(f"/api/v1/polls/{asked['poll']['id']}/votes", json={"choices": [1]})
    edited = await _post(ada, "before")
    await ada.put(f"/api/v1/statuses/{edited['id']}", json={"status": "after <b>&amp; all"})
    await _post(ada, "**bold** words", content_type="text/markdown", local_only=True)
    await _post(ada, "@bob only you", visibility="direct")
    await ada.post(f"/api/v1/statuses/{shown['id']}/pin")
    await ada.post(f"/api/v1/statuses/{first['id']}/bookmark")
    await ada.post(f"/api/v1/statuses/{reply['id']}/favourite")
    await ada.post(f"/api/v1/accounts/{bob.id}/follow", json={"reblogs": False, "languages": ["en"]})
    await ada.post(f"/api/v1/accounts/{bob.id}/note", json={"comment": "met at the fair"})
    made = (await ada.post("/api/v1/lists", json={"title": "Friends", "exclusive": True})).json()
    await ada.post(f"/api/v1/lists/{made['id']}/accounts", json={"account_ids": [str(bob.id)]})
    await ada.post("/api/v1/tags/linnets/follow")
    await ada.post("/api/v1/domain_blocks", json={"domain": "far.example"})
    await ada.post(f"/api/v1/accounts/{bob.id}/endorse")
    await ada.post("/api/v1/featured_tags", json={"name": "world"})
    words = {"title": "Noise", "context": ["home"], "keywords_attributes": [{"keyword": "loud", "whole_word": True}]}
    assert (await ada.post("/api/v2/filters", json=words)).status == 200


async def _people(world: World) -> tuple[Person, Person, Person]:
    ada, bob, eve = await world.people("ada", "bob", "eve")
    await ada.post(f"/api/v1/accounts/{eve.id}/mute", json={"notifications": False})
    return ada, bob, eve


_OF_THE_SERVER = {
    "id",
    "url",
    "uri",
    "preview_url",
    "account",
    "in_reply_to_id",
    "in_reply_to_account_id",
    "application",
}


def _same(value: Any) -> Any:
    """Without what each server has of its own: ids and addresses."""
    if isinstance(value, dict):
        return {
            key: _same(item)
            for key, item in value.items()
            if key not in _OF_THE_SERVER and not key.startswith(("avatar", "header"))
        }
    return [_same(item) for item in value] if isinstance(value, list) else value


async def _picture_of(ada: Person) -> dict[str, Any]:
    """Everything that can be seen of the account, in the words of the client API."""
    posts = (await ada.get(f"/api/v1/accounts/{ada.id}/statuses?limit=40")).json()
    order = [post["id"] for post in posts]
    me = (await ada.get("/api/v1/accounts/verify_credentials")).json()
    for name in ("created_at", "last_status_at", "followers_count"):
        me.pop(name)
    seen = {"me": _same(me), "has_pictures": [me["avatar"] != me["avatar_static"], bool(me["header"])]}
    for name, path in {
        "posts": f"/api/v1/accounts/{ada.id}/statuses?limit=40",
        "pinned": f"/api/v1/accounts/{ada.id}/statuses?pinned=1",
        "bookmarks": "/api/v1/bookmarks", "favourites": "/api/v1/favourites", "lists": "/api/v1/lists",
        "mutes": "/api/v1/mutes", "tags": "/api/v1/followed_tags", "filters": "/api/v2/filters",
        "preferences": "/api/v1/preferences", "domains": "/api/v1/domain_blocks", "endorsed": "/api/v1/endorsements",
        "featured": "/api/v1/featured_tags",
    }.items():  # fmt: skip
        seen[name] = _same((await ada.get(path)).json())
    seen["threads"] = [order.index(post["in_reply_to_id"]) if post["in_reply_to_id"] else None for post in posts]
    seen["lists of"] = [
        [one["acct"] for one in (await ada.get(f"/api/v1/lists/{each['id']}/accounts")).json()]
        for each in (await ada.get("/api/v1/lists")).json()
    ]
    return seen


async def test_an_account_is_the_same_on_another_server(any_world: World, other: World):
    ada, bob, _ = await _people(any_world)
    await _live(ada, bob)
    await any_world.run_jobs()
    archive = await archives.exported(any_world, ada.id)

    again, bob_there, _ = await other.people("ada", "bob", "eve")
    report = await archives.imported(other, again.id, archive)
    assert report.row.state == "done", report.row.error
    assert [line for line in report.lines if "followers" not in line.item] == []
    before, after = await _picture_of(ada), await _picture_of(again)
    # A direct post keeps its words and loses whom it was sent to: nobody here was written to. Polls have ended.
    for seen in (before, after):
        for post in (*seen["posts"], *seen["pinned"]):
            post["mentions"] = []
            if post["poll"]:
                assert post["poll"]["votes_count"] == 1
                post["poll"] = [post["poll"]["options"], post["poll"]["voters_count"]]
        for one in seen["filters"]:
            one.pop("expires_at")
        seen["mutes"] = len(seen["mutes"])
    assert await _media(any_world, ada.id) == await _media(other, again.id)
    assert before == after
    relation = (await again.get(f"/api/v1/accounts/relationships?id[]={bob_there.id}")).json()[0]
    assert (relation["following"], relation["showing_reblogs"], relation["languages"], relation["note"]) == (
        True, False, ["en"], "met at the fair",
    )  # fmt: skip
    assert (await bob_there.get("/api/v1/notifications")).json()[0]["type"] == "follow"


async def test_taking_it_in_twice_doubles_nothing(any_world: World, other: World):
    ada, bob, _ = await _people(any_world)
    await _live(ada, bob)
    archive = await archives.exported(any_world, ada.id)
    again, *_ = await other.people("ada", "bob", "eve")
    first = await archives.imported(other, again.id, archive)
    before = await _picture_of(again)
    second = await archives.imported(other, again.id, archive)
    assert first.row.imported > 8
    assert second.row.skipped == 8
    after = await _picture_of(again)
    # A filter has no name that would say which one it is.
    assert len(after.pop("filters")) == 2 * len(before.pop("filters"))
    assert after == before


async def test_ones_own_archive_brings_nothing_new_where_it_was_made(any_world: World):
    ada, bob, _ = await _people(any_world)
    await _live(ada, bob)
    posts = (await ada.get(f"/api/v1/accounts/{ada.id}/statuses")).json()
    report = await archives.imported(any_world, ada.id, await archives.exported(any_world, ada.id))
    assert report.row.skipped == 8
    assert [post["id"] for post in (await ada.get(f"/api/v1/accounts/{ada.id}/statuses")).json()] == [
        post["id"] for post in posts
    ]


async def test_the_archive_is_what_others_can_read(any_world: World):
    ada, bob, eve = await _people(any_world)
    await _live(ada, bob)
    await ada.post(f"/api/v1/accounts/{eve.id}/block")
    data = await archives.exported(any_world, ada.id)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        outbox = json.loads(archive.read("outbox.json"))
        media = {name: archive.read(name) for name in names if name.startswith("media_attachments/")}
        following = archive.read("following_accounts.csv").decode().splitlines()
        assert archive.read("blocked_accounts.csv").decode() == f"eve@{any_world.site.domain}\n"
        assert json.loads(archive.read("actor.json"))["preferredUsername"] == "ada"
        assert json.loads(archive.read("likes.json"))["orderedItems"][0].startswith(f"{any_world.site.origin}/@ada/")
    assert len(names) == len(set(names))
    assert following[0] == "Account address,Show boosts,Notify on new posts,Languages"
    assert following[1] == f"bob@{any_world.site.domain},false,false,en"
    notes = [item["object"] for item in outbox["orderedItems"]]
    attached = [one for each in notes for one in each["attachment"]]
    assert [one["name"] for one in attached] == ["a disc", "another"]
    assert [media[one["url"].lstrip("/")] for one in attached] == await _media(any_world, ada.id)
    assert [each["summary"] for each in notes if each["attachment"]] == ["discs"]
    assert notes[0]["url"] == f"{any_world.site.origin}/@ada/{notes[0]['id'].rpartition('/')[2]}"
    assert notes[1]["inReplyTo"] == notes[0]["id"]
    assert [archives.PUBLIC in each["to"] for each in notes[:3]] == [True, False, False]


async def _media(world: World, account_id: int) -> list[bytes | None]:
    """The bytes of its pictures, in the order in which they were uploaded."""
    text = "select file_key from media_attachments where account_id = :a order by id"
    rows = await world.database.read(lambda tx: tx.all(sql(text), a=account_id))
    return [await world.parts.blobs.get(row[0]) for row in rows]


async def test_an_edit_in_the_moment_of_the_post_is_an_edit(any_world: World):
    ada, _ = await any_world.people("ada", "bob")
    item = archives.note(1, "x", "2019-05-01T12:00:00Z", updated="2019-05-01T12:00:00Z")
    files: dict[str, bytes | str] = {"actor.json": archives.actor(), "outbox.json": archives.outbox(item)}
    assert (await archives.imported(any_world, ada.id, archives.zipped(files))).row.state == "done"
    (post,) = (await ada.get(f"/api/v1/accounts/{ada.id}/statuses")).json()
    assert post["edited_at"] == post["created_at"] == "2019-05-01T12:00:00.000Z"
