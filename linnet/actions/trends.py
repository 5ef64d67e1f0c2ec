"""Trends: counted anew by a schedule, and what a moderator takes out of them."""

from collections import defaultdict
from collections.abc import Mapping

from linnet.domain import ids
from linnet.domain import trends as rules
from linnet.domain.errors import Invalid
from linnet.domain.times import DAY_MS
from linnet.storage import jobs, moderation, trends
from linnet.storage.database import Database, Operation, Reader, Writer
from linnet.storage.jobs import Job
from linnet.storage.statements import Statement

CANDIDATES = 300
"""Of so many is the score computed: the most used ones."""

Found = Mapping[str, list[tuple[str, float]]]


async def refresh(database: Database, job: Job, every_ms: int) -> None:
    """Job ``trends.refresh``: what trends now. Counting reads much and is a read; only what it finds is written."""

    async def read(tx: Reader) -> dict[str, list[tuple[str, float]]]:
        return {
            "tag": await _uses(tx, trends.SQL.tags, trends.SQL.tag_accounts),
            "link": await _uses(tx, trends.SQL.links, trends.SQL.link_accounts),
            "status": await _statuses(tx),
        }

    found = await database.read(read)

    async def write(tx: Writer) -> None:
        for kind, subjects in found.items():
            names = [subject for subject, _ in subjects]
            barred = (
                {row[0] for row in await tx.all(trends.SQL.untrended, kind=kind, subjects=names)} if names else set()
            )
            await tx.run(trends.SQL.clear, kind=kind)
            kept = [pair for pair in subjects if pair[0] not in barred]
            await tx.many(trends.SQL.add, [{"kind": kind, "subject": one, "score": score} for one, score in kept])
        await jobs.proceed(tx, job, {}, run_at=tx.now + every_ms)

    await database.write(write)


async def _uses(tx: Reader, candidates: Statement, accounts: Statement) -> list[tuple[str, float]]:
    today, rest = divmod(tx.now, DAY_MS)
    found = await tx.all(candidates, since=today - 1, least=rules.LEAST_ACCOUNTS, limit=CANDIDATES)
    if not found:
        return []
    days: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for subject, day, count in await tx.all(accounts, subjects=[row[0] for row in found], since=today - rules.DAYS):
        days[str(subject)][day] = int(count)
    scores = {subject: rules.of_uses(counts, today, rest / DAY_MS) for subject, counts in days.items()}
    return list(rules.best(scores))


async def _statuses(tx: Reader) -> list[tuple[str, float]]:
    since = ids.first_at(tx.now - rules.STATUS_MS)
    found = await tx.all(trends.SQL.statuses, since=since, least=rules.LEAST_ACCOUNTS, limit=CANDIDATES)
    if not found:
        return []
    authors = {str(row[0]): int(row[1]) for row in found}
    fans = await tx.all(trends.SQL.fans, ids=[row[0] for row in found])
    scores = {str(id): rules.of_status(int(count), tx.now - ids.milliseconds(id)) for id, count in fans}
    return list(rules.one_each(rules.best(scores), authors))


async def suppress(database: Database, moderator_id: int | None, kind: str, subject: str, operation: Operation) -> None:
    """Takes a hashtag (its key), a status or a link (their ids) out of the trends, for good. Raises Invalid."""
    _check(kind, subject)

    async def write(tx: Writer) -> None:
        await tx.run(trends.SQL.suppress, kind=kind, subject=subject, moderator_id=moderator_id, now=tx.now)
        await tx.run(trends.SQL.remove, kind=kind, subject=subject)
        await moderation.note(tx, moderator_id, "trend.suppress", f"{kind} {subject}")

    await database.write(write, operation, returns=None)


async def allow(database: Database, moderator_id: int | None, kind: str, subject: str, operation: Operation) -> None:
    """Lets it trend again. Raises Invalid."""
    _check(kind, subject)

    async def write(tx: Writer) -> None:
        if await tx.run(trends.SQL.allow, kind=kind, subject=subject):
            await moderation.note(tx, moderator_id, "trend.allow", f"{kind} {subject}")

    await database.write(write, operation, returns=None)


def _check(kind: str, subject: str) -> None:
    if kind not in rules.KINDS:
        raise Invalid("kind", f"must be one of {', '.join(rules.KINDS)}", "ERR_INCLUSION")
    if not 0 < len(subject) <= 500:
        raise Invalid("subject", "must name what trends")
