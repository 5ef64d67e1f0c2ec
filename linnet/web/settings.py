"""One's own profile, and the people that one keeps away or lets in."""

from collections.abc import Mapping
from typing import Any

from linnet.actions import pictures as stored
from linnet.actions import profiles as actions
from linnet.domain.errors import Invalid, LinnetError
from linnet.domain.files import Room
from linnet.domain.profiles import PictureKeys, ProfileChanges
from linnet.http.request import Request, Upload
from linnet.http.response import Response, redirect
from linnet.ports import PictureKind
from linnet.queries import accounts, relations
from linnet.web import addresses
from linnet.web.door import Door, visitor_of
from linnet.web.forms import Form, text, ticked
from linnet.web.people import shown

FLAGS = ("locked", "bot", "discoverable", "indexable", "hide_collections")
FIELDS = ("display_name", "note", "fields", "avatar", "header", "avatar_description", "header_description")
PICTURES: dict[str, tuple[PictureKind, Room]] = {"avatar": ("avatar", "avatars"), "header": ("header", "headers")}
PEOPLE = 80


async def profile(door: Door, request: Request) -> Response:
    """GET /settings"""
    found = (await accounts.credentials(door.database, visitor_of(request).id)).profile
    values: dict[str, Any] = {name: getattr(found, name) for name in (*FLAGS, "display_name", "note")}
    values |= {name: getattr(found, name) for name in ("avatar_description", "header_description")}
    for number, one in enumerate(found.fields):
        values |= {f"name{number}": one.name, f"value{number}": one.value}
    done = "Saved." if request.query().get("saved") == "1" else ""
    return await _page(door, request, Form(values, done))


async def _page(door: Door, request: Request, form: Form) -> Response:
    found = (await accounts.profiles(door.database, (visitor_of(request).id,)))[visitor_of(request).id]
    return await door.page(request, "settings.html", 422 if form.errors else 200, form=form, profile=found)


async def save_profile(door: Door, request: Request) -> Response:
    """POST /settings: the texts are looked at before any picture is made."""
    visitor, params = visitor_of(request), await request.params()
    form = Form(params)
    pictures: dict[str, PictureKeys] = {}
    try:
        wanted = actions.check(_changes(door, params), door.site)
        for name in PICTURES:
            await _picture(door, visitor.id, name, params, pictures)
        # With new pictures it is done again, to the same end: else no row would name their files.
        operation = door.once() if pictures else door.operation(request, params)
        await actions.update(door.database, door.site, visitor.id, wanted, pictures, operation)
    except LinnetError as error:
        await stored.forget(door.blobs, [key for keys in pictures.values() for key in keys])
        if not isinstance(error, Invalid):
            raise
        return await _page(door, request, form.fail(error, *FIELDS))
    return redirect("/settings?saved=1")


def _changes(door: Door, params: Mapping[str, Any]) -> ProfileChanges:
    rows = range(door.site.limits.fields)
    return ProfileChanges(
        display_name=text(params, "display_name"),
        note=text(params, "note"),
        fields=tuple((text(params, f"name{number}"), text(params, f"value{number}")) for number in rows),
        avatar_description=text(params, "avatar_description"),
        header_description=text(params, "header_description"),
        locked=ticked(params, "locked"),
        bot=ticked(params, "bot"),
        discoverable=ticked(params, "discoverable"),
        indexable=ticked(params, "indexable"),
        hide_collections=ticked(params, "hide_collections"),
    )


async def _picture(
    door: Door, account_id: int, name: str, params: Mapping[str, Any], pictures: dict[str, PictureKeys]
) -> None:
    """A new picture, or none any more, where the form says so."""
    kind, room = PICTURES[name]
    file = params.get(name)
    if isinstance(file, Upload) and file.data:
        try:
            made = await door.images.process(file.data, kind)
        except Invalid as error:
            raise Invalid(name, error.why, error.code) from error
        pictures[name] = (await stored.store(door.blobs, door.chance, room, account_id, made)).likeness
    elif ticked(params, f"no_{name}"):
        pictures[name] = PictureKeys(None, None)


async def people(door: Door, request: Request) -> Response:
    """GET /settings/people: who asks to follow, who is muted, who is blocked."""
    who = visitor_of(request).id
    wanted = addresses.page(request, PEOPLE)
    asking = await relations.requests(door.database, who, wanted)
    muted = await relations.mutes(door.database, who, wanted)
    blocked = await relations.blocks(door.database, who, wanted)
    return await door.page(
        request, "settings_people.html", asking=await shown(door, request, asking.rows), mute_ends=muted.ends,
        muted=await shown(door, request, muted.page.rows), blocked=await shown(door, request, blocked.rows),
    )  # fmt: skip
