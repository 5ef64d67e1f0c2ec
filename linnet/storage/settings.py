"""Settings that belong to the data and not to a machine, and where the ids of a start-up go on."""

from linnet.domain import ids
from linnet.storage import statements
from linnet.storage.database import Reader, Writer

SQL = statements.load("settings")


async def get(tx: Reader, key: str) -> str | None:
    row = await tx.one(SQL.get, key=key)
    return None if row is None else str(row[0])


async def put_new(tx: Writer, key: str, value: str) -> bool:
    """False where the key was there already; its value stays."""
    return await tx.run(SQL.put_new, key=key, value=value) == 1


async def put(tx: Writer, key: str, value: str) -> None:
    await tx.run(SQL.put, key=key, value=value)


async def highest_id(tx: Reader) -> int:
    """No id that was given out before is higher, so far as the database tells; 0 for an empty one.

    Times count too: versions are ids that are not looked for, but whatever made one also left a change.
    """
    row = await tx.one(SQL.highest)
    if row is None:
        return 0
    latest = max(row[6], row[7])
    return int(max(*row[:6], ids.first_at(latest + 1) if latest else 0))
