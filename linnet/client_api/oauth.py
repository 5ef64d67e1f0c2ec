"""OAuth 2 for apps: tokens for codes, revoking, and what this server can do. Consent is a page (linnet/web)."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote_plus

from linnet.actions import oauth as actions
from linnet.client_api.door import Door
from linnet.domain.access import AppView
from linnet.domain.errors import Invalid, NotFound, TooLarge
from linnet.domain.oauth import Refused
from linnet.domain.views import Identity
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import access
from linnet.queries import accounts
from linnet.storage.database import Database

Params = dict[str, Any]

_SECRET = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
_STATUSES = {"invalid_client": 401, "unauthorized_client": 403}
_CHALLENGE = (b"www-authenticate", b'Basic realm="Linnet"')


async def token(door: Door, request: Request) -> Response:
    """POST /oauth/token"""
    door.guards.throttle.spend("oauth_token", request.client_network)
    return await _answered(request, lambda params: _token(door, request, params))


async def revoke(door: Door, request: Request) -> Response:
    """POST /oauth/revoke (RFC 7009)"""
    door.guards.throttle.spend("oauth_token", request.client_network)
    return await _answered(request, lambda params: _revoke(door, request, params))


async def metadata(door: Door, request: Request) -> Response:
    """GET /.well-known/oauth-authorization-server"""
    return json(access.server_metadata(door.site), headers=((b"cache-control", b"public, max-age=3600"),))


async def userinfo(door: Door, request: Request) -> Response:
    """GET and POST /oauth/userinfo"""
    reader: Identity = request.context
    profile = (await accounts.profiles(door.database, (reader.account_id,))).get(reader.account_id)
    if profile is None:
        raise NotFound
    return json(access.userinfo(door.site, profile), headers=_SECRET)


async def _answered(request: Request, work: Callable[[Params], Awaitable[Response]]) -> Response:
    """Errors in RFC 6749's form, what is wrong with the request itself included."""
    try:
        return await work(await request.params())
    except Refused as error:
        status = _STATUSES.get(error.code, 400)
        body = {"error": error.code, "error_description": error.description}
        return json(body, status, (*_SECRET, _CHALLENGE) if status == 401 else _SECRET)
    except (Invalid, TooLarge) as error:
        return json({"error": "invalid_request", "error_description": str(error)}, 400, _SECRET)


async def _token(door: Door, request: Request, params: Params) -> Response:
    grant_type = _text(params, "grant_type")
    if grant_type not in {"authorization_code", "client_credentials"}:
        code = "unsupported_grant_type" if grant_type else "invalid_request"
        raise Refused(code, "The authorization grant type is not supported by the authorization server.")
    app = await _client(door.database, request, params)
    if grant_type == "client_credentials":
        made = await actions.client_token(door.database, door.guards, app, _text(params, "scope"), door.once())
    else:
        made = await actions.exchange_code(
            door.database, door.guards, app, _text(params, "code"), _text(params, "redirect_uri"),
            _text(params, "code_verifier"), door.once(),
        )  # fmt: skip
    return json(access.token(made.access_token, made.scopes, made.created_at), headers=_SECRET)


async def _revoke(door: Door, request: Request, params: Params) -> Response:
    app = await _client(door.database, request, params)
    await actions.revoke(door.database, app, _text(params, "token"), door.once())
    return json({}, headers=_SECRET)


async def _client(database: Database, request: Request, params: Params) -> AppView:
    """The app, by its id and secret in the body or by HTTP Basic (RFC 6749, 2.3.1)."""
    client_id, secret = _text(params, "client_id"), _text(params, "client_secret")
    basic = _basic(request.header("authorization") or "")
    if basic is not None:
        if (client_id and client_id != basic[0]) or secret:
            raise Refused("invalid_request", "The client authenticates in two ways at once")
        client_id, secret = basic
    return await actions.authenticate(database, client_id, secret)


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = name = secret = ""
    if not colon:
        raise Refused("invalid_client", "The Authorization header is malformed")
    return unquote_plus(name), unquote_plus(secret)


def _text(params: Params, name: str) -> str:
    value = params.get(name)
    if value is not None and not isinstance(value, str):
        raise Refused("invalid_request", f"{name} must be text")
    return value or ""
