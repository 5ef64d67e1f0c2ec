"""Telling the moderators, and what they make of it."""

from linnet.domain import reports as rules
from linnet.domain.errors import Conflict, Invalid, NotFound
from linnet.domain.reports import Complaint
from linnet.storage import access, changes, moderation, notifications, relations, reports
from linnet.storage.database import Database, Operation, Writer

SQL = reports.SQL


async def report(database: Database, actor: int, complaint: Complaint, operation: Operation) -> int:
    """The new report's id; whoever moderates is told. Raises Invalid, NotFound (the account, or statuses that are not
    its own or not to be seen), or Conflict where too many of one's reports wait."""
    wanted = rules.check(complaint)

    async def write(tx: Writer) -> int:
        # First of all: of two reports of one account at once, the second counts and tells of itself after the first.
        await tx.all(relations.SQL.lock, ids=(actor,))
        if await tx.one(SQL.target, id=wanted.target_id) is None:
            raise NotFound
        seen = {
            row[0]
            for row in await tx.all(SQL.their_statuses, ids=wanted.status_ids, target_id=wanted.target_id, reader=actor)
        }
        if seen != set(wanted.status_ids):
            raise NotFound
        known = {row[0] for row in await tx.all(SQL.known_rules, ids=wanted.rule_ids)}
        if known != set(wanted.rule_ids):
            raise Invalid("rule_ids", "names a rule that there is not", "ERR_INVALID")
        new = tx.ids.next()
        await tx.run(
            SQL.insert, id=new, account_id=actor, target_id=wanted.target_id, category=wanted.category,
            comment=wanted.comment, statuses=reports.as_json(wanted.status_ids),
            rules=reports.as_json(wanted.rule_ids), forward=int(wanted.forward),
        )  # fmt: skip
        waiting = await tx.one(SQL.count_open, account_id=actor)
        if waiting is not None and waiting[0] > rules.OPEN_MAX:
            raise Conflict("So many of your reports wait for the moderators that there is no room for another one")
        for (moderator_id,) in await tx.all(access.SQL.staff):
            # One notification for whoever reports, about the latest report: the others are on the moderators' page.
            await notifications.remove(tx, "admin.report", moderator_id, actor)
            await notifications.add(tx, "admin.report", moderator_id, actor)
        await changes.append(tx, "report.created", actor, new)
        return new

    return await database.write(write, operation, returns=int)


async def resolve(database: Database, moderator_id: int, report_id: int, operation: Operation) -> None:
    """Says that all that was to be done has been done. Raises NotFound."""
    await _decide(database, moderator_id, report_id, operation, resolved=True)


async def reopen(database: Database, moderator_id: int, report_id: int, operation: Operation) -> None:
    """Raises NotFound."""
    await _decide(database, moderator_id, report_id, operation, resolved=False)


async def _decide(
    database: Database, moderator_id: int, report_id: int, operation: Operation, *, resolved: bool
) -> None:
    async def write(tx: Writer) -> None:
        if await tx.one(SQL.one, id=report_id) is None:
            raise NotFound
        if resolved:
            done = await tx.run(SQL.resolve, id=report_id, moderator_id=moderator_id, now=tx.now)
        else:
            done = await tx.run(SQL.reopen, id=report_id)
        if done:
            word = "report.resolve" if resolved else "report.reopen"
            await moderation.note(tx, moderator_id, word, f"#{report_id}")

    await database.write(write, operation, returns=None)
