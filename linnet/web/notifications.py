"""What the reader is told of."""

from linnet.actions import markers as marker_actions
from linnet.actions import notifications as actions
from linnet.domain.notifications import KINDS
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.queries import accounts, markers, notification_groups, notification_requests
from linnet.queries.notifications import Wanted
from linnet.web import addresses
from linnet.web.door import Door, visitor_of
from linnet.web.timelines import whole

MENTIONS = ("mention",)


async def show(door: Door, request: Request) -> Response:
    """GET /notifications, ?only=mentions: what was new stands out once, and counts as read from then on."""
    visitor = visitor_of(request)
    only = request.query().get("only") == "mentions"
    wanted = addresses.page(request, 30)
    found = await notification_groups.page(door.database, visitor.id, Wanted(MENTIONS if only else KINDS), wanted)
    groups = found.groups
    known = await markers.of(door.database, visitor.id, ("notifications",))
    read_to = known[0].last_read_id if known else 0
    if groups and not only and groups[0].newest > read_to:
        position = {"notifications": groups[0].newest}
        await door.usage.briefly(marker_actions.put(door.database, visitor.id, position, door.once()))
    profiles = await accounts.profiles(door.database, found.accounts.keys())
    views = {view.row.id: view for view in await whole(door, found.statuses, request, "notifications")}
    low, high = found.cursors or (0, 0)
    return await door.page(
        request, "notifications.html", only=only, read_to=read_to,
        waiting=(await notification_requests.summary(door.database, visitor.id)).requests,
        items=[
            (group, people, views.get(group.status_id))
            for group in groups
            if (people := [profiles[id] for id in group.senders if id in profiles])
        ],
        turns=addresses.turns(request, wanted, (high, low) if found.cursors else (), full=len(groups)),
    )  # fmt: skip


async def clear(door: Door, request: Request) -> Response:
    """POST /notifications/clear"""
    await actions.clear(door.database, visitor_of(request).id, door.once())
    return redirect("/notifications")
