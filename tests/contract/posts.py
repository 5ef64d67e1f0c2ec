"""The walk through what accounts say: statuses, what is done to them, media, and timelines."""

from typing import Any

from tests.contract.cast import Cast
from tests.support import films, pictures
from tests.support.walk import Walk

V1 = "/api/v1/statuses"


async def media(walk: Walk, cast: Cast) -> None:
    """Upload with everything, both versions; look at, change, delete; and what is no picture."""
    form = {"description": "A red disc", "focus": "-0.5,0.25"}
    files = {
        "file": ("disc.png", pictures.png(), "image/png"),
        "thumbnail": ("small.png", pictures.png(pictures.drawing(60, 40)), "image/png"),
    }
    new = await walk("POST /api/v2/media", cast.ada, form=form, files=files)
    assert (new["type"], new["description"]) == ("image", "A red disc")
    assert new["meta"]["focus"] == {"x": -0.5, "y": 0.25}
    assert (new["meta"]["original"]["width"], new["meta"]["original"]["height"]) == (300, 200)
    assert await walk("GET /api/v1/media/{id}", cast.ada, new["id"]) == new
    picture = await walk.world.client.get(new["url"].removeprefix(walk.world.site.origin))
    assert (picture.status, picture.header("content-type")) == (200, "image/png")
    old = await walk("POST /api/v1/media", cast.ada, form=form, files=files)
    changed = await walk(
        "PUT /api/v1/media/{id}", cast.ada, old["id"], form={"description": "Other words", "focus": "0.1,0.2"},
        files={"thumbnail": files["thumbnail"]},
    )  # fmt: skip
    assert (changed["description"], changed["meta"]["focus"]["x"]) == ("Other words", 0.1)
    await walk("GET /api/v1/media/{id}", cast.bert, old["id"], status=404)
    assert await walk("DELETE /api/v1/media/{id}", cast.ada, old["id"]) == {}
    await walk("GET /api/v1/media/{id}", cast.ada, old["id"], status=404)
    await recordings(walk, cast)
    text = {"file": ("notes.png", b"these are only words", "image/png")}
    await walk("POST /api/v2/media", cast.ada, files=text, status=422)
    await walk("POST /api/v1/media", cast.ada, form={"description": "nothing"}, status=422)


async def recordings(walk: Walk, cast: Cast) -> None:
    """A film, a sound, and an animated picture: taken, waited for, ready; and one that comes to nothing."""
    film = {"file": ("film.mp4", films.film(), "video/mp4")}
    form = {"description": "A red field", "focus": "0.25,0.5"}
    new = await walk("POST /api/v2/media", cast.ada, form=form, files=film, status=202)
    assert (new["type"], new["url"]) == ("video", None)
    assert await walk("GET /api/v1/media/{id}", cast.ada, new["id"], status=206) == new
    sound = {"file": ("tone.mp3", films.with_cover(), "audio/mpeg")}
    tone = await walk("POST /api/v2/media", cast.ada, files=sound, status=202)
    cut = {"file": ("cut.mp4", films.film(frames=60)[:-8_000], "video/mp4")}
    broken = await walk("POST /api/v2/media", cast.ada, files=cut, status=202)
    await walk.world.run_jobs()
    shown = await walk("GET /api/v1/media/{id}", cast.ada, new["id"])
    assert (shown["type"], shown["meta"]["focus"]["x"]) == ("video", 0.25)
    assert shown["meta"]["original"]["frame_rate"] == "24"
    assert (await walk("GET /api/v1/media/{id}", cast.ada, tone["id"]))["type"] == "audio"
    await walk("GET /api/v1/media/{id}", cast.ada, broken["id"], status=422)
    moving = {"file": ("moving.gif", pictures.moving_gif(), "image/gif")}
    assert (await walk("POST /api/v2/media", cast.ada, files=moving))["type"] == "gifv"


async def upload(walk: Walk, cast: Cast) -> str:
    files = {"file": ("disc.png", pictures.png(), "image/png")}
    form = {"description": "A disc", "focus": "0.5,0.5"}
    return str((await walk("POST /api/v2/media", cast.ada, form=form, files=files))["id"])


