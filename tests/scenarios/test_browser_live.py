"""Two people's home pages in real Chromium: a post of the one shows up at the other's, without loading anything."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.support.server import Server
from tests.support.window import Window, opened

PASSWORD = "a long enough secret"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened() as found:
        yield found


def signed_in(browser: Browser, server: Server, name: str) -> Window:
    who = Window(browser, server.origin, scripts=True)
    who.go("/sign-in")
    who.page.locator("main").get_by_label("E-mail address or username").fill(name)
    who.page.locator("main").get_by_label("Password").fill(PASSWORD)
    who.press("Sign in")
    return who


def ada_follows_bert(server: Server) -> str:
    """Bert's token."""
    tokens = {name: server.account(name, password=PASSWORD) for name in ("ada", "bert")}
    bert = server.get("/api/v1/accounts/lookup?acct=bert")[1].split(b'"id":"')[1].split(b'"')[0].decode()
    assert server.ask("POST", f"/api/v1/accounts/{bert}/follow", tokens["ada"])[0] == 200
    return tokens["bert"]


def test_a_second_browser_sees_a_post_appear(tmp_path_factory: pytest.TempPathFactory, browser: Browser):
    with Server(tmp_path_factory.mktemp("live") / "data", "--workers", "2") as server:
        ada_follows_bert(server)
        ada, other = signed_in(browser, server, "ada"), signed_in(browser, server, "bert")
        ada.go("/")
        other.go("/")
        expect(ada.page.locator("#news")).to_be_hidden()
        other.page.locator("#status").fill("Fresh from the oven")
        other.press("Post")
        news = ada.page.get_by_role("link", name="1 new post", exact=True)
        expect(news).to_be_visible()
        expect(ada.page).to_have_title("(1) Home · Linnet")
        news.click()
        expect(ada.page.get_by_text("Fresh from the oven")).to_be_visible()
        expect(ada.page.locator("#news")).to_be_hidden()
        assert ada.troubles == []


def test_of_many_pages_of_one_browser_one_listens_and_when_it_is_closed_the_next(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser
):
    """A browser opens six connections to one server: a seventh page would never be shown."""
    with Server(tmp_path_factory.mktemp("live") / "data") as server:
        bert = ada_follows_bert(server)
        ada = signed_in(browser, server, "ada")
        ada.go("/")
        asked: list[str] = []
        pages = [ada.page, *(ada.page.context.new_page() for _ in range(7))]
        for page in pages[1:]:
            page.on("request", lambda request: asked.append(urlsplit(request.url).path))
            page.goto(f"{server.origin}/")
        assert "/live" not in asked
        for number, left in ((1, pages), (2, pages[1:])):
            assert server.ask("POST", "/api/v1/statuses", bert, {"status": f"loaf {number}"})[0] == 200
            for page in left:
                expect(
                    page.get_by_role("link", name=f"{number} new post{'s'[: number - 1]}", exact=True)
                ).to_be_visible()
            if number == 1:
                pages[0].close()
        assert asked.count("/live") == 1
        # A page that was opened later counts what is new since then.
        late = pages[1].context.new_page()
        late.goto(f"{server.origin}/")
        expect(late.locator("#news")).to_be_hidden()
        assert server.ask("POST", "/api/v1/statuses", bert, {"status": "loaf 3"})[0] == 200
        expect(late.get_by_role("link", name="1 new post", exact=True)).to_be_visible()


def test_a_page_that_may_have_missed_something_says_so_wherever_that_was(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser
):
    with Server(tmp_path_factory.mktemp("live") / "data") as server:
        ada_follows_bert(server)
        ada = signed_in(browser, server, "ada")
        told = "event: stream.reset\nid: 0.0.0\ndata: {}\n\n"
        ada.page.route("**/live?*", lambda route: route.fulfill(body=told, content_type="text/event-stream"))
        ada.go("/")
        expect(ada.page.get_by_role("link", name="There may be new posts", exact=True)).to_be_visible()
