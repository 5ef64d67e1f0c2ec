"""Declining a suggestion."""

from linnet.domain.errors import NotFound
from linnet.storage import accounts, suggestions
from linnet.storage.database import Database, Operation, Writer

SQL = suggestions.SQL

KEPT = 500
"""How many declined suggestions are remembered: nobody is suggested more people than that."""


async def decline(database: Database, actor: int, target: int, operation: Operation) -> None:
    """``target`` is not suggested to ``actor`` any more. Raises NotFound."""

    async def write(tx: Writer) -> None:
        if not await accounts.rows(tx, (target,)):
            raise NotFound
        if await tx.run(SQL.decline, account_id=actor, target_id=target, id=tx.ids.next()):
            await tx.run(SQL.trim, account_id=actor, keep=KEPT)

    await database.write(write, operation)
