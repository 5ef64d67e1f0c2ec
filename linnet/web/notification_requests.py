"""Who waits to be let through to the reader's notifications, and the settings that make them wait."""

from linnet.actions import notification_requests as actions
from linnet.domain import ids
from linnet.domain.errors import Invalid, NotFound
from linnet.domain.notifications import LEVELS, Policy
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.queries import accounts
from linnet.queries import notification_requests as queries
from linnet.web import addresses, forms, wording
from linnet.web.door import Door, visitor_of
from linnet.web.forms import Form
from linnet.web.timelines import whole


async def show(door: Door, request: Request) -> Response:
    """GET /notifications/requests"""
    wanted = addresses.page(request, 30)
    found = await queries.page(door.database, visitor_of(request).id, wanted)
    profiles = await accounts.profiles(door.database, {one.account.id for one in found})
    listed = tuple(one.status for one in found if one.status is not None)
    views = {view.row.id: view for view in await whole(door, listed, request, "notifications")}
    return await door.page(
        request, "notification_requests.html",
        items=[
            (one, profiles[one.account.id], views.get(one.status.row.id) if one.status else None)
            for one in found
            if one.account.id in profiles
        ],
        turns=addresses.turns(request, wanted, tuple(one.id for one in found)),
    )  # fmt: skip


async def accept(door: Door, request: Request) -> Response:
    """POST /notifications/requests/:id/accept"""
    await actions.accept(door.database, visitor_of(request).id, (_id(request),), door.once())
    return redirect("/notifications/requests")


async def dismiss(door: Door, request: Request) -> Response:
    """POST /notifications/requests/:id/dismiss"""
    await actions.dismiss(door.database, visitor_of(request).id, (_id(request),), door.once())
    return redirect("/notifications/requests")


async def settings(door: Door, request: Request) -> Response:
    """GET /settings/notifications"""
    found = await queries.summary(door.database, visitor_of(request).id)
    done = "Saved." if "saved" in request.query() else ""
    return await _form(
        door, request, Form({name: LEVELS[value] for name, value in found.policy._asdict().items()}, done)
    )


async def save(door: Door, request: Request) -> Response:
    """POST /settings/notifications"""
    params = await request.params()
    try:
        levels = {name: _level(name, forms.text(params, name)) for name in Policy._fields}
    except Invalid as error:
        return await _form(door, request, Form(params).fail(error, *Policy._fields), 422)
    await actions.set_policy(door.database, visitor_of(request).id, levels, door.once())
    return redirect("/settings/notifications?saved=1")


async def _form(door: Door, request: Request, form: Form, status: int = 200) -> Response:
    given = {"form": form, "senders": wording.SENDERS, "levels": wording.LEVELS}
    return await door.page(request, "notification_settings.html", status, **given)


def _level(name: str, word: str) -> int:
    if word not in LEVELS:
        raise Invalid(name, "must be chosen")
    return LEVELS.index(word)


def _id(request: Request) -> int:
    id = ids.parse(request.segments["id"])
    if id is None:
        raise NotFound
    return id
