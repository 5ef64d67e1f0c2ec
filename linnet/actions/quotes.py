"""Quotes: quoting, letting be quoted, and taking a quote back."""

from typing import NamedTuple

from linnet.domain import quotes as rules
from linnet.domain.errors import NotFound
from linnet.domain.quotes import Policy
from linnet.domain.views import StatusContent, StatusRow
from linnet.domain.visibility import Visibility
from linnet.storage import changes, jobs, notifications, quotes
from linnet.storage.database import Database, Operation, Reader, Writer
from linnet.storage.jobs import Job

BATCH = 200


class Quoted(NamedTuple):
    """What a quote needs of the status that it quotes."""

    id: int
    account_id: int
    visibility: int


async def quoted(tx: Reader, author: int, status_id: int | None) -> Quoted | None:
    """The status that ``author`` wants to quote. Raises NotFound where it is not there, or may not be quoted."""
    row = await tx.one(quotes.SQL.quotable, id=status_id, reader=author) if status_id else None
    if row is not None and row[4]:
        row = await tx.one(quotes.SQL.quotable, id=row[4], reader=author)  # of a reblog, its original is quoted
    if status_id is None:
        return None
    if row is None or not rules.may_quote(row[3], row[2], own=row[1] == author, follows=bool(row[5])):
        raise NotFound("The status that this quotes is not there, or may not be quoted")
    return Quoted(row[0], row[1], row[2])


def check(row: StatusRow, content: StatusContent, target: Quoted) -> None:
    """Raises Invalid where a status may not quote ``target``."""
    named = any(mention.id == target.account_id for mention in content.mentions)
    rules.check_addressed(Visibility(row.visibility), own=target.account_id == row.account_id, mentioned=named)


async def add(tx: Writer, row: StatusRow, content: StatusContent, thread_id: int, target: Quoted) -> None:
    """A new status quotes ``target``: counted, and told to whoever is quoted. Raises Invalid."""
    check(row, content, target)
    await tx.run(quotes.SQL.add, id=row.id, quoted_id=target.id)
    await tx.run(quotes.SQL.count, id=target.id, step=1)
    if target.account_id != row.account_id:
        await notifications.add(tx, "quote", target.account_id, row.account_id, row.id, thread_id)


async def keep_policy(tx: Writer, row: StatusRow, policy: Policy) -> None:
    await tx.run(quotes.SQL.set_policy, id=row.id, account_id=row.account_id, policy=int(policy))


async def remove(tx: Writer, status_id: int) -> None:
    """A status that may be a quote goes: what it quotes is quoted once less."""
    row = await tx.one(quotes.SQL.of_status, id=status_id)
    if row is not None and row[0]:
        await tx.run(quotes.SQL.count, id=row[0], step=-1)


async def set_policy(database: Database, author: int, status_id: int, policy: Policy, operation: Operation) -> int:
    """Who may quote the status from now on. Raises NotFound for what is not the author's own."""

    async def write(tx: Writer) -> int:
        if not await tx.run(quotes.SQL.set_policy, id=status_id, account_id=author, policy=int(policy)):
            raise NotFound
        await changes.append(tx, "status.quotes", author, status_id)
        return status_id

    return await database.write(write, operation, returns=int)


async def revoke(database: Database, author: int, status_id: int, quoting_id: int, operation: Operation) -> int:
    """``author``'s status is no longer shown in another one that quotes it. Raises NotFound."""

    async def write(tx: Writer) -> int:
        row = await tx.one(quotes.SQL.revoke, id=quoting_id, quoted_id=status_id, author=author)
        if row is None:
            raise NotFound
        await tx.run(quotes.SQL.count, id=status_id, step=-1)
        await changes.append(tx, "status.quotes", row[0], quoting_id)
        return quoting_id

    return await database.write(write, operation, returns=int)


async def edited(tx: Writer, author: int, status_id: int) -> None:
    """The status says something else now: whoever quotes it is to learn that."""
    if await tx.all(quotes.SQL.quoters, status_id=status_id, after=0, limit=1):
        await jobs.add(tx, "quotes.updated", {"status_id": status_id, "author_id": author, "after": 0})


async def tell_quoters(database: Database, job: Job) -> None:
    """Job ``quotes.updated``: whoever quotes a status learns that it says something else now."""
    status_id, author, after = job.payload["status_id"], job.payload["author_id"], job.payload["after"]

    async def write(tx: Writer) -> None:
        rows = await tx.all(quotes.SQL.quoters, status_id=status_id, after=after, limit=BATCH)
        for account_id, _ in rows:
            if account_id != author:
                await notifications.remove(tx, "quoted_update", account_id, author, status_id)
                await notifications.add(tx, "quoted_update", account_id, author, status_id)
        if len(rows) == BATCH:
            return await jobs.proceed(tx, job, {**job.payload, "after": rows[-1][1]})
        return await jobs.finish(tx, job)

    await database.write(write, heavy=True)
