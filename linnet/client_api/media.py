"""Media attachments: upload, describe, look at, delete."""

from linnet.actions import media as actions
from linnet.client_api.door import Door, path_id
from linnet.domain.errors import Invalid, TooLarge
from linnet.domain.files import HEAD_BYTES
from linnet.http.request import Request, Upload
from linnet.http.response import Response, json
from linnet.mastodon import drafts, parsing, statuses
from linnet.ports import Picture
from linnet.queries import media as queries

_WAIT_SECONDS = 60.0
_LOOK_SECONDS = 0.25


async def upload(door: Door, request: Request) -> Response:
    """POST /api/v2/media: pictures are ready at once; for films and sounds 202 says that they are not yet."""
    reader = request.context.account_id
    new = await _take(door, request, reader)
    return await _one(door, reader, new, unready=202)


async def upload_and_wait(door: Door, request: Request) -> Response:
    """POST /api/v1/media: the older way, which answers when the file is ready, or after a minute."""
    reader = request.context.account_id
    new = await _take(door, request, reader)
    until = door.clock.monotonic() + _WAIT_SECONDS
    while door.clock.monotonic() < until:
        if (await queries.look(door.database, reader, new)).state != "processing":
            break
        await door.clock.sleep(_LOOK_SECONDS)
    return await _one(door, reader, new, unready=206)


async def show(door: Door, request: Request) -> Response:
    """GET /api/v1/media/:id: 206 for as long as it is not ready, 422 where nothing could be made of it."""
    return await _one(door, request.context.account_id, path_id(request), unready=206)


async def update(door: Door, request: Request) -> Response:
    """PUT /api/v1/media/:id"""
    reader, id = request.context.account_id, path_id(request)
    params = await request.params()
    description = actions.check_description(door.site, parsing.optional_text(params, "description"))
    focus = drafts.focus(params)
    thumbnail = await _thumbnail(door, params.get("thumbnail"))
    await actions.describe(door.database, reader, id, description, focus, door.operation(request))
    if thumbnail is not None:
        await actions.set_thumbnail(door.database, door.blobs, door.chance, reader, id, thumbnail, door.once())
    return await _one(door, reader, id, unready=206)


async def delete(door: Door, request: Request) -> Response:
    """DELETE /api/v1/media/:id"""
    reader, id = request.context.account_id, path_id(request)
    await actions.delete(door.database, door.blobs, reader, id, door.operation(request))
    return json({})


async def _take(door: Door, request: Request, reader: int) -> int:
    params = await request.params()
    file = params.get("file")
    if not isinstance(file, Upload):
        raise Invalid("file", "can't be blank", "ERR_BLANK")
    description = actions.check_description(door.site, parsing.optional_text(params, "description"))
    focus = drafts.focus(params)
    kind = door.recordings.guess(file.head(HEAD_BYTES))
    operation = door.operation(request)
    parts = (door.database, door.blobs, door.ids, door.chance, reader)
    if kind is None:
        picture = await door.images.process(_picture_bytes(door, file), "attachment")
        return await actions.upload(*parts, picture, description, focus, operation)
    _check_size(file, door.site.limits.film_bytes)
    thumbnail = await _thumbnail(door, params.get("thumbnail"))
    received = actions.Received(file.stream(), kind, thumbnail, description, focus)
    return await actions.receive(*parts, received, operation)


async def _thumbnail(door: Door, given: object) -> Picture | None:
    if not isinstance(given, Upload):
        return None
    try:
        return await door.images.process(_picture_bytes(door, given), "thumbnail")
    except Invalid as error:
        raise Invalid("thumbnail", error.why, error.code) from None


def _picture_bytes(door: Door, file: Upload) -> bytes:
    """Looked at before it is read into memory."""
    _check_size(file, door.site.limits.image_bytes)
    return file.whole()


def _check_size(file: Upload, limit: int) -> None:
    if file.size > limit:
        raise TooLarge(f"The file is larger than {limit / 1024 / 1024:g} MiB")


async def _one(door: Door, reader: int, id: int, *, unready: int) -> Response:
    found = await queries.look(door.database, reader, id)
    if found.state == "failed":
        raise Invalid("file", found.error)
    return json(statuses.media(door.site, found.view), unready if found.state == "processing" else 200)
