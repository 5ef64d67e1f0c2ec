"""``toot``, the command line client, does its whole work against a running server."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import PASSWORD
from tests.support import pictures
from tests.support.browser import Browser, consent
from tests.support.server import Server, until

TIMEOUT_SECONDS = 60


# toot needs a second to load itself; so one process per person loads it, and each command runs in a fork of that.
LOADED = """
import json, os, sys
from toot.cli import cli
for line in sys.stdin:
    words, said = json.loads(line)
    child = os.fork()
    if not child:
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        cli(words, prog_name="toot")
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Toot:
    """Somebody's ``toot``, with a home of its own."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.home = home
        self.loaded = self.start("-c", LOADED, stderr=None)

    def start(self, *words: str, stderr: int | None = subprocess.STDOUT) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOOT_", "XDG_"))}
        environment = {**kept, "HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config")}
        return subprocess.Popen(
            [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
            env=environment,
        )  # fmt: skip

    def close(self) -> None:
        self.loaded.communicate(timeout=TIMEOUT_SECONDS)

    def __call__(self, *words: str, fails: bool = False) -> str:
        """What ``toot WORDS`` prints."""
        said = self.home / "said"
        assert self.loaded.stdin is not None
        assert self.loaded.stdout is not None
        self.loaded.stdin.write(json.dumps([words, str(said)]) + "\n")
        self.loaded.stdin.flush()
        code = int(self.loaded.stdout.readline())
        assert (code != 0) is fails, f"toot {' '.join(words)} ended with {code}: {said.read_text()}"
        return said.read_text()

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))

    def post(self, text: str, *options: str) -> dict[str, Any]:
        posted: dict[str, Any] = self.json("post", text, *options)
        return posted

    def login(self, server: Server) -> str:
        """The whole of ``toot login``: opens the address that it shows, lets it in, types in the code."""
        process = self.start("-m", "toot", "login", "--instance", server.origin)
        assert process.stdin is not None
        assert process.stdout is not None
        said = ""
        while not (address := re.search(r"http\S+/oauth/authorize\S+", said)):
            line = process.stdout.readline()
            assert line, f"toot login ended: {said}"
            said += line
        code = consent(Browser(server.origin), address[0], self.name, PASSWORD)
        said += process.communicate(f"n\n{code}\n", timeout=TIMEOUT_SECONDS)[0]
        assert process.returncode == 0, said
        return said


@contextlib.contextmanager
def _person(server: Server, folder: Path, name: str) -> Iterator[Toot]:
    server.cli("account", "create", name, "--email", f"{name}@example.org", "--password", PASSWORD)
    home = folder / name
    home.mkdir()
    toot = Toot(name, home)
    assert "Successfully logged in" in toot.login(server)
    yield toot
    toot.close()


@pytest.fixture(scope="module")
def nora(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toot]:
    with _person(server, tmp_path_factory.mktemp("toot"), "nora") as toot:
        yield toot


@pytest.fixture(scope="module")
def otto(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toot]:
    with _person(server, tmp_path_factory.mktemp("toot"), "otto") as toot:
        yield toot


def test_it_knows_who_and_where_it_is(server: Server, nora: Toot):
    host = server.origin.partition("//")[2]
    assert f"nora@{host} ACTIVE" in nora("auth")
    assert "@nora" in nora("whoami")
    assert nora.json("whoami")["source"]["privacy"] == "public"
    shown = nora("instance")
    assert "Linnet" in shown
    assert host in shown
    assert nora.json("instance")["uri"] == host


def test_it_posts_with_everything_and_shows_it(nora: Toot, otto: Toot, tmp_path: Path):
    picture = tmp_path / "disc.png"
    picture.write_bytes(pictures.png())
    posted = nora.post(
        "Hello @otto #toots https://example.org", "--media", str(picture), "--description", "A disc",
        "--spoiler-text", "Look", "--visibility", "unlisted", "--language", "en", "--sensitive",
    )  # fmt: skip
    assert (posted["visibility"], posted["language"], posted["sensitive"]) == ("unlisted", "en", True)
    assert posted["media_attachments"][0]["description"] == "A disc"
    assert [posted["mentions"][0]["acct"], posted["tags"][0]["name"]] == ["otto", "toots"]
    shown = otto("status", posted["id"])
    assert "Hello @otto" in shown
    assert "files/media/" in shown
    reply = otto.post("I can see it", "--reply-to", posted["id"])
    thread = nora("thread", posted["id"])
    assert "Hello @otto" in thread
    assert "I can see it" in thread
    assert [one["id"] for one in nora.json("thread", posted["id"])["descendants"]] == [reply["id"]]
    bare = nora.post("Nothing is said of the picture", "--media", str(picture))
    assert "Nothing is said" in otto("status", bare["id"])
    uploaded = nora.json("upload", str(picture), "--description", "Alone")
    assert uploaded["description"] == "Alone"
    assert uploaded["url"]


def test_it_follows_and_reads_timelines(nora: Toot, otto: Toot):
    assert "You are now following nora" in otto("follow", "nora")
    posted = nora.post("For those who follow #afternoon")
    page = ("timelines", "home", "--no-pager", "--no-clear")
    until(lambda: "For those who follow" in otto(*page), what="the post on otto's home")
    assert posted["id"] in [one["id"] for one in otto.json(*page)]
    assert "For those who follow" in otto("timeline", "--once")
    assert "For those who follow" in otto("timelines", "public", "--no-pager", "--no-clear", "--local")
    assert "For those who follow" in otto("timelines", "tag", "afternoon", "--no-pager", "--no-clear")
    assert "For those who follow" in otto("timelines", "account", "nora", "--no-pager", "--no-clear")
    assert "@otto" in nora("followers")
    assert "@nora" in otto("following")


def test_it_favourites_reblogs_bookmarks_and_pins_and_takes_each_back(nora: Toot, otto: Toot):
    id = nora.post("Do something with this")["id"]
    assert otto.json("favourite", id)["favourited"] is True
    assert otto.json("reblog", id)["reblog"]["id"] == id
    assert otto.json("bookmark", id)["bookmarked"] is True
    assert nora.json("pin", id)["pinned"] is True
    assert "otto" in nora("reblogged-by", id)
    assert "Do something" in otto("bookmarks", "--once")
    assert otto.json("unfavourite", id)["favourited"] is False
    assert otto.json("unreblog", id)["reblogged"] is False
    assert otto.json("unbookmark", id)["bookmarked"] is False
    assert nora.json("unpin", id)["pinned"] is False
    assert "deleted" in nora("delete", id)
    assert "Record not found" in nora("status", id, fails=True)


def test_it_searches_and_is_told(nora: Toot, otto: Toot):
    otto.post("@nora a pelican #birdsong")
    found = nora("search", "birdsong")
    assert "#birdsong" in found
    assert [one["acct"] for one in nora.json("search", "otto")["accounts"]] == ["otto"]
    assert nora.json("search", "pelican", "--type", "statuses")["statuses"]
    assert "otto" in nora("whois", "otto")
    told = nora("notifications")
    assert "otto" in told
    assert "a pelican" in told
    assert {one["type"] for one in nora.json("notifications", "--type", "mention")} == {"mention"}
    assert "cleared" in nora("notifications", "--clear")
    assert nora.json("notifications") == []


def test_it_changes_the_account_and_keeps_people_away(nora: Toot, otto: Toot, tmp_path: Path):
    face = tmp_path / "face.png"
    face.write_bytes(pictures.png())
    me = nora.json("update-account", "--display-name", "Nora", "--note", "Types", "--avatar", str(face), "--locked")
    assert (me["display_name"], me["locked"]) == ("Nora", True)
    assert "/avatars/" in me["avatar"]
    assert "otto" in nora("mute", "otto")
    assert "otto" in nora("muted")
    assert nora.json("unmute", "otto")["muting"] is False
    assert nora.json("block", "otto")["blocking"] is True
    assert "otto" in nora("blocked")
    assert nora.json("unblock", "otto")["blocking"] is False
    assert otto.json("follow", "nora")["requested"] is True
    assert "otto" in nora("follow-requests", "list")
    assert "otto" in nora("follow-requests", "accept", "otto")
    assert otto.json("unfollow", "nora")["following"] is False


def test_it_asks_and_votes_and_schedules_and_writes_markdown(nora: Toot, otto: Toot):
    options = ("--poll-option", "tea", "--poll-option", "coffee", "--poll-expires-in", "10m")
    poll = nora.post("What is in the pot?", *options)["poll"]
    assert [option["title"] for option in poll["options"]] == ["tea", "coffee"]
    assert "tea" in otto("polls", "vote", poll["id"], "0")
    assert "coffee" in nora("polls", "show", poll["id"])
    assert nora.json("polls", "show", poll["id"])["options"][0]["votes_count"] == 1
    kept = nora.post("Later", "--scheduled-in", "2h")
    assert (kept["params"]["text"], kept["media_attachments"]) == ("Later", [])
    assert nora.post("*really*", "--content-type", "text/markdown")["content"] == "<p><em>really</em></p>"


def test_it_keeps_lists(nora: Toot, otto: Toot):
    nora("follow", "otto")
    assert "created" in nora("lists", "create", "Neighbours", "--replies-policy", "list")
    (made,) = nora.json("lists", "list")
    assert (made["title"], made["replies_policy"]) == ("Neighbours", "list")
    assert "Neighbours" in nora("lists", "list")
    assert "has no accounts" in nora("lists", "accounts", "Neighbours")
    assert "Added account" in nora("lists", "add", "Neighbours", "otto")
    assert "otto" in nora("lists", "accounts", "Neighbours")
    otto.post("Over the fence")
    assert "Over the fence" in nora("timelines", "list", "Neighbours", "--no-pager", "--no-clear")
    otto("lists", "create", "Others")
    assert "You must follow @nora" in otto("lists", "add", "Others", "nora", fails=True)
    assert "Removed account" in nora("lists", "remove", "Neighbours", "otto")
    assert "deleted" in nora("lists", "delete", "Neighbours")
    assert "no lists" in nora("lists", "list")


def test_it_follows_and_features_hashtags(nora: Toot, otto: Toot):
    assert "not following" in nora("tags", "followed")
    assert "now following #gardens" in nora("tags", "follow", "gardens")
    assert [tag["name"] for tag in nora.json("tags", "followed")] == ["gardens"]
    posted = otto.post("A hedge in one of the #gardens")
    page = ("timelines", "home", "--no-pager", "--no-clear")
    until(lambda: posted["id"] in [one["id"] for one in nora.json(*page)], what="the post with the followed hashtag")
    assert nora.json("tags", "info", "gardens")["following"] is True
    assert "no longer following" in nora("tags", "unfollow", "gardens")
    assert "now featured" in otto("tags", "feature", "gardens")
    assert "gardens" in otto("tags", "featured")
    assert "no longer featured" in otto("tags", "unfeature", "gardens")
    assert otto.json("tags", "featured") == []


def test_a_password_is_not_handed_to_apps(server: Server, nora: Toot):
    said = nora(
        "login_cli", "--instance", server.origin, "--email", "nora@example.org", "--password", PASSWORD, fails=True
    )
    assert "Login failed" in said
