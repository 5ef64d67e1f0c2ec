"""What becomes of notifications from strangers: the policy, and whoever is let through or sent away."""

from collections.abc import Sequence

from linnet.domain.errors import NotFound
from linnet.domain.notifications import Policy
from linnet.storage import changes, conversations, jobs, notifications
from linnet.storage.database import Database, Operation, Writer
from linnet.storage.jobs import Job

SQL = notifications.SQL

BATCH = 500


async def set_policy(database: Database, actor: int, changed: dict[str, int], operation: Operation) -> None:
    """Sets some of ``Policy``'s fields. It is asked when something happens: what is there already stays as it is."""

    async def write(tx: Writer) -> None:
        row = await tx.one(SQL.policy, account_id=actor)
        if row is None:
            raise NotFound
        policy = Policy(*row)._replace(**changed)
        await tx.run(SQL.set_policy, account_id=actor, **policy._asdict())

    await database.write(write, operation)


async def accept(
    database: Database, actor: int, ids: Sequence[int], operation: Operation, *, strict: bool = False
) -> None:
    """Lets through the senders of these requests, from now on and with what waits. ``strict`` raises NotFound."""

    async def write(tx: Writer) -> None:
        senders = [row[0] for row in await tx.all(SQL.accept, account_id=actor, ids=list(ids))]
        await _decided(tx, "notifications.accepted", actor, senders, strict=strict)

    await database.write(write, operation)


async def dismiss(
    database: Database, actor: int, ids: Sequence[int], operation: Operation, *, strict: bool = False
) -> None:
    """Puts these requests away with what waits; what comes later waits again. ``strict`` raises NotFound."""

    async def write(tx: Writer) -> None:
        senders = [row[0] for row in await tx.all(SQL.dismiss_requests, account_id=actor, ids=list(ids))]
        await _decided(tx, "notifications.dismissed", actor, senders, strict=strict)

    await database.write(write, operation)


async def _decided(tx: Writer, kind: str, actor: int, senders: list[int], *, strict: bool) -> None:
    if senders:
        await jobs.add(tx, kind, {"account_id": actor, "senders": sorted(senders), "until": tx.ids.next()})
    elif strict:
        raise NotFound


async def bring_in(database: Database, job: Job) -> None:
    """Job ``notifications.accepted``: what waited is shown; a batch at a time."""

    async def write(tx: Writer) -> None:
        account_id, senders = job.payload["account_id"], job.payload["senders"]
        rows = await tx.run(SQL.unfilter, account_id=account_id, from_account_id=senders[0], limit=BATCH)
        filed = await conversations.bring_in(tx, account_id, senders[0], BATCH)
        rest = senders if BATCH in (rows, filed) else senders[1:]
        if rest:
            return await jobs.proceed(tx, job, {**job.payload, "senders": rest})
        await changes.append(tx, "notification.merged", account_id, account_id)
        return await jobs.finish(tx, job)

    await database.write(write, heavy=True)


async def clear_away(database: Database, job: Job) -> None:
    """Job ``notifications.dismissed``: what waited until then goes; a batch at a time."""

    async def write(tx: Writer) -> None:
        account_id, senders, until = job.payload["account_id"], job.payload["senders"], job.payload["until"]
        rows = await tx.run(
            SQL.drop_filtered, account_id=account_id, from_account_id=senders[0], until=until, limit=BATCH
        )
        rest = senders if rows == BATCH else senders[1:]
        if rest:
            return await jobs.proceed(tx, job, {**job.payload, "senders": rest})
        return await jobs.finish(tx, job)

    await database.write(write, heavy=True)
