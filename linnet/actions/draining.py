"""Posts that were accepted without the database come into it: once each, in order, and none is turned away."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec

from linnet.actions import statuses
from linnet.domain.journal import Entry
from linnet.domain.site import Site
from linnet.domain.statuses import Draft
from linnet.storage import aliases, changes, jobs, journal, timelines
from linnet.storage import statuses as statuses_rows
from linnet.storage.database import RECEIPTS, Database, Operation, Writer, receipted
from linnet.storage.gathering import Gathering

_ADDING = (
    statuses_rows.SQL.insert_content, timelines.SQL.add_home, jobs.SQL.add, changes.SQL.append, RECEIPTS.close
)  # fmt: skip
"""What each post adds and none of the others of its batch asks for, but for what is quoted."""


async def drain(database: Database, site: Site, entries: Sequence[Entry], epoch: int) -> None:
    """Stores all in one transaction, each under its receipt; ``epoch`` is the revision of the journal's lock.

    Whatever was stored before, or again by somebody who lost the lock, is there once. Raises TooLate.
    """

    async def write(whole: Writer) -> None:
        await journal.fence(whole, epoch)
        tx = Gathering(whole, _ADDING)
        for entry in entries:
            store = partial(_store, site=site, entry=entry, flush=tx.flush)
            status_id = await receipted(tx, store, Operation(entry.operation), int)
            if status_id not in (entry.id, 0):
                await aliases.add(tx, entry.id, status_id)
        await tx.flush()

    await database.write(write, ahead=True)


async def _store(tx: Writer, site: Site, entry: Entry, flush: Callable[[], Awaitable[None]]) -> int:
    """The id that it has now, or 0 where the account is gone and its posts with it."""
    draft = msgspec.json.decode(entry.draft, type=Draft)
    if draft.quoted_status_id:
        await flush()  # What it quotes may be among them.
    written = await statuses.write_accepted(tx, site, entry.account_id, draft, entry.id)
    return written.row.id if written is not None else 0
