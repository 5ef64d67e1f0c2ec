"""For moderators: what people report, and what was done about it and everything else."""

from linnet.actions import reports as actions
from linnet.domain.errors import NotFound
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.queries import moderation as log
from linnet.queries import reports as queries
from linnet.web import addresses
from linnet.web.door import Door, path_id, visitor_of
from linnet.web.forms import Form

DEEDS = {"resolve": actions.resolve, "reopen": actions.reopen}


async def index(door: Door, request: Request) -> Response:
    """GET /moderation/reports, ?resolved=1"""
    resolved = request.query().get("resolved") == "1"
    page = addresses.page(request)
    cases = await queries.page(door.database, page, resolved=resolved)
    turns = addresses.turns(request, page, tuple(case.report.id for case in cases))
    return await door.page(request, "moderation_reports.html", cases=cases, resolved=resolved, turns=turns)


async def show(door: Door, request: Request) -> Response:
    """GET /moderation/reports/:report"""
    found = await queries.details(door.database, path_id(request, "report"), visitor_of(request).id)
    return await door.page(
        request, "moderation_report.html", found=found, report=found.case.report, target=found.case.target,
        reporter=found.case.reporter, views=found.statuses, form=Form(),
    )  # fmt: skip


async def act(door: Door, request: Request) -> Response:
    """POST /moderation/reports/:report/:deed"""
    wanted, report_id = DEEDS.get(request.segments["deed"]), path_id(request, "report")
    if wanted is None:
        raise NotFound
    await wanted(door.database, visitor_of(request).id, report_id, door.once())
    return redirect("/moderation/reports" if wanted is actions.resolve else f"/moderation/reports/{report_id}")


async def entries(door: Door, request: Request) -> Response:
    """GET /moderation/log"""
    page = addresses.page(request)
    found = await log.entries(door.database, page)
    turns = addresses.turns(request, page, tuple(entry.id for entry in found))
    return await door.page(request, "moderation_log.html", entries=found, turns=turns)
