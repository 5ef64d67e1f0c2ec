"""Lists of accounts and their members as rows."""

from linnet.domain.views import ListView
from linnet.storage import statements
from linnet.storage.database import Reader

SQL = statements.load("lists")


async def one(tx: Reader, account_id: int, list_id: int) -> ListView | None:
    """One of the account's own lists."""
    row = await tx.one(SQL.one, id=list_id, account_id=account_id)
    return ListView(*row) if row is not None else None
