"""OAuth 2 through the door: registering, consenting, exchanging, revoking, and all that must be refused."""

import asyncio
import base64
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from linnet.actions import oauth as actions
from linnet.domain import oauth, scopes
from linnet.domain.oauth import AuthorizationRequest, Refused
from linnet.queries import oauth as queries
from linnet.storage.database import Operation
from tests.storage.queries import sql
from tests.support.access import PASSWORD, with_password
from tests.support.client import VirtualClock, World, make_account
from tests.support.pages import Browser

REDIRECT = "https://app.example/callback"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


async def register(world: World, **changed: Any) -> dict[str, Any]:
    given = {
        "client_name": "An app",
        "redirect_uris": REDIRECT,
        "scopes": "read write",
        "website": "https://app.example",
    }
    answer = await world.client.post("/api/v1/apps", form=given | changed)
    assert answer.status == 200, answer.body
    return answer.json()


async def asked(world: World, app: dict[str, Any], **changed: Any) -> AuthorizationRequest:
    given = {"client_id": app["client_id"], "redirect_uri": REDIRECT, "response_type": "code", "scope": "read"}
    return await queries.authorization_request(world.database, given | changed)


async def consent(world: World, app: dict[str, Any], account: int, **changed: Any) -> str:
    request = await asked(world, app, **changed)
    return await actions.authorize(world.database, world.parts.guards, request, account, operation(world))


def operation(world: World) -> Operation:
    return Operation(f"test:{world.parts.ids.next()}")


async def exchange(world: World, app: dict[str, Any], code: str, **changed: Any) -> Any:
    given = {
        "grant_type": "authorization_code", "client_id": app["client_id"], "client_secret": app["client_secret"],
        "code": code, "redirect_uri": REDIRECT,
    }  # fmt: skip
    sent = {name: value for name, value in (given | changed).items() if value is not None}
    return await world.client.post("/oauth/token", form=sent)


async def works(world: World, token: str) -> bool:
    return (await world.client.get("/api/v1/timelines/home", token=token)).status == 200


async def test_an_app_signs_a_user_in(any_world: World) -> None:
    world = any_world
    app = await register(world)
    account = await make_account(world.database, "alice")
    request = await asked(world, app, state="s&t", scope="read write:statuses")
    code = await actions.authorize(world.database, world.parts.guards, request, account, operation(world))
    location = urlsplit(oauth.granted_location(request, code))
    assert f"{location.scheme}://{location.netloc}{location.path}" == REDIRECT
    assert parse_qs(location.query) == {"code": [code], "state": ["s&t"]}

    answer = await exchange(world, app, code)
    assert answer.status == 200, answer.body
    assert answer.header("cache-control") == "no-store"
    token = answer.json()
    assert token["token_type"] == "Bearer"
    assert token["scope"] == "read write:statuses"
    assert isinstance(token["created_at"], int)
    assert await works(world, token["access_token"])
    posted = await world.client.post("/api/v1/statuses", token=token["access_token"], form={"status": "by an app"})
    assert posted.json()["application"] == {"name": "An app", "website": "https://app.example"}


async def test_secrets_are_not_in_the_database(world: World, tmp_path: Path) -> None:
    app = await register(world)
    account = await make_account(world.database, "alice")
    code = await consent(world, app, account)
    token = (await exchange(world, app, code)).json()["access_token"]
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("linnet.db*"))
    assert app["client_id"].encode() in stored
    for secret in (app["client_secret"], code, token):
        assert secret.encode() not in stored


