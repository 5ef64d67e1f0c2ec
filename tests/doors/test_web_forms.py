"""Forms that are ours alone: keys, cookies, redirects, and what the headers of a page forbid."""

import pytest

from linnet.domain.site import Site
from tests.support.client import World, WorldOpener
from tests.support.pages import Browser, person

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


async def test_a_form_without_its_key_is_refused(world: World):
    ada = await person(world, "ada")
    page = await ada.go("/")
    refused = await ada.send(page, "/compose", {"status": "hello"}, without=("form_key",))
    assert refused.status == 403
    assert "This form has expired" in refused.text
    assert (await world.client.get("/api/v1/timelines/public")).json() == []


async def test_the_key_of_another_session_is_refused(world: World):
    ada, mallory = await person(world, "ada"), await person(world, "mallory")
    stolen = (await mallory.go("/")).value("form_key")
    refused = await ada.send(await ada.go("/"), "/compose", {"status": "hello", "form_key": stolen})
    assert refused.status == 403
    assert (await ada.send(await ada.go("/"), "/compose", {"status": "hello"})).status == 303


async def test_a_key_is_not_the_session(world: World):
    ada = await person(world, "ada")
    page = await ada.go("/")
    assert ada.cookies["session"] not in page.html
    assert page.value("form_key") != ada.cookies["session"]


async def test_a_strangers_form_needs_the_cookie_that_came_with_it(world: World):
    stranger, other = Browser(world.client), Browser(world.client)
    page = await stranger.go("/sign-in")
    assert "form" in stranger.cookies
    form = page.form("/sign-in")
    fields = dict(form.fields) | {"name": "ada", "password": "wrong"}
    assert (await other.ask("POST", "/sign-in", form=fields)).status == 403
    await other.go("/sign-in")
    assert (await other.ask("POST", "/sign-in", form=fields)).status == 403
    assert (await stranger.ask("POST", "/sign-in", form=fields)).status == 422


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_form_sent_by_another_site_is_refused_whatever_it_holds(world: World, site: str):
    ada = await person(world, "ada")
    page = await ada.go("/")
    sent = await ada.send(page, "/compose", {"status": "hello"}, headers={"sec-fetch-site": site})
    assert sent.status == 403
    sent = await ada.send(page, "/compose", {"status": "hello"}, headers={"sec-fetch-site": "same-origin"})
    assert sent.status == 303


async def test_a_form_key_must_be_text(world: World):
    ada = await person(world, "ada")
    await ada.go("/")
    assert (await ada.ask("POST", "/compose", form=[("form_key[]", "x"), ("status", "hello")])).status == 403
    assert (await ada.ask("POST", "/compose", json=["form_key"])).status in (403, 422)


