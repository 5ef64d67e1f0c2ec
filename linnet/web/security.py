"""What keeps an account one's own: address, password, second factor, sessions, apps; and its end."""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

import segno

from linnet.actions import addresses as address_actions
from linnet.actions import deletions, oauth, passwords, sessions, two_factor
from linnet.domain import ids
from linnet.domain.errors import Invalid, LinnetError, NotFound, TooMany
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.queries import oauth as oauth_queries
from linnet.queries import sessions as session_queries
from linnet.queries import users
from linnet.web import headers
from linnet.web.door import Door, visitor_of
from linnet.web.forms import Form, text

DONE = {
    "email": "Your e-mail address is changed.",
    "letter": "A letter is on its way to the new address: open the link in it, and the address is changed.",
    "password": "Your password is changed; every other browser is signed out.",
    "session": "That browser is signed out.",
    "app": "That app can act for you no more.",
    "off": "Two-factor authentication is off.",
}


async def show(door: Door, request: Request) -> Response:
    """GET /settings/account"""
    return await _page(door, request, Form(done=DONE.get(str(request.query().get("done")), "")))


async def _page(door: Door, request: Request, form: Form) -> Response:
    visitor = visitor_of(request)
    current = visitor.visit.session_id if visitor.visit else 0
    return await door.page(
        request, "security.html", 422 if form.errors else 200, form=form,
        user=await users.one(door.database, visitor.id),
        waiting=await users.waiting_email(door.database, visitor.id),
        sessions=await session_queries.all(door.database, visitor.id, current),
        apps=await oauth_queries.authorised_apps(door.database, visitor.id),
    )  # fmt: skip


async def _tried(door: Door, request: Request, fields: tuple[str, ...], work: Callable[[], Awaitable[str]]) -> Response:
    """Runs one of the page's forms: back to the page with the good news, or the page with what is wrong."""
    try:
        done = await work()
    except (Invalid, TooMany) as error:
        values = {name: value for name, value in (await request.params()).items() if "password" not in name}
        return await _page(door, request, Form(values).fail(error, *fields))
    return redirect(f"/settings/account?done={done}")


async def change_email(door: Door, request: Request) -> Response:
    """POST /settings/email"""
    params = await request.params()

    async def work() -> str:
        try:
            sent = await address_actions.request_change(
                door.database, door.site, door.guards, door.mail, visitor_of(request).id,
                text(params, "email_password", 1_000), text(params, "email", 400), door.once(),
            )  # fmt: skip
        except Invalid as error:
            raise _about(error, "email_password") from error
        return "letter" if sent else "email"

    return await _tried(door, request, ("email", "email_password"), work)


async def change_password(door: Door, request: Request) -> Response:
    """POST /settings/password"""
    params, visitor = await request.params(), visitor_of(request)

    async def work() -> str:
        await passwords.change_password(
            door.database, door.site, door.guards, door.mail, visitor.id, text(params, "current_password", 1_000),
            text(params, "password", 1_000), visitor.secret, door.once(),
        )  # fmt: skip
        return "password"

    return await _tried(door, request, ("current_password", "password"), work)


def _about(error: Invalid, field: str) -> Invalid:
    """Several forms of a page ask for the password: the mistake belongs beside the one that was sent."""
    return Invalid(field, error.why, error.code) if error.field == "current_password" else error


async def _two_factor_page(door: Door, request: Request, form: Form) -> Response:
    visitor = visitor_of(request)
    user = await users.one(door.database, visitor.id)
    new = None if user.two_factor else two_factor.enrol(door.site, door.guards, visitor.id, visitor.identity.username)
    # Drawn inside the page: a picture of the secret must have no address, which caches and logs would keep.
    picture, size = ("", 0) if new is None else _qr(new.uri)
    return await door.page(
        request, "two_factor.html", 422 if form.errors else 200, form=form, user=user, new=new, picture=picture,
        size=size,
    )  # fmt: skip


def _qr(uri: str) -> tuple[str, int]:
    """The QR code as a drawing's path, and how many modules it is wide."""
    rows = segno.make(uri, error="m").matrix
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, module in enumerate(row) if module)
    return path, len(rows)


async def two_factor_form(door: Door, request: Request) -> Response:
    """GET /settings/two-factor"""
    return await _two_factor_page(door, request, Form())


async def turn_on(door: Door, request: Request) -> Response:
    """POST /settings/two-factor: the recovery codes are shown this once."""
    params = await request.params()
    try:
        codes = await two_factor.confirm(
            door.database, door.site, door.guards, door.mail, visitor_of(request).id, text(params, "sealed", 2_000),
            text(params, "code", 100), text(params, "current_password", 1_000), door.once(),
        )  # fmt: skip
    except (Invalid, TooMany) as error:
        return await _two_factor_page(door, request, Form().fail(error, "code", "current_password"))
    return await door.page(request, "recovery_codes.html", codes=codes)


async def turn_off(door: Door, request: Request) -> Response:
    """POST /settings/two-factor/off"""
    params = await request.params()
    try:
        await two_factor.disable(
            door.database, door.site, door.guards, door.mail, visitor_of(request).id,
            text(params, "current_password", 1_000), door.once(),
        )  # fmt: skip
    except (Invalid, TooMany) as error:
        return await _two_factor_page(door, request, Form().fail(error, "current_password"))
    return redirect("/settings/account?done=off")


async def new_codes(door: Door, request: Request) -> Response:
    """POST /settings/two-factor/codes"""
    params = await request.params()
    try:
        codes = await two_factor.renew_recovery_codes(
            door.database, door.guards, visitor_of(request).id, text(params, "codes_password", 1_000), door.once()
        )
    except (Invalid, TooMany) as error:
        found = _about(error, "codes_password") if isinstance(error, Invalid) else error
        return await _two_factor_page(door, request, Form().fail(found, "codes_password"))
    return await door.page(request, "recovery_codes.html", codes=codes)


async def end_session(door: Door, request: Request) -> Response:
    """POST /settings/sessions/end"""
    session_id = _id(await request.params())
    await sessions.end_one(door.database, visitor_of(request).id, session_id, door.once())
    return redirect("/settings/account?done=session")


async def end_app(door: Door, request: Request) -> Response:
    """POST /settings/apps/end"""
    app_id = _id(await request.params())
    await oauth.revoke_app(door.database, visitor_of(request).id, app_id, door.once())
    return redirect("/settings/account?done=app")


def _id(params: dict[str, object]) -> int:
    value = params.get("id")
    found = ids.parse(value) if isinstance(value, str) else None
    if found is None:
        raise NotFound
    return found


async def ask_delete(door: Door, request: Request) -> Response:
    """GET /settings/delete"""
    return await door.page(request, "delete_account.html", form=Form())


async def delete(door: Door, request: Request) -> Response:
    """POST /settings/delete: the password, and one's own name, typed."""
    visitor, params = visitor_of(request), await request.params()
    form = Form({"username": params.get("username")})
    try:
        typed = text(params, "username", 100).strip().removeprefix("@").lower()
        if typed != visitor.identity.username.lower():
            raise Invalid("username", "is not yours")
        await passwords.check_password(door.database, door.guards, visitor.id, text(params, "current_password", 1_000))
        await deletions.delete(door.database, visitor.id, visitor.id, door.once())
    except LinnetError as error:
        return await door.page(
            request, "delete_account.html", 422, form=form.fail(error, "username", "current_password")
        )
    return redirect(f"/?gone={quote(visitor.identity.username)}", headers=(headers.signed_out(door.site),))