async def statuses(walk: Walk, cast: Cast) -> None:
    """Post with everything, read, edit, history, source, context, delete."""
    ada, bert = cast.ada, cast.bert
    root = await walk(f"POST {V1}", bert, form={"status": "Who has an engine? @ada", "visibility": "public"})
    everything = {
        "status": "@bert I have :linnet: #engines https://example.org/engine",
        "spoiler_text": "Steam :linnet:", "sensitive": True, "visibility": "public", "language": "en",
        "in_reply_to_id": root["id"], "media_ids": [await upload(walk, cast)], "quote_approval_policy": "nobody",
    }  # fmt: skip
    key = {"Idempotency-Key": "once"}
    reply = await walk(f"POST {V1}", ada, json=everything, headers=key)
    assert (await walk(f"POST {V1}", ada, json=everything, headers=key))["id"] == reply["id"]
    assert (reply["sensitive"], reply["language"], reply["spoiler_text"]) == (True, "en", "Steam :linnet:")
    assert reply["in_reply_to_account_id"] == str(bert.id)
    assert [(tag["name"], mention["acct"]) for tag, mention in zip(reply["tags"], reply["mentions"], strict=True)] == [
        ("engines", "bert")
    ]
    assert reply["emojis"][0]["shortcode"] == "linnet"
    assert await walk(f"GET {V1}/{{id}}", ada, reply["id"]) == reply
    for visibility in ("unlisted", "private", "direct"):
        posted = await walk(f"POST {V1}", ada, json={"status": f"{visibility} @bert", "visibility": visibility})
        assert posted["visibility"] == visibility
        await walk(f"GET {V1}/{{id}}", None, posted["id"], status=200 if visibility == "unlisted" else 404)
    context = await walk(f"GET {V1}/{{id}}/context", None, reply["id"])
    assert [one["id"] for one in context["ancestors"]] == [root["id"]]
    below = await walk(f"GET {V1}/{{id}}/context", None, root["id"])
    assert [one["id"] for one in below["descendants"]] == [reply["id"]]
    both = await walk(f"GET {V1}", None, query={"id[]": [reply["id"], root["id"], 1]})
    assert [one["id"] for one in both] == [reply["id"], root["id"]]
    await _edits(walk, cast, reply)
    await _deletes(walk, cast)
    for given, kept in (("EN", "en"), ("zh_CN", "zh-CN"), ("", None)):
        assert (await walk(f"POST {V1}", ada, json={"status": "words", "language": given}))["language"] == (
            kept or "de"
        )
    await walk(f"POST {V1}", ada, json={"status": ""}, status=422)
    await walk(f"POST {V1}", ada, json={"status": "x", "in_reply_to_id": "1"}, status=404)


async def _edits(walk: Walk, cast: Cast, status: dict[str, Any]) -> None:
    ada = cast.ada
    source = await walk(f"GET {V1}/{{id}}/source", ada, status["id"])
    assert source["text"].startswith("@bert I have")
    assert source["spoiler_text"] == "Steam :linnet:"
    (picture,) = status["media_attachments"]
    change = {
        "status": "@bert I had :linnet: #engines", "spoiler_text": "Past :linnet:", "sensitive": True, "language": "en",
        "media_ids": [picture["id"]], "media_attributes": [{"id": picture["id"], "description": "A new disc"}],
        "quote_approval_policy": "nobody",
    }  # fmt: skip
    edited = await walk(f"PUT {V1}/{{id}}", ada, status["id"], json=change)
    assert edited["edited_at"] is not None
    assert "had" in edited["content"]
    assert edited["media_attachments"][0]["description"] == "A new disc"
    history = await walk(f"GET {V1}/{{id}}/history", None, status["id"])
    assert ["have" in history[0]["content"], "had" in history[1]["content"]] == [True, True]
    assert [one["media_attachments"][0]["description"] for one in history] == ["A disc", "A new disc"]
    await walk(f"PUT {V1}/{{id}}", cast.bert, status["id"], json={"status": "mine"}, status=404)
    await walk(f"PUT {V1}/{{id}}", ada, status["id"], json={"status": "x" * 501, "media_ids": []}, status=422)


async def _deletes(walk: Walk, cast: Cast) -> None:
    ada = cast.ada
    with_picture = {"status": "soon gone", "media_ids": [await upload(walk, cast)]}
    first = await walk(f"POST {V1}", ada, json=with_picture)
    gone = await walk(f"DELETE {V1}/{{id}}", ada, first["id"], query={"delete_media": "false"})
    assert gone["text"] == "soon gone"
    assert gone["media_attachments"][0]["id"] == with_picture["media_ids"][0]
    again = await walk(f"POST {V1}", ada, json=with_picture)
    assert again["media_attachments"][0]["id"] == with_picture["media_ids"][0]
    await walk(f"DELETE {V1}/{{id}}", ada, again["id"], query={"delete_media": "true"})
    await walk(f"GET {V1}/{{id}}", ada, again["id"], status=404)


