"""Custom emojis: put, shown to all at once, and taken away."""

import re

from linnet.actions import pictures
from linnet.domain.errors import Invalid, NotFound
from linnet.ports import Blobs, Chance, Ids, Images
from linnet.storage import emojis, jobs, moderation
from linnet.storage.database import Database, Operation, Writer

LARGEST = 256 * 1024
"""Bytes, as on Mastodon."""

_SHORTCODE = re.compile(r"[A-Za-z0-9_]{2,30}")


async def add(
    database: Database, blobs: Blobs, images: Images, ids: Ids, chance: Chance, shortcode: str, data: bytes,
    category: str | None, operation: Operation,
) -> None:  # fmt: skip
    """Puts an emoji, or another picture under its shortcode. Raises Invalid."""
    if not _SHORTCODE.fullmatch(shortcode):
        raise Invalid("shortcode", "must be 2 to 30 letters, digits and underscores")
    if len(data) > LARGEST:
        raise Invalid("file", f"is too large (maximum is {LARGEST // 1024} KiB)")
    picture = await images.process(data, "emoji")
    stored = await pictures.store(blobs, chance, "emoji", ids.next(), picture)

    async def write(tx: Writer) -> None:
        await _forget_files(tx, shortcode)
        await tx.run(
            emojis.SQL.put, shortcode=shortcode, file_key=stored.original, static_key=stored.static, category=category,
            visible_in_picker=1, now=tx.now,
        )  # fmt: skip
        await tx.run(emojis.SQL.touch, version=str(tx.ids.next()))
        await moderation.note(tx, None, "emoji.add", shortcode)

    await database.write(write, operation)


async def remove(database: Database, shortcode: str, operation: Operation) -> None:
    """Texts that name it show the name again. Raises NotFound."""

    async def write(tx: Writer) -> None:
        await _forget_files(tx, shortcode)
        if not await tx.run(emojis.SQL.remove, shortcode=shortcode):
            raise NotFound(f"There is no emoji called {shortcode}")
        await tx.run(emojis.SQL.touch, version=str(tx.ids.next()))
        await moderation.note(tx, None, "emoji.remove", shortcode)

    await database.write(write, operation)


async def _forget_files(tx: Writer, shortcode: str) -> None:
    """The old picture's files go with the commit that takes its row."""
    for row in await tx.all(emojis.SQL.named, codes=[shortcode]):
        await jobs.add(tx, "files.delete", {"keys": sorted({row[1], row[2]})})
