"""What links in e-mails lead to: confirming an address, and choosing a new password."""

from linnet.actions import addresses as address_actions
from linnet.actions import passwords
from linnet.domain.errors import Conflict, Invalid, TooMany
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.queries import users
from linnet.web.door import Door, visitor_of
from linnet.web.forms import Form, text

LONGEST_TOKEN = 200


async def confirm_form(door: Door, request: Request) -> Response:
    """GET /confirm?token=…: asks for a press of a button, since mail programs follow links on their own."""
    token = text(request.query(), "token", LONGEST_TOKEN)
    good = await users.link_is_good(door.database, token, "confirm", "email")
    return await door.page(request, "confirm.html", 200 if good else 404, form=Form(), token=token, good=good)


async def confirm(door: Door, request: Request) -> Response:
    """POST /confirm"""
    token = text(await request.params(), "token", LONGEST_TOKEN)
    try:
        done = await address_actions.confirm(door.database, door.site, door.mail, token, door.once())
    except Invalid:
        return await door.page(request, "confirm.html", 404, form=Form(), token=token, good=False)
    if visitor_of(request).id == done.account_id:
        return redirect("/" if done.approved else "/waiting")
    return await door.page(request, "confirmed.html", confirmed=done)


async def forgot_form(door: Door, request: Request) -> Response:
    """GET /forgot"""
    return await door.page(request, "forgot.html", form=Form())


async def forgot(door: Door, request: Request) -> Response:
    """POST /forgot: the answer does not tell whether the address is known here."""
    params = await request.params()
    form = Form(params)
    try:
        await passwords.request_reset(
            door.database, door.site, door.guards, door.mail, text(params, "email", 400), request.client_network,
            door.once(),
        )  # fmt: skip
        form = Form(done="If that address belongs to somebody here, a letter with a link is on its way to it.")
    except (Invalid, Conflict, TooMany) as error:
        form.fail(error, "email")
    return await door.page(request, "forgot.html", 422 if form.errors else 200, form=form)


async def reset_form(door: Door, request: Request) -> Response:
    """GET /reset?token=…"""
    token = text(request.query(), "token", LONGEST_TOKEN)
    good = await users.link_is_good(door.database, token, "reset")
    return await door.page(request, "reset.html", 200 if good else 404, form=Form(), token=token, good=good)


async def reset(door: Door, request: Request) -> Response:
    """POST /reset"""
    params = await request.params()
    token, form = text(params, "token", LONGEST_TOKEN), Form()
    try:
        await passwords.reset_password(
            door.database, door.site, door.guards, door.mail, token, text(params, "password", 1_000), door.once()
        )
    except Invalid as error:
        good = error.field != "token"
        form.fail(error, "password")
        return await door.page(request, "reset.html", 422 if good else 404, form=form, token=token, good=good)
    form = Form({"back": "/"}, done="Your password is changed, and every other browser and app is signed out.")
    return await door.page(request, "sign_in.html", form=form)
