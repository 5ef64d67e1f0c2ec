"""Signing up through an app, and what its token opens before all is confirmed."""

from typing import Any

import pytest

from linnet.actions import addresses, moderation
from linnet.domain.site import Site
from tests.support.access import PASSWORD, Letters, once, rows
from tests.support.client import ORIGIN, World, make_token

FORM = {
    "username": "alice", "email": "alice@example.org", "password": PASSWORD, "agreement": "true", "locale": "en",
}  # fmt: skip


async def app_token(world: World, scopes: str = "read write") -> str:
    return await make_token(world.database, None, scopes)


async def test_with_open_registration_and_no_mail_the_token_works_at_once(any_world: World) -> None:
    world = any_world
    answer = await world.client.post("/api/v1/accounts", token=await app_token(world), form=FORM)
    assert answer.status == 200, answer.body
    token = answer.json()
    assert (token["token_type"], token["scope"]) == ("Bearer", "read write")
    posted = await world.client.post("/api/v1/statuses", token=token["access_token"], form={"status": "Hello"})
    assert posted.status == 200
    assert posted.json()["account"]["username"] == "alice"


async def test_with_mail_the_token_waits_for_the_confirmation(open_any_world: Any) -> None:
    mail = Letters()
    world = await open_any_world(mail=mail)
    client = world.client
    answer = await client.post("/api/v1/accounts", token=await app_token(world), json=FORM | {"agreement": True})
    token = answer.json()["access_token"]
    await world.run_jobs()
    denied = await client.get("/api/v1/timelines/home", token=token)
    assert (denied.status, denied.json()) == (403, {"error": "Your login is missing a confirmed e-mail address"})
    assert (await client.get("/api/v1/timelines/public", token=token)).status == 403
    assert (await client.get("/api/v1/apps/verify_credentials", token=token)).status == 200
    assert (await client.get("/api/v1/emails/check_confirmation", token=token)).json() is False
    first = mail.link()
    resent = await client.post("/api/v1/emails/confirmations", token=token, form={"email": "right@example.org"})
    assert (resent.status, resent.json()) == (200, {})
    await world.run_jobs()
    assert mail.sent[-1].to == "right@example.org"
    assert mail.link() != first
    await addresses.confirm(world.database, world.site, mail, mail.link(), once(world))
    assert (await client.get("/api/v1/emails/check_confirmation", token=token)).json() is True
    assert (await client.get("/api/v1/timelines/home", token=token)).status == 200
    late = await client.post("/api/v1/emails/confirmations", token=token)
    assert late.status == 403
    taken = await client.post("/api/v1/emails/confirmations", token=token, form={"email": "no address"})
    assert taken.status == 422


async def test_with_approval_the_token_waits_for_a_moderator(open_any_world: Any) -> None:
    world = await open_any_world(site=Site(ORIGIN, registrations="approval"))
    app = await app_token(world)
    refused = await world.client.post("/api/v1/accounts", token=app, form=FORM)
    assert refused.status == 422
    assert refused.json()["details"] == {"reason": [{"error": "ERR_BLANK", "description": "can't be blank"}]}
    answer = await world.client.post("/api/v1/accounts", token=app, form=FORM | {"reason": "Birds"})
    token = answer.json()["access_token"]
    denied = await world.client.get("/api/v1/timelines/home", token=token)
    assert denied.json() == {"error": "Your login is currently pending approval"}
    [account] = await rows(world, "accounts")
    await moderation.approve(world.database, world.site, world.parts.mail, None, account[0], once(world))
    assert (await world.client.get("/api/v1/timelines/home", token=token)).status == 200


async def test_every_mistake_is_named_at_once(world: World) -> None:
    form = {"username": "a b", "email": "x", "password": "short", "agreement": "false", "locale": "en"}
    answer = await world.client.post("/api/v1/accounts", token=await app_token(world), form=form)
    assert answer.status == 422
    body = answer.json()
    assert {field: [one["error"] for one in found] for field, found in body["details"].items()} == {
        "username": ["ERR_INVALID"],
        "email": ["ERR_INVALID"],
        "password": ["ERR_TOO_SHORT"],
        "agreement": ["ERR_ACCEPTED"],
    }
    assert body["error"].startswith("Validation failed: Username must contain only letters, numbers and underscores, ")
    assert await rows(world, "accounts") == []


async def test_a_taken_name_is_named_so(world: World) -> None:
    app = await app_token(world)
    assert (await world.client.post("/api/v1/accounts", token=app, form=FORM)).status == 200
    answer = await world.client.post("/api/v1/accounts", token=app, form=FORM | {"email": "b@example.org"})
    assert answer.json() == {
        "error": "Validation failed: Username has already been taken",
        "details": {"username": [{"error": "ERR_TAKEN", "description": "has already been taken"}]},
    }


@pytest.mark.parametrize(
    "changed",
    [
        {}, {"username": None}, {"username": ["a"]}, {"username": {"a": 1}}, {"password": 12345678901}, {"email": 1e9},
        {"username": "a\u0000b"}, {"agreement": "perhaps"}, {"agreement": []}, {"reason": ["x"]}, {"locale": {}},
        {"username": "'; drop table users; --"}, {"username": "<script>"}, {"email": "a@b.example'--"},
    ],
)  # fmt: skip
async def test_hostile_forms_are_refused_in_the_errors_own_form(world: World, changed: dict[str, Any]) -> None:
    sent = {} if not changed else FORM | {"agreement": True} | changed
    answer = await world.client.post("/api/v1/accounts", token=await app_token(world), json=sent)
    if changed == {"password": 12345678901}:
        assert answer.status == 200
        return
    assert answer.status == 422
    assert answer.json().keys() == {"error", "details"}
    assert await rows(world, "users") == []


async def test_who_may_sign_people_up(open_sqlite_world: Any) -> None:
    world = await open_sqlite_world()
    assert (await world.client.post("/api/v1/accounts", form=FORM)).status == 401
    assert (await world.client.post("/api/v1/accounts", token="gone", form=FORM)).status == 401
    assert (await world.client.post("/api/v1/accounts", token=await app_token(world, "read"), form=FORM)).status == 403
    assert (await world.client.post("/api/v1/emails/confirmations", token=await app_token(world))).status == 422


async def test_closed_is_closed_for_apps_too(open_sqlite_world: Any) -> None:
    world = await open_sqlite_world(site=Site(ORIGIN, registrations="closed"))
    answer = await world.client.post("/api/v1/accounts", token=await app_token(world), form=FORM)
    assert answer.status == 403
    assert await rows(world, "users") == []
