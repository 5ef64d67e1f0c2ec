"""Setting right what a check found wrong: counters are counted anew, in one transaction with the rows."""

from collections.abc import Awaitable, Callable

from linnet.storage import maintenance, polls, reactions, tags
from linnet.storage.database import Database, Writer


async def _account(tx: Writer, id: int) -> None:
    await tx.run(maintenance.SQL.recount_account, id=id)


async def _status(tx: Writer, id: int) -> None:
    await tx.run(maintenance.SQL.recount_status, id=id)


RECOUNTS: dict[str, Callable[[Writer, int], Awaitable[None]]] = {
    "account": _account,
    "status": _status,
    "poll": polls.recount,
    "reactions": reactions.recount,
    "featured hashtag": tags.recount,
}


async def recount(database: Database, noun: str, id: int) -> None:
    """``noun`` is one of RECOUNTS; a poll and reactions go by their status's id."""
    await database.write(lambda tx: RECOUNTS[noun](tx, id), heavy=True)
