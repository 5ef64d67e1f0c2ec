"""What an import leaves behind is cleared away: what was found in it, its files, its report, an account's share."""

from linnet.storage import imports, jobs
from linnet.storage.database import Writer

SQL = imports.SQL
ROWS = 2_000


async def clear_some(tx: Writer, id: int) -> bool:
    """Forgets some of what was found; whether there is more."""
    if await tx.run(SQL.delete_items, import_id=id, limit=ROWS) == ROWS:
        return True
    rows = await tx.all(SQL.unpacked, import_id=id, limit=ROWS)
    await tx.run(SQL.delete_files, import_id=id, names=[row[0] for row in rows])
    keys = [row[1] for row in rows if row[1]]
    if keys:
        await jobs.add(tx, "files.delete", {"keys": keys})
    return len(rows) == ROWS


async def remove(tx: Writer, id: int) -> bool:
    """Takes an import away with its report; whether there is more of it."""
    found = await imports.one(tx, id)
    if await clear_some(tx, id):
        return True
    if found is not None and found.file_key:
        await jobs.add(tx, "files.delete", {"keys": [found.file_key]})
    await tx.run(SQL.delete_lines, import_id=id)
    await tx.run(SQL.delete, id=id)
    return False


async def expire(tx: Writer, before: int, limit: int = 20) -> int:
    """Takes away imports of long ago; how many there were, or ``limit`` where there is more of one."""
    rows = await tx.all(SQL.old, before=before, limit=limit)
    more = [await remove(tx, id) for (id,) in rows]
    return limit if any(more) else len(rows)


async def forget(tx: Writer, account_id: int) -> bool:
    """Part of an account's deletion: whether there is more."""
    for (id,) in await tx.all(SQL.all_of_account, account_id=account_id, limit=1):
        await remove(tx, id)
        return True
    return await tx.run(SQL.delete_imported, account_id=account_id, limit=ROWS) == ROWS
