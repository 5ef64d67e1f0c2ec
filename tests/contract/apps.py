"""The walk through apps, OAuth and signing up from an app."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

from linnet.actions import sessions
from linnet.actions.sessions import Browser, SignedIn
from linnet.domain.oauth import OUT_OF_BAND
from tests.contract.cast import Cast
from tests.support.access import PASSWORD, Letters, once, with_password
from tests.support.browser import Reader
from tests.support.client import SCOPES
from tests.support.walk import Walk

VERIFIER = "v" * 50
APP = {
    "client_name": "Walker", "redirect_uris": ["https://walker.example/back", OUT_OF_BAND], "scopes": SCOPES,
    "website": "https://walker.example",
}  # fmt: skip


async def oauth(walk: Walk, cast: Cast) -> None:
    """Register, exchange a code with PKCE, look at both sides, revoke; and the errors of each."""
    walk_on = f"{walk.world.site.origin}/"
    metadata = await walk("GET /.well-known/oauth-authorization-server", None)
    assert metadata["issuer"] == walk_on
    assert metadata["token_endpoint"] == f"{walk_on}oauth/token"
    app = await walk("POST /api/v1/apps", None, json=APP)
    assert (app["scopes"], app["redirect_uris"]) == (SCOPES.split(), APP["redirect_uris"])
    by_form = await walk("POST /api/v1/apps", None, form={**APP, "redirect_uris": OUT_OF_BAND})
    assert by_form["redirect_uris"] == [OUT_OF_BAND]
    await walk("POST /api/v1/apps", None, json={"client_name": ""}, status=422)
    code = await _consent(walk, app)
    secrets = {key: app[key] for key in ("client_id", "client_secret")}
    exchange = {
        **secrets, "grant_type": "authorization_code", "code": code, "redirect_uri": APP["redirect_uris"][0],
        "code_verifier": VERIFIER, "scope": SCOPES,
    }  # fmt: skip
    await walk("POST /oauth/token", None, form={**exchange, "code": "wrong"}, status=400)
    token = await walk("POST /oauth/token", None, form=exchange)
    assert (token["token_type"], set(token["scope"].split())) == ("Bearer", set(SCOPES.split()))
    mine = token["access_token"]
    assert (await walk("GET /api/v1/accounts/verify_credentials", mine))["acct"] == "wanda"
    known = await walk("GET /api/v1/apps/verify_credentials", mine)
    assert (known["name"], known["website"]) == ("Walker", "https://walker.example")
    who = await walk("GET /oauth/userinfo", mine)
    assert {key: who[key] for key in ("iss", "preferred_username", "profile")} == {
        "iss": walk_on, "preferred_username": "wanda", "profile": f"{walk_on}@wanda"
    }  # fmt: skip
    assert who["sub"]
    assert who["name"]
    assert who["picture"].startswith(walk_on)
    await walk("POST /oauth/revoke", None, form={**secrets, "client_secret": "wrong", "token": mine}, status=401)
    assert await walk("POST /oauth/revoke", None, form={**secrets, "token": mine}) == {}
    await walk("GET /api/v1/accounts/verify_credentials", mine, status=401)
    await _sign_up(walk, secrets)


async def _consent(walk: Walk, app: dict[str, Any]) -> str:
    """The page that asks, as a browser that is signed in sees and answers it; the code."""
    name, world = "GET /oauth/authorize", walk.world
    asked = {
        "client_id": app["client_id"], "redirect_uri": app["redirect_uris"][0], "response_type": "code",
        "scope": " ".join(app["scopes"]), "state": "s", "code_challenge": _challenge(), "code_challenge_method": "S256",
        "force_login": "false", "lang": "en",
    }  # fmt: skip
    stranger = await walk.page(name, status=303, query=asked)
    assert "/sign-in?" in (stranger.header("location") or "")
    await walk.page(name, status=400, query={**asked, "client_id": "unknown"})
    await with_password(world, "wanda")
    parts = world.parts
    signed_in = await sessions.sign_in(parts.database, parts.guards, "wanda", PASSWORD, Browser(), once(world))
    assert isinstance(signed_in, SignedIn)
    cookie = {"Cookie": f"session={signed_in.secret}"}
    page = await walk.page(name, status=200, query=asked, headers=cookie)
    assert "Let Walker in?" in page.body.decode()
    form = next(form for form in Reader.of(page.body.decode()).forms if form.action == "/oauth/authorize")
    forced = await walk.page(name, status=303, query={**asked, "force_login": "true"}, headers=cookie)
    assert "/sign-in?again=1" in (forced.header("location") or "")
    answer = await world.client.post("/oauth/authorize", form={**form.fields, "answer": "yes"}, headers=cookie)
    back = urlsplit(answer.header("location") or "")
    assert (answer.status, back.netloc) == (303, "walker.example")
    given = parse_qs(back.query)
    assert given["state"] == ["s"]
    return given["code"][0]


def _challenge() -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


async def waiting(walk: Walk, cast: Cast) -> None:
    """Where mail is sent, a new token opens nothing before the address is confirmed, but asks for another letter."""
    app = await walk("POST /api/v1/apps", None, json=APP)
    form = {key: app[key] for key in ("client_id", "client_secret")} | {"grant_type": "client_credentials"}
    own = (await walk("POST /oauth/token", None, json={**form, "scope": "read write"}))["access_token"]
    person = {"username": "late", "email": "late@example.org", "password": "correct horse battery", "locale": "en"}
    token = (await walk("POST /api/v1/accounts", own, json={**person, "agreement": True}))["access_token"]
    await walk("GET /api/v1/accounts/verify_credentials", token, status=403)
    address = {"email": "other@example.org"}
    assert await walk("POST /api/v1/emails/confirmations", token, json=address) == {}
    await walk.world.run_jobs()
    letters = walk.world.parts.mail
    assert isinstance(letters, Letters)
    assert letters.sent[-1].to == "other@example.org"
    await walk("POST /api/v1/emails/confirmations", cast.ada, json=address, status=403)


async def _sign_up(walk: Walk, secrets: dict[str, str]) -> None:
    form = {**secrets, "grant_type": "client_credentials", "scope": "read write"}
    own = (await walk("POST /oauth/token", None, json=form))["access_token"]
    await walk("GET /api/v1/accounts/verify_credentials", own, status=422)
    await walk("POST /api/v1/emails/confirmations", own, status=422)
    await walk("GET /api/v1/statuses/{id}", own, "1", status=404)
    person = {
        "username": "newcomer", "email": "new@example.org", "password": "correct horse battery", "agreement": True,
        "locale": "de", "reason": "To read", "date_of_birth": "1990-01-01",
    }  # fmt: skip
    token = await walk("POST /api/v1/accounts", own, json=person)
    assert (await walk("GET /api/v1/accounts/verify_credentials", token["access_token"]))["acct"] == "newcomer"
    taken = await walk("POST /api/v1/accounts", own, json=person, status=422)
    assert {"username", "email"} & set(taken["details"])
    await walk("POST /api/v1/accounts", None, json=person, status=401)
