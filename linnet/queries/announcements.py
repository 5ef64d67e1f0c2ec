"""Announcements, as somebody signed in sees them, and as the operator lists them."""

from typing import NamedTuple

from linnet.domain.announcements import Announcement, Reaction
from linnet.storage import announcements
from linnet.storage.database import Database, Reader

SQL = announcements.SQL


class Told(NamedTuple):
    """One announcement, whether the reader has read it, and what it was given."""

    announcement: Announcement
    read: bool
    reactions: tuple[Reaction, ...]


async def standing(database: Database, reader: int) -> tuple[Told, ...]:
    """What is announced now, in the order of what it is about."""

    async def read(tx: Reader) -> tuple[Told, ...]:
        found = [announcements.as_announcement(row) for row in await tx.all(SQL.standing, now=tx.now)]
        if not found:
            return ()
        ids = [one.id for one in found]
        seen = {row[0] for row in await tx.all(SQL.reads, account_id=reader, ids=ids)}
        given = await tx.all(SQL.reactions, ids=ids, reader=reader)
        reactions: dict[int, tuple[Reaction, ...]] = dict.fromkeys(ids, ())
        for id, name, times, me in given:
            reactions[id] += (Reaction(name, times, bool(me)),)
        return tuple(Told(one, one.id in seen, reactions[one.id]) for one in found)

    return await database.read(read)


async def all(database: Database) -> tuple[Announcement, ...]:
    """Those that are kept back or over, too; the oldest first."""

    async def read(tx: Reader) -> tuple[Announcement, ...]:
        return tuple(announcements.as_announcement(row) for row in await tx.all(SQL.all))

    return await database.read(read)


async def given_last(database: Database, announcement_id: int, account_id: int) -> Reaction | None:
    """What an account has given an announcement last; None where it has given nothing."""
    row = await database.read(lambda tx: tx.one(SQL.given_last, id=announcement_id, account_id=account_id))
    return None if row is None else Reaction(row[0], row[1], False)
