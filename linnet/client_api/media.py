"""Media attachments: upload, describe, look at, delete."""

from linnet.actions import media as actions
from linnet.client_api.door import Door, path_id
from linnet.domain.errors import Invalid
from linnet.http.request import Request, Upload
from linnet.http.response import Response, json
from linnet.mastodon import drafts, parsing, statuses
from linnet.queries import media as queries


async def upload(door: Door, request: Request) -> Response:
    """POST /api/v2/media, POST /api/v1/media: pictures are ready at once."""
    reader = request.context.account_id
    params = await request.params()
    file = params.get("file")
    if not isinstance(file, Upload):
        raise Invalid("file", "can't be blank", "ERR_BLANK")
    description = actions.check_description(door.site, parsing.optional_text(params, "description"))
    focus = drafts.focus(params)
    picture = await door.images.process(file.data, "attachment")
    new = await actions.upload(
        door.database, door.blobs, door.ids, door.chance, reader, picture, description, focus, door.operation(request)
    )
    return await _one(door, reader, new)


async def show(door: Door, request: Request) -> Response:
    """GET /api/v1/media/:id"""
    return await _one(door, request.context.account_id, path_id(request))


async def update(door: Door, request: Request) -> Response:
    """PUT /api/v1/media/:id"""
    reader, id = request.context.account_id, path_id(request)
    params = await request.params()
    description = actions.check_description(door.site, parsing.optional_text(params, "description"))
    focus = drafts.focus(params)
    await actions.describe(door.database, reader, id, description, focus, door.operation(request))
    return await _one(door, reader, id)


async def delete(door: Door, request: Request) -> Response:
    """DELETE /api/v1/media/:id"""
    reader, id = request.context.account_id, path_id(request)
    await actions.delete(door.database, door.blobs, reader, id, door.operation(request))
    return json({})


async def _one(door: Door, reader: int, id: int) -> Response:
    return json(statuses.media(door.site, await queries.own(door.database, reader, id)))
