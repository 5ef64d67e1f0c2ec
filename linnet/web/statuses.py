"""One post in its thread, who liked it, what it was before, and what its readers do to it."""

import contextlib
from collections.abc import Awaitable, Callable

from linnet.actions import interactions, votes
from linnet.domain.errors import Conflict, Invalid, NotFound
from linnet.domain.views import StatusView
from linnet.domain.visibility import Visibility
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.mastodon import polls
from linnet.queries import accounts, statuses
from linnet.storage.database import Operation
from linnet.web import addresses, compose, quotes
from linnet.web.door import Door, path_id, reader, visitor_of
from linnet.web.timelines import whole

PEOPLE = 40

Mark = Callable[[Door, int, int, Operation], Awaitable[int]]

MARKS: dict[str, Mark] = {
    "favourite": lambda door, who, id, once: interactions.favourite(door.database, who, id, once),
    "unfavourite": lambda door, who, id, once: interactions.unfavourite(door.database, who, id, once),
    "reblog": lambda door, who, id, once: interactions.reblog(
        door.database, door.site, who, id, Visibility.PUBLIC, once
    ),
    "unreblog": lambda door, who, id, once: interactions.unreblog(door.database, who, id, once),
    "bookmark": lambda door, who, id, once: interactions.bookmark(door.database, who, id, once),
    "unbookmark": lambda door, who, id, once: interactions.unbookmark(door.database, who, id, once),
    "pin": lambda door, who, id, once: interactions.pin(door.database, door.site, who, id, once),
    "unpin": lambda door, who, id, once: interactions.unpin(door.database, who, id, once),
    "mute": lambda door, who, id, once: interactions.mute_thread(door.database, who, id, once),
    "unmute": lambda door, who, id, once: interactions.unmute_thread(door.database, who, id, once),
}
"""What the small buttons below a post do."""


async def mark(door: Door, request: Request) -> Response:
    """POST /statuses/:id/:mark"""
    wanted = MARKS.get(request.segments["mark"])
    if wanted is None:
        raise NotFound
    status_id, params = path_id(request), await request.params()
    try:
        await wanted(door, visitor_of(request).id, status_id, door.once())
    except Invalid as error:
        raise Conflict(error.why) from error
    return redirect(addresses.anchored(addresses.local(params.get("back")), f"s{status_id}"))


async def vote(door: Door, request: Request) -> Response:
    """POST /statuses/:id/vote"""
    status_id, params = path_id(request), await request.params()
    try:
        # A single choice comes as one field of the same name.
        given = {"choices": params.get("choices", [])}
        await votes.vote(door.database, visitor_of(request).id, status_id, polls.choices(given), door.once())
    except Invalid as error:
        raise Conflict(error.why) from error
    return redirect(addresses.anchored(addresses.local(params.get("back")), f"s{status_id}"))


async def thread(door: Door, request: Request) -> Response:
    """GET /@:name/:id"""
    visitor, status_id = visitor_of(request), path_id(request)
    view = await _view(door, request, status_id)
    if view.reblog is not None:
        return redirect(_address(view.shown))
    if view.author.acct != request.segments["name"]:
        return redirect(_address(view))
    await quotes.look_up(door, request, (view,))
    above, below = await _surroundings(door, request, status_id)
    form = await compose.empty(door, visitor.id, **_reply(view, visitor.id)) if visitor.signed_in else None
    return await door.page(
        request, "thread.html", view=view, above=above, below=below, form=form,
    )  # fmt: skip


async def _surroundings(
    door: Door, request: Request, status_id: int
) -> tuple[tuple[StatusView, ...], tuple[StatusView, ...]]:
    """What stands above and below a status; the reader's own posts in the journal stand in their threads, too."""
    own_above, own_below, root = (
        await door.posting.around(status_id, reader(request)) if door.posting.active else ((), (), status_id)
    )
    above: tuple[StatusView, ...] = ()
    below: tuple[StatusView, ...] = ()
    with contextlib.suppress(NotFound) if root != status_id else contextlib.nullcontext():
        found = await statuses.context(door.database, root, reader(request))
        above = await whole(door, found.ancestors, request, "thread")
        if root == status_id:
            below = await whole(door, found.descendants, request, "thread")
        else:
            above += (await _view(door, request, root),)
    known = {view.row.id for view in (*above, *below)}
    more = [tuple([one for one in own if one.row.id not in known]) for own in (own_above, own_below)]
    return (*above, *await door.viewed(more[0])), (*below, *await door.viewed(more[1]))


def _reply(view: StatusView, who: int) -> dict[str, object]:
    """A reply names whoever is answered and whoever is named there, and is not seen by more people than that is."""
    named = [view.author.acct] if view.author.id != who else []
    named += [one.acct for one in view.content.mentions if one.id != who and one.acct not in named]
    wider = view.visibility in (Visibility.PUBLIC, Visibility.UNLISTED)
    return {
        "status": "".join(f"@{acct} " for acct in named),
        "in_reply_to_id": str(view.row.id),
        "visibility": None if wider and view.visibility == Visibility.PUBLIC else view.visibility.word,
        "spoiler_text": view.content.spoiler or None,
        "language": view.row.language,
    }


async def history(door: Door, request: Request) -> Response:
    """GET /@:name/:id/history"""
    view = await _view(door, request, path_id(request))
    _, revisions = await statuses.history(door.database, view.row.id, reader(request))
    return await door.page(request, "history.html", view=view, revisions=revisions[::-1])


async def favourited_by(door: Door, request: Request) -> Response:
    """GET /@:name/:id/favourites"""
    return await _who(door, request, "Favourited by", reblogged=False)


async def reblogged_by(door: Door, request: Request) -> Response:
    """GET /@:name/:id/boosts"""
    return await _who(door, request, "Boosted by", reblogged=True)


async def _who(door: Door, request: Request, heading: str, *, reblogged: bool) -> Response:
    view = await _view(door, request, path_id(request))
    wanted = addresses.page(request, PEOPLE)
    found = await statuses.who(door.database, view.row.id, reader(request), wanted, reblogged=reblogged)
    profiles = await accounts.profiles(door.database, [row.id for row in found.rows])
    return await door.page(
        request, "who.html", heading=heading, back=_address(view),
        people=[profiles[row.id] for row in found.rows if row.id in profiles],
        turns=addresses.turns(request, wanted, found.cursors[::-1] if found.cursors else (), full=len(found.rows)),
    )  # fmt: skip


async def _view(door: Door, request: Request, status_id: int) -> StatusView:
    """Raises NotFound where it is not there or the reader may not see it."""
    try:
        place = await statuses.one(door.database, status_id, reader(request))
    except NotFound:
        waiting = await door.posting.one(status_id, reader(request))
        views = await door.viewed((waiting,) if waiting is not None else ())
    else:
        views = await statuses.whole(door.database, (place,))
    if not views:
        raise NotFound
    return views[0]


def _address(view: StatusView) -> str:
    return f"/@{view.author.acct}/{view.row.id}"
