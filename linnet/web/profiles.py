"""People: what an account shows, whom it knows, and what its readers do to it."""

from collections.abc import Awaitable, Callable

from linnet.actions import blocks, follows
from linnet.domain.errors import NotFound
from linnet.domain.relations import FollowOptions, Mute
from linnet.domain.views import AccountRow
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.queries import accounts, profiles, relations
from linnet.queries.profiles import Choice
from linnet.storage.database import Operation
from linnet.web import addresses
from linnet.web.door import Door, reader, visitor_of
from linnet.web.people import shown
from linnet.web.timelines import turns, whole

PEOPLE = 40

Deed = Callable[[Door, int, int, Operation], Awaitable[None]]

DEEDS: dict[str, Deed] = {
    "follow": lambda door, who, whom, once: follows.follow(door.database, door.site, who, whom, FollowOptions(), once),
    "unfollow": lambda door, who, whom, once: follows.unfollow(door.database, who, whom, once),
    "drop": lambda door, who, whom, once: follows.remove_follower(door.database, who, whom, once),
    "block": lambda door, who, whom, once: blocks.block(door.database, who, whom, once),
    "unblock": lambda door, who, whom, once: blocks.unblock(door.database, who, whom, once),
    "mute": lambda door, who, whom, once: blocks.mute(door.database, who, whom, Mute(), once),
    "unmute": lambda door, who, whom, once: blocks.unmute(door.database, who, whom, once),
    "accept": lambda door, who, whom, once: follows.authorize(door.database, who, whom, once),
    "refuse": lambda door, who, whom, once: follows.reject(door.database, who, whom, once),
    "hear": lambda door, who, whom, once: follows.follow(
        door.database, door.site, who, whom, FollowOptions(notify=True), once
    ),
    "unhear": lambda door, who, whom, once: follows.follow(
        door.database, door.site, who, whom, FollowOptions(notify=False), once
    ),
    "hide-boosts": lambda door, who, whom, once: follows.follow(
        door.database, door.site, who, whom, FollowOptions(reblogs=False), once
    ),
    "show-boosts": lambda door, who, whom, once: follows.follow(
        door.database, door.site, who, whom, FollowOptions(reblogs=True), once
    ),
}
"""What the buttons of a profile do."""

LIMITED = {"follow": "follows"}


async def act(door: Door, request: Request) -> Response:
    """POST /@:name/:deed"""
    name = request.segments["deed"]
    wanted = DEEDS.get(name)
    if wanted is None:
        raise NotFound
    who, params = visitor_of(request).id, await request.params()
    whom = await accounts.lookup(door.database, door.site, request.segments["name"])
    if name in LIMITED:
        door.guards.throttle.spend(LIMITED[name], str(who))
    await wanted(door, who, whom.id, door.once())
    return redirect(addresses.local(params.get("back")))


async def posts(door: Door, request: Request) -> Response:
    """GET /@:name"""
    row = await _account(door, request)
    choice = Choice(exclude_replies=True)
    first = not request.query_string
    pinned = (
        await profiles.statuses(door.database, row.id, reader(request), Choice(pinned=True), addresses.page(request))
        if first else ()
    )  # fmt: skip
    views = await whole(door, pinned, request, "account")
    return await _stream(door, request, row, choice, "profile.html", pinned=views)


async def with_replies(door: Door, request: Request) -> Response:
    """GET /@:name/with_replies"""
    return await _stream(door, request, await _account(door, request), Choice(), "profile.html", pinned=())


async def media(door: Door, request: Request) -> Response:
    """GET /@:name/media"""
    row = await _account(door, request)
    choice = Choice(only_media=True, exclude_reblogs=True)
    return await _stream(door, request, row, choice, "profile_media.html", pinned=())


async def _stream(
    door: Door, request: Request, row: AccountRow, choice: Choice, template: str, *, pinned: object
) -> Response:
    listed = await profiles.statuses(door.database, row.id, reader(request), choice, addresses.page(request))
    views = await whole(door, listed, request, "account")
    return await door.page(
        request, template, row=row, pinned=pinned, views=await door.with_waiting(request, row.id, views, choice),
        turns=turns(request, listed),
        **await _head(door, request, row),
    )  # fmt: skip


async def followers(door: Door, request: Request) -> Response:
    """GET /@:name/followers"""
    row = await _account(door, request)
    wanted = addresses.page(request, PEOPLE)
    found = await relations.followers(door.database, row.id, reader(request), wanted)
    return await _people(door, request, row, found, "Followers")


async def following(door: Door, request: Request) -> Response:
    """GET /@:name/following"""
    row = await _account(door, request)
    wanted = addresses.page(request, PEOPLE)
    found = await relations.following(door.database, row.id, reader(request), wanted)
    return await _people(door, request, row, found, "Following")


async def _people(door: Door, request: Request, row: AccountRow, found: accounts.Accounts, heading: str) -> Response:
    people = await shown(door, request, found.rows)
    wanted = addresses.page(request, PEOPLE)
    cursors = found.cursors[::-1] if found.cursors else ()
    return await door.page(
        request, "profile_people.html", row=row, people=people, heading=heading,
        turns=addresses.turns(request, wanted, cursors, full=len(found.rows)), **await _head(door, request, row),
    )  # fmt: skip


async def _account(door: Door, request: Request) -> AccountRow:
    return await accounts.lookup(door.database, door.site, request.segments["name"])


async def _head(door: Door, request: Request, row: AccountRow) -> dict[str, object]:
    """What stands above every list of a profile."""
    profile = (await accounts.profiles(door.database, (row.id,))).get(row.id)
    if profile is None:
        raise NotFound
    who = reader(request)
    found = await relations.relationships(door.database, who, (row.id,)) if who else ()
    return {"profile": profile, "relationship": found[0] if found and who != row.id else None}