@pytest.mark.parametrize(
    ("back", "leads_to"),
    [
        ("/public?older=3", "/public?older=3"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/ok\r\nset-cookie: a=b", "/"),
        ("evil", "/"),
        ("/\t/evil.example", "/"),
        ("/" + "a" * 3000, "/"),
        ("/ünïcode", "/"),
        ("", "/"),
    ],
)
async def test_forms_lead_back_to_this_site_only(world: World, back: str, leads_to: str):
    ada = await person(world, "ada")
    sent = await ada.send(await ada.go("/"), "/compose", {"status": "hello", "back": back})
    assert sent.status == 303
    assert sent.location.partition("#")[0] == leads_to


async def test_signing_in_leads_back_to_this_site_only(world: World):
    stranger = Browser(world.client)
    page = await stranger.go("/sign-in?back=//evil.example")
    assert page.value("back") == "/"
    page = await stranger.go("/sign-in?back=/tags/bread")
    assert page.value("back") == "/tags/bread"


async def test_a_button_pressed_twice_posts_once(world: World):
    ada = await person(world, "ada")
    page = await ada.go("/")
    first = await ada.send(page, "/compose", {"status": "once only"})
    second = await ada.send(page, "/compose", {"status": "once only"})
    assert first.location == second.location
    assert len((await world.client.get("/api/v1/timelines/public")).json()) == 1


async def test_two_forms_post_twice(world: World):
    ada = await person(world, "ada")
    await ada.send(await ada.go("/"), "/compose", {"status": "again"})
    await ada.send(await ada.go("/"), "/compose", {"status": "again"})
    assert len((await world.client.get("/api/v1/timelines/public")).json()) == 2


async def test_every_page_forbids_scripts_frames_and_foreign_things(world: World):
    ada = await person(world, "ada")
    for browser, address in ((ada, "/"), (Browser(world.client), "/"), (ada, "/nothing"), (ada, "/settings")):
        answer = (await browser.get(address)).answer
        # Home alone has a script, which listens for news; of what was uploaded, nothing may run there either.
        live = "; script-src http://linnet.test/static/; connect-src 'self'" if (browser, address) == (ada, "/") else ""
        assert answer.header("content-security-policy") == POLICY + live
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("x-frame-options") == "DENY"
        assert answer.header("referrer-policy") == "same-origin"


async def test_private_pages_are_kept_by_nobody(world: World):
    ada = await person(world, "ada")
    assert (await ada.get("/")).answer.header("cache-control") == "private, no-store"
    assert (await ada.get("/@nobody/1")).answer.header("cache-control") == "private, no-store"
    stranger = Browser(world.client)
    assert (await stranger.get("/")).answer.header("cache-control") == "private, no-cache"
    assert "no-store" in ((await stranger.get("/settings")).answer.header("cache-control") or "")


async def test_cookies_are_for_this_host_and_no_script(open_sqlite_world: WorldOpener):
    world = await open_sqlite_world(site=Site("https://flax.example"))
    stranger = Browser(world.client)
    await stranger.go("/sign-in")
    (line,) = stranger.set_cookies
    assert line.startswith("__Host-form=")
    assert all(part in line for part in ("; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"))


async def test_over_plain_http_cookies_work_too(world: World):
    stranger = Browser(world.client)
    await stranger.go("/sign-in")
    (line,) = stranger.set_cookies
    assert line.startswith("form=")
    assert "Secure" not in line


async def test_a_reader_without_forms_gets_no_cookie(world: World):
    stranger = Browser(world.client)
    await stranger.go("/public")
    await stranger.go("/about")
    assert stranger.set_cookies == []


async def test_a_form_larger_than_it_can_be_is_refused_before_it_is_read(world: World):
    stranger = Browser(world.client)
    await stranger.go("/sign-in")
    sent = await stranger.ask("POST", "/sign-in", form={"name": "x" * 300_000})
    assert sent.status == 413
    assert "too much" in sent.text


async def test_strangers_may_send_no_files(world: World):
    stranger = Browser(world.client)
    page = await stranger.go("/sign-in")
    files = {"picture1": ("a.png", b"x" * 1000, "image/png")}
    assert (await stranger.send(page, "/sign-in", files=files)).status == 413


async def test_what_needs_an_account_asks_for_it_and_comes_back(world: World):
    stranger = Browser(world.client)
    page = await stranger.get("/bookmarks?older=12")
    assert (page.status, page.location) == (303, "/sign-in?back=%2Fbookmarks%3Folder%3D12")
    page = await stranger.ask("POST", "/compose", form={"status": "x"})
    assert (page.status, page.location) == (303, "/sign-in?back=%2F")


async def test_the_theme_is_kept_in_the_browser(world: World):
    stranger = Browser(world.client)
    page = await stranger.do("/settings/preferences", "/settings/theme", {"theme": "dark"})
    assert page.one("html").get("data-theme") == "dark"
    await stranger.do("/settings/preferences", "/settings/theme", {"theme": "<script>"})
    assert "data-theme" not in (await stranger.go("/")).one("html").attributes
