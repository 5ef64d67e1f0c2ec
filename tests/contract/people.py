"""The walk through what accounts are: profiles, how they stand to each other, lists of them, and preferences."""

from tests.contract.cast import Cast, moderate
from tests.support import pictures
from tests.support.walk import Walk

V1 = "/api/v1/accounts"


async def profiles(walk: Walk, cast: Cast) -> None:
    """An owner's own account, changed by form with pictures and by JSON."""
    ada = cast.ada
    before = await walk(f"GET {V1}/verify_credentials", ada)
    assert before["source"]["privacy"] == "public"
    form = {
        "display_name": "Ada :linnet:",
        "note": "Engines. Ask @bert about #engines, or https://example.org/ada :linnet:",
        "bot": "true", "discoverable": "true", "indexable": "true", "hide_collections": "true", "locked": "true",
        "avatar_description": "A portrait", "header_description": "An engine",
        "source[privacy]": "unlisted", "source[sensitive]": "true", "source[language]": "de",
        "source[quote_policy]": "nobody", "attribution_domains[]": "example.org",
        "fields_attributes[0][name]": "Site", "fields_attributes[0][value]": "https://example.org/ada",
        "fields_attributes[1][name]": "Pronouns", "fields_attributes[1][value]": "she/her",
    }  # fmt: skip
    files = {
        "avatar": ("avatar.png", pictures.png(), "image/png"),
        "header": ("header.jpg", pictures.jpeg(), "image/jpeg"),
    }
    after = await walk(f"PATCH {V1}/update_credentials", ada, form=form, files=files)
    assert [field["name"] for field in after["fields"]] == ["Site", "Pronouns"]
    assert after["source"]["note"] == form["note"]
    assert (after["source"]["privacy"], after["source"]["language"]) == ("unlisted", "de")
    assert {after["locked"], after["bot"], after["source"]["sensitive"]} == {True}
    assert after["avatar"] != before["avatar"]
    assert after["header"] != before["header"]
    shown = await walk(f"GET {V1}/{{id}}", None, ada.id)
    assert {shown["bot"], shown["locked"], shown["hide_collections"], shown["indexable"]} == {True}
    await _preferences(walk, cast)
    back = {
        "locked": False,
        "bot": False,
        "hide_collections": False,
        "source": {"privacy": "public", "sensitive": False},
    }
    opened = await walk(f"PATCH {V1}/update_credentials", ada, json=back)
    assert (opened["locked"], opened["bot"], opened["source"]["privacy"]) == (False, False, "public")
    assert opened["display_name"] == form["display_name"]
    hidden = await walk(f"PATCH {V1}/update_credentials", cast.carla, json={"locked": True, "indexable": False})
    assert (hidden["indexable"], hidden["noindex"]) == (False, True)
    await walk(f"PATCH {V1}/update_credentials", ada, json={"note": "x" * 501}, status=422)
    await _profile(walk, cast)


async def _preferences(walk: Walk, cast: Cast) -> None:
    """The document names this operation's schema, but does not use it."""
    found = await walk("GET /api/v1/preferences", cast.ada)
    pointer = walk.contract.component("Preferences")
    assert walk.contract.problems(pointer, found) == []
    walk.ledger.note(pointer, found)
    assert found["posting:default:visibility"] == "unlisted"
    assert found["posting:default:sensitive"] is True
    assert found["posting:default:language"] == "de"
    assert found["reading:expand:media"] == "default"
    assert found["reading:expand:spoilers"] is False


