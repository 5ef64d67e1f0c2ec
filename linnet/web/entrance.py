"""Coming in and going out: sign-in with its second step, sign-up, invitations, the owner's link, sign-out, waiting."""

from linnet.actions import sessions, setup, sign_up
from linnet.actions.sessions import Browser, CodeNeeded, SignedIn
from linnet.actions.sign_up import SignUp
from linnet.domain.errors import Conflict, Invalid, LinnetError, NotAllowed, NotFound, TooMany, Unauthenticated
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.queries import instance, users
from linnet.web import addresses, headers
from linnet.web.door import Door, visitor_of
from linnet.web.forms import Form, text, ticked

FIELDS = ("username", "email", "password", "agreement", "reason", "invite_code")


def browser(request: Request) -> Browser:
    """Who signs in, for the list of sessions and the throttle; the session that it had before ends."""
    agent = request.header("user-agent") or ""
    return Browser(request.client, request.client_network, agent, visitor_of(request).secret)


def enter(door: Door, signed_in: SignedIn, where: str) -> Response:
    """Hands the browser its session."""
    cookies = (headers.signed_in(door.site, signed_in.secret), *headers.PRIVATE)
    return redirect(where, headers=cookies)


async def sign_in_form(door: Door, request: Request) -> Response:
    """GET /sign-in"""
    back = addresses.local(request.query().get("back"))
    again = visitor_of(request).identity.signed_in
    if again and request.query().get("again") != "1":
        return redirect(back)
    return await door.page(request, "sign_in.html", form=Form({"back": back}), again=again)


async def sign_in(door: Door, request: Request) -> Response:
    """POST /sign-in"""
    params = await request.params()
    form, back = Form({"name": text(params, "name"), "back": params.get("back")}), addresses.local(params.get("back"))
    try:
        name, password = text(params, "name", 400), text(params, "password", 1_000)
        made = await sessions.sign_in(door.database, door.guards, name, password, browser(request), door.once())
    except (Unauthenticated, NotAllowed, Invalid, TooMany) as error:
        return await _again(door, request, "sign_in.html", form.fail(error), error)
    if isinstance(made, CodeNeeded):
        return await door.page(request, "sign_in_code.html", form=Form({"back": back, "challenge": made.challenge}))
    return enter(door, made, back)


async def sign_in_code(door: Door, request: Request) -> Response:
    """POST /sign-in/code: the second step."""
    params = await request.params()
    back, challenge = addresses.local(params.get("back")), text(params, "challenge", 1_000)
    form = Form({"back": back, "challenge": challenge})
    try:
        made = await sessions.sign_in_with_code(
            door.database, door.guards, challenge, text(params, "code", 100), browser(request), door.once()
        )
    except (Unauthenticated, NotAllowed, Invalid, TooMany) as error:
        form.errors["code"] = form.fail(error).errors.pop("base")
        return await _again(door, request, "sign_in_code.html", form, error)
    return enter(door, made, back)


async def _again(door: Door, request: Request, template: str, form: Form, error: LinnetError) -> Response:
    """The form once more. 422 and not 401, which would ask browsers for a password of HTTP's own."""
    status = 429 if isinstance(error, TooMany) else 422
    response = await door.page(request, template, status, form=form)
    if isinstance(error, TooMany):
        response.add(b"retry-after", b"%d" % error.retry_after)
    return response


async def sign_out_form(door: Door, request: Request) -> Response:
    """GET /sign-out: asks, so that no link can sign anybody out."""
    return await door.page(request, "sign_out.html")


async def sign_out(door: Door, request: Request) -> Response:
    """POST /sign-out"""
    await sessions.end(door.database, visitor_of(request).secret)
    gone = (headers.signed_out(door.site), (b"clear-site-data", b'"cache"'), *headers.PRIVATE)
    return redirect("/", headers=gone)


async def sign_up_form(door: Door, request: Request) -> Response:
    """GET /sign-up"""
    if visitor_of(request).identity.signed_in:
        return redirect("/")
    return await _sign_up_page(door, request, Form())


async def invite(door: Door, request: Request) -> Response:
    """GET /invite/:code"""
    code = request.segments["code"]
    found = await users.good_invite(door.database, code)
    if found is None:
        raise NotFound
    return await _sign_up_page(door, request, Form({"invite_code": code}), invited_by=found.username or "")


async def _sign_up_page(
    door: Door, request: Request, form: Form, status: int = 200, *, invited_by: str = ""
) -> Response:
    rules = await instance.rules(door.database)
    owned = await users.has_owner(door.database)
    return await door.page(request, "sign_up.html", status, form=form, rules=rules, invited_by=invited_by, owned=owned)


async def join(door: Door, request: Request) -> Response:
    """POST /sign-up"""
    params = await request.params()
    form = Form({name: value for name, value in params.items() if name != "password"})
    try:
        given = SignUp(
            text(params, "username", 200), text(params, "email", 400), text(params, "password", 1_000),
            ticked(params, "agreement"), "en", text(params, "reason", 2_000), text(params, "invite_code", 100),
            request.client_network,
        )  # fmt: skip
        done = await sign_up.sign_up(door.database, door.site, door.guards, door.mail, given, door.once())
    except (Invalid, NotAllowed, TooMany) as error:
        status = 429 if isinstance(error, TooMany) else 422
        return await _sign_up_page(door, request, form.fail(error, *FIELDS), status)
    made = await sessions.start(door.database, door.guards, done.account_id, browser(request), door.once())
    return enter(door, made, "/" if done.confirmed and done.approved else "/waiting")


async def waiting(door: Door, request: Request) -> Response:
    """GET /waiting: what somebody who has signed up is still waiting for."""
    if not visitor_of(request).barred:
        return redirect("/")
    return await _waiting_page(door, request, Form())


async def resend(door: Door, request: Request) -> Response:
    """POST /waiting: sends the confirmation again, to another address if one is given."""
    params = await request.params()
    form = Form(params)
    try:
        email = text(params, "email", 400).strip()
        await sign_up.resend_confirmation(
            door.database, door.site, door.guards, door.mail, visitor_of(request).id, email, door.once()
        )
        form = Form(done="It is on its way: look into your mailbox.")
    except (Invalid, NotAllowed, TooMany) as error:
        form.fail(error, "email")
    return await _waiting_page(door, request, form)


async def _waiting_page(door: Door, request: Request, form: Form) -> Response:
    user = await users.one(door.database, visitor_of(request).id)
    return await door.page(request, "waiting.html", 422 if form.errors else 200, form=form, user=user)


async def setup_form(door: Door, request: Request) -> Response:
    """GET /setup?token=…: the one-time page that creates the owner's account."""
    return await _setup_page(door, request, text(request.query(), "token", 200), Form())


async def create_owner(door: Door, request: Request) -> Response:
    """POST /setup"""
    params = await request.params()
    form = Form({name: value for name, value in params.items() if name != "password"})
    token = text(params, "token", 200)
    try:
        owner = await setup.create_owner(
            door.database, door.guards, token, text(params, "username", 200), text(params, "email", 400),
            text(params, "password", 1_000), door.once(),
        )  # fmt: skip
    except (Invalid, NotAllowed, Conflict) as error:
        return await _setup_page(door, request, token, form.fail(error, *FIELDS))
    made = await sessions.start(door.database, door.guards, owner, browser(request), door.once())
    return enter(door, made, "/")


async def _setup_page(door: Door, request: Request, token: str, form: Form) -> Response:
    if not form.errors and not await users.owner_link_is_good(door.database, token):
        raise NotFound
    return await door.page(request, "setup.html", 422 if form.errors else 200, form=form, token=token)
