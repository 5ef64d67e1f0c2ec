"""What a user has chosen as defaults."""

from linnet.domain.views import Defaults
from linnet.storage import preferences
from linnet.storage.database import Database, Reader


async def posting(database: Database, account_id: int) -> Defaults:
    async def read(tx: Reader) -> Defaults:
        row = await tx.one(preferences.SQL.posting, account_id=account_id)
        return Defaults() if row is None else Defaults.of(row)

    return await database.read(read)
