"""Tricks at the doors: redirects through apps that an attacker has registered, files that nobody would find again."""

import inspect
import re
from pathlib import Path

import pytest

from linnet.actions import oauth
from linnet.actions.oauth import NewApp
from linnet.domain.site import Site
from linnet.http.request import Request
from tests.support import pictures
from tests.support.access import once
from tests.support.client import World, WorldOpener
from tests.support.pages import Browser, person

EVIL = "https://evil.example/cb"
WRONG = ("response_type=token", "response_type=code&scope=admin:read", "response_type=code&response_mode=fragment")


async def evil_app(world: World) -> str:
    made = await oauth.register_app(world.database, world.parts.guards, NewApp("Evil", (EVIL,)), once(world))
    return f"/oauth/authorize?client_id={made.app.client_id}&redirect_uri={EVIL}&state=s"


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_mistake_sends_no_stranger_to_an_apps_address(world: World, wrong: str):
    address = await evil_app(world)
    page = await Browser(world.client).get(f"{address}&{wrong}")
    assert (page.status, page.location.partition("?")[0]) == (303, "/sign-in")
    ada = await person(world, "ada")
    page = await ada.get(f"{address}&{wrong}")
    assert page.location.startswith(f"{EVIL}?error=")


def files_in(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


async def test_a_repeated_upload_leaves_no_files_behind(world: World, tmp_path: Path):
    alice = await world.person("alice")
    given = {"files": {"file": ("a.png", pictures.png(), "image/png")}, "headers": {"idempotency-key": "again"}}
    first = await alice.post("/api/v2/media", **given)
    before = files_in(tmp_path / "media")
    again = await alice.post("/api/v2/media", **given)
    assert (again.status, again.json()["id"]) == (200, first.json()["id"])
    assert files_in(tmp_path / "media") == before
    assert (await world.client.get(again.json()["url"].removeprefix(world.site.origin))).status == 200


async def test_a_repeated_profile_picture_leaves_no_files_behind(world: World, tmp_path: Path):
    alice = await world.person("alice")
    given = {"files": {"avatar": ("a.png", pictures.png(), "image/png")}, "headers": {"idempotency-key": "again"}}
    assert (await alice.patch("/api/v1/accounts/update_credentials", **given)).status == 200
    await world.run_jobs()
    before = files_in(tmp_path / "media")
    answer = await alice.patch("/api/v1/accounts/update_credentials", **given)
    await world.run_jobs()
    assert files_in(tmp_path / "media") == before
    assert (await world.client.get(answer.json()["avatar"].removeprefix(world.site.origin))).status == 200


@pytest.mark.parametrize(("origin", "told"), [("https://flax.example", "max-age=63072000"), ("http://flax.test", None)])
async def test_who_came_over_https_comes_so_again(open_sqlite_world: WorldOpener, origin: str, told: str | None):
    world = await open_sqlite_world(site=Site(origin))
    for address in ("/", "/sign-in", "/nothing"):
        assert (await world.client.get(address)).header("strict-transport-security") == told


async def test_what_a_reader_is_shown_is_kept_by_nobody(world: World):
    alice = await world.person("alice")
    for path in ("/api/v1/timelines/home", "/api/v1/timelines/public", "/oauth/userinfo", "/api/v1/statuses/1"):
        assert "no-store" in ((await alice.get(path)).header("cache-control") or "")
    assert (await world.client.get("/api/v1/timelines/public")).header("cache-control") is None


@pytest.mark.parametrize("file", ["nginx.conf", "Caddyfile"])
def test_the_proxies_hide_the_numbers_with_and_without_a_slash(file: str):
    """The router takes one slash more for the same address."""
    text = (Path(__file__).parents[2] / "deploy" / file).read_text()
    assert "~ ^/metrics/?$ " in text or "path /metrics /metrics/\n" in text


@pytest.mark.parametrize("file", ["nginx.conf", "Caddyfile"])
def test_the_proxies_hand_on_nothing_that_they_alone_may_say(file: str):
    """All that a trusted proxy is believed stands there, set anew or taken away."""
    text = (Path(__file__).parents[2] / "deploy" / file).read_text()
    asked = re.findall(r'_forwarded\("([a-z-]+)"\)', Path(inspect.getfile(Request)).read_text())
    assert "x-linnet-operation" in asked
    # Caddy sets those three anew by itself.
    own = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"} if file == "Caddyfile" else set()
    said = {name.lower() for name in re.findall(r"(?:proxy_set_header|header_up) -?([A-Za-z-]+)", text)}
    assert {*asked, "x-forwarded-for"} <= said | own
