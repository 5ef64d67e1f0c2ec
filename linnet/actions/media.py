"""Uploads: kept before they are acknowledged, tied to a status later, or forgotten."""

from collections.abc import Mapping
from typing import Any

import msgspec

from linnet.domain import files
from linnet.domain.errors import Conflict, Invalid, NotFound
from linnet.domain.site import Site
from linnet.ports import Blobs, Chance, Ids, Picture
from linnet.storage import media
from linnet.storage.database import Database, Operation, Writer


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
    folder = files.folder("media", new, chance.secret(files.SECRET_BYTES))
    keys = {name: files.key(folder, name) for name in picture.files}
    for name, data in picture.files.items():
        await blobs.put(keys[name], data)
    original, small = picture.name("original"), picture.name("small")
    if original is None or small is None:
        raise Invalid("file", "is not a picture that can be shown")

    async def write(tx: Writer) -> int:
        await tx.run(
            media.SQL.insert,
            id=new,
            account_id=account_id,
            type="image",
            mime=picture.mime,
            file_key=keys[original],
            preview_key=keys[small],
            description=description,
            focus_x=focus[0] if focus else None,
            focus_y=focus[1] if focus else None,
            blurhash=picture.blurhash,
            meta=msgspec.json.encode(_meta(picture, focus)).decode(),
        )
        return new

    kept = await database.write(write, operation, returns=int)
    if kept != new:
        # The same request again: the first one's picture is there, and no row will ever name these files.
        for key in keys.values():
            await blobs.delete(key)
    return kept


def _meta(picture: Picture, focus: tuple[float, float] | None) -> Mapping[str, Any]:
    sizes: dict[str, Any] = {
        name: {"width": size.width, "height": size.height, "size": size.size, "aspect": size.aspect}
        for name, size in picture.meta.items()
        if name in ("original", "small")
    }
    if focus is not None:
        sizes["focus"] = {"x": focus[0], "y": focus[1]}
    return sizes


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
        if found is None or found[1]:
            raise NotFound
        await media.describe(tx, account_id, id, description, focus)
        return id

    return await database.write(write, operation, returns=int)


async def delete(database: Database, blobs: Blobs, account_id: int, id: int, operation: Operation) -> None:
    """Raises NotFound, or Conflict where a status shows it."""

    async def write(tx: Writer) -> list[str]:
        found = await media.own(tx, account_id, id)
        if found is None:
            raise NotFound
        if found[1]:
            raise _in_use()
        row = await tx.one(media.SQL.delete, id=id, account_id=account_id)
        if row is None:
            # Somebody was quicker: it was deleted, or a status shows it now.
            raise NotFound if await media.own(tx, account_id, id) is None else _in_use()
        return list(row)

    for key in await database.write(write, operation, returns=list[str]):
        await blobs.delete(key)


def _in_use() -> Conflict:
    return Conflict("Media attachment is currently used by a status")
