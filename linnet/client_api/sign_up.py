"""Signing up from an app, and confirming one's e-mail address."""

from linnet.actions import sign_up as actions
from linnet.actions.sign_up import SignUp
from linnet.client_api.door import Door, nobody_signed_in
from linnet.domain import scopes
from linnet.domain.errors import NotAllowed
from linnet.domain.views import Identity
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.mastodon import access, parsing
from linnet.queries import users

LOCALE_LONGEST = 20


async def create(door: Door, request: Request) -> Response:
    """POST /api/v1/accounts: with an app's own token; the answer is the new user's."""
    reader: Identity = request.context
    if not scopes.allows(reader.scopes, "write:accounts"):
        raise NotAllowed("This action is outside the authorized scopes")
    params = await request.params()
    form = SignUp(
        username=parsing.text(params, "username"),
        email=parsing.text(params, "email"),
        password=parsing.text(params, "password"),
        agreement=parsing.flag(params, "agreement"),
        locale=parsing.text(params, "locale")[:LOCALE_LONGEST] or "en",
        reason=parsing.text(params, "reason"),
        invite_code=parsing.text(params, "invite_code"),
        address=request.client_network,
    )
    operation = door.once()
    token = await actions.sign_up_by_app(
        door.database, door.site, door.guards, door.mail, form, operation, reader.app_id, reader.scopes
    )
    return json(access.token(token, reader.scopes, door.clock.now_ms()))


async def resend_confirmation(door: Door, request: Request) -> Response:
    """POST /api/v1/emails/confirmations"""
    reader = _user(request)
    door.guards.throttle.spend("confirmation_address", request.client_network)
    email = parsing.text(await request.params(), "email")
    await actions.resend_confirmation(
        door.database, door.site, door.guards, door.mail, reader.account_id, email, door.once()
    )
    return json({})


async def check_confirmation(door: Door, request: Request) -> Response:
    """GET /api/v1/emails/check_confirmation: true once the address is confirmed."""
    user = await users.one(door.database, _user(request).account_id)
    return json(user.confirmed_at is not None)


def _user(request: Request) -> Identity:
    reader: Identity = request.context
    if not reader.signed_in:
        raise nobody_signed_in()
    return reader
