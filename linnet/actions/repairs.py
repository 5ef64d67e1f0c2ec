"""Setting right what a check found wrong: counters are counted anew, in one transaction with the rows."""

from linnet.storage import maintenance
from linnet.storage.database import Database, Writer

STATEMENTS = {"account": maintenance.SQL.recount_account, "status": maintenance.SQL.recount_status}


async def recount(database: Database, noun: str, id: int) -> None:
    """``noun`` is ``account`` or ``status``."""

    async def write(tx: Writer) -> None:
        await tx.run(STATEMENTS[noun], id=id)

    await database.write(write, heavy=True)