async def test_json_and_several_addresses(world: World) -> None:
    answer = await world.client.post(
        "/api/v1/apps", json={"client_name": "J", "redirect_uris": [REDIRECT, oauth.OUT_OF_BAND], "scopes": "read push"}
    )
    app = answer.json()
    assert app["redirect_uris"] == [REDIRECT, oauth.OUT_OF_BAND]
    assert app["redirect_uri"] == f"{REDIRECT}\n{oauth.OUT_OF_BAND}"
    assert app["scopes"] == ["read", "push"]
    assert app["website"] is None
    assert app["client_secret_expires_at"] == 0
    lines = await world.client.post(
        "/api/v1/apps", form={"client_name": "L", "redirect_uris": f"{REDIRECT}\r\nmyapp://done"}
    )
    assert lines.json()["redirect_uris"] == [REDIRECT, "myapp://done"]
    assert lines.json()["scopes"] == ["read"]


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"client_name": " "}, "name", "ERR_BLANK"),
        ({"client_name": "n" * 61}, "name", "ERR_TOO_LONG"),
        ({"redirect_uris": ""}, "redirect_uri", "ERR_BLANK"),
        ({"redirect_uris": "/callback"}, "redirect_uri", "ERR_INVALID"),
        ({"redirect_uris": "javascript:alert(1)"}, "redirect_uri", "ERR_INVALID"),
        ({"redirect_uris": "JavaScript:alert(1)"}, "redirect_uri", "ERR_INVALID"),
        ({"redirect_uris": "data:text/html,x"}, "redirect_uri", "ERR_INVALID"),
        ({"redirect_uris": "https://app.example/#fragment"}, "redirect_uri", "ERR_INVALID"),
        ({"redirect_uris": "https://user@app.example/"}, "redirect_uri", "ERR_INVALID"),
        ({"redirect_uris": "https:///nowhere"}, "redirect_uri", "ERR_INVALID"),
        ({"redirect_uris": "https://app.example:99999/"}, "redirect_uri", "ERR_INVALID"),
        ({"redirect_uris": "https://" + "a" * 2000 + ".example/"}, "redirect_uri", "ERR_TOO_LONG"),
        ({"scopes": "read everything"}, "scopes", "ERR_INVALID"),
        ({"website": "javascript:alert(1)"}, "website", "ERR_INVALID"),
    ],
)
async def test_what_no_app_may_be(world: World, changed: dict[str, str], field: str, code: str) -> None:
    given = {"client_name": "An app", "redirect_uris": REDIRECT, "scopes": "read"}
    answer = await world.client.post("/api/v1/apps", form=given | changed)
    assert answer.status == 422
    assert answer.json()["details"][field][0]["error"] == code
    assert answer.json()["error"].startswith("Validation failed: ")


@pytest.mark.parametrize(
    ("changed", "code", "told"),
    [
        ({"client_id": "nobody"}, "invalid_client", False),
        ({"redirect_uri": REDIRECT + "/"}, "invalid_redirect_uri", False),
        ({"redirect_uri": REDIRECT + "?next=https://evil.example"}, "invalid_redirect_uri", False),
        ({"redirect_uri": "https://app.example.evil.example/callback"}, "invalid_redirect_uri", False),
        ({"redirect_uri": "HTTPS://app.example/callback"}, "invalid_redirect_uri", False),
        ({"redirect_uri": ""}, "invalid_redirect_uri", False),
        ({"redirect_uri": ["https://app.example/callback"]}, "invalid_redirect_uri", False),
        ({"response_type": "token"}, "unsupported_response_type", True),
        ({"response_type": ""}, "unsupported_response_type", True),
        ({"response_mode": "fragment"}, "invalid_request", True),
        ({"scope": "read admin:read"}, "invalid_scope", True),
        ({"scope": "nonsense"}, "invalid_scope", True),
        ({"scope": "follow"}, "invalid_scope", True),
        ({"code_challenge": "x" * 43, "code_challenge_method": "plain"}, "invalid_request", True),
        ({"code_challenge": "x" * 43}, "invalid_request", True),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request", True),
        ({"code_challenge_method": "S256"}, "invalid_request", True),
        ({"state": "x" * 2001}, "invalid_request", True),
    ],
)
async def test_requests_that_no_consent_page_is_shown_for(world: World, changed: Any, code: str, told: bool) -> None:
    app = await register(world)
    with pytest.raises(Refused) as refused:
        await asked(world, app, **({"state": "mine"} | changed))
    assert refused.value.code == code
    assert refused.value.redirect_uri == (REDIRECT if told else None)
    if told and "state" not in changed:
        back = parse_qs(urlsplit(oauth.error_location(refused.value)).query)
        assert back["error"] == [code]
        assert back["state"] == ["mine"]


async def test_a_code_is_good_once_and_a_second_use_ends_its_token(any_world: World) -> None:
    world = any_world
    app = await register(world)
    account = await make_account(world.database, "alice")
    other = (await exchange(world, app, await consent(world, app, account))).json()["access_token"]
    code = await consent(world, app, account)
    token = (await exchange(world, app, code)).json()["access_token"]
    assert await works(world, token)
    again = await exchange(world, app, code)
    assert again.status == 400
    assert again.json()["error"] == "invalid_grant"
    assert not await works(world, token)
    assert await works(world, other)


async def test_a_code_ends_after_ten_minutes(open_sqlite_world: Any) -> None:
    clock = VirtualClock()
    world = await open_sqlite_world(clock=clock)
    app = await register(world)
    account = await make_account(world.database, "alice")
    late, early = await consent(world, app, account), await consent(world, app, account)
    clock.advance(10 * 60_000 - 1)
    assert (await exchange(world, app, early)).status == 200
    clock.advance(1)
    assert (await exchange(world, app, late)).json()["error"] == "invalid_grant"


