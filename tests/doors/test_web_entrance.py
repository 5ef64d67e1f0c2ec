"""Coming in: signing up in each mode, signing in with and without a code, letters, the owner's link, consent."""

import re

import pyotp
import pytest

from linnet.actions import invites, oauth, rules, setup
from linnet.actions.oauth import NewApp
from linnet.domain.oauth import OUT_OF_BAND
from linnet.domain.site import Site
from tests.support.access import PASSWORD, Letters, once, with_password
from tests.support.client import ORIGIN, VirtualClock, World, WorldOpener
from tests.support.pages import Browser, person, signed_in

CARLA = {"username": "carla", "email": "carla@example.org", "password": PASSWORD, "agreement": "1"}


async def test_somebody_signs_up_and_is_in(world: World):
    carla = Browser(world.client)
    given = {name: value for name, value in CARLA.items() if name != "agreement"}
    page = await carla.do("/sign-up", "/sign-up", given)  # nothing is to be agreed to where there are no rules
    assert page.address == "/"
    assert "Your stream is quiet" in page.text
    assert page.form("/compose").method == "post"


async def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(world: World):
    await with_password(world, "taken")
    await rules.add(world.database, "Be kind.", "", once(world))
    stranger = Browser(world.client)
    page = await stranger.go("/sign-up")
    assert "Be kind." in page.text
    wrong = await stranger.send(page, "/sign-up", {"username": "ta ken", "email": "nowhere", "password": "short"})
    assert wrong.status == 422
    assert wrong.value("username") == "ta ken"
    assert wrong.value("email") == "nowhere"
    for name in ("username", "email", "password", "agreement"):
        field = wrong.one("input", id=name)
        assert field.get("aria-invalid") == "true"
        assert f"{name}-mistake" in field.get("aria-describedby").split()
        assert wrong.one("p", id=f"{name}-mistake").text
    assert "short" not in wrong.one("input", id="password").attributes.values()
    again = await stranger.send(wrong, "/sign-up", CARLA | {"username": "taken"})
    assert again.status == 422
    assert "already been taken" in again.one("p", id="username-mistake").text


async def test_where_registrations_are_closed_nobody_signs_up(open_sqlite_world: WorldOpener):
    world = await open_sqlite_world(site=Site(ORIGIN, registrations="closed"))
    stranger = Browser(world.client)
    page = await stranger.go("/sign-up")
    assert "takes no new accounts" in page.text
    assert [form.action for form in page.forms()] == []
    page = await stranger.go("/sign-in")
    sent = await stranger.ask("POST", "/sign-up", form=CARLA | {"form_key": page.value("form_key")})
    assert sent.status == 422


async def test_an_invitation_lets_somebody_in_once(open_sqlite_world: WorldOpener):
    world = await open_sqlite_world(site=Site(ORIGIN, registrations="invite"))
    ada = await world.person("ada", role="moderator")
    code = await invites.create(world.database, world.parts.guards, ada.id, once(world), max_uses=1)
    carla = Browser(world.client)
    assert "by invitation" in (await carla.go("/sign-up")).text
    page = await carla.go(f"/invite/{code}")
    assert "@ada has invited you" in page.text
    assert (await carla.send(page, "/sign-up", CARLA)).location == "/"
    assert (await carla.get(f"/invite/{code}")).status == 404


async def test_who_waits_for_a_moderator_sees_only_that(open_sqlite_world: WorldOpener):
    world = await open_sqlite_world(site=Site(ORIGIN, registrations="approval"))
    carla = Browser(world.client)
    page = await carla.go("/sign-up")
    assert (await carla.send(page, "/sign-up", CARLA)).status == 422
    page = await carla.do("/sign-up", "/sign-up", CARLA | {"reason": "I bake"})
    assert page.address == "/waiting"
    assert "A moderator looks" in page.text
    assert (await carla.get("/settings")).location == "/waiting"
    assert "form" not in {form.id for form in (await carla.go("/")).forms()}
    ada = await person(world, "ada", role="moderator")
    page = await ada.go("/moderation")
    assert "I bake" in page.text
    assert (await ada.press(page, "/moderation/accounts/carla/approve")).status == 303
    assert (await carla.go("/")).form("/compose").method == "post"


async def test_a_letter_confirms_the_address_at_the_press_of_a_button(open_sqlite_world: WorldOpener):
    letters = Letters()
    world = await open_sqlite_world(mail=letters)
    carla = Browser(world.client)
    page = await carla.do("/sign-up", "/sign-up", CARLA)
    assert page.address == "/waiting"
    assert "carla@example.org" in page.text
    await world.run_jobs()
    address = re.search(r"/confirm\?token=[\w-]+", letters.sent[-1].text)
    assert address is not None
    # A mail program that follows links must not confirm anything.
    page = await carla.go(address[0])
    assert (await carla.get("/")).html.count("/waiting") or (await carla.get("/settings")).location == "/waiting"
    done = await carla.send(page, "/confirm")
    assert done.location == "/"
    assert (await carla.go("/")).form("/compose").method == "post"
    assert (await carla.get(address[0])).status == 404


