"""Moving in and out: archives that are made, fetched and thrown away, archives that are taken in, and their reports."""

import asyncio
import io
from datetime import UTC, datetime

from linnet.actions import exports, imports
from linnet.actions.imports import Options
from linnet.archives.bounds import Bounds
from linnet.domain.errors import Conflict, Invalid
from linnet.domain.visibility import Visibility
from linnet.http.request import Request, Upload
from linnet.http.response import Response, StreamBody, redirect
from linnet.queries import exports as export_queries
from linnet.queries import imports as import_queries
from linnet.web import headers
from linnet.web.door import Door, path_id, visitor_of
from linnet.web.forms import Form, text, ticked

LINES = 1_000
DONE = {
    "export": "Your archive is being made. It can be fetched here when it is ready.",
    "deleted": "The archive is gone.",
    "import": "Your file is being taken in.",
}
KINDS = (
    ("archive", "An archive of Mastodon, Linnet or Twitter (zip or tar.gz)"),
    ("following", "CSV: whom I follow"),
    ("mutes", "CSV: whom I mute"),
    ("blocks", "CSV: whom I block"),
    ("bookmarks", "CSV: my bookmarks"),
    ("lists", "CSV: my lists"),
    ("domain_blocks", "CSV: servers that I block"),
)


async def show(door: Door, request: Request) -> Response:
    """GET /settings/moving"""
    return await _page(door, request, Form(done=DONE.get(str(request.query().get("done")), "")))


async def _page(door: Door, request: Request, form: Form) -> Response:
    who = visitor_of(request).id
    made = await export_queries.listed(door.database, who)
    taken = await import_queries.listed(door.database, who)
    running = "running" in {one.state for one in made} | {one.state for one in taken}
    return await door.page(
        request, "moving.html", 422 if form.errors else 200, form=form, imports=taken, running=running, kinds=KINDS,
        exports=[one for one in made if one.state != "failed"], gigabytes=Bounds().archive_bytes >> 30,
    )  # fmt: skip


async def make(door: Door, request: Request) -> Response:
    """POST /settings/exports"""
    tools = exports.Tools(door.database, door.blobs, door.chance, door.site)
    try:
        await exports.begin(tools, visitor_of(request).id, door.operation(request, await request.params()))
    except Conflict as error:
        return await _page(door, request, Form().fail(error))
    return redirect("/settings/moving?done=export")


async def delete(door: Door, request: Request) -> Response:
    """POST /settings/exports/:export/delete"""
    operation = door.operation(request, await request.params())
    await exports.delete(door.database, visitor_of(request).id, path_id(request, "export"), operation)
    return redirect("/settings/moving?done=deleted")


async def fetch(door: Door, request: Request) -> Response:
    """GET /settings/exports/:export/archive.zip: as its pieces are, one after another."""
    found = await export_queries.ready(door.database, visitor_of(request).id, path_id(request, "export"))
    day = datetime.fromtimestamp(found.created_at / 1000, UTC).strftime("%Y-%m-%d")
    name = f"linnet-{visitor_of(request).identity.username}-{day}.zip"
    body = StreamBody(export_queries.content(door.database, door.blobs, found.id))
    more = (
        (b"content-disposition", f'attachment; filename="{name}"'.encode()),
        (b"content-length", b"%d" % found.bytes),
        *headers.PRIVATE,
    )
    return Response(body, 200, more, b"application/zip")


async def take_in(door: Door, request: Request) -> Response:
    """POST /settings/imports"""
    params = await request.params()
    form = Form({name: value for name, value in params.items() if name != "file"})
    # One number to a form, but not to what is in it: after a mistake it is sent again with another file.
    try:
        file, visibility = params.get("file"), Visibility.parse(text(params, "visibility") or "public")
        if not isinstance(file, Upload) or not file.size:
            raise Invalid("file", "has to be chosen", "ERR_BLANK")
        options = Options(ticked(params, "overwrite"), ticked(params, "profile"), visibility or Visibility.PUBLIC)
        tools = imports.Tools(
            door.database, door.blobs, door.chance, door.ids, door.site, door.images, door.recordings,
            asyncio.Lock(),
        )  # fmt: skip
        source = io.BytesIO(file.data) if file.file is None else file.file
        source.seek(0)
        await imports.begin(
            tools, visitor_of(request).id, text(params, "type"), options, file.filename, source, file.size, door.once()
        )
    except (Invalid, Conflict) as error:
        return await _page(door, request, form.fail(error, "file", "type"))
    return redirect("/settings/moving?done=import")


async def report(door: Door, request: Request) -> Response:
    """GET /settings/imports/:import"""
    found = await import_queries.one(door.database, visitor_of(request).id, path_id(request, "import"), LINES)
    return await door.page(request, "moving_report.html", one=found.row, lines=found.lines)