async def test_a_code_belongs_to_its_app_and_address(world: World) -> None:
    uris = [REDIRECT, REDIRECT + "2"]
    app = (await world.client.post("/api/v1/apps", json={"client_name": "A", "redirect_uris": uris})).json()
    thief = await register(world)
    code = await consent(world, app, await make_account(world.database, "alice"))
    assert (await exchange(world, thief, code)).json()["error"] == "invalid_grant"
    assert (await exchange(world, app, code, redirect_uri=REDIRECT + "2")).json()["error"] == "invalid_grant"
    assert (await exchange(world, app, code, redirect_uri=None)).json()["error"] == "invalid_grant"
    assert (await exchange(world, app, code)).status == 200


@pytest.mark.parametrize("verifier", [None, "", "w" * 50, VERIFIER[:-1], CHALLENGE, "é" * 50, "v" * 200])
async def test_pkce_asks_for_the_verifier(world: World, verifier: str | None) -> None:
    app = await register(world)
    account = await make_account(world.database, "alice")
    code = await consent(world, app, account, code_challenge=CHALLENGE, code_challenge_method="S256")
    refused = await exchange(world, app, code, code_verifier=verifier)
    assert refused.status == 400
    assert refused.json()["error"] == "invalid_grant"
    assert (await exchange(world, app, code, code_verifier=VERIFIER)).status == 200


async def test_a_verifier_for_a_code_without_a_challenge_is_a_downgrade(world: World) -> None:
    app = await register(world)
    code = await consent(world, app, await make_account(world.database, "alice"))
    assert (await exchange(world, app, code, code_verifier=VERIFIER)).json()["error"] == "invalid_grant"


async def test_an_app_has_a_token_of_its_own(any_world: World) -> None:
    world = any_world
    app = await register(world)
    answer = await exchange(world, app, "", grant_type="client_credentials", scope="read write")
    assert answer.status == 200
    token = answer.json()["access_token"]
    seen = (await world.client.get("/api/v1/apps/verify_credentials", token=token)).json()
    assert seen["name"] == "An app"
    assert "client_secret" not in seen
    assert len(base64.urlsafe_b64decode(seen["vapid_key"] + "=")) == 65
    denied = await world.client.get("/api/v1/timelines/home", token=token)
    assert denied.status == 422
    wide = await exchange(world, app, "", grant_type="client_credentials", scope="follow")
    assert wide.json()["error"] == "invalid_scope"
    assert (await exchange(world, app, "", grant_type="client_credentials")).json()["scope"] == "read"


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"grant_type": "password", "username": "a", "password": "b"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "invalid_request"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"code": "wrong"}, 400, "invalid_grant"),
        ({"code[]": "list"}, 400, "invalid_request"),
    ],
)
async def test_token_errors_have_their_own_form(world: World, changed: Any, status: int, code: str) -> None:
    app = await register(world)
    answer = await exchange(world, app, **({"code": None if "code[]" in changed else "x"} | changed))
    assert answer.status == status
    assert answer.json().keys() == {"error", "error_description"}
    assert answer.json()["error"] == code
    assert (answer.header("www-authenticate") is not None) == (status == 401)


async def test_the_client_may_use_http_basic(world: World) -> None:
    app = await register(world)
    basic = base64.b64encode(f"{app['client_id']}:{app['client_secret']}".encode()).decode()
    form = {"grant_type": "client_credentials"}
    good = await world.client.post("/oauth/token", form=form, headers={"Authorization": f"Basic {basic}"})
    assert good.status == 200
    both = await world.client.post(
        "/oauth/token", form=form | {"client_secret": "x"}, headers={"Authorization": f"Basic {basic}"}
    )
    assert both.json()["error"] == "invalid_request"
    for header in ("Basic !!!", "Basic /w==", "Basic " + base64.b64encode(b"no colon").decode()):
        bad = await world.client.post("/oauth/token", form=form, headers={"Authorization": header})
        assert (bad.status, bad.json()["error"]) == (401, "invalid_client")


async def test_broken_bodies_are_invalid_requests(world: World) -> None:
    for body in ("{", "[1]"):
        answer = await world.client.ask("POST", "/oauth/token", form=None, json=None, headers={}, query={"x": body})
        assert answer.json()["error"] == "invalid_request"
    answer = await world.client.post("/oauth/token", json={"grant_type": {"a": 1}})
    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")


