"""The outbox as its operator sees it."""

import msgspec

from linnet.storage import jobs
from linnet.storage.database import Database, Reader


class Waiting(msgspec.Struct, frozen=True):
    """A job that waits, runs or is tried again. ``run_at`` in ms since 1970: when it is due, or its lease ends."""

    id: int
    kind: str
    payload: str
    attempts: int
    error: str | None
    run_at: int


class Dead(msgspec.Struct, frozen=True):
    """A job that was given up. ``dead_at`` in ms since 1970."""

    id: int
    kind: str
    payload: str
    attempts: int
    error: str | None
    dead_at: int


async def waiting(database: Database, limit: int) -> tuple[Waiting, ...]:
    async def read(tx: Reader) -> tuple[Waiting, ...]:
        return tuple(Waiting(*row) for row in await tx.all(jobs.SQL.waiting, limit=limit))

    return await database.read(read)


async def dead(database: Database, limit: int) -> tuple[Dead, ...]:
    async def read(tx: Reader) -> tuple[Dead, ...]:
        return tuple(Dead(*row) for row in await tx.all(jobs.SQL.dead, limit=limit))

    return await database.read(read)
