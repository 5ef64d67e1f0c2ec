"""Conversations: direct posts, by whom they are with."""

from linnet.actions import conversations as actions
from linnet.domain.views import StatusView
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.queries import accounts, conversations, statuses
from linnet.web import addresses
from linnet.web.door import Door, path_id, visitor_of


async def index(door: Door, request: Request) -> Response:
    """GET /conversations"""
    who, wanted = visitor_of(request).id, addresses.page(request)
    found = await conversations.page(door.database, who, wanted)
    people = await accounts.profiles(door.database, {person.id for one in found for person in one.people})
    latest = tuple(one.status for one in found if one.status is not None)
    views = await statuses.whole(door.database, latest) if latest else ()
    said: dict[int, StatusView] = {view.row.id: view for view in views}
    shown = [
        (one, [people[person.id] for person in one.people if person.id in people],
         said.get(one.status.row.id) if one.status else None)
        for one in found
    ]  # fmt: skip
    return await door.page(
        request, "conversations.html", conversations=shown,
        turns=addresses.turns(request, wanted, tuple(one.cursor for one in found)),
    )  # fmt: skip


async def read(door: Door, request: Request) -> Response:
    """POST /conversations/:conversation/read: and on to its latest post."""
    who, conversation_id = visitor_of(request).id, path_id(request, "conversation")
    one = await conversations.one(door.database, who, conversation_id)
    await actions.read(door.database, who, conversation_id, door.once())
    views = await statuses.whole(door.database, (one.status,)) if one.status is not None else ()
    return redirect(f"/@{views[0].author.acct}/{views[0].row.id}" if views else "/conversations")


async def delete(door: Door, request: Request) -> Response:
    """POST /conversations/:conversation/delete"""
    await actions.delete(door.database, visitor_of(request).id, path_id(request, "conversation"), door.once())
    return redirect("/conversations")
