"""Lists of accounts: their streams, who is in them, and what they show."""

from collections.abc import Mapping
from typing import Any

from linnet.actions import lists as actions
from linnet.domain.errors import Invalid, NotFound
from linnet.domain.lists import ListChanges
from linnet.domain.views import ListView
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.queries import accounts, lists
from linnet.web import addresses
from linnet.web.door import Door, path_id, visitor_of
from linnet.web.forms import Form, text, ticked
from linnet.web.people import shown
from linnet.web.timelines import turns, whole

FIELDS = ("title", "replies_policy", "name")
PEOPLE = 40


async def index(door: Door, request: Request) -> Response:
    """GET /lists"""
    return await _index(door, request, Form({"replies_policy": "list"}))


async def create(door: Door, request: Request) -> Response:
    """POST /lists"""
    params = await request.params()
    try:
        who, operation = visitor_of(request).id, door.operation(request, params)
        new = await actions.create(door.database, who, _wanted(params), operation)
    except Invalid as error:
        return await _index(door, request, Form(params).fail(error, *FIELDS), 422)
    return redirect(f"/lists/{new}/edit")


async def show(door: Door, request: Request) -> Response:
    """GET /lists/:list"""
    who, list_id = visitor_of(request).id, path_id(request, "list")
    one = await lists.one(door.database, who, list_id)
    listed = await lists.timeline(door.database, who, list_id, addresses.page(request))
    return await door.page(
        request, "list.html", list=one, views=await whole(door, listed, request, "home"), turns=turns(request, listed)
    )  # fmt: skip


async def edit(door: Door, request: Request) -> Response:
    """GET /lists/:list/edit"""
    one = await lists.one(door.database, visitor_of(request).id, path_id(request, "list"))
    return await _edit(door, request, one, _form(one))


async def save(door: Door, request: Request) -> Response:
    """POST /lists/:list/edit"""
    who, list_id, params = visitor_of(request).id, path_id(request, "list"), await request.params()
    one = await lists.one(door.database, who, list_id)
    try:
        await actions.update(door.database, who, list_id, _wanted(params), door.operation(request, params))
    except Invalid as error:
        return await _edit(door, request, one, Form(params).fail(error, *FIELDS), 422)
    one = await lists.one(door.database, who, list_id)
    return await _edit(door, request, one, _form(one, "Saved."))


async def delete(door: Door, request: Request) -> Response:
    """POST /lists/:list/delete"""
    await actions.delete(door.database, visitor_of(request).id, path_id(request, "list"), door.once())
    return redirect("/lists")


async def add(door: Door, request: Request) -> Response:
    """POST /lists/:list/add: by name, somebody whom one follows."""
    who, list_id, params = visitor_of(request).id, path_id(request, "list"), await request.params()
    one = await lists.one(door.database, who, list_id)
    form = _form(one)
    try:
        name = text(params, "name", 300).strip()
        form.values["name"] = name
        whom = await _whom(door, name)
        await actions.add(door.database, who, list_id, (whom,), door.once())
    except Invalid as error:
        return await _edit(door, request, one, form.fail(error, *FIELDS), 422)
    except NotFound:
        form.errors["name"] = "Only somebody whom you follow can be put into a list."
        return await _edit(door, request, one, form, 422)
    return redirect(f"/lists/{list_id}/edit")


async def remove(door: Door, request: Request) -> Response:
    """POST /lists/:list/remove"""
    who, list_id, params = visitor_of(request).id, path_id(request, "list"), await request.params()
    whom = await _whom(door, text(params, "name", 300))
    await actions.remove(door.database, who, list_id, (whom,), door.once())
    return redirect(f"/lists/{list_id}/edit")


async def _whom(door: Door, name: str) -> int:
    try:
        return (await accounts.lookup(door.database, door.site, name.removeprefix("@"))).id
    except NotFound:
        raise Invalid("name", "is nobody here") from None


def _wanted(params: Mapping[str, Any]) -> ListChanges:
    return ListChanges(
        text(params, "title").strip(), text(params, "replies_policy") or "list", ticked(params, "exclusive")
    )  # fmt: skip


def _form(one: ListView, done: str = "") -> Form:
    return Form({"title": one.title, "replies_policy": one.replies_policy, "exclusive": bool(one.exclusive)}, done)


async def _index(door: Door, request: Request, form: Form, status: int = 200) -> Response:
    found = await lists.all(door.database, visitor_of(request).id)
    return await door.page(request, "lists.html", status, lists=found, form=form)


async def _edit(door: Door, request: Request, one: ListView, form: Form, status: int = 200) -> Response:
    wanted = addresses.page(request, PEOPLE)
    found = await lists.members(door.database, visitor_of(request).id, one.id, wanted)
    return await door.page(
        request, "list_edit.html", status, list=one, form=form, people=await shown(door, request, found.rows),
        turns=addresses.turns(request, wanted, found.cursors[::-1] if found.cursors else (), full=len(found.rows)),
    )  # fmt: skip