async def test_tokens_are_revoked_by_their_own_app(any_world: World) -> None:
    world = any_world
    app, other = await register(world), await register(world)
    token = (await exchange(world, app, await consent(world, app, await make_account(world.database, "a")))).json()
    sent = {"token": token["access_token"], "client_id": other["client_id"], "client_secret": other["client_secret"]}
    denied = await world.client.post("/oauth/revoke", form=sent)
    assert (denied.status, denied.json()["error"]) == (403, "unauthorized_client")
    assert await works(world, token["access_token"])
    sent |= {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    for _ in range(2):
        done = await world.client.post("/oauth/revoke", form=sent)
        assert (done.status, done.json()) == (200, {})
    assert not await works(world, token["access_token"])


async def test_an_account_takes_its_consent_back(any_world: World) -> None:
    world = any_world
    app, kept = await register(world), await register(world, client_name="Kept")
    account = await make_account(world.database, "alice")
    first = (await exchange(world, app, await consent(world, app, account))).json()["access_token"]
    second = (await exchange(world, app, await consent(world, app, account, scope="write"))).json()["access_token"]
    third = (await exchange(world, kept, await consent(world, kept, account))).json()["access_token"]
    listed = await queries.authorised_apps(world.database, account)
    assert [(one.name, one.scopes) for one in listed] == [("Kept", ("read",)), ("An app", ("read", "write"))]
    await actions.revoke_app(world.database, account, int(app["id"]), operation(world))
    assert [await works(world, token) for token in (first, second, third)] == [False, False, True]


async def test_an_old_token_does_not_stand_in_the_way_of_a_new_app(world: World) -> None:
    answer = await world.client.post(
        "/api/v1/apps", token="gone", form={"client_name": "A", "redirect_uris": oauth.OUT_OF_BAND}
    )
    assert answer.status == 200


async def test_userinfo(world: World) -> None:
    alice = await world.person("alice", scopes="profile")
    seen = (await alice.get("/oauth/userinfo")).json()
    assert seen["preferred_username"] == "alice"
    assert seen["sub"] == "http://linnet.test/users/alice"
    bob = await world.person("bob", scopes="write")
    assert (await bob.get("/oauth/userinfo")).status == 403


async def test_metadata_names_what_there_is(world: World) -> None:
    seen = (await world.client.get("/.well-known/oauth-authorization-server")).json()
    assert seen["code_challenge_methods_supported"] == ["S256"]
    assert set(seen["scopes_supported"]) == set(scopes.KNOWN)
    assert seen["token_endpoint"] == "http://linnet.test/oauth/token"
    assert seen["grant_types_supported"] == ["authorization_code", "client_credentials"]


async def test_signing_in_once_more_is_asked_for_by_the_app(world: World) -> None:
    await with_password(world, "alice")
    await with_password(world, "bob")
    app = await register(world)
    wanted = {"client_id": app["client_id"], "redirect_uri": REDIRECT, "response_type": "code", "scope": "read"}
    address = f"/oauth/authorize?{urlencode(wanted)}"
    browser = Browser(world.client)
    await browser.send(await browser.go("/sign-in"), "/sign-in", {"name": "alice", "password": PASSWORD})
    assert "<b>@alice</b>" in (await browser.go(address)).answer.body.decode()
    before = dict(browser.cookies)
    page = await browser.go(f"{address}&force_login=true")
    assert "signed in as @alice" in page.text
    assert browser.cookies["session"] == before["session"], "a link has signed somebody out"
    sent = await browser.send(page, "/sign-in", {"name": "bob", "password": PASSWORD})
    asked_again = await browser.go(sent.location)
    assert "<b>@bob</b>" in asked_again.answer.body.decode()
    assert browser.cookies["session"] != before["session"]
    assert (await world.client.get("/settings", headers={"cookie": f"session={before['session']}"})).status == 303
    assert "Let An app in?" in (await browser.go(f"{address}&force_login=false")).text


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_the_use_of_a_token_is_written_down_once_a_day(open_any_world: Any) -> None:
    clock = VirtualClock()
    world = await open_any_world(clock=clock)
    alice = await world.person("alice")
    used = sql("select used_at from tokens where account_id = :id")

    async def last() -> Any:
        # Behind the answer: what the loop has to do is done once it has turned some times.
        for _ in range(200):
            await asyncio.sleep(0)
        return (await world.database.read(lambda tx: tx.one(used, id=alice.id)))[0]

    await alice.get("/api/v1/timelines/home")
    assert await last() is None, "whoever has just come has no need of it"
    clock.advance(86_400_000)
    first = clock.now_ms()
    await alice.get("/api/v1/timelines/home")
    await until_true(last, first)
    clock.advance(3_600_000)
    await alice.get("/api/v1/timelines/home")
    assert await last() == first
    clock.advance(86_400_000)
    await asyncio.gather(*(alice.get("/api/v1/preferences") for _ in range(3)))
    await until_true(last, clock.now_ms())
    (app,) = await queries.authorised_apps(world.database, alice.id)
    assert app.used_at == clock.now_ms()


async def until_true(last: Any, value: int) -> None:
    for _ in range(2_000):
        if await last() == value:
            return
    assert await last() == value
