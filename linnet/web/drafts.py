"""What is written and not posted yet: drafts, and posts with a time."""

from linnet.actions import drafts as actions
from linnet.actions import scheduled
from linnet.domain import times
from linnet.domain.views import DraftView
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.queries import drafts
from linnet.web import addresses
from linnet.web.door import Door, path_id, visitor_of
from linnet.web.forms import Form

MOST = 40


async def index(door: Door, request: Request) -> Response:
    """GET /drafts"""
    who, wanted = visitor_of(request).id, addresses.page(request, MOST)
    kept = await drafts.page(door.database, who, wanted, scheduled=False)
    timed = await drafts.page(door.database, who, addresses.page(request, MOST), scheduled=True)
    return await door.page(
        request, "drafts.html", drafts=kept, scheduled=sorted(timed, key=lambda one: one.scheduled_at or 0),
        turns=addresses.turns(request, wanted, tuple(one.id for one in kept)),
    )  # fmt: skip


async def show(door: Door, request: Request) -> Response:
    """GET /drafts/:draft: the box with what was typed."""
    view = await drafts.one(door.database, visitor_of(request).id, path_id(request, "draft"), scheduled=False)
    form = _form(view)
    form.attached = view.media
    return await door.page(request, "compose.html", form=form)


async def delete(door: Door, request: Request) -> Response:
    """POST /drafts/:draft/delete"""
    await actions.delete(door.database, visitor_of(request).id, path_id(request, "draft"), door.once())
    return redirect("/drafts")


async def cancel(door: Door, request: Request) -> Response:
    """POST /scheduled/:scheduled/cancel"""
    await scheduled.cancel(door.database, visitor_of(request).id, path_id(request, "scheduled"), door.once())
    return redirect("/drafts")


def _form(view: DraftView) -> Form:
    draft, poll = view.draft, view.draft.poll
    values: dict[str, object] = {
        "draft_id": str(view.id), "status": draft.text, "spoiler_text": draft.spoiler,
        "visibility": draft.visibility.word, "language": draft.language or "", "sensitive": draft.sensitive,
        "local_only": bool(draft.local_only), "content_type": draft.content_type, "back": "/drafts",
    }  # fmt: skip
    if draft.in_reply_to_id:
        values["in_reply_to_id"] = str(draft.in_reply_to_id)
    if poll:
        values |= {f"poll_option{at}": option for at, option in enumerate(poll.options, 1)}
        values |= {
            "poll_seconds": str(poll.expires_in), "poll_multiple": poll.multiple, "poll_hide_totals": poll.hide_totals,
        }  # fmt: skip
    if view.scheduled_at:
        values["scheduled_at"] = times.iso(view.scheduled_at)
    return Form(values)