async def reactions(walk: Walk, cast: Cast) -> None:
    """Favourite, reblog, bookmark, pin, mute, each taken back, and the lists of each."""
    ada, bert, carla, dora = cast.ada, cast.bert, cast.carla, cast.dora
    posts = [await walk(f"POST {V1}", ada, json={"status": f"note {n} #engines"}) for n in range(3)]
    ids = [post["id"] for post in reversed(posts)]
    for id in reversed(ids):
        assert (await walk(f"POST {V1}/{{id}}/favourite", bert, id))["favourited"] is True
        assert (await walk(f"POST {V1}/{{id}}/bookmark", bert, id))["bookmarked"] is True
    await walk.pages("GET /api/v1/favourites", bert, whole=ids)
    await walk.pages("GET /api/v1/bookmarks", bert, whole=ids)
    top = ids[0]
    for person in (carla, dora):
        await walk(f"POST {V1}/{{id}}/favourite", person, top)
    for person in (bert, carla, dora):
        boost = await walk(f"POST {V1}/{{id}}/reblog", person, top, json={"visibility": "public"})
        assert (boost["reblog"]["id"], boost["reblog"]["reblogged"]) == (top, True)
    await walk(f"PUT {V1}/{{id}}", ada, top, json={"status": "note 2, corrected #engines"})
    latest_first = [str(person.id) for person in (dora, carla, bert)]
    await walk.pages(f"GET {V1}/{{id}}/favourited_by", None, top, whole=latest_first)
    await walk.pages(f"GET {V1}/{{id}}/reblogged_by", None, top, whole=latest_first)
    pinned = await walk(f"POST {V1}/{{id}}/pin", ada, top)
    assert (pinned["pinned"], pinned["favourites_count"], pinned["reblogs_count"]) == (True, 3, 3)
    await walk(f"POST {V1}/{{id}}/pin", bert, top, status=422)
    assert (await walk(f"POST {V1}/{{id}}/mute", ada, top))["muted"] is True
    assert (await walk(f"POST {V1}/{{id}}/unmute", ada, top))["muted"] is False
    assert (await walk(f"POST {V1}/{{id}}/unfavourite", bert, ids[1]))["favourited"] is False
    assert (await walk(f"POST {V1}/{{id}}/unbookmark", bert, ids[1]))["bookmarked"] is False
    assert (await walk(f"POST {V1}/{{id}}/unreblog", dora, top))["reblogged"] is False
    other = await walk(f"POST {V1}/{{id}}/pin", ada, ids[1])
    assert (await walk(f"POST {V1}/{{id}}/unpin", ada, other["id"]))["pinned"] is False


async def of_an_account(walk: Walk, cast: Cast) -> None:
    """``accounts/{id}/statuses`` with every filter."""
    name, ada = "GET /api/v1/accounts/{id}/statuses", cast.ada
    everything = [one["id"] for one in await walk(name, None, ada.id)]
    await walk.pages(name, None, ada.id, whole=everything)
    await walk.bounds(name, None, ada.id, whole=everything)
    pinned = await walk(name, cast.bert, ada.id, query={"pinned": "true"})
    assert len(pinned) == 1
    pictured = await walk(name, None, ada.id, query={"only_media": "true"})
    assert pictured
    assert all(one["media_attachments"] for one in pictured)
    tagged = await walk(name, None, ada.id, query={"tagged": "ENGINES"})
    assert tagged
    assert all(one["tags"][0]["name"] == "engines" for one in tagged)
    alone = await walk(name, None, ada.id, query={"exclude_replies": "true"})
    assert alone
    assert all(one["in_reply_to_id"] is None for one in alone)
    assert len(alone) < len(everything)
    whole = await walk(name, None, cast.carla.id)
    assert any(one["reblog"] for one in whole)
    own = await walk(name, None, cast.carla.id, query={"exclude_reblogs": "true"})
    assert all(one["reblog"] is None for one in own)


async def timelines(walk: Walk, cast: Cast) -> None:
    """Home, public and hashtag, in pages, with every filter."""
    ada, bert, dora = cast.ada, cast.bert, cast.dora
    await walk(f"POST {V1}", bert, json={"status": "bert's #steam and #engines", "language": "en"})
    picture = {"status": "A disc of #engines", "media_ids": [await upload(walk, cast)]}
    await walk(f"POST {V1}", ada, form={"status": picture["status"], "media_ids[]": picture["media_ids"]})
    await walk.world.run_jobs()
    boosts = [one["reblog"]["id"] for one in await walk("GET /api/v1/timelines/home", bert) if one["reblog"]]
    assert len(boosts) == len(set(boosts)) == 1
    # Of several boosts of one status each page shows the newest, so that only a home without them is cut up evenly.
    timelines: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
        ("GET /api/v1/timelines/home", (), {}),
        ("GET /api/v1/timelines/public", (), {"local": "true"}),
        ("GET /api/v1/timelines/tag/{hashtag}", ("engines",), {"local": "true"}),
    )
    for name, places, extra in timelines:
        found = await walk(name, dora, *places)
        ids = [one["id"] for one in found]
        assert str(ada.id) in [one["account"]["id"] for one in found]
        await walk.pages(name, dora, *places, whole=ids, **extra)
        await walk.bounds(name, dora, *places, whole=ids, **extra)
    for name, places in (("GET /api/v1/timelines/public", ()), ("GET /api/v1/timelines/tag/{hashtag}", ("Engines",))):
        pictured = await walk(name, None, *places, query={"only_media": "true"})
        assert pictured
        assert all(one["media_attachments"] for one in pictured)
        assert await walk(name, None, *places, query={"remote": "true"}) == []
    tag = "GET /api/v1/timelines/tag/{hashtag}"
    either = await walk(tag, None, "steam", query={"any[]": ["engines"]})
    assert len(either) > len(await walk(tag, None, "steam")) == 1
    assert len(await walk(tag, None, "engines", query={"all[]": ["steam"]})) == 1
    without = await walk(tag, None, "engines", query={"none[]": ["steam"]})
    assert without
    assert all(one["account"]["id"] == str(ada.id) for one in without)
