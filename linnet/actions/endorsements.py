"""Endorsing accounts: showing on one's profile whom one thinks worth following."""

from linnet.actions import follows
from linnet.domain.errors import Invalid
from linnet.storage import changes, relations
from linnet.storage.database import Database, Operation, Writer

SQL = relations.SQL


async def endorse(database: Database, actor: int, target: int, operation: Operation) -> None:
    """Only for as long as ``actor`` follows ``target``. Raises NotFound, or Invalid where there is no follow."""

    async def write(tx: Writer) -> None:
        await follows.parties(tx, actor, target)
        if await tx.run(SQL.endorse, account_id=actor, target_id=target, id=tx.ids.next()):
            await changes.append(tx, "account.changed", actor, actor)
        elif await tx.one(SQL.endorsed, account_id=actor, target_id=target) is None:
            raise Invalid("base", "You must be already following the person you want to endorse", "ERR_INVALID")

    await database.write(write, operation)


async def unendorse(database: Database, actor: int, target: int, operation: Operation) -> None:
    """It is no error where there was none. Raises NotFound."""

    async def write(tx: Writer) -> None:
        await follows.parties(tx, actor, target)
        if await tx.run(SQL.forget_endorsement, account_id=actor, target_id=target):
            await changes.append(tx, "account.changed", actor, actor)

    await database.write(write, operation)