async def _profile(walk: Walk, cast: Cast) -> None:
    """The newer form of the same: raw texts, and a picture that is not there is null."""
    dora = cast.dora
    form = {
        "display_name": "Dora", "note": "Plain words", "avatar_description": "Me", "header_description": "Hills",
        "bot": "true", "discoverable": "true", "hide_collections": "true", "indexable": "true", "locked": "true",
        "show_featured": "true", "show_media": "true", "show_media_replies": "true",
        "attribution_domains[]": "example.org",
        "fields_attributes[0][name]": "Place", "fields_attributes[0][value]": "Hills",
    }  # fmt: skip
    files = {"avatar": ("a.png", pictures.png(), "image/png"), "header": ("h.png", pictures.png(), "image/png")}
    changed = await walk("PATCH /api/v1/profile", dora, form=form, files=files)
    assert (changed["note"], changed["fields"][0]["value"]) == ("Plain words", "Hills")
    shown = await walk("GET /api/v1/profile", dora)
    assert shown == changed
    assert (shown["show_media"], shown["attribution_domains"]) == (True, ["example.org"])
    own = (await walk("GET /api/v1/accounts/verify_credentials", dora))["source"]
    assert own["attribution_domains"] == ["example.org"]
    other = await walk("PATCH /api/v1/profile", dora, json={"show_media": False, "attribution_domains": []})
    assert (other["show_media"], other["show_featured"], other["attribution_domains"]) == (False, True, [])
    await walk("PATCH /api/v1/profile", dora, json={"attribution_domains": ["not a domain"]}, status=422)
    assert (await walk("DELETE /api/v1/profile/avatar", dora))["avatar"] != changed["avatar"]
    assert (await walk("DELETE /api/v1/profile/header", dora))["header"] != changed["header"]
    plain = await walk("GET /api/v1/profile", dora)
    assert (plain["avatar"], plain["header"]) == (None, None)
    flags = dict.fromkeys(("bot", "hide_collections", "locked"), False)
    await walk("PATCH /api/v1/profile", dora, json=flags)


async def relations(walk: Walk, cast: Cast) -> None:
    """Follow with options, requests to a locked account, and the lists of both."""
    ada, bert, carla, dora = cast.ada, cast.bert, cast.carla, cast.dora
    options = {"reblogs": True, "notify": True, "languages": ["en", "de"]}
    stands = await walk(f"POST {V1}/{{id}}/follow", bert, ada.id, json=options)
    assert (stands["following"], stands["notifying"], stands["showing_reblogs"]) == (True, True, True)
    assert stands["languages"] == ["en", "de"]
    for follower in (dora, cast.low):
        await walk(f"POST {V1}/{{id}}/follow", follower, ada.id)
    for followed in (bert, dora):
        await walk(f"POST {V1}/{{id}}/follow", ada, followed.id, form={"reblogs": "false"})
    waiting = await walk(f"POST {V1}/{{id}}/follow", ada, carla.id)
    assert (waiting["requested"], waiting["following"]) == (True, False)
    await walk(f"POST {V1}/{{id}}/follow", bert, carla.id)
    await walk(f"POST {V1}/{{id}}/follow", dora, carla.id)
    assert (await walk(f"GET {V1}/verify_credentials", carla))["source"]["follow_requests_count"] == 3
    newest_first = [str(one.id) for one in (dora, bert, ada)]
    assert [one["id"] for one in await walk("GET /api/v1/follow_requests", carla)] == newest_first
    await walk.pages("GET /api/v1/follow_requests", carla, whole=newest_first)
    asked = await walk(f"GET {V1}/relationships", carla, query={"id[]": [ada.id], "with_suspended": "true"})
    assert asked[0]["requested_by"] is True
    let_in = await walk("POST /api/v1/follow_requests/{account_id}/authorize", carla, ada.id)
    assert let_in["followed_by"] is True
    await walk("POST /api/v1/follow_requests/{account_id}/authorize", carla, bert.id)
    turned_away = await walk("POST /api/v1/follow_requests/{account_id}/reject", carla, dora.id)
    assert (turned_away["followed_by"], turned_away["requested_by"]) == (False, False)
    await walk(f"POST {V1}/{{id}}/follow", cast.low, carla.id)
    await _connections(walk, cast)
    noted = await walk(f"POST {V1}/{{id}}/note", ada, bert.id, json={"comment": "Knows engines"})
    assert noted["note"] == "Knows engines"
    shared = await walk(f"GET {V1}/familiar_followers", dora, query={"id[]": [str(carla.id)]})
    assert [(one["id"], [who["id"] for who in one["accounts"]]) for one in shared] == [(str(carla.id), [str(ada.id)])]


async def _connections(walk: Walk, cast: Cast) -> None:
    ada, bert, carla, dora, low = cast.ada, cast.bert, cast.carla, cast.dora, cast.low
    await walk.pages(f"GET {V1}/{{id}}/followers", bert, ada.id, whole=[str(one.id) for one in (low, dora, bert)])
    await walk.pages(f"GET {V1}/{{id}}/following", bert, ada.id, whole=[str(one.id) for one in (carla, dora, bert)])
    left = await walk(f"POST {V1}/{{id}}/remove_from_followers", ada, low.id)
    assert left["followed_by"] is False
    assert [one["id"] for one in await walk(f"GET {V1}/{{id}}/followers", None, ada.id)] == [str(dora.id), str(bert.id)]
    both = await walk(f"GET {V1}/relationships", ada, query={"id[]": [bert.id, low.id]})
    assert [(one["following"], one["followed_by"]) for one in both] == [(True, True), (False, False)]


