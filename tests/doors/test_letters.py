"""Every link in a letter leads to a page that is there, and what programs are told about getting in holds."""

import re
from typing import Any

import pytest

from linnet.actions import addresses, letters, passwords, sign_up
from linnet.domain.site import Site
from tests.support.access import PASSWORD, Letters, form, once, with_password
from tests.support.client import World

ADDRESS = re.compile(r"http://linnet\.test(/\S*)")


def path_in(mail: Letters) -> str:
    [path] = [path for path in ADDRESS.findall(mail.sent[-1].text) if path != ""]
    return path


async def shown(world: World, path: str) -> int:
    return (await world.client.get(path)).status


async def test_the_links_lead_somewhere_while_they_are_good(open_sqlite_world: Any) -> None:
    mail = Letters()
    world: World = await open_sqlite_world(mail=mail)
    parts = world.parts
    await sign_up.sign_up(world.database, world.site, parts.guards, mail, form("bob"), once(world))
    await world.run_jobs()
    path = path_in(mail)
    assert await shown(world, path) == 200
    await addresses.confirm(world.database, world.site, mail, mail.link(), once(world))
    assert await shown(world, path) == 404
    alice = await with_password(world, "alice")
    await passwords.request_reset(world.database, world.site, parts.guards, mail, "alice@example.org", "", once(world))
    await world.run_jobs()
    assert await shown(world, path_in(mail)) == 200
    await addresses.request_change(
        world.database, world.site, parts.guards, mail, alice, PASSWORD, "new@example.org", once(world)
    )
    await world.run_jobs()
    assert await shown(world, path_in(mail)) == 200


@pytest.mark.parametrize("path", [letters.FORGOT_PATH, letters.SIGN_IN_PATH])
async def test_the_pages_that_letters_name(world: World, path: str) -> None:
    assert await shown(world, path) == 200


def test_every_letter_says_from_whom_it_is() -> None:
    site = Site("http://linnet.test", title="Nest")
    for letter in (
        letters.confirmation(site, "a", "a@b.example", "t"),
        letters.new_address(site, "a", "a@b.example", "t"),
        letters.address_changed(site, "a", "a@b.example", "n…@b.example"),
        letters.password_reset(site, "a", "a@b.example", "t"),
        letters.password_changed(site, "a", "a@b.example"),
        letters.two_factor_changed(site, "a", "a@b.example", on=True),
        letters.approved(site, "a", "a@b.example"),
    ):
        assert letter.to == "a@b.example"
        assert "@a" in letter.text
        assert letter.text.endswith("-- \nNest, http://linnet.test\n")
        assert len(letter.subject) < 60


async def test_an_unknown_token_is_told_in_the_header_too(world: World) -> None:
    answer = await world.client.get("/api/v1/timelines/home", token="gone")
    assert answer.status == 401
    assert answer.json() == {"error": "The access token is invalid"}
    assert (answer.header("www-authenticate") or "").startswith("Bearer ")


async def test_clients_that_end_the_address_with_a_slash_are_let_in(world: World) -> None:
    oob = "urn:ietf:wg:oauth:2.0:oob"
    app = (await world.client.post("/api/v1/apps", form={"client_name": "toot", "redirect_uris": oob})).json()
    query = {"client_id": app["client_id"], "redirect_uri": oob, "response_type": "code", "scope": "read"}
    for path in ("/oauth/authorize", "/oauth/authorize/"):
        answer = await world.client.get(path, query=query)
        assert answer.status == 303
        assert (answer.header("location") or "").startswith("/sign-in?back=")


async def test_the_instance_tells_the_push_key_of_the_apps(world: World) -> None:
    app = (await world.client.post("/api/v1/apps", form={"client_name": "A", "redirect_uris": "a://b"})).json()
    instance = (await world.client.get("/api/v2/instance")).json()
    assert instance["configuration"]["vapid"]["public_key"] == app["vapid_key"]
