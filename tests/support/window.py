"""Real Chromium windows, one a person, that keep what goes wrong: refused content, errors, foreign addresses."""

import contextlib
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.support.programs import chromium

QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip


PATIENCE_MS = 40_000
"""Passwords are slow to hash on purpose, and a machine that runs tests is a busy one."""
expect.set_options(timeout=PATIENCE_MS)


@contextlib.contextmanager
def opened() -> Iterator[Browser]:
    """The distribution's own browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium()), args=list(QUIET))
        yield browser
        browser.close()


class Window:
    """Somebody's browser, on one page. ``scripts`` are off: nothing of ours needs them."""

    def __init__(self, browser: Browser, origin: str, *, scripts: bool = False, **options: Any) -> None:
        self.origin = origin
        self.context: BrowserContext = browser.new_context(java_script_enabled=scripts, base_url=origin, **options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.troubles: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("request", self._request)
        self.page.on("response", self._response)
        self.page.on("dialog", self._dialog)

    def _console(self, message: ConsoleMessage) -> None:
        # That a page is a 404 or a 422 is said to the console too; what matters there is asserted by status.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.troubles.append(f"console: {message.text}")

    def _dialog(self, dialog: Dialog) -> None:
        self.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.origin + "/", "data:", "about:")):
            self.troubles.append(f"foreign: {request.url}")

    def _response(self, response: Response) -> None:
        kind = response.headers.get("content-type", "")
        if kind.startswith("text/html") and "default-src 'none'" not in response.headers.get(
            "content-security-policy", ""
        ):
            self.troubles.append(f"no policy: {response.url}")
        if response.request.resource_type in ("stylesheet", "image") and response.status >= 400:
            self.troubles.append(f"{response.status}: {response.url}")

    def go(self, path: str) -> int:
        """Opens an address; the status."""
        response = self.page.goto(path)
        assert response is not None
        return response.status

    def text(self) -> str:
        return self.page.locator("main").inner_text()

    def press(self, name: str, *, exact: bool = True, within: str = "main") -> None:
        """Presses a button, by its name, and waits for what comes."""
        self.page.locator(within).get_by_role("button", name=name, exact=exact).first.click()

    def close(self) -> None:
        self.context.close()