async def test_a_letter_is_sent_again_to_another_address(open_sqlite_world: WorldOpener):
    letters = Letters()
    world = await open_sqlite_world(mail=letters)
    carla = Browser(world.client)
    await carla.do("/sign-up", "/sign-up", CARLA)
    page = await carla.send(await carla.go("/waiting"), "/waiting", {"email": "nowhere"})
    assert page.status == 422
    page = await carla.send(page, "/waiting", {"email": "other@example.org"})
    assert "on its way" in page.text
    await world.run_jobs()
    assert letters.sent[-1].to == "other@example.org"


async def test_signing_in_and_out(world: World):
    await with_password(world, "ada")
    ada = Browser(world.client)
    page = await ada.go("/sign-in?back=/about")
    wrong = await ada.send(page, "/sign-in", {"name": "ada", "password": "wrong"})
    assert wrong.status == 422
    assert wrong.value("name") == "ada"
    assert "The name or the password is wrong" in wrong.text
    sent = await ada.send(wrong, "/sign-in", {"name": "ada", "password": PASSWORD})
    assert (sent.status, sent.location) == (303, "/about")
    assert all(part in ada.set_cookies[-1] for part in ("HttpOnly", "SameSite=Lax", "Max-Age="))
    before = dict(ada.cookies)
    assert (await ada.go("/")).form("/compose").method == "post"
    assert (await ada.send(await ada.go("/sign-out"), "/sign-out")).location == "/"
    assert "session" not in ada.cookies
    ada.cookies = before
    assert (await ada.get("/settings")).location.startswith("/sign-in")


async def test_the_session_from_before_ends_at_signing_in(world: World):
    """Nobody can plant a session that they know."""
    await with_password(world, "ada")
    mallory = await person(world, "mallory")
    planted = mallory.cookies["session"]
    page = await mallory.go("/about")
    key = (await mallory.go("/sign-out")).value("form_key")
    form = {"name": "ada", "password": PASSWORD, "form_key": key}
    assert (await mallory.ask("POST", "/sign-in", form=form)).status == 303
    assert mallory.cookies["session"] != planted
    mallory.cookies["session"] = planted
    assert (await mallory.get("/settings")).location.startswith("/sign-in")
    assert page.status == 200


