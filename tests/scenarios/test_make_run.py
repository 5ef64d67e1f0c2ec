"""What a newcomer does: a fresh checkout, one command, a browser; signs up and posts."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.ports import free_port
from tests.support.server import until
from tests.support.window import Window, opened

ROOT = Path(__file__).parents[2]
SECONDS = 300
"""A new virtual environment is filled on the way."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that git knows of, as they are now, and nothing that was made beside them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    fresh = tmp_path / "linnet"
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, fresh / name)
    return fresh


@pytest.fixture
def running(checkout: Path) -> Iterator[tuple[str, Path]]:
    """``make run`` with another port than its own, which may be taken here: the origin, and what it prints."""
    port, log = free_port(), checkout.with_name("log")
    inherited = {"VENV", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in inherited}
    with log.open("w") as output:
        process = subprocess.Popen(
            ["make", "run", f"ARGS=--bind 127.0.0.1:{port} --origin http://127.0.0.1:{port}"], cwd=checkout,
            stdout=output, stderr=output, env=environment, start_new_session=True,
        )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}", log
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def test_make_run_then_sign_up_and_post_in_a_browser(running: tuple[str, Path]):
    origin, log = running
    link = re.compile(re.escape(origin) + r"(/setup\?token=[\w-]+)")
    until(lambda: link.search(log.read_text()), SECONDS, "the link to the owner's page")
    found = link.search(log.read_text())
    assert found is not None
    with opened() as browser:
        ada = Window(browser, origin)
        assert ada.go(found[1]) == 200
        ada.page.get_by_label("Username").fill("ada")
        ada.page.get_by_label("E-mail address").fill("ada@example.org")
        ada.page.get_by_label("Password").fill("a long enough secret")
        ada.press("Create my account")
        ada.page.get_by_label(re.compile("What is happening")).fill("The first words of this place")
        ada.press("Post")
        expect(ada.page.locator("article", has_text="The first words of this place")).to_be_visible()
        assert ada.troubles == []
