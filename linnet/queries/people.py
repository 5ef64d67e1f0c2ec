"""The people of this server, in the order in which they came: for its operator."""

import msgspec

from linnet.storage import people
from linnet.storage.database import Database, Reader


class Person(msgspec.Struct, frozen=True):
    """A local account. Times in ms since 1970; None for what has not happened."""

    id: int
    username: str
    email: str
    role: str
    suspended_at: int | None
    silenced_at: int | None
    confirmed_at: int | None
    approved_at: int | None
    statuses: int
    followers: int
    last_status_at: int | None
    created_at: int

    @property
    def state(self) -> str:
        """In a word."""
        for word, holds in (
            ("suspended", self.suspended_at is not None),
            ("unconfirmed", self.confirmed_at is None),
            ("waiting", self.approved_at is None),
            ("silenced", self.silenced_at is not None),
        ):
            if holds:
                return word
        return "active"


async def listed(database: Database, after: int, limit: int) -> tuple[Person, ...]:
    """Those whose ids follow ``after``."""

    async def read(tx: Reader) -> tuple[Person, ...]:
        return tuple(Person(*row) for row in await tx.all(people.SQL.listed, after=after, limit=limit))

    return await database.read(read)
