"""The outbox: work that must follow a change is a row in the same commit."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from linnet.domain import ids
from linnet.storage import statements
from linnet.storage.database import Reader, Writer

SQL = statements.load("jobs")

OTHERS_MS = 100
"""So long a job is left to the process that added it: it looks at once, and two that look at a time are in each other's
way."""


class LeaseLost(Exception):
    """Another worker has taken this job over: what this one did is undone with the transaction."""


@dataclass(frozen=True, slots=True)
class Job:
    """A leased job. ``attempts`` counts this one."""

    id: int
    kind: str
    payload: dict[str, Any]
    attempts: int
    lease: int


async def add(tx: Writer, kind: str, payload: dict[str, Any], *, once: str | None = None, run_at: int = 0) -> None:
    """``run_at`` in ms since 1970; 0 is now. With ``once``, work of that name that still waits is not added again."""
    text = msgspec.json.encode(payload).decode()
    await tx.later(SQL.add, id=tx.ids.next(), kind=kind, payload=text, once=once, run_at=run_at or tx.now)


async def put(tx: Writer, kind: str, payload: dict[str, Any], *, once: str, run_at: int) -> None:
    """Work at a time that may be changed: of its name there is one, and the last ``run_at`` is when it is due.

    Where a worker has it already, its time is not changed: it looks whether it comes too early, and then ``proceed``s.
    """
    text = msgspec.json.encode(payload).decode()
    await tx.run(SQL.put, id=tx.ids.next(), kind=kind, payload=text, once=once, run_at=run_at)


async def drop(tx: Writer, once: str) -> None:
    """Work that there is no need of any more; where a worker has it already, it finds nothing to do."""
    await tx.run(SQL.drop, once=once)


async def due_kinds(tx: Reader, place: int, limit: int) -> frozenset[str]:
    """The kinds of the ``limit`` jobs that are due first, for the worker at ``place`` (``ids.place_of``)."""
    found = await tx.all(SQL.due_kinds, now=tx.now, others=tx.now - OTHERS_MS, place=place, limit=limit)
    return frozenset(row[0] for row in found)


async def take(tx: Writer, kind: str, limit: int) -> list[Job]:
    """Jobs that are due, for whoever does them all in this very transaction and ends it with ``done``."""
    place = ids.place_of(tx.ids.next())
    found = await tx.all(SQL.take, now=tx.now, others=tx.now - OTHERS_MS, place=place, kind=kind, limit=limit)
    return [Job(row[0], row[1], msgspec.json.decode(row[2]), row[3], row[4]) for row in found]


async def done(tx: Writer, taken: Iterable[Job]) -> None:
    await tx.later(SQL.done, ids=[job.id for job in taken])


async def claim(tx: Writer, limit: int, lease_ms: int, but: Iterable[str] = ()) -> list[Job]:
    """Leases jobs that are due; none of the kinds in ``but``."""
    lease = tx.ids.next()
    found = await tx.all(
        SQL.claim, now=tx.now, others=tx.now - OTHERS_MS, place=ids.place_of(lease), until=tx.now + lease_ms,
        lease=lease, limit=limit, but=list(but),
    )  # fmt: skip
    return [Job(row[0], row[1], msgspec.json.decode(row[2]), row[3], row[4]) for row in sorted(found)]


async def inherit(tx: Writer) -> int:
    """Makes due at once what the process that had this one's node and worker number has left; how many jobs that were.

    Only for who holds that number (``DataDirectory.worker_number``): nobody else has it any more.
    """
    return await tx.run(SQL.inherit, now=tx.now - OTHERS_MS, place=ids.place_of(tx.ids.next()))


async def extend(tx: Writer, held: Iterable[Job], lease_ms: int) -> None:
    """The heartbeat; a lease that was lost stays lost, and shows when its job is finished."""
    await tx.many(SQL.extend, [{"id": job.id, "lease": job.lease, "until": tx.now + lease_ms} for job in held])


async def hold(tx: Writer, job: Job, lease_ms: int) -> None:
    """Keeps a lease that is still held, before something is done under it. Raises LeaseLost."""
    _held(await tx.run(SQL.extend, id=job.id, lease=job.lease, until=tx.now + lease_ms))


async def finish(tx: Writer, job: Job) -> None:
    """Part of the same commit as the work itself, where the work is rows."""
    _held(await tx.run(SQL.finish, id=job.id, lease=job.lease))


async def proceed(tx: Writer, job: Job, payload: dict[str, Any], *, run_at: int = 0) -> None:
    """A part is done; ``payload`` says what is left. ``run_at`` in ms since 1970; 0 is now.

    Whoever did the part may go on at once, though another process may have added the job.
    """
    text = msgspec.json.encode(payload).decode()
    run_at = run_at or tx.now - OTHERS_MS
    _held(await tx.run(SQL.proceed, id=job.id, lease=job.lease, payload=text, run_at=run_at))


async def retry(tx: Writer, job: Job, run_at: int, error: str) -> None:
    await tx.run(SQL.retry, id=job.id, lease=job.lease, run_at=run_at, error=error)


async def bury(tx: Writer, job: Job, error: str) -> None:
    await tx.run(SQL.bury, id=job.id, lease=job.lease, now=tx.now, error=error)


async def backlog(tx: Reader) -> tuple[int, int, int]:
    """How many jobs are due, how many are dead, and since when (ms since 1970) the first one waits; 0 for none."""
    row = await tx.one(SQL.backlog, now=tx.now)
    return (0, 0, 0) if row is None else (int(row[0]), int(row[1]), int(row[2] or 0))


def _held(rows: int) -> None:
    if rows != 1:
        raise LeaseLost