async def test_the_second_step_asks_for_a_code(open_sqlite_world: WorldOpener):
    clock = VirtualClock()
    world = await open_sqlite_world(clock=clock)
    ada_id = await with_password(world, "ada")
    ada = await signed_in(world, ada_id)
    page = await ada.go("/settings/two-factor")
    secret = page.one("code", class_="secret").text
    code = pyotp.TOTP(secret).at(clock.now_ms() // 1000)
    wrong = await ada.send(page, "/settings/two-factor", {"code": "000000", "current_password": PASSWORD})
    assert wrong.status == 422
    assert wrong.one("p", id="code-mistake").text
    secret = wrong.one("code", class_="secret").text
    code = pyotp.TOTP(secret).at(clock.now_ms() // 1000)
    codes = await ada.send(wrong, "/settings/two-factor", {"code": code, "current_password": PASSWORD})
    kept = [one.text for one in codes.all("code")]
    assert len(kept) == 10

    again = Browser(world.client)
    page = await again.go("/sign-in?back=/about")
    page = await again.send(page, "/sign-in", {"name": "ada", "password": PASSWORD})
    assert page.status == 200
    assert "session" not in again.cookies
    wrong = await again.send(page, "/sign-in/code", {"code": "000000"})
    assert wrong.status == 422
    assert wrong.one("input", id="code").get("aria-invalid") == "true"
    clock.advance(30_000)
    right = pyotp.TOTP(secret).at(clock.now_ms() // 1000)
    assert (await again.send(wrong, "/sign-in/code", {"code": right})).location == "/about"
    assert (await again.go("/settings")).status == 200

    other = Browser(world.client)
    page = await other.send(await other.go("/sign-in"), "/sign-in", {"name": "ada", "password": PASSWORD})
    assert (await other.send(page, "/sign-in/code", {"code": kept[0]})).status == 303
    page = await ada.go("/settings/two-factor")
    assert (await ada.send(page, "/settings/two-factor/off", {"current_password": "wrong"})).status == 422
    sent = await ada.send(page, "/settings/two-factor/off", {"current_password": PASSWORD})
    assert sent.location == "/settings/account?done=off"


async def test_a_forgotten_password_is_set_anew_by_a_letter(open_sqlite_world: WorldOpener):
    letters = Letters()
    world = await open_sqlite_world(mail=letters)
    await with_password(world, "ada")
    stranger = Browser(world.client)
    known = await stranger.send(await stranger.go("/forgot"), "/forgot", {"email": "ada@example.org"})
    unknown = await stranger.send(await stranger.go("/forgot"), "/forgot", {"email": "nobody@example.org"})
    assert known.one("div", role="status").text == unknown.one("div", role="status").text
    await world.run_jobs()
    page = await stranger.go(f"/reset?token={letters.link()}")
    assert (await stranger.send(page, "/reset", {"password": "short"})).status == 422
    done = await stranger.send(page, "/reset", {"password": "another long secret"})
    assert "Your password is changed" in done.text
    assert (await stranger.send(page, "/reset", {"password": "another long secret"})).status == 404
    sent = await stranger.send(done, "/sign-in", {"name": "ada", "password": "another long secret"})
    assert sent.status == 303


async def test_without_mail_nobody_is_promised_a_letter(world: World):
    stranger = Browser(world.client)
    page = await stranger.go("/forgot")
    assert "sends no e-mail" in page.text
    assert page.forms() == []
    key = (await stranger.go("/sign-in")).value("form_key")
    assert (await stranger.ask("POST", "/forgot", form={"email": "a@b.example", "form_key": key})).status == 422


async def test_the_owners_link_works_once(world: World):
    token = await setup.owner_link(world.database, world.parts.guards)
    owner = Browser(world.client)
    assert "Nobody owns this server yet" in (await owner.go("/sign-up")).text
    assert (await owner.get("/setup?token=guess")).status == 404
    page = await owner.go(f"/setup?token={token}")
    wrong = await owner.send(page, "/setup", {"username": "ada", "email": "ada@example.org", "password": "short"})
    assert wrong.status == 422
    assert wrong.value("username") == "ada"
    sent = await owner.send(wrong, "/setup", {"password": PASSWORD})
    assert sent.location == "/"
    assert (await owner.go("/moderation")).status == 200
    assert (await Browser(world.client).get(f"/setup?token={token}")).status == 404
    assert "Nobody owns" not in (await Browser(world.client).go("/sign-up")).text


async def app(world: World, uri: str, scopes: str = "read write:statuses") -> str:
    new = NewApp("Birdwatcher <b>", (uri,), scopes, "https://app.example")
    made = await oauth.register_app(world.database, world.parts.guards, new, once(world))
    return f"client_id={made.app.client_id}&redirect_uri={uri}&response_type=code&scope=read+write:statuses&state=s1"


async def test_an_app_is_let_in_and_shut_out(world: World):
    query = await app(world, "https://app.example/cb")
    ada = await person(world, "ada")
    page = await ada.go(f"/oauth/authorize?{query}")
    assert "Let Birdwatcher <b> in?" in page.text
    assert "change your posts" in page.text
    policy = page.answer.header("content-security-policy") or ""
    assert "form-action 'self' https://app.example;" in policy
    no = await ada.send(page, "/oauth/authorize", {"answer": "no"})
    assert no.location.startswith("https://app.example/cb?error=access_denied")
    yes = await ada.send(page, "/oauth/authorize", {"answer": "yes"})
    assert re.fullmatch(r"https://app\.example/cb\?code=[\w-]{40,}&state=s1", yes.location)


async def test_a_code_is_shown_where_the_app_has_no_address(world: World):
    query = await app(world, OUT_OF_BAND)
    ada = await person(world, "ada")
    page = await ada.send(await ada.go(f"/oauth/authorize?{query}"), "/oauth/authorize", {"answer": "yes"})
    assert page.location.startswith("/oauth/authorize/native?code=")
    shown = await ada.go(page.location)
    assert shown.one("code").text == page.location.partition("code=")[2]
    assert shown.answer.header("cache-control") == "private, no-store"


async def test_a_stranger_signs_in_before_letting_an_app_in(world: World):
    query = await app(world, "https://app.example/cb")
    await with_password(world, "ada")
    stranger = Browser(world.client)
    sent = await stranger.get(f"/oauth/authorize?{query}")
    assert sent.location.startswith("/sign-in?back=%2Foauth%2Fauthorize")
    page = await stranger.do(sent.location, "/sign-in", {"name": "ada", "password": PASSWORD})
    assert "Let Birdwatcher" in page.text


async def test_an_app_that_nobody_registered_is_sent_nowhere(world: World):
    ada = await person(world, "ada")
    query = await app(world, "https://app.example/cb")
    for wrong in ("client_id=x&redirect_uri=https://evil.example", query.replace("/cb", "/evil")):
        page = await ada.get(f"/oauth/authorize?{wrong}")
        assert page.status == 400
        assert page.location == ""
    page = await ada.get(f"/oauth/authorize?{query.replace('write:statuses', 'write:nothing')}")
    assert page.location.startswith("https://app.example/cb?error=invalid_scope")


@pytest.mark.parametrize("limit", [25])
async def test_guessing_passwords_ends_soon(open_sqlite_world: WorldOpener, limit: int):
    world = await open_sqlite_world(rate_limits=True)
    await with_password(world, "ada")
    stranger = Browser(world.client)
    page = await stranger.go("/sign-in")
    answers = [await stranger.send(page, "/sign-in", {"name": "ada", "password": "wrong"}) for _ in range(limit + 1)]
    assert {answer.status for answer in answers[:-1]} == {422}
    assert answers[-1].status == 429
    assert int(answers[-1].answer.header("retry-after") or "0") > 0
