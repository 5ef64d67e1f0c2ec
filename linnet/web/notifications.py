"""What the reader is told of."""

from collections.abc import Iterable

from linnet.actions import markers as marker_actions
from linnet.actions import notifications as actions
from linnet.domain.notifications import KINDS
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.queries import accounts, markers, notifications
from linnet.queries.notifications import Told, Wanted
from linnet.web import addresses
from linnet.web.door import Door, visitor_of
from linnet.web.timelines import whole

MENTIONS = ("mention",)
GROUPED = frozenset({"favourite", "reblog", "follow"})


async def show(door: Door, request: Request) -> Response:
    """GET /notifications, ?only=mentions: what was new stands out once, and counts as read from then on."""
    visitor = visitor_of(request)
    only = request.query().get("only") == "mentions"
    wanted = addresses.page(request, 30)
    found = await notifications.page(door.database, visitor.id, Wanted(MENTIONS if only else KINDS), wanted)
    known = await markers.of(door.database, visitor.id, ("notifications",))
    read_to = known[0].last_read_id if known else 0
    if found and not only and found[0].row.id > read_to:
        await marker_actions.put(door.database, visitor.id, {"notifications": found[0].row.id}, door.once())
    profiles = await accounts.profiles(door.database, {told.account.id for told in found})
    listed = tuple(told.status for told in found if told.status is not None)
    views = {view.row.id: view for view in await whole(door, listed, request, "notifications")}
    return await door.page(
        request, "notifications.html", only=only, read_to=read_to,
        items=[
            (some[0].row, [profiles[told.account.id] for told in some], views.get(some[0].row.status_id))
            for some in _together(told for told in found if told.account.id in profiles)
        ],
        turns=addresses.turns(request, wanted, tuple(told.row.id for told in found)),
    )  # fmt: skip


def _together(found: Iterable[Told]) -> list[list[Told]]:
    """Neighbours that say the same of the same post become one line: thirty favourites are one piece of news."""
    groups: list[list[Told]] = []
    for told in found:
        last = groups[-1][0].row if groups else None
        same = last is not None and (last.type, last.status_id) == (told.row.type, told.row.status_id)
        if same and told.row.type in GROUPED:
            groups[-1].append(told)
        else:
            groups.append([told])
    return groups


async def clear(door: Door, request: Request) -> Response:
    """POST /notifications/clear"""
    await actions.clear(door.database, visitor_of(request).id, door.once())
    return redirect("/notifications")
