"""How pages look in this browser, and what a new post is where its author says nothing else."""

from linnet.actions import profiles as actions
from linnet.domain.errors import Invalid
from linnet.domain.profiles import ProfileChanges
from linnet.domain.visibility import Visibility
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.mastodon import drafts
from linnet.queries import accounts
from linnet.web import addresses, headers
from linnet.web.door import THEMES, Door, visitor_of
from linnet.web.forms import Form, ticked

FIELDS = ("visibility", "language", "sensitive")


async def show(door: Door, request: Request) -> Response:
    """GET /settings/preferences: a stranger, too, may want it dark."""
    visitor = visitor_of(request)
    if not visitor.signed_in:
        return await door.page(request, "preferences.html", form=Form())
    found = await accounts.credentials(door.database, visitor.id)
    values = {"visibility": found.visibility, "language": found.language or "", "sensitive": found.sensitive}
    return await door.page(request, "preferences.html", form=Form(values, _done(request)))


async def save(door: Door, request: Request) -> Response:
    """POST /settings/preferences"""
    params = await request.params()
    form = Form(params)
    try:
        wanted = ProfileChanges(
            visibility=drafts.visibility(params, Visibility.PUBLIC), sensitive=ticked(params, "sensitive"),
            language=drafts.language(params) or "",
        )  # fmt: skip
        who = visitor_of(request).id
        await actions.update(door.database, door.site, who, wanted, {}, door.operation(request, params))
    except Invalid as error:
        return await door.page(request, "preferences.html", 422, form=form.fail(error, *FIELDS))
    return redirect("/settings/preferences?saved=1")


async def theme(door: Door, request: Request) -> Response:
    """POST /settings/theme: kept in this browser alone."""
    params = await request.params()
    chosen = params.get("theme")
    name = chosen if chosen in THEMES else ""
    back = addresses.local(params.get("back"), "/settings/preferences")
    return redirect(back, headers=(headers.theme(door.site, str(name)), *headers.PRIVATE))


def _done(request: Request) -> str:
    return "Saved." if request.query().get("saved") == "1" else ""
