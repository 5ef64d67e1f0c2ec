"""The end of archives: of those that expire, of old reports, and of all that a deleted account had."""

from linnet.actions import exports, import_clearing
from linnet.actions.maintenance import ROWS, Keeping
from linnet.domain.times import DAY_MS
from linnet.storage.database import Writer

REPORTS_MS = 30 * DAY_MS
"""So long the report of an import can be read, and so long may one stand still before it is given up."""
AT_ONCE = 20


async def sweep(tx: Writer, keeping: Keeping) -> int:
    """A turn of ``maintenance.archives``."""
    gone = await exports.expire(tx, AT_ONCE), await import_clearing.expire(tx, tx.now - REPORTS_MS, AT_ONCE)
    return ROWS if AT_ONCE in gone else max(gone)


async def forget(tx: Writer, account_id: int) -> bool:
    """A step of an account's deletion: whether there is more."""
    return await exports.forget(tx, account_id) or await import_clearing.forget(tx, account_id)
