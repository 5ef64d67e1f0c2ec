"""Moderators are told of whoever came in, once they are really in; on both engines."""

from typing import Any

from linnet.actions import addresses, moderation
from linnet.domain.site import Site
from tests.support.access import PASSWORD, Letters, once, rows
from tests.support.client import ORIGIN, Person, World, make_token

FORM = {"username": "newt", "email": "newt@example.org", "password": PASSWORD, "agreement": "true", "reason": "Birds"}


async def _sign_up(world: World) -> int:
    app = await make_token(world.database, None, "read write")
    answer = await world.client.post("/api/v1/accounts", token=app, form=FORM)
    assert answer.status == 200, answer.body
    [account_id] = [row[0] for row in await rows(world, "accounts") if row[1] == "newt"]
    return int(account_id)


async def _told(person: Person) -> list[tuple[str, str]]:
    return [(one["type"], one["account"]["acct"]) for one in (await person.get("/api/v1/notifications")).json()]


async def test_every_moderator_is_told_and_nobody_else(any_world: World) -> None:
    staff = [await any_world.person(role, role=role) for role in ("moderator", "admin", "owner")]
    user = await any_world.person("user")
    await _sign_up(any_world)
    assert [await _told(person) for person in staff] == [[("admin.sign_up", "newt")]] * 3
    assert await _told(user) == []


async def test_an_address_is_confirmed_first(open_any_world: Any) -> None:
    mail = Letters()
    world = await open_any_world(mail=mail)
    owner = await world.person("owner", role="owner")
    await _sign_up(world)
    await world.run_jobs()
    assert await _told(owner) == []
    await addresses.confirm(world.database, world.site, mail, mail.link(), once(world))
    assert await _told(owner) == [("admin.sign_up", "newt")]


async def test_who_waits_is_approved_first(open_any_world: Any) -> None:
    world = await open_any_world(site=Site(ORIGIN, registrations="approval"))
    owner = await world.person("owner", role="owner")
    account_id = await _sign_up(world)
    assert await _told(owner) == []
    await moderation.approve(world.database, world.site, world.parts.mail, owner.id, account_id, once(world))
    assert await _told(owner) == [("admin.sign_up", "newt")]
