"""Reactions as rows, and their counts in the row of their status."""

from linnet.domain import reactions as rules
from linnet.domain.reactions import Count
from linnet.storage import statements
from linnet.storage.database import Writer

SQL = statements.load("reactions")


async def taken(tx: Writer, status_id: int) -> tuple[Count, ...]:
    """The counts of a status, which nobody else changes until this transaction ends."""
    row = await tx.one(SQL.taken, id=status_id)
    return rules.counts(row[0]) if row is not None else ()


async def add(tx: Writer, status_id: int, account_id: int, emoji: str, known: tuple[Count, ...]) -> bool:
    """False where it was there already."""
    new = tx.ids.next()
    if not await tx.run(SQL.add, status_id=status_id, account_id=account_id, emoji=emoji, id=new):
        return False
    await tx.run(SQL.count, id=status_id, reactions=rules.as_text(rules.counted(known, emoji, 1)))
    return True


async def remove(tx: Writer, status_id: int, account_id: int, emoji: str, known: tuple[Count, ...]) -> bool:
    """False where it was not there."""
    if not await tx.run(SQL.remove, status_id=status_id, account_id=account_id, emoji=emoji):
        return False
    await tx.run(SQL.count, id=status_id, reactions=rules.as_text(rules.counted(known, emoji, -1)))
    return True


async def withdraw(tx: Writer, account_id: int, limit: int) -> bool:
    """Takes back some of the reactions of an account that is deleted; whether there may be more."""
    rows = await tx.all(SQL.of_account, account_id=account_id, limit=limit)
    for status_id, emoji in rows:
        await remove(tx, status_id, account_id, emoji, await taken(tx, status_id))
    return len(rows) == limit


async def recount(tx: Writer, status_id: int) -> None:
    """Sets the counts to what the rows say."""
    await taken(tx, status_id)
    found = [Count(*row) for row in await tx.all(SQL.counted, status_id=status_id)]
    await tx.run(SQL.count, id=status_id, reactions=rules.as_text(found))
