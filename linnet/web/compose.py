"""The one box: posting, answering, editing and deleting, with pictures."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from linnet.actions import drafts as draft_actions
from linnet.actions import edits as edit_actions
from linnet.actions import media as media_actions
from linnet.actions import moderation
from linnet.actions import scheduled as schedule
from linnet.domain import files, ids
from linnet.domain.errors import Conflict, Invalid, NotFound
from linnet.domain.statuses import Draft
from linnet.domain.views import MediaView, StatusContent
from linnet.http.request import Request, Upload
from linnet.http.response import Response, redirect
from linnet.mastodon import drafts, scheduled
from linnet.queries import media, preferences, statuses
from linnet.web import addresses
from linnet.web.door import Door, answered, path_id, visitor_of
from linnet.web.forms import Form, many, text, ticked

FIELDS = (
    "status", "spoiler_text", "visibility", "language", "picture1", "picture2", "picture3", "picture4", "poll_option1",
    "poll_seconds", "scheduled_at",
)  # fmt: skip
SLOTS = (1, 2, 3, 4)
NOUNS = {None: "picture", "video": "film", "audio": "sound"}


async def empty(door: Door, account_id: int, **values: Any) -> Form:
    """The box as its owner likes it."""
    chosen = await preferences.posting(door.database, account_id)
    defaults = {"visibility": chosen.visibility.word, "language": chosen.language or "", "sensitive": chosen.sensitive}
    return Form(defaults | {name: value for name, value in values.items() if value is not None})


async def show(door: Door, request: Request) -> Response:
    """GET /compose"""
    query = request.query()
    form = await empty(door, visitor_of(request).id, status=text(query, "text", 5_000), back="/")
    return await door.page(request, "compose.html", form=form)


async def post(door: Door, request: Request) -> Response:
    """POST /compose: pictures first, so that none is lost if the words are not right yet."""
    visitor, params = visitor_of(request), await request.params()
    form = Form(params)
    try:
        form.attached = await _attach(door, request, form, params)
        if not form.errors:
            defaults = await preferences.posting(door.database, visitor.id)

            async def send() -> str:
                given = {**params, "media_ids": [str(one.id) for one in form.attached], "poll": _poll(door, params)}
                draft = replace(drafts.draft(given, defaults, visitor.identity), app_name=None, app_website=None)
                return await _keep_or_post(door, request, params, draft)

            return redirect(await answered(door, request, send))
    except (Conflict, Invalid, NotFound) as error:
        # Conflict: a film that is not ready yet. The form keeps it, to be sent again in a moment.
        form.fail(error, *FIELDS)
    return await door.page(request, "compose.html", 422, form=form)


async def _keep_or_post(door: Door, request: Request, params: Mapping[str, Any], draft: Draft) -> str:
    """Does what the pressed button says; the address that leads on from there."""
    who, operation = visitor_of(request).id, door.operation(request, params)
    draft_id = ids.parse(text(params, "draft_id", 20)) or 0
    if params.get("do") == "draft":
        if draft_id:
            await draft_actions.change(door.database, door.site, who, draft_id, draft, door.once())
        else:
            await draft_actions.save(door.database, door.site, who, draft, operation)
        return "/drafts"
    at = scheduled.time(params)
    door.guards.throttle.spend("posts", str(who))
    if at is not None:
        await schedule.schedule(door.database, door.site, who, draft, at, operation, instead_of=draft_id)
        return "/drafts"
    if draft_id:
        with contextlib.suppress(NotFound):  # posted by the same press a moment ago: its receipt answers below
            await draft_actions.change(door.database, door.site, who, draft_id, draft, door.once())
        new = await draft_actions.publish(door.database, door.site, who, draft_id, operation)
    else:
        new = (await door.posting.post(who, draft, operation)).id
    back = addresses.local(params.get("back"))
    return addresses.anchored("/" if back.startswith(("/compose", "/drafts")) else back, f"s{new}")


async def edit(door: Door, request: Request) -> Response:
    """GET /statuses/:id/edit"""
    content, form = await _own(door, request)
    form.attached = content.media
    return await door.page(request, "edit.html", form=form, status_id=content.id)


async def save(door: Door, request: Request) -> Response:
    """POST /statuses/:id/edit"""
    content, _ = await _own(door, request)
    visitor, params = visitor_of(request), await request.params()
    form = Form(params)
    try:
        form.attached = await _attach(door, request, form, params, content)
        if not form.errors:
            texts = _by_id(params, "alt")
            given = {
                **params, "poll": None, "media_ids": [str(one.id) for one in form.attached],
                "media_attributes": [
                    {"id": str(one.id), "description": texts[str(one.id)]}
                    for one in form.attached if str(one.id) in texts
                ],
            }  # fmt: skip
            revision = replace(drafts.revision(given), keeps_poll=True)
            await edit_actions.edit(
                door.database, door.site, visitor.id, content.id, revision, door.operation(request, params)
            )
            return redirect(f"/@{visitor.identity.username}/{content.id}")
    except (Conflict, Invalid) as error:
        form.fail(error, *FIELDS)
    return await door.page(request, "edit.html", 422, form=form, status_id=content.id)


async def ask_delete(door: Door, request: Request) -> Response:
    """GET /statuses/:id/delete: nothing is deleted by a link alone."""
    place = await statuses.one(door.database, path_id(request), visitor_of(request).id)
    _may_delete(request, place.row.account_id)
    views = await statuses.whole(door.database, (place,))
    if not views:
        raise NotFound
    return await door.page(request, "delete.html", view=views[0])


async def delete(door: Door, request: Request) -> Response:
    """POST /statuses/:id/delete"""
    visitor, status_id, params = visitor_of(request), path_id(request), await request.params()
    place = await statuses.one(door.database, status_id, visitor.id)
    _may_delete(request, place.row.account_id)
    operation = door.operation(request, params)
    if place.row.account_id == visitor.id:
        door.guards.throttle.spend("delete", str(visitor.id))
        await edit_actions.delete(door.database, visitor.id, status_id, operation)
        return redirect(f"/@{visitor.identity.username}")
    await moderation.delete_status(door.database, visitor.id, status_id, operation)
    return redirect("/moderation")


def _may_delete(request: Request, author: int) -> None:
    visitor = visitor_of(request)
    if author != visitor.id and not visitor.moderates:
        raise NotFound


async def _own(door: Door, request: Request) -> tuple[StatusContent, Form]:
    """What may be edited: one's own words. Raises NotFound."""
    visitor, status_id = visitor_of(request), path_id(request)
    place = await statuses.one(door.database, status_id, visitor.id)
    content = (await statuses.contents(door.database, (status_id,))).get(status_id)
    if content is None or content.account_id != visitor.id:
        raise NotFound
    return content, Form({
        "status": content.text, "spoiler_text": content.spoiler, "sensitive": content.sensitive,
        "language": place.row.language or "", "back": f"/@{visitor.identity.username}/{status_id}",
    })  # fmt: skip


