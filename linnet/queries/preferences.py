"""What a user has chosen as defaults."""

from typing import NamedTuple

from linnet.domain.quotes import Policy
from linnet.domain.visibility import Visibility
from linnet.storage import preferences
from linnet.storage.database import Database, Reader


class Posting(NamedTuple):
    """What a status is where its author says nothing else."""

    visibility: Visibility = Visibility.PUBLIC
    sensitive: bool = False
    language: str | None = None
    quote_policy: Policy = Policy.PUBLIC
    content_type: str = "text/plain"


async def posting(database: Database, account_id: int) -> Posting:
    async def read(tx: Reader) -> Posting:
        row = await tx.one(preferences.SQL.posting, account_id=account_id)
        if row is None:
            return Posting()
        return Posting(Visibility.parse(row[0]) or Visibility.PUBLIC, bool(row[1]), row[2], Policy(row[3]), row[4])

    return await database.read(read)
