"""Moving in real Chromium, without scripts: the bar that moves by itself, the file that is fetched, and handed in."""

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from playwright.sync_api import Browser, expect

from tests.support.server import Server
from tests.support.window import Window, opened

PASSWORD = "a long enough secret"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("moving") / "data") as running:
        for name in ("ada", "bob"):
            running.account(name, password=PASSWORD)
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened() as found:
        yield found


def _signed_in(browser: Browser, server: Server, name: str) -> Window:
    who = Window(browser, server.origin)
    who.go("/sign-in")
    who.page.get_by_label("Username").fill(name)
    who.page.get_by_label("Password").fill(PASSWORD)
    who.press("Sign in")
    expect(who.page).to_have_url(who.origin + "/")
    return who


def _tell(server: Server, statement: str) -> None:
    """What a slow worker would write, so that nothing has to be slow here."""
    with contextlib.closing(apsw.Connection(str(server.data_dir / "linnet.db"))) as connection:
        connection.set_busy_timeout(10_000)
        connection.execute(statement)


def test_the_bar_moves_by_itself(server: Server, browser: Browser):
    ada = _signed_in(browser, server, "ada")
    _tell(
        server,
        "insert into exports (id, account_id, state, folder, cursor, done, total, created_at, moved_at, expires_at) "
        "select 7, id, 'running', 'exports/7/x', '{}', 30, 120, 1780000000000, 4000000000000, 4000000000000 "
        "from accounts where username = 'ada'",
    )
    ada.go("/settings/moving")
    bar = ada.page.get_by_label("How much of the archive is made")
    expect(bar).to_have_attribute("value", "30")
    expect(ada.page.locator(".progress")).to_contain_text("25%")
    _tell(server, "update exports set done = 90 where id = 7")
    expect(bar).to_have_attribute("value", "90")
    _tell(server, "update exports set state = 'ready', done = 120, bytes = 2500000 where id = 7")
    expect(ada.page.get_by_role("link", name="Download")).to_be_visible()
    expect(bar).to_have_count(0)
    assert "2 MB" in ada.text()
    ada.press("Delete")
    expect(ada.page.get_by_role("link", name="Download")).to_have_count(0)
    assert not ada.troubles


def test_out_of_one_account_and_into_another(server: Server, browser: Browser, tmp_path: Path):
    ada = _signed_in(browser, server, "ada")
    ada.go("/")
    ada.page.locator("textarea").first.fill("fresh bread from yesterday")
    ada.page.locator("form[action='/compose'] button:has-text('Post')").first.click()
    expect(ada.page.locator("main")).to_contain_text("fresh bread")
    ada.go("/settings/moving")
    ada.page.get_by_role("button", name="Make a").click()
    link = ada.page.get_by_role("link", name="Download")
    expect(link).to_be_visible()
    with ada.page.expect_download() as waiting:
        link.click()
    path = tmp_path / "ada.zip"
    waiting.value.save_as(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert b"fresh bread" in archive.read("outbox.json")

    bob = _signed_in(browser, server, "bob")
    bob.go("/settings/moving")
    bob.page.get_by_label("The file").set_input_files(path)
    bob.press("Take it in")
    expect(bob.page.locator("main")).to_contain_text("3 taken in, 0 were here already, 0 refused")
    bob.go("/@bob")
    assert "fresh bread from yesterday" in bob.text()
    assert not [one for one in (*ada.troubles, *bob.troubles) if "Download is starting" not in one]
