"""Who waits for a change goes before those who only look, at every door."""

from typing import Any

import pytest

from linnet.storage.database import is_before_readers
from tests.support import pages
from tests.support.client import World


@pytest.fixture
def asked(world: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """What the database is asked for, and whether it is told that this goes before readers."""
    seen: list[tuple[str, bool]] = []
    engine = type(world.database)
    for name in ("read", "write"):
        own = getattr(engine, name)

        async def noted(self: Any, *args: Any, _own: Any = own, _name: str = name, **options: Any) -> Any:
            seen.append((_name, is_before_readers()))
            return await _own(self, *args, **options)

        monkeypatch.setattr(engine, name, noted)
    return seen


def kinds(asked: list[tuple[str, bool]]) -> dict[str, set[bool]]:
    """What was seen since it was asked last."""
    found = {name: {before for its, before in asked if its == name} for name in ("read", "write")}
    asked.clear()
    return found


async def test_a_post_and_its_token_go_before_those_who_read(world: World, asked: list[tuple[str, bool]]):
    anna = await world.person("anna")
    asked.clear()
    assert (await anna.get("/api/v1/timelines/home")).status == 200
    assert kinds(asked)["read"] == {False}
    assert (await anna.post("/api/v1/statuses", json={"status": "hello"})).status == 200
    assert kinds(asked) == {"read": {True}, "write": {True}}


async def test_a_post_by_a_page_goes_before_those_who_read(world: World, asked: list[tuple[str, bool]]):
    anna = await pages.person(world, "anna")
    asked.clear()
    page = await anna.go("/")
    assert kinds(asked)["read"] == {False}
    await anna.send(page, "/compose", {"status": "hello"})
    found = kinds(asked)
    assert (True in found["read"], found["write"]) == (True, {True})
