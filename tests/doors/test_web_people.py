"""People on pages: profiles, following and keeping away, notifications, search, settings, moderation."""

import pytest

from linnet.storage import jobs
from tests.support import pictures
from tests.support.access import PASSWORD, with_password
from tests.support.client import World
from tests.support.pages import Browser, person, signed_in


async def say(browser: Browser, text: str) -> str:
    sent = await browser.send(await browser.go("/"), "/compose", {"status": text})
    return sent.location.partition("#s")[2]


async def test_following_fills_home_and_is_told(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    await say(ada, "fresh bread")
    page = await bob.go("/@ada")
    sent = await bob.press(page, "/@ada/follow")
    assert (sent.status, sent.location) == (303, "/@ada")
    assert (await bob.go("/@ada")).has_button("/@ada/unfollow")
    assert "fresh bread" in (await bob.go("/")).text
    assert "bob followed you" in (await ada.go("/notifications")).text
    assert "bob" in (await ada.go("/@ada/followers")).text
    assert "ada" in (await ada.go("/@bob/following")).text
    await bob.press(await bob.go("/@ada"), "/@ada/unfollow")
    assert (await bob.go("/@ada")).has_button("/@ada/follow")


async def test_a_locked_account_is_asked(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    await ada.send(await ada.go("/settings"), "/settings", {"locked": "1"})
    await bob.press(await bob.go("/@ada"), "/@ada/follow")
    assert "Requested" in (await bob.go("/@ada")).text
    page = await ada.go("/notifications")
    assert "bob asks to follow you" in page.text
    assert (await ada.go("/settings/people")).has_button("/@bob/refuse")
    await ada.press(page, "/@bob/accept")
    assert "Following" in (await bob.go("/@ada")).text


@pytest.mark.parametrize(("deed", "undo"), [("mute", "unmute"), ("block", "unblock")])
async def test_keeping_somebody_away(world: World, deed: str, undo: str):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    id = await say(ada, "fresh bread")
    await bob.press(await bob.go("/@ada"), "/@ada/follow")
    await bob.press(await bob.go("/@ada"), f"/@ada/{deed}")
    assert "fresh bread" not in (await bob.go("/")).text
    page = await bob.go("/settings/people")
    assert page.has_button(f"/@ada/{undo}")
    if deed == "block":
        assert (await ada.get("/@bob")).status == 200
        assert not (await ada.go("/@bob")).has_button("/@bob/follow")
    await bob.press(page, f"/@ada/{undo}")
    assert not (await bob.go("/settings/people")).has_button(f"/@ada/{undo}")
    assert (await bob.get(f"/@ada/{id}")).status == 200


async def test_nobody_follows_themselves(world: World):
    ada = await person(world, "ada")
    key = (await ada.go("/")).value("form_key")
    assert (await ada.ask("POST", "/@ada/follow", form={"form_key": key})).status == 403
    assert (await ada.ask("POST", "/@nobody/follow", form={"form_key": key})).status == 404
    assert (await ada.ask("POST", "/@ada/adore", form={"form_key": key})).status == 404


async def test_likes_of_one_post_are_one_piece_of_news(world: World):
    ada = await person(world, "ada")
    id = await say(ada, "fresh bread")
    for name in ("bob", "carla", "dan"):
        other = await person(world, name)
        await other.press(await other.go("/public"), f"/statuses/{id}/favourite")
    assert any("3" in one.text for one in (await ada.go("/")).all("b", class_="badge"))
    page = await ada.go("/notifications")
    (news,) = page.all("article")
    assert "dan, carla and 1 other favourited your post" in " ".join(news.text.split())
    assert "fresh" in news.get("class").split()
    page = await ada.go("/notifications")
    assert page.all("b", class_="badge") == []
    assert "fresh" not in page.all("article")[0].get("class").split()
    await ada.send(page, "/notifications/clear")
    assert "All quiet" in (await ada.go("/notifications")).text


async def test_mentions_alone(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    await say(bob, "@ada is there bread")
    await bob.press(await bob.go("/@ada"), "/@ada/follow")
    page = await ada.go("/notifications?only=mentions")
    assert len(page.all("article")) == 1
    assert "is there bread" in page.text


async def test_search_finds_people_tags_and_posts(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    await say(ada, "Sourdough is patience #baking")
    await world.run_jobs()
    page = await bob.go("/search?q=ada")
    assert page.has_button("/@ada/follow")
    assert any(one.get("href") == "/tags/baking" for one in (await bob.go("/search?q=%23bak")).all("a"))
    assert "patience" in (await bob.go("/search?q=sourdough")).text
    assert "Nothing found for “zzz”" in (await bob.go("/search?q=zzz")).text
    assert "Whom or what" in (await bob.go("/search")).text
    assert (await Browser(world.client).get("/search?q=" + "x" * 3000)).status in (200, 422)
    assert (await Browser(world.client).get("/search?q[]=a")).status == 422


async def test_a_tag_has_a_page(world: World):
    ada = await person(world, "ada")
    await say(ada, "Sourdough is patience #Baking")
    assert "patience" in (await Browser(world.client).go("/tags/baking")).text
    assert "Nobody has used #nothing yet" in (await ada.go("/tags/nothing")).text


async def test_the_directory_shows_who_wants_to_be_found(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    await say(ada, "hello")
    await bob.send(await bob.go("/settings"), "/settings", without=("discoverable",))
    for address in ("/directory?sort=new", "/directory?page=x", "/directory?page=-4"):
        text = (await Browser(world.client).go(address)).one("main").text
        assert "@ada" in text
        assert "@bob" not in text


async def test_a_profile_is_edited(world: World):
    ada = await person(world, "ada")
    given = {
        "display_name": "Ada <b>", "note": "I bake. #bread", "name0": "Bakery", "value0": "https://bread.example",
        "avatar_description": "me, laughing",
    }  # fmt: skip
    files = {
        "avatar": ("me.png", pictures.png(), "image/png"),
        "header": ("wide.png", pictures.png(pictures.drawing(900, 300)), "image/png"),
    }
    await ada.do("/settings", "/settings", given, files=files)
    page = await Browser(world.client).go("/@ada")
    assert page.one("h1").text == "Ada <b>"
    assert page.one("img", class_="avatar large").get("alt") == "me, laughing"
    assert page.one("img", class_="avatar large").get("src").startswith("/files/avatars/")
    assert page.one("dt").text == "Bakery"
    assert page.one("a", href="https://bread.example").get("rel")
    page = await ada.go("/settings")
    assert page.value("value0") == "https://bread.example"
    await ada.do("/settings", "/settings", {"no_avatar": "1"})
    assert "/static/" in (await ada.go("/@ada")).one("img", class_="avatar large").get("src")


async def test_what_is_wrong_in_a_profile_is_said(world: World):
    ada = await person(world, "ada")
    page = await ada.go("/settings")
    wrong = await ada.send(page, "/settings", {"note": "x" * 501, "display_name": "Ada"})
    assert wrong.status == 422
    assert wrong.one("textarea", id="note").get("aria-invalid") == "true"
    assert wrong.value("display_name") == "Ada"
    files = {"avatar": ("me.png", b"no picture", "image/png")}
    wrong = await ada.send(page, "/settings", {"display_name": "Ada"}, files=files)
    assert wrong.one("input", id="avatar").get("aria-invalid") == "true"
    assert (await ada.go("/@ada")).one("h1").text == "ada"


async def test_preferences_shape_the_box(world: World):
    ada = await person(world, "ada")
    given = {"visibility": "unlisted", "language": "de"}
    await ada.do("/settings/preferences", "/settings/preferences", given)
    page = await ada.go("/")
    assert page.value("visibility") == "unlisted"
    assert page.value("language") == "de"
    page = await ada.go("/settings/preferences")
    wrong = await ada.send(page, "/settings/preferences", {"visibility": "nobody"})
    assert wrong.status == 422
    assert wrong.one("select", id="visibility").get("aria-invalid") == "true"


async def test_password_and_address_are_changed_with_the_password_only(world: World):
    ada_id = await with_password(world, "ada")
    ada, other = await signed_in(world, ada_id), await signed_in(world, ada_id)
    page = await ada.go("/settings/account")
    wrong = await ada.send(page, "/settings/email", {"email": "new@example.org", "email_password": "wrong"})
    assert wrong.status == 422
    assert wrong.value("email") == "new@example.org"
    assert wrong.one("input", id="email_password").get("aria-invalid") == "true"
    page = await ada.do(
        "/settings/account", "/settings/email", {"email": "new@example.org", "email_password": PASSWORD}
    )
    assert "new@example.org" in page.text
    wrong = await ada.send(page, "/settings/password", {"current_password": PASSWORD, "password": "short"})
    assert wrong.one("input", id="password").get("aria-invalid") == "true"
    given = {"current_password": PASSWORD, "password": "another long secret"}
    await ada.do("/settings/account", "/settings/password", given)
    assert (await other.get("/settings")).location.startswith("/sign-in")


async def test_sessions_and_apps_are_seen_and_ended(world: World):
    by_app = await world.person("ada")
    ada, other = await signed_in(world, by_app.id), await signed_in(world, by_app.id)
    page = await ada.go("/settings/account")
    assert "button quiet" in [link.get("class") for link in page.all("a", href="/sign-out")]
    session = page.form("/settings/sessions/end")
    assert (await ada.send(page, "/settings/sessions/end", dict(session.fields))).status == 303
    assert (await other.get("/settings")).location.startswith("/sign-in")
    assert (await by_app.get("/api/v1/accounts/verify_credentials")).status == 200
    await ada.do("/settings/account", "/settings/apps/end")
    assert (await by_app.get("/api/v1/accounts/verify_credentials")).status == 401


async def test_sessions_of_others_are_out_of_reach(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    bobs = world.parts.ids.next()
    key = (await ada.go("/")).value("form_key")
    for id in (str(bobs), "x", ""):
        sent = await ada.ask("POST", "/settings/sessions/end", form={"form_key": key, "id": id})
        assert sent.status == 404
    assert (await bob.get("/settings")).status == 200


async def test_an_account_is_deleted_with_its_name_and_password(world: World):
    ada = await signed_in(world, await with_password(world, "ada"))
    id = await say(ada, "goodbye")
    page = await ada.go("/settings/delete")
    for given in ({"username": "bob", "current_password": PASSWORD}, {"username": "ada", "current_password": "x"}):
        assert (await ada.send(page, "/settings/delete", given)).status == 422
    sent = await ada.send(page, "/settings/delete", {"username": "@ada", "current_password": PASSWORD})
    assert sent.status == 303
    assert "session" not in ada.cookies
    await world.run_jobs()
    assert (await ada.get("/@ada")).status == 404
    assert (await ada.get(f"/@ada/{id}")).status == 404


@pytest.mark.parametrize("address", ["/moderation", "/moderation/people", "/moderation/accounts/ada"])
async def test_moderation_is_not_there_for_others(world: World, address: str):
    ada = await person(world, "ada")
    assert (await ada.get(address)).status == 404
    assert (await Browser(world.client).get(address)).location.startswith("/sign-in")
    key = (await ada.go("/")).value("form_key")
    for action in ("/moderation/invites", "/moderation/accounts/ada/suspend", "/moderation/rules"):
        assert (await ada.ask("POST", action, form={"form_key": key})).status == 404


async def test_an_account_is_suspended_and_let_back(world: World):
    ada, bob = await person(world, "ada", role="moderator"), await person(world, "bob")
    await say(bob, "spam")
    page = await ada.go("/moderation/accounts/bob")
    key = {"form_key": page.value("form_key"), "back": "/moderation/people", "reason": "spam"}
    sent = await ada.ask("POST", "/moderation/accounts/bob/suspend", form=key)
    assert sent.location == "/moderation/people"
    assert "suspended" in (await ada.go("/moderation/people")).text
    page = await Browser(world.client).go("/@bob")
    assert "This account is suspended" in page.text
    assert "spam" not in page.text
    assert (await bob.get("/settings")).location in ("/waiting", "/sign-in?back=%2Fsettings")
    await ada.ask("POST", "/moderation/accounts/bob/unsuspend", form=key)
    assert "spam" in (await Browser(world.client).go("/@bob")).text


async def test_a_moderator_does_nothing_to_themselves_or_those_above(world: World):
    ada = await person(world, "ada", role="moderator")
    await person(world, "olga", role="owner")
    key = (await ada.go("/moderation")).value("form_key")
    for name in ("ada", "olga"):
        sent = await ada.ask("POST", f"/moderation/accounts/{name}/suspend", form={"form_key": key})
        assert sent.status == 403


async def test_invitations_and_rules_are_made_and_ended(world: World):
    ada = await person(world, "ada", role="moderator")
    page = await ada.do("/moderation", "/moderation/invites", {"max_uses": "3", "days": "7"})
    code = page.one("code", class_="code").text.rpartition("/")[2]
    assert (await Browser(world.client).get(f"/invite/{code}")).status == 200
    await ada.send(page, "/moderation/invites/end")
    assert (await Browser(world.client).get(f"/invite/{code}")).status == 404
    wrong = await ada.send(page, "/moderation/invites", {"max_uses": "many"})
    assert wrong.one("input", id="max_uses").get("aria-invalid") == "true"
    page = await ada.do("/moderation", "/moderation/rules", {"text": "Be <kind>", "hint": "Really."})
    assert "Be <kind>" in (await Browser(world.client).go("/about")).text
    button = next(one for one in page.all("button") if one.get("formaction").startswith("/moderation/rules/"))
    await ada.press(page, button.get("formaction"))
    assert "Be <kind>" not in (await Browser(world.client).go("/about")).text


async def test_work_that_was_given_up_is_shown_and_tried_again(world: World):
    async def bury(tx):
        await jobs.add(tx, "mail.send", {"to": "secret@example.org", "text": "secret link"})
        (job,) = await jobs.claim(tx, 10, 1000)
        await tx.run(jobs.SQL.bury, id=job.id, lease=job.lease, now=tx.now, error="the server said no")

    await world.database.write(bury)
    ada = await person(world, "ada", role="moderator")
    page = await ada.go("/moderation")
    assert "the server said no" in page.text
    assert "secret link" not in page.html
    button = next(one for one in page.all("button") if one.get("formaction").startswith("/moderation/jobs/"))
    assert (await ada.press(page, button.get("formaction"))).status == 303
    assert "the server said no" not in (await ada.go("/moderation")).text
    assert (await ada.press(page, button.get("formaction"))).status == 404
