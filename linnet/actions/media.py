"""Uploads: kept before they are acknowledged, made ready, tied to a status later, or forgotten."""

import tempfile
from collections.abc import Mapping
from typing import Any, BinaryIO, Literal, NamedTuple, cast

import msgspec

from linnet.actions import pictures
from linnet.domain import files
from linnet.domain.errors import Conflict, Invalid, NotFound, Unavailable
from linnet.domain.site import Site
from linnet.ports import Blobs, Chance, Ids, Measures, Picture, PictureSize, Recording, Recordings
from linnet.storage import jobs, media
from linnet.storage.database import Database, Operation, Writer
from linnet.storage.jobs import Job

ATTEMPTS = 3
"""After so many that ended without a word, it is the file that ends the process."""


class Received(NamedTuple):
    """A film or a sound as it came. ``kind`` is what it seems to be; ``thumbnail`` is the owner's picture for it."""

    file: BinaryIO
    kind: Literal["video", "audio"]
    thumbnail: Picture | None = None
    description: str | None = None
    focus: tuple[float, float] | None = None


def check_description(site: Site, description: str | None) -> str | None:
    if description is not None and len(description) > site.limits.description_chars:
        limit = site.limits.description_chars
        raise Invalid("description", f"is too long (maximum is {limit} characters)", "ERR_TOO_LONG")
    return description


async def upload(
    database: Database,
    blobs: Blobs,
    ids: Ids,
    chance: Chance,
    account_id: int,
    picture: Picture,
    description: str | None,
    focus: tuple[float, float] | None,
    operation: Operation,
) -> int:
    """Keeps a picture that was made safe; the attachment's id. Its files are on the disk before its row is there."""
    new = ids.next()
    stored = await pictures.store(blobs, chance, "media", new, picture)

    async def write(tx: Writer) -> int:
        await tx.run(
            media.SQL.insert,
            id=new,
            account_id=account_id,
            type=picture.type,
            mime=picture.mime,
            file_key=stored.original,
            preview_key=stored.small,
            description=description,
            focus_x=focus[0] if focus else None,
            focus_y=focus[1] if focus else None,
            blurhash=picture.blurhash,
            meta=_as_text(_meta(picture, picture.measures, focus)),
        )
        return new

    kept = await database.write(write, operation, returns=int)
    if kept != new:
        # The same request again: the first one's picture is there, and no row will ever name these files.
        await pictures.forget(blobs, stored.keys.values())
    return kept


async def keep(
    database: Database,
    blobs: Blobs,
    ids: Ids,
    chance: Chance,
    account_id: int,
    made: Recording,
    file: BinaryIO,
    description: str | None,
    receipt: Operation,
) -> int:
    """Keeps a film or a sound that is made already; the attachment's id. Its files are on the disk before its row."""
    new = ids.next()
    folder = files.folder("media", new, chance.secret(files.SECRET_BYTES))
    key = files.key(folder, f"original.{made.extension}")
    await blobs.put_file(key, file)
    stored = await pictures.store_in(blobs, folder, made.preview) if made.preview else pictures.Stored({})

    async def write(tx: Writer) -> int:
        await tx.run(
            media.SQL.insert,
            id=new,
            account_id=account_id,
            type=made.type,
            mime=made.mime,
            file_key=key,
            preview_key=stored.small,
            description=description,
            focus_x=None,
            focus_y=None,
            blurhash=made.preview.blurhash if made.preview else None,
            meta=_as_text(_meta(made.preview, made.measures, None)),
        )
        return new

    kept = await database.write(write, receipt, returns=int)
    if kept != new:
        await pictures.forget(blobs, [key, *stored.keys.values()])
    return kept


