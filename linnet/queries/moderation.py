"""What moderators did, the latest first."""

import msgspec

from linnet.domain import ids
from linnet.domain.paging import Page
from linnet.storage import moderation
from linnet.storage.database import Database, Reader


class Entry(msgspec.Struct, frozen=True):
    """A line of the moderation log. ``moderator`` is None for the operator, and for whoever is there no more."""

    id: int
    moderator_id: int | None
    moderator: str | None
    action: str
    target: str
    reason: str

    @property
    def at(self) -> int:
        """In ms since 1970."""
        return ids.milliseconds(self.id)


async def entries(database: Database, page: Page) -> tuple[Entry, ...]:
    async def read(tx: Reader) -> tuple[Entry, ...]:
        return tuple(Entry(*row) for row in await tx.page(moderation.SQL.entries, page))

    return await database.read(read)
