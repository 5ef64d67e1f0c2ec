"""For moderators: who waits, who is here, invitations, rules, and jobs that were given up."""

from collections.abc import Awaitable, Callable

from linnet.actions import deletions, invites, outbox, rules, suspensions
from linnet.actions import moderation as actions
from linnet.actions import trends as trend_actions
from linnet.domain import ids
from linnet.domain.errors import Invalid, NotAllowed, NotFound
from linnet.domain.times import DAY_MS
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.queries import accounts, instance, users
from linnet.queries import outbox as job_queries
from linnet.queries import people as people_queries
from linnet.queries import trends as trend_queries
from linnet.storage.database import Operation
from linnet.web import addresses
from linnet.web.door import Door, path_id, visitor_of
from linnet.web.forms import Form, text

PEOPLE = 50
JOBS = 100
TRENDS = 20
REASON_LONGEST = 500

Deed = Callable[[Door, int, int, Operation, str], Awaitable[None]]

DEEDS: dict[str, Deed] = {
    "approve": lambda door, who, whom, once, why: actions.approve(door.database, door.site, door.mail, who, whom, once),
    "reject": lambda door, who, whom, once, why: actions.reject(door.database, who, whom, once, reason=why),
    "suspend": lambda door, who, whom, once, why: suspensions.suspend(door.database, who, whom, once, reason=why),
    "unsuspend": lambda door, who, whom, once, why: suspensions.unsuspend(door.database, who, whom, once, reason=why),
    "silence": lambda door, who, whom, once, why: suspensions.silence(door.database, who, whom, once, reason=why),
    "unsilence": lambda door, who, whom, once, why: suspensions.unsilence(door.database, who, whom, once, reason=why),
    "delete": lambda door, who, whom, once, why: deletions.delete(door.database, who, whom, once, reason=why),
}
"""What a moderator may do to an account; each leaves a line in the log."""


async def show(door: Door, request: Request) -> Response:
    """GET /moderation"""
    return await _page(door, request, Form(), str(request.query().get("invited") or "")[:100])


async def _page(door: Door, request: Request, form: Form, invited: str = "") -> Response:
    return await door.page(
        request, "moderation.html", 422 if form.errors else 200, form=form, invited=invited,
        pending=await users.pending(door.database), invites=await users.invites(door.database),
        trending=await trend_queries.trending(door.database, TRENDS),
        rules=await instance.rules(door.database), dead=await job_queries.dead(door.database, JOBS),
    )  # fmt: skip


async def people(door: Door, request: Request) -> Response:
    """GET /moderation/people, ?after=id"""
    value = request.query().get("after")
    after = (ids.parse(value) if isinstance(value, str) else None) or 0
    found = await people_queries.listed(door.database, after, PEOPLE)
    older = addresses.with_query("/moderation/people", after=found[-1].id) if len(found) == PEOPLE else ""
    return await door.page(request, "moderation_people.html", people=found, turns=("", older))


async def account(door: Door, request: Request) -> Response:
    """GET /moderation/accounts/:name"""
    user = await users.called(door.database, request.segments["name"])
    if user is None:
        raise NotFound
    profile = (await accounts.profiles(door.database, (user.account_id,)))[user.account_id]
    return await door.page(request, "moderation_account.html", user=user, profile=profile, form=Form())


async def act(door: Door, request: Request) -> Response:
    """POST /moderation/accounts/:name/:deed"""
    wanted, user = DEEDS.get(request.segments["deed"]), await users.called(door.database, request.segments["name"])
    if wanted is None or user is None:
        raise NotFound
    who, params = visitor_of(request).id, await request.params()
    if user.account_id == who:
        raise NotAllowed("You cannot do that to yourself")
    await wanted(door, who, user.account_id, door.once(), text(params, "reason", REASON_LONGEST))
    return redirect(addresses.local(params.get("back"), "/moderation"))


async def invite(door: Door, request: Request) -> Response:
    """POST /moderation/invites"""
    params = await request.params()
    try:
        uses, days = _number(params, "max_uses"), _number(params, "days")
        code = await invites.create(
            door.database, door.guards, visitor_of(request).id, door.once(), max_uses=uses,
            lasts_ms=days * DAY_MS if days else None,
        )  # fmt: skip
    except Invalid as error:
        return await _page(door, request, Form(params).fail(error, "max_uses", "days"))
    return redirect(addresses.with_query("/moderation", invited=code))


def _number(params: dict[str, object], name: str) -> int | None:
    """A whole number, None where none is given."""
    written = text(params, name, 20).strip()
    if not written:
        return None
    if not written.isdecimal() or int(written) < 1:
        raise Invalid(name, "must be a whole number")
    return int(written)


async def end_invite(door: Door, request: Request) -> Response:
    """POST /moderation/invites/end"""
    code = text(await request.params(), "code", 100)
    await invites.revoke(door.database, visitor_of(request).id, code, door.once())
    return redirect("/moderation")


async def add_rule(door: Door, request: Request) -> Response:
    """POST /moderation/rules"""
    params = await request.params()
    try:
        await rules.add(door.database, text(params, "text", 1_000), text(params, "hint", 1_000).strip(), door.once())
    except Invalid as error:
        return await _page(door, request, Form(params).fail(error, "text"))
    return redirect("/moderation")


async def remove_rule(door: Door, request: Request) -> Response:
    """POST /moderation/rules/:id/remove"""
    await rules.remove(door.database, path_id(request), door.once())
    return redirect("/moderation")


async def retry(door: Door, request: Request) -> Response:
    """POST /moderation/jobs/:id/retry"""
    if not await outbox.revive(door.database, path_id(request)):
        raise NotFound
    return redirect("/moderation")


async def untrend(door: Door, request: Request) -> Response:
    """POST /moderation/trends/remove"""
    params = await request.params()
    kind, subject = text(params, "kind", 20), text(params, "subject", 500)
    await trend_actions.suppress(door.database, visitor_of(request).id, kind, subject, door.once())
    return redirect("/moderation")
