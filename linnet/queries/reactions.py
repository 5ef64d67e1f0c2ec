"""Who has answered a status with which emoji."""

from collections.abc import Iterable

from linnet.domain.errors import NotFound
from linnet.domain.views import AccountRow
from linnet.queries.statuses import visible
from linnet.storage import accounts, reactions
from linnet.storage.database import Database, Reader

SQL = reactions.SQL

MOST = 400
"""So many of the first to answer are named; the counts are in the status."""


async def who(database: Database, status_id: int, reader: int, emoji: str = "") -> dict[str, list[AccountRow]]:
    """Emoji -> accounts, the first to answer first; only of ``emoji`` where one is named. Raises NotFound."""

    async def read(tx: Reader) -> dict[str, list[AccountRow]]:
        if not await visible(tx, (status_id,), reader):
            raise NotFound
        rows = await tx.all(SQL.who, status_id=status_id, emoji=emoji, reader=reader, now=tx.now, limit=MOST)
        known = await accounts.rows(tx, {row[1] for row in rows})
        found: dict[str, list[AccountRow]] = {}
        for name, account_id in rows:
            if account_id in known:
                found.setdefault(name, []).append(known[account_id])
        return found

    return await database.read(read)


async def latest(database: Database, told: Iterable[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """(status, account) -> the emoji that the account has answered it with last."""
    pairs = set(told)

    async def read(tx: Reader) -> dict[tuple[int, int], str]:
        rows = await tx.all(SQL.latest, ids=[pair[0] for pair in pairs], account_ids=[pair[1] for pair in pairs])
        return {(row[0], row[1]): row[2] for row in rows if (row[0], row[1]) in pairs}

    return await database.read(read)
