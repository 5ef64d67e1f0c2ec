"""Custom emojis, as everybody may see and use them."""

from collections.abc import Iterable

from linnet.domain.views import EmojiView
from linnet.storage import emojis
from linnet.storage.database import Database, Reader


async def state(database: Database) -> int:
    """A number that is another one after every change of the custom emojis."""
    return await database.read(_state)


async def named(database: Database, codes: Iterable[str]) -> tuple[dict[str, EmojiView], int]:
    """The custom emojis with these shortcodes, and the state that they were read in."""
    wanted = list(codes)

    async def read(tx: Reader) -> tuple[dict[str, EmojiView], int]:
        rows = await tx.all(emojis.SQL.named, codes=wanted)
        return {row[0]: EmojiView(*row) for row in rows}, await _state(tx)

    return await database.read(read)


async def all(database: Database) -> tuple[EmojiView, ...]:
    async def read(tx: Reader) -> tuple[EmojiView, ...]:
        return tuple(EmojiView(*row) for row in await tx.all(emojis.SQL.all))

    return await database.read(read)


async def _state(tx: Reader) -> int:
    row = await tx.one(emojis.SQL.state)
    return int(row[0]) if row else 0