async def receive(
    database: Database,
    blobs: Blobs,
    ids: Ids,
    chance: Chance,
    account_id: int,
    given: Received,
    operation: Operation,
) -> int:
    """Keeps a film or a sound as it came, for a job to make it ready; the attachment's id. Raises Unavailable."""
    thumbnail, focus = given.thumbnail, given.focus
    new, secret = ids.next(), chance.secret(files.SECRET_BYTES)
    source = files.key(files.folder("uploads", new, secret), "source")
    await blobs.put_file(source, given.file)
    stored = await pictures.store(blobs, chance, "media", new, thumbnail) if thumbnail else pictures.Stored({})

    async def write(tx: Writer) -> int:
        await tx.run(
            media.SQL.insert_waiting,
            id=new,
            account_id=account_id,
            type=given.kind,
            preview_key=stored.small,
            description=given.description,
            focus_x=focus[0] if focus else None,
            focus_y=focus[1] if focus else None,
            blurhash=thumbnail.blurhash if thumbnail else None,
            meta=_as_text(_meta(thumbnail, None, focus)),
            source_key=source,
        )
        # Its place is chosen here: a job that is done twice writes the same files twice.
        folder = files.folder("media", new, chance.secret(files.SECRET_BYTES))
        await jobs.add(tx, "media.process", {"id": new, "folder": folder})
        return new

    kept = await database.write(write, operation, returns=int)
    if kept != new:
        await pictures.forget(blobs, [source, *stored.keys.values()])
    return kept


async def process(database: Database, blobs: Blobs, recordings: Recordings, job: Job) -> None:
    """Job ``media.process``: makes a film or a sound ready. What cannot be made is said once and not tried again."""
    id, folder = job.payload["id"], job.payload["folder"]
    row = await database.read(lambda tx: tx.one(media.SQL.waiting, id=id))
    if row is None:
        await database.write(lambda tx: jobs.finish(tx, job))
        return
    try:
        if job.attempts > ATTEMPTS:
            raise Invalid("file", "could not be processed")
        with cast(BinaryIO, tempfile.TemporaryFile(dir=blobs.scratch)) as target:
            made = await _make(blobs, recordings, row[1], target)
            key = files.key(folder, f"original.{made.extension}")
            await blobs.put_file(key, target)
        # A thumbnail of the owner's own is kept.
        stored = await pictures.store_in(blobs, folder, made.preview) if made.preview else pictures.Stored({})
        await _ready(database, blobs, job, made, key, stored.small)
    except Invalid as error:
        await _failed(database, job, row[1], error)
    except Unavailable as error:
        # Nobody's fault: the others' turn, or a disk that is full. It is due again soon, as if for the first time.
        again = error.retry_after * 1000
        await database.write(lambda tx: jobs.proceed(tx, job, job.payload, run_at=tx.now + again))


async def _make(blobs: Blobs, recordings: Recordings, source_key: str, target: BinaryIO) -> Recording:
    source = await blobs.fetch(source_key)
    if source is None:
        raise Invalid("file", "was lost before it could be processed")
    with source:
        return await recordings.process(source, target)


async def _ready(database: Database, blobs: Blobs, job: Job, made: Recording, key: str, preview_key: str) -> None:
    async def write(tx: Writer) -> list[str]:
        row = await tx.one(media.SQL.waiting, id=job.payload["id"])
        await jobs.finish(tx, job)
        if row is None:
            return [key, preview_key]  # deleted meanwhile
        _, source_key, own_preview, own_hash, before = row
        meta = msgspec.json.decode(before)
        preview = None if own_preview else made.preview
        await tx.run(
            media.SQL.ready,
            id=job.payload["id"],
            type=made.type,
            mime=made.mime,
            file_key=key,
            preview_key=own_preview or preview_key,
            blurhash=preview.blurhash if preview else own_hash,
            meta=_as_text(_meta(preview, made.measures, None) | meta),
        )
        await jobs.add(tx, "files.delete", {"keys": [source_key]})
        return [preview_key] if own_preview else []

    await pictures.forget(blobs, await database.write(write))