async def walls(walk: Walk, cast: Cast) -> None:
    """Block and mute, what the other sees of it, the lists of both; the last of all that ``low`` and ``gone`` do."""
    ada, bert, dora, low, gone = cast.ada, cast.bert, cast.dora, cast.low, cast.gone
    for one in (dora, low, gone):
        assert (await walk(f"POST {V1}/{{id}}/block", bert, one.id))["blocking"] is True
    assert (await walk(f"GET {V1}/relationships", dora, query={"id[]": bert.id}))[0]["blocked_by"] is True
    await walk(f"POST {V1}/{{id}}/follow", dora, bert.id, status=403)
    await walk.pages("GET /api/v1/blocks", bert, whole=[str(one.id) for one in (gone, low, dora)])
    for one in (dora, low, gone):
        assert (await walk(f"POST {V1}/{{id}}/unblock", bert, one.id))["blocking"] is False
    for one in (dora, low, gone):
        muted = await walk(f"POST {V1}/{{id}}/mute", ada, one.id, json={"duration": 3600, "notifications": True})
        assert (muted["muting"], muted["muting_notifications"]) == (True, True)
        assert muted["muting_expires_at"] is not None
    await walk.pages("GET /api/v1/mutes", ada, whole=[str(one.id) for one in (gone, low, dora)])
    for one in (dora, low, gone):
        assert (await walk(f"POST {V1}/{{id}}/unmute", ada, one.id))["muting"] is False
    assert (await walk(f"POST {V1}/{{id}}/unfollow", dora, ada.id))["following"] is False
    await walk(f"POST {V1}/{{id}}/follow", dora, ada.id)
    await walk(f"POST {V1}/{{id}}/follow", dora, dora.id, status=403)


async def lookups(walk: Walk, cast: Cast) -> None:
    """Accounts by id, by name, by words, and the directory; a suspended and a limited one among them."""
    ada, bert, dora = cast.ada, cast.bert, cast.dora
    await moderate(walk.world, cast.gone.id, "suspended_at")
    await moderate(walk.world, cast.low.id, "silenced_at")
    assert (await walk(f"GET {V1}/{{id}}", None, cast.gone.id))["suspended"] is True
    assert (await walk(f"GET {V1}/{{id}}", None, cast.low.id))["limited"] is True
    assert (await walk(f"GET {V1}/{{id}}", None, ada.id))["acct"] == "ada"
    own = await walk(f"GET {V1}/verify_credentials", ada)
    assert (own["followers_count"], own["following_count"], own["role"]["name"]) == (2, 3, "Owner")
    assert (await walk(f"GET {V1}/verify_credentials", cast.low))["limited"] is True
    await walk(f"GET {V1}/verify_credentials", cast.gone, status=403)
    many = await walk(f"GET {V1}", None, query={"id[]": [dora.id, ada.id, 1]})
    assert {one["id"] for one in many} == {str(ada.id), str(dora.id)}
    assert (await walk(f"GET {V1}/lookup", None, query={"acct": "Ada"}))["id"] == str(ada.id)
    assert (await walk(f"GET {V1}/lookup", None, query={"acct": "ada@linnet.test"}))["id"] == str(ada.id)
    await walk(f"GET {V1}/lookup", None, query={"acct": "nobody"}, status=404)
    terms = {"q": "ada", "limit": 2, "resolve": "true", "following": "true"}
    assert [one["id"] for one in await walk(f"GET {V1}/search", bert, query=terms)] == [str(ada.id)]
    assert await walk(f"GET {V1}/search", bert, query={"q": "ada", "offset": 1}) == []
    listed = await walk("GET /api/v1/directory", None, query={"order": "new", "local": "true", "limit": 2})
    assert len(listed) == 2
    more = await walk("GET /api/v1/directory", None, query={"order": "new", "offset": 2, "limit": 2})
    assert {one["id"] for one in listed}.isdisjoint(one["id"] for one in more)
    active = await walk("GET /api/v1/directory", None, query={"order": "active"})
    assert str(cast.gone.id) not in [one["id"] for one in active]
    assert active[0]["last_status_at"] is not None
