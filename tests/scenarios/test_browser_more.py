"""Chromium without JavaScript: a post with a picture and a poll, votes, a list, a filter, a draft, a message."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support import pictures
from tests.support.server import Server
from tests.support.window import Window, opened

PASSWORD = "a long enough secret"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("more") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened() as found:
        yield found


def member(browser: Browser, server: Server, name: str) -> Window:
    """Somebody who has signed up in a window of its own."""
    who = Window(browser, server.origin)
    who.go("/sign-up")
    who.page.get_by_label("Username").fill(name)
    who.page.get_by_label("E-mail address").fill(f"{name}@example.org")
    who.page.get_by_label("Password").fill(PASSWORD)
    who.press("Create my account")
    expect(who.page).to_have_url(who.origin + "/")
    return who


def test_what_people_use_every_day(server: Server, browser: Browser, tmp_path: Path):
    ada, bob = member(browser, server, "ada"), member(browser, server, "bob")
    _a_picture(ada, tmp_path)
    _a_poll(ada, bob)
    _a_list(ada, bob)
    _a_filter(bob)
    _a_draft(ada)
    assert ada.troubles == []
    assert bob.troubles == []


def _a_picture(ada: Window, folder: Path) -> None:
    picture = folder / "tea.png"
    picture.write_bytes(pictures.png())
    ada.go("/compose")
    ada.page.get_by_label("What is happening?").fill("My cup")
    ada.page.get_by_title("Add pictures").click()
    ada.page.locator("#picture-1").set_input_files(picture)
    ada.page.locator("#description-1").fill("A red cup")
    ada.press("Post")
    expect(ada.page.get_by_alt_text("A red cup")).to_be_visible()


def _a_poll(ada: Window, bob: Window) -> None:
    ada.go("/compose")
    ada.page.get_by_label("What is happening?").fill("Tea or coffee?")
    ada.page.get_by_title("Ask something").click()
    ada.page.get_by_label("Choice 1").fill("Tea")
    ada.page.get_by_label("Choice 2").fill("Coffee")
    ada.page.get_by_label("It ends after").select_option("an hour")
    ada.press("Post")
    bob.go("/public")
    bob.page.get_by_label("Coffee").check()
    bob.press("Vote")
    expect(bob.page.get_by_text("your vote")).to_be_visible()
    expect(bob.page.get_by_text("100 %")).to_be_visible()


def _a_list(ada: Window, bob: Window) -> None:
    bob.go("/@ada")
    bob.page.get_by_role("button", name="Follow @ada").click()
    bob.go("/lists")
    bob.page.get_by_label("What it is called").fill("Tea people")
    bob.press("Make the list")
    bob.page.get_by_label("Add somebody whom you follow").fill("ada")
    bob.press("Add")
    bob.go("/lists")
    bob.page.get_by_role("link", name="Tea people").first.click()
    expect(bob.page.get_by_text("Tea or coffee?")).to_be_visible()


def _a_filter(bob: Window) -> None:
    bob.go("/settings/filters")
    bob.page.get_by_label("What it is called").fill("No hot drinks")
    bob.page.get_by_label("Words or phrases").fill("coffee")
    bob.press("Make the filter")
    bob.go("/public")
    expect(bob.page.get_by_text("Tea or coffee?")).to_be_hidden()
    bob.page.get_by_text("Filtered: No hot drinks").click()
    expect(bob.page.get_by_text("Tea or coffee?")).to_be_visible()


def _a_draft(ada: Window) -> None:
    ada.go("/compose")
    ada.page.get_by_label("What is happening?").fill("Half a thought")
    ada.press("Keep as draft")
    ada.page.get_by_role("link", name="Half a thought").click()
    expect(ada.page.get_by_label("What is happening?")).to_have_value("Half a thought")
    ada.page.get_by_label("What is happening?").fill("A whole thought")
    ada.press("Post")
    ada.go("/public")
    expect(ada.page.get_by_text("A whole thought")).to_be_visible()
    ada.go("/drafts")
    expect(ada.page.get_by_text("Nothing is waiting")).to_be_visible()