async def _attach(
    door: Door, request: Request, form: Form, params: Mapping[str, Any], before: StatusContent | None = None
) -> tuple[MediaView, ...]:
    """The pictures that are kept, then the new ones; what is wrong with a new one stands in ``form``."""
    owner = visitor_of(request).id
    texts, dropped = _by_id(params, "alt"), set(many(params, "drop"))
    posted = {one.id for one in before.media} if before else set()
    found = []
    for written in many(params, "media_ids")[: door.site.limits.media_per_status]:
        id = ids.parse(written)
        if id is None or written in dropped:
            continue
        description = texts.get(written)
        if description is not None and id not in posted:
            media_actions.check_description(door.site, description)
            with contextlib.suppress(NotFound):  # shown already: the button was pressed twice
                await media_actions.describe(door.database, owner, id, description, None, door.once())
        found.append(await media.own(door.database, owner, id))
    for number in SLOTS:
        file = params.get(f"picture{number}")
        if isinstance(file, Upload) and file.size:
            new = await _upload(door, owner, file, form, number, params)
            found += [new] if new else []
    return tuple(found)


async def _upload(
    door: Door, owner: int, file: Upload, form: Form, number: int, params: Mapping[str, Any]
) -> MediaView | None:
    description = text(params, f"description{number}").strip() or None
    kind: Literal["video", "audio"] | None = None
    try:
        media_actions.check_description(door.site, description)
        door.guards.throttle.spend("media", str(owner))
        place = (door.database, door.blobs, door.ids, door.chance, owner)
        kind = door.recordings.guess(file.head(files.HEAD_BYTES))
        _check_size(door, file, kind is not None)
        if kind is None:
            picture = await door.images.process(file.whole(), "attachment")
            new = await media_actions.upload(*place, picture, description, None, door.once())
        else:
            received = media_actions.Received(file.stream(), kind, None, description)
            new = await media_actions.receive(*place, received, door.once())
    except Invalid as error:
        form.errors[f"picture{number}"] = f"This {NOUNS[kind]} {error.why}."
        return None
    form.values.pop(f"description{number}", None)
    return await media.own(door.database, owner, new)


def _poll(door: Door, params: Mapping[str, Any]) -> dict[str, Any] | None:
    """The poll as the client API has it; None where no choice was typed."""
    options = [text(params, f"poll_option{at}") for at in range(1, door.site.limits.poll_options + 1)]
    if not any(option.strip() for option in options):
        return None
    return {
        "options": options, "expires_in": text(params, "poll_seconds", 20) or "86400",
        "multiple": ticked(params, "poll_multiple"), "hide_totals": ticked(params, "poll_hide_totals"),
    }  # fmt: skip


def _check_size(door: Door, file: Upload, recorded: bool) -> None:
    limits = door.site.limits
    most = limits.film_bytes if recorded else limits.image_bytes
    if file.size > most:
        raise Invalid("file", f"is larger than {most / 1024 / 1024:g} MiB")


def _by_id(params: Mapping[str, Any], name: str) -> dict[str, str]:
    """The texts of fields called ``name[id]``."""
    value = params.get(name)
    return {id: text for id, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}