async def _failed(database: Database, job: Job, source_key: str, error: Invalid) -> None:
    async def write(tx: Writer) -> None:
        await tx.run(media.SQL.failed, id=job.payload["id"], error=error.why)
        await jobs.add(tx, "files.delete", {"keys": [source_key]})
        await jobs.finish(tx, job)

    await database.write(write)


def _meta(picture: Picture | None, measures: Measures | None, focus: tuple[float, float] | None) -> Mapping[str, Any]:
    """As in MediaAttachment: ``original`` has the measures of what plays, and sizes of what is seen."""
    found: dict[str, Any] = {
        name: _size(size)
        for name, size in (picture.meta if picture else {}).items()
        if name in ("original", "small")
    }  # fmt: skip
    if measures is not None:
        found["original"] = _played(measures)
    if focus is not None:
        found["focus"] = {"x": focus[0], "y": focus[1]}
    return found


def _size(size: PictureSize) -> dict[str, Any]:
    return {"width": size.width, "height": size.height, "size": size.size, "aspect": size.aspect}


def _played(measures: Measures) -> dict[str, Any]:
    lasting = {"duration": measures.duration, "bitrate": measures.bitrate}
    width, height = measures.width, measures.height
    if not width or not height:
        return lasting
    seen = {"width": width, "height": height, "size": f"{width}x{height}", "aspect": width / height}
    return {**seen, "frame_rate": measures.frame_rate, **lasting}


def _as_text(meta: Mapping[str, Any]) -> str:
    return msgspec.json.encode(meta).decode()


async def describe(
    database: Database,
    account_id: int,
    id: int,
    description: str | None,
    focus: tuple[float, float] | None,
    operation: Operation,
) -> int:
    """New words for an upload that no status shows yet. Raises NotFound."""

    async def write(tx: Writer) -> int:
        found = await media.own(tx, account_id, id)
        if found is None or found.status_id:
            raise NotFound
        await media.describe(tx, account_id, id, description, focus)
        return id

    return await database.write(write, operation, returns=int)


async def set_thumbnail(
    database: Database, blobs: Blobs, chance: Chance, account_id: int, id: int, picture: Picture, operation: Operation
) -> int:
    """Another preview for a film or a sound that no status shows yet. Raises NotFound.

    A picture is its own preview: what is handed in for one is not kept, as on Mastodon.
    """
    stored = await pictures.store(blobs, chance, "media", id, picture)

    async def write(tx: Writer) -> list[str]:
        found = await media.own(tx, account_id, id)
        if found is None or found.status_id:
            raise NotFound
        if found.view.type == "image":
            return [""]
        meta = {**found.view.meta, "small": _size(picture.meta["small"])}
        await tx.run(
            media.SQL.set_preview, id=id, account_id=account_id, preview_key=stored.small, blurhash=picture.blurhash,
            meta=_as_text(meta),
        )  # fmt: skip
        return [stored.small, found.view.preview_key]

    kept, *unused = await database.write(write, operation, returns=list[str])
    if kept != stored.small:
        unused = list(stored.keys.values())
    await pictures.forget(blobs, unused)
    return id


async def delete(database: Database, blobs: Blobs, account_id: int, id: int, operation: Operation) -> None:
    """Raises NotFound, or Conflict where a status shows it."""

    async def write(tx: Writer) -> list[str]:
        found = await media.own(tx, account_id, id)
        if found is None:
            raise NotFound
        if found.status_id:
            raise _in_use()
        row = await tx.one(media.SQL.delete, id=id, account_id=account_id)
        if row is None:
            # Somebody was quicker: it was deleted, or a status shows it now.
            raise NotFound if await media.own(tx, account_id, id) is None else _in_use()
        return list(row)

    await pictures.forget(blobs, await database.write(write, operation, returns=list[str]))


def _in_use() -> Conflict:
    return Conflict("Media attachment is currently used by a status")
