"""Posts that were accepted without the database come into it: once each, in order, and none is turned away."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from linnet.actions import statuses
from linnet.domain.errors import Unavailable
from linnet.domain.journal import Entry
from linnet.domain.site import Site
from linnet.domain.statuses import Draft
from linnet.storage import (
    accounts,
    aliases,
    changes,
    jobs,
    journal,
    media,
    notifications,
    polls,
    search,
    tags,
    timelines,
)
from linnet.storage import statuses as rows
from linnet.storage.database import RECEIPTS, Database, Writer
from linnet.storage.gathering import Gathering
from linnet.storage.statements import Row

_ADDING = (
    rows.SQL.insert, rows.SQL.insert_content, rows.SQL.insert_mention, rows.SQL.insert_status_tag, rows.SQL.insert_tag,
    search.SQL.count_use, polls.SQL.delete_votes, polls.SQL.insert, timelines.SQL.add_home, jobs.SQL.add, jobs.SQL.put,
    changes.SQL.append,
)  # fmt: skip
"""What a post adds, in an order in which all refers to what is there."""
_LAST = (RECEIPTS.close, tags.SQL.count_featured, rows.SQL.count, rows.SQL.count_reply)
"""Rows that others want, too, in the order in which whoever posts without us takes them."""
_APART = (
    rows.SQL.parent, aliases.SQL.of, media.SQL.attach, media.SQL.attachable, notifications.SQL.add,
    tags.SQL.followed_among,
)  # fmt: skip
"""What need see nothing of that: what is answered, or named in an announcement, is seen to below."""


async def drain(database: Database, site: Site, entries: Sequence[Entry], epoch: int) -> None:
    """Stores all in one transaction, each under its receipt; ``epoch`` is the revision of the journal's lock.

    Whatever was stored before, or again by somebody who lost the lock, is there once. Raises TooLate.
    """

    async def write(whole: Writer) -> None:
        await journal.fence(whole, epoch)
        await store(whole, site, entries)

    await database.write(write, ahead=True)


async def store(whole: Writer, site: Site, entries: Sequence[Entry]) -> dict[str, int]:
    """The ids that they have now, by operation: 0 where the account is gone and its posts with it.

    Where another status has an entry's id it gets another one, and is found under both.
    """
    filed = await _filed(whole, entries)
    ids = [entry.id for entry in entries]
    taken = {row[0] for row in await whole.all(rows.SQL.taken, ids=ids)}
    by = list({entry.account_id for entry in entries})
    new = [entry for entry in entries if entry.operation not in filed]
    authors = {row[0]: await statuses.as_author(whole, site, *row) for row in await whole.all(rows.SQL.authors, ids=by)}
    drafts = {entry.id: msgspec.json.decode(entry.draft, type=Draft) for entry in new}
    tx = Gathering(whole, _ADDING, _APART, _LAST, {accounts.SQL.by_names: await _people(whole, site, drafts.values())})
    stored: dict[int, statuses.Stored] = {}
    for entry in entries:
        if entry.operation not in filed:
            author = authors.get(entry.account_id)
            id = 0 if author is None else tx.ids.next() if entry.id in taken else entry.id
            filed[entry.operation] = id
            if author is not None:
                draft = drafts[entry.id]
                answered = stored.get(draft.in_reply_to_id or 0)
                own = answered.new if answered is not None and answered.by.id == author.id else None
                if own is None and draft.in_reply_to_id in ids:
                    await tx.flush()
                stored[entry.id] = await statuses.write_accepted(tx, site, author, draft, id, own)
            await tx.run(RECEIPTS.close, key=entry.operation, result=str(id))
        if filed[entry.operation] not in (entry.id, 0):
            await aliases.add(tx, entry.id, filed[entry.operation])
    # One after another would each look for what the last one has added.
    await tx.flush()
    for each in stored.values():
        await statuses.announce(tx, each)
    await tx.finish()
    if len(await whole.all(rows.SQL.authors, ids=by)) < len(authors):
        # Their rows are held only now: somebody has gone meanwhile, and his posts with him.
        raise Unavailable("An account was deleted meanwhile", retry_after=1)
    return filed


async def _people(tx: Writer, site: Site, drafts: Iterable[Draft]) -> Callable[..., list[Row]]:
    """Asked for once: answers ``by_names`` for whoever is named in any of the drafts."""
    names = {name for draft in drafts for name in statuses.names_in(site, draft.text, draft.content_type)}
    found = await tx.all(accounts.SQL.by_names, names=sorted(names)) if names else []
    return lambda names: [row for row in found if row[2] in names]


async def _filed(tx: Writer, entries: Sequence[Entry]) -> dict[str, int]:
    """Opens all their receipts, so that a retry waits for the second machine, too; what was answered before."""
    keys = [entry.operation for entry in entries]
    await tx.many(RECEIPTS.file, [{"key": key, "now": tx.now} for key in keys])
    return {key: msgspec.json.decode(result, type=int) for key, result in await tx.all(RECEIPTS.filed, keys=keys)}
