"""Blocking whole servers, for oneself: nothing of them is shown from then on, and what ties to them is ended."""

from linnet.actions import follows
from linnet.domain import servers as rules
from linnet.domain.site import Site
from linnet.storage import changes, domain_blocks, jobs, relations
from linnet.storage.database import Database, Operation, Writer
from linnet.storage.jobs import Job

SQL = domain_blocks.SQL

BATCH = 50


async def block(database: Database, site: Site, actor: int, text: str, operation: Operation) -> None:
    """Follows of the server's accounts, in either direction, are ended by a job. Raises Invalid."""
    domain = rules.domain(text, site.domain)

    async def write(tx: Writer) -> None:
        await tx.all(relations.SQL.lock, ids=(actor,))
        count = await tx.one(SQL.count, account_id=actor)
        if await tx.run(SQL.block, account_id=actor, domain=domain, id=tx.ids.next()):
            rules.check_blocked(count[0] if count is not None else 0)
            await jobs.add(tx, "domain.blocked", {"account_id": actor, "domain": domain})
            await changes.append(tx, "domain.blocked", actor, actor)

    await database.write(write, operation)


async def unblock(database: Database, site: Site, actor: int, text: str, operation: Operation) -> None:
    """It is no error where it was not blocked. Raises Invalid for what is no domain."""
    domain = rules.domain(text, site.domain)

    async def write(tx: Writer) -> None:
        if await tx.run(SQL.unblock, account_id=actor, domain=domain):
            await changes.append(tx, "domain.unblocked", actor, actor)

    await database.write(write, operation)


async def clear_away(database: Database, job: Job) -> None:
    """Job ``domain.blocked``: ends follows and requests between the account and the server's; a batch at a time."""
    actor, domain = job.payload["account_id"], job.payload["domain"]

    async def write(tx: Writer) -> None:
        if await tx.one(SQL.is_blocked, account_id=actor, domain=domain) is None:
            return await jobs.finish(tx, job)
        others = [row[0] for row in await tx.all(SQL.related, account_id=actor, domain=domain, limit=BATCH)]
        await tx.all(relations.SQL.lock, ids=sorted({actor, *others}))
        for other in others:
            for one, another in ((actor, other), (other, actor)):
                await follows.end(tx, one, another)
                if await relations.unrequest(tx, one, another):
                    await changes.append(tx, "follow.unrequested", one, another)
        if len(others) == BATCH:
            return await jobs.proceed(tx, job, job.payload)
        return await jobs.finish(tx, job)

    await database.write(write, heavy=True)
