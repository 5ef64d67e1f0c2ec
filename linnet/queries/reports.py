"""Reports, as whoever made them is answered, and as moderators see them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from linnet.domain.audience import Entry
from linnet.domain.errors import NotFound
from linnet.domain.paging import Page
from linnet.domain.reports import Report
from linnet.domain.views import Profile, StatusView
from linnet.queries.instance import Rule
from linnet.queries.statuses import listed, views
from linnet.storage import accounts, instance, reports
from linnet.storage.database import Database, Reader

SQL = reports.SQL


class Case(NamedTuple):
    """A report with who is in it; None for whom there is no more."""

    report: Report
    reporter: Profile | None
    target: Profile | None


class Details(NamedTuple):
    """A case with all that it speaks of. ``others`` counts the reports about the same account."""

    case: Case
    statuses: tuple[StatusView, ...]
    rules: tuple[Rule, ...]
    others: int


async def one(database: Database, report_id: int) -> Report:
    """Raises NotFound."""
    row = await database.read(lambda tx: tx.one(SQL.one, id=report_id))
    if row is None:
        raise NotFound
    return reports.as_report(row)


async def told_of(database: Database, told: Iterable[tuple[int, str, int]]) -> dict[int, Report]:
    """Of notifications (id, type, sender): the id of each that tells of a report -> that report."""
    wanted = [(id, sender) for id, kind, sender in told if kind == "admin.report"]

    async def read(tx: Reader) -> dict[int, Report]:
        rows = {id: await tx.one(SQL.told_of, account_id=sender, before=id) for id, sender in wanted}
        return {id: reports.as_report(row) for id, row in rows.items() if row is not None}

    return await database.read(read) if wanted else {}


async def page(database: Database, page: Page, *, resolved: bool) -> tuple[Case, ...]:
    """The newest first."""

    async def read(tx: Reader) -> tuple[Case, ...]:
        found = await tx.page(SQL.resolved if resolved else SQL.open, page)
        return await _cases(tx, [reports.as_report(row) for row in found])

    return await database.read(read)


async def details(database: Database, report_id: int, moderator_id: int) -> Details:
    """With the statuses, whoever else may see them: their words are what the moderator is asked about. Raises
    NotFound."""

    async def read(tx: Reader) -> Details | None:
        row = await tx.one(SQL.one, id=report_id)
        if row is None:
            return None
        report = reports.as_report(row)
        (case,) = await _cases(tx, [report])
        places = await listed(tx, [Entry(id) for id in report.status_ids], moderator_id)
        rules = [Rule(*each) for each in await tx.all(instance.SQL.rules)]
        about = await tx.one(SQL.count_about, target_id=report.target_id)
        return Details(
            case,
            await views(tx, places),
            tuple(rule for rule in rules if rule.id in report.rule_ids),
            (about[0] if about else 1) - 1,
        )

    found = await database.read(read)
    if found is None:
        raise NotFound
    return found


async def _cases(tx: Reader, found: Sequence[Report]) -> tuple[Case, ...]:
    people = await accounts.profiles(tx, {id for one in found for id in (one.account_id, one.target_id)})
    return tuple(Case(one, people.get(one.account_id), people.get(one.target_id)) for one in found)
