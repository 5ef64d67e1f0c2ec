"""Streams: the front door, home, the public stream, a tag, and what one has favourited or bookmarked."""

import asyncio

from linnet.domain.errors import NotFound, Unauthenticated, Unavailable
from linnet.domain.filters import Matcher, searchable
from linnet.domain.views import Identity, Profile, Relationship, StatusView
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.queries import accounts, filters, sessions, statuses, timelines
from linnet.queries.statuses import Listed
from linnet.queries.timelines import Tagged
from linnet.web import addresses, compose, quotes
from linnet.web.door import Door, reader, visitor_of
from linnet.web.people import shown

FRONT = 10
POSITION_SECONDS = 0.5
LONGEST_TAG = 200


async def home(door: Door, request: Request) -> Response:
    """GET /: home for who is signed in, the front door for everybody else."""
    visitor = visitor_of(request)
    if not visitor.signed_in:
        return await _front(door, request)
    wanted = addresses.page(request)
    first = not request.query_string
    # Read before the page is: what comes in between is then told twice rather than not at all.
    position = await _position(door) if first else ""
    listed = await timelines.home(door.database, visitor.id, wanted)
    form = await compose.empty(door, visitor.id) if first else None
    people = await _newcomers_guide(door, request) if first and not listed else []
    return await door.page(
        request,
        "home.html",
        views=await door.with_waiting(request, visitor.id, await whole(door, listed, request, "home")),
        turns=turns(request, listed),
        form=form,
        people=people,
        position=position,
    )


async def _position(door: Door) -> str:
    """Without a primary nothing happens that could be told: the page is shown, and stands still."""
    try:
        async with asyncio.timeout(POSITION_SECONDS):
            return await door.streams.position()
    except (TimeoutError, Unavailable):
        return ""


async def live(door: Door, request: Request) -> Response:
    """GET /live: what happens on home while it is looked at, as server-sent events for static/live.js."""
    secret = visitor_of(request).secret

    async def still() -> Identity:
        visit = await sessions.visit(door.database, secret)
        if visit is None or visit.barred:
            raise Unauthenticated("This session has ended")
        return visit.identity

    return await door.streams.for_page(request, visitor_of(request).identity, still)


async def _newcomers_guide(door: Door, request: Request) -> list[tuple[Profile, Relationship | None]]:
    """Some people to follow, for whoever follows nobody yet."""
    who = reader(request)
    rows = await accounts.directory(door.database, who, newest=False, local=True, limit=7, offset=0)
    return await shown(door, request, tuple(row for row in rows if row.id != who))


async def _front(door: Door, request: Request) -> Response:
    listed = await timelines.public(door.database, 0, addresses.page(request, FRONT))
    return await door.page(request, "front.html", views=await whole(door, listed, request))


async def public(door: Door, request: Request) -> Response:
    """GET /public"""
    listed = await timelines.public(door.database, reader(request), addresses.page(request))
    return await door.page(
        request, "public.html", views=await whole(door, listed, request, "public"), turns=turns(request, listed)
    )  # fmt: skip


async def tag(door: Door, request: Request) -> Response:
    """GET /tags/:tag"""
    name = request.segments["tag"]
    if len(name) > LONGEST_TAG:
        raise NotFound
    listed = await timelines.tag(door.database, reader(request), Tagged(name), addresses.page(request))
    return await door.page(
        request, "tag.html", tag=name, views=await whole(door, listed, request, "public"), turns=turns(request, listed)
    )  # fmt: skip


async def favourites(door: Door, request: Request) -> Response:
    """GET /favourites"""
    listed = await statuses.favourites(door.database, reader(request), addresses.page(request))
    return await _marked(
        door, request, listed, "Favourites", "No favourites yet", "Press the star below a post, and it is kept here."
    )


async def bookmarks(door: Door, request: Request) -> Response:
    """GET /bookmarks"""
    listed = await statuses.bookmarks(door.database, reader(request), addresses.page(request))
    return await _marked(
        door, request, listed, "Bookmarks", "No bookmarks yet",
        "Bookmark a post to find it again here. Nobody else sees what you bookmark.",
    )  # fmt: skip


async def _marked(
    door: Door, request: Request, listed: tuple[Listed, ...], heading: str, nothing: str, help: str
) -> Response:
    return await door.page(
        request, "marked.html", heading=heading, nothing=nothing, help=help, views=await whole(door, listed, request),
        turns=turns(request, listed),
    )  # fmt: skip


async def whole(
    door: Door, listed: tuple[Listed, ...], request: Request | None = None, context: str = ""
) -> tuple[StatusView, ...]:
    """Whole posts. With a ``context`` the reader's filters for it hold: some are left out, some folded up."""
    views = await statuses.whole(door.database, listed) if listed else ()
    if request is not None:
        await quotes.look_up(door, request, views)
    return await filtered(door, request, views, context) if request is not None and context else views


async def filtered(door: Door, request: Request, views: tuple[StatusView, ...], context: str) -> tuple[StatusView, ...]:
    """Without what the reader's filters hide; what they warn of stands in ``visitor.warned``."""
    visitor = visitor_of(request)
    if not visitor.signed_in or not visitor.identity.filters:
        return views
    _, found = await filters.in_force(door.database, visitor.id)
    matcher, kept = Matcher(found, door.clock.now_ms()), []
    for view in views:
        shown = view.shown
        mine = shown.author.id == visitor.id
        met = () if mine else matcher.results(searchable(shown.content), {view.row.id, shown.row.id}, context)
        if any(one.filter.action == "hide" for one in met):
            continue
        if met:
            visitor.warned[shown.row.id] = ", ".join(one.filter.title for one in met)
        kept.append(view)
    return tuple(kept)


def turns(request: Request, listed: tuple[Listed, ...]) -> tuple[str, str]:
    return addresses.turns(request, addresses.page(request), tuple(place.cursor for place in listed))
