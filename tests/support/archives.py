"""Archives for tests: made here in the forms that are documented, and handed to a world as its people would."""

import contextlib
import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from linnet import app
from linnet.actions import exports, imports
from linnet.actions.imports import Options
from linnet.archives.bounds import Bounds
from linnet.queries import exports as export_queries
from linnet.queries import imports as import_queries
from linnet.queries.imports import Report
from linnet.storage.database import Operation
from tests.support import pictures
from tests.support.client import World, open_world
from tests.support.databases import open_sqlite

ELSEWHERE = "https://old.example"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


def zipped(files: Mapping[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(files: Mapping[str, bytes | str], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            raw = data.encode() if isinstance(data, str) else data
            entry = tarfile.TarInfo(name)
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    return buffer.getvalue()


def actor(**more: Any) -> str:
    return json.dumps({"id": f"{ELSEWHERE}/users/ada", "type": "Person", "preferredUsername": "ada", **more})


def note(number: int, text: str, published: str = "2019-05-01T12:00:00Z", **more: Any) -> dict[str, Any]:
    """The ``Create`` of a public post, as Mastodon's archives have it; ``more`` is of its object."""
    address = f"{ELSEWHERE}/users/ada/statuses/{number}"
    return {
        "id": f"{address}/activity", "type": "Create", "actor": f"{ELSEWHERE}/users/ada", "published": published,
        "object": {
            "id": address, "type": "Note", "summary": None, "inReplyTo": None, "published": published,
            "attributedTo": f"{ELSEWHERE}/users/ada", "to": [PUBLIC], "cc": [f"{ELSEWHERE}/users/ada/followers"],
            "sensitive": False, "content": f"<p>{text}</p>", "attachment": [], "tag": [], **more,
        },
    }  # fmt: skip


def outbox(*items: Any) -> str:
    return json.dumps(
        {"id": "outbox.json", "type": "OrderedCollection", "totalItems": len(items), "orderedItems": items}
    )


NOTES = (
    note(1, "first", "2017-04-01T10:00:00Z", contentMap={"fr": "<p>first</p>"}),
    note(
        2, "a reply", "2018-04-01T10:00:00.250Z", inReplyTo=f"{ELSEWHERE}/users/ada/statuses/1",
        to=[f"{ELSEWHERE}/users/ada/followers"], cc=[], summary="careful", sensitive=True,
    ),
    note(
        3, 'hi <a href="https://far.example/@bob" class="u-url mention">@<span>bob</span></a> &amp; all #Tag',
        "2018-05-01T10:00:00Z", to=[f"{ELSEWHERE}/users/ada/followers"], cc=[PUBLIC],
        tag=[{"type": "Mention", "href": "https://far.example/@bob", "name": "@bob@far.example"}],
    ),
    note(
        4, "pictures", "2019-01-01T00:00:00Z",
        attachment=[
            {"type": "Document", "mediaType": "image/png", "url": "/media_attachments/files/1/a.png", "name": "a disc",
             "focalPoint": [0.5, -0.5]},
            {"type": "Document", "mediaType": "image/png", "url": "/media_attachments/files/1/lost.png", "name": None},
        ],
    ),
)  # fmt: skip


def mastodon() -> dict[str, bytes | str]:
    """The files of a small archive of Mastodon: four posts, a picture, one that is missing, a bookmark, a profile."""
    return {
        "outbox.json": outbox(*reversed(NOTES)), "actor.json": actor(name="Ada", summary="<p>I</p>"),
        "bookmarks.json": json.dumps({"orderedItems": [f"{ELSEWHERE}/users/ada/statuses/1"]}),
        "media_attachments/files/1/a.png": pictures.png(),
    }  # fmt: skip


def tweet(number: int, text: str, at: str = "Wed Oct 10 20:19:24 +0000 2018", **more: Any) -> dict[str, Any]:
    return {"tweet": {"id_str": str(number), "full_text": text, "created_at": at, "lang": "en", **more}}


def tweets(*items: Any, part: int = 0) -> str:
    return f"window.YTD.tweets.part{part} = {json.dumps(items)}"


async def exported(world: World, account_id: int) -> bytes:
    """An archive of the account, as it is downloaded."""
    new = await exports.begin(app.exporting(world.parts), account_id, Operation.once(world.parts.ids))
    await world.run_jobs()
    await export_queries.ready(world.database, account_id, new)
    return b"".join([piece async for piece in export_queries.content(world.database, world.parts.blobs, new)])


def tools(world: World, **bounds: int) -> imports.Tools:
    found = app.importing(world.parts, world.images, world.recordings)
    return found._replace(bounds=Bounds(**bounds)) if bounds else found


async def handed_in(world: World, account_id: int, data: bytes, kind: str = "archive", **options: Any) -> int:
    """The import's id; it waits as a job."""
    return await imports.begin(
        tools(world), account_id, kind, Options(**options), "archive.zip", io.BytesIO(data), len(data),
        Operation.once(world.parts.ids),
    )  # fmt: skip


async def imported(world: World, account_id: int, data: bytes, kind: str = "archive", **options: Any) -> Report:
    """The report of an import that has come to its end."""
    new = await handed_in(world, account_id, data, kind, **options)
    await world.run_jobs()
    return await import_queries.one(world.database, account_id, new, 1_000)


@contextlib.asynccontextmanager
async def empty_world(folder: Path, template: Path) -> AsyncIterator[World]:
    """Another server, on a SQLite file and a folder of its own."""
    folder.mkdir()
    shutil.copyfile(template, folder / "linnet.db")

    async def database(clock: Any, ids: Any) -> Any:
        return open_sqlite(folder / "linnet.db", clock, ids)

    async with open_world(folder, database) as world:
        yield world
