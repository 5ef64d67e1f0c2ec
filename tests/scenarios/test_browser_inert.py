"""Hostile words in every field, seen in real Chromium with scripts on: nothing runs, nothing had to be stopped."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser

from tests.support import pictures
from tests.support.pages import NASTY
from tests.support.server import Server
from tests.support.window import Window, opened

PASSWORD = "a long enough secret"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("inert") / "data") as running:
        running.cli("account", "create", "ada", "--email", "ada@example.org", "--password", PASSWORD, "--role", "admin")
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened() as found:
        yield found


def test_hostile_words_do_nothing(server: Server, browser: Browser):
    ada = Window(browser, server.origin, scripts=True)
    ada.page.add_init_script("window.bad = 0")
    ada.go("/sign-in")
    ada.page.locator("main").get_by_label("E-mail address or username").fill("ada")
    ada.page.locator("main").get_by_label("Password").fill(PASSWORD)
    ada.press("Sign in")
    _introduce(ada)
    threads = [_write(ada, nasty) for nasty in NASTY]
    for path in ("/", "/public", "/@ada", "/@ada/media", "/directory", "/about", "/moderation", "/settings", *threads):
        _looked_at(ada, path)
    for nasty in NASTY:
        written = quote(nasty, safe="")
        for path in (f"/search?q={written}", f"/compose?text={written}"):
            _looked_at(ada, path)
    assert ada.troubles == []


def _introduce(ada: Window) -> None:
    """Into the profile and a rule."""
    ada.go("/settings")
    ada.page.locator("#display_name").fill(NASTY[0][:30])
    ada.page.locator("#note").fill(" ".join(NASTY)[:500])
    for number in range(4):
        ada.page.locator(f"#name{number}").fill(NASTY[number])
        ada.page.locator(f"#value{number}").fill(NASTY[number + 4])
    ada.press("Save")
    ada.go("/moderation")
    ada.page.get_by_label("A new rule").fill(" ".join(NASTY)[:500])
    ada.press("Add the rule")


def _write(ada: Window, nasty: str) -> str:
    """Into a post, its warning and a picture's description; the post's address."""
    ada.go("/")
    ada.page.locator("#status").fill(f"{nasty} @ada #tag")
    ada.page.locator("summary", has_text="Picture").first.click()
    picture = {"name": "a.png", "mimeType": "image/png", "buffer": pictures.png(pictures.drawing(60, 40))}
    ada.page.locator("#picture-1").set_input_files(picture)  # type: ignore[arg-type]
    ada.page.locator("#description-1").fill(nasty)
    ada.page.locator("summary", has_text="Warning").first.click()
    ada.page.locator("#spoiler_text").fill(nasty)
    ada.press("Post")
    return f"/@ada/{ada.page.url.partition('#s')[2]}"


def _looked_at(ada: Window, path: str) -> None:
    """Opens a page and everything that is folded up on it."""
    assert ada.go(path) < 500, path
    ada.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    ada.page.evaluate("document.querySelectorAll('img').forEach(one => one.loading = 'eager')")
    ada.page.mouse.move(300, 300)
    assert ada.page.evaluate("window.bad") == 0, path
    foreign = "script:not([src^='/static/']), iframe, object, embed, base"
    assert ada.page.evaluate(f'document.querySelectorAll("{foreign}").length') == 0, path


def test_the_policy_stops_what_would_run(server: Server, browser: Browser):
    """The second wall: a script that got into a page would not run there, and the window would say so."""
    who = Window(browser, server.origin, scripts=True)
    who.go("/about")
    who.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
    )
    assert who.page.evaluate("window.ran") is None
    assert any("Content Security Policy" in trouble for trouble in who.troubles)
