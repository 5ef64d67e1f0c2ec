"""Ways around the limits, each of which somebody would try: other spellings, other tokens, work that is not counted."""

from typing import Any

import pytest

from linnet.actions import setup
from tests.support.access import PASSWORD, with_password
from tests.support.client import VirtualClock, World, WorldOpener, make_token
from tests.support.pages import Browser, person

QUARTER_MS = 1_779_999_300_000
"""A moment at which the windows of all limits that are tested here begin, but for that of an hour."""


@pytest.fixture
async def limited(open_sqlite_world: WorldOpener) -> World:
    return await open_sqlite_world(clock=VirtualClock(QUARTER_MS), rate_limits=True)


async def test_a_name_in_another_spelling_gets_no_further_guesses(limited: World):
    await with_password(limited, "ada")
    stranger = Browser(limited.client)
    page = await stranger.go("/sign-in")
    found = []
    for number in range(30):
        if number % 20 == 0:
            limited.clock.advance(300_000)  # what counts by address begins anew; what counts by name does not
        name = f" {'@' * number}{'ADA' if number % 2 else 'ada'} "
        found.append((await stranger.send(page, "/sign-in", {"name": name, "password": "wrong"})).status)
    assert found == [422] * 25 + [429] * 5


async def test_an_apps_own_tokens_count_as_a_strangers_address(limited: World):
    tokens = [await make_token(limited.database, None, "read") for _ in range(4)]
    path = "/api/v1/timelines/public"
    found = [(await limited.client.get(path, token=tokens[number % 4])).status for number in range(301)]
    assert found == [200] * 300 + [429]
    assert (await limited.client.get(path)).status == 429


@pytest.mark.parametrize("query", ["max%5Fid=9", "max_%69d=9", "p%61ge=2"])
async def test_a_page_is_a_page_however_it_is_written(limited: World, query: str):
    alice = await limited.person("alice")
    for _ in range(2):
        assert (await alice.get(f"/api/v1/timelines/home?{query}")).status == 200
    limited.clock.advance(300_000)  # less than the quarter of an hour for which pages count
    assert (await alice.get("/api/v1/timelines/home?max_id=9")).header("x-ratelimit-remaining") == "297"


async def test_strangers_who_page_are_counted_for_longer(limited: World):
    path = "/api/v1/timelines/public?max_id=9"
    assert {(await limited.client.get(path)).status for _ in range(300)} == {200}
    limited.clock.advance(300_000)
    assert (await limited.client.get(path)).status == 429
    assert (await limited.client.get("/api/v1/timelines/public")).status == 200


async def test_no_password_is_hashed_for_an_owners_link_that_is_none(world: World, monkeypatch: pytest.MonkeyPatch):
    link = await setup.owner_link(world.database, world.parts.guards)
    hashed, hash = [], world.parts.guards.passwords.hash

    async def counted(password: str) -> str:
        hashed.append(password)
        return await hash(password)

    monkeypatch.setattr(world.parts.guards.passwords, "hash", counted)
    stranger = Browser(world.client)
    key = (await stranger.go("/sign-in")).value("form_key")
    given: dict[str, Any] = {"username": "ada", "email": "ada@example.org", "password": PASSWORD, "form_key": key}
    assert (await stranger.ask("POST", "/setup", form=given | {"token": "guess"})).status == 422
    assert hashed == []
    assert (await stranger.ask("POST", "/setup", form=given | {"token": link})).status == 303
    assert hashed == [PASSWORD]


async def test_strangers_pages_and_members_pages_have_their_bounds(limited: World):
    stranger = Browser(limited.client)
    assert {(await stranger.get("/search?q=word")).status for _ in range(900)} == {200}
    refused = await stranger.get("/directory")
    assert refused.status == 429
    assert int(refused.answer.header("retry-after") or 0) > 0
    ada = await person(limited, "ada")
    assert (await ada.get("/about")).status == 200
