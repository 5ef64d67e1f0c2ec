"""Changes of who does what in a cluster: switchover, drain, undrain, leave, remove. Each tells what it does as it goes.

Each can be run again where it was cut off: what is done already is found done, and goes on from there.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from linnet.cluster import admission, asking, planning, rules
from linnet.cluster.layout import DRAINED, JOINING, LEAVING, READY, Member
from linnet.cluster.patroni import ASYNCHRONOUS, RELAXED, SYNCHRONOUS_KEY
from linnet.cluster.picture import DISK_FULL_BYTES, DISK_LOW_BYTES, Picture
from linnet.cluster.place import Place
from linnet.domain.errors import Conflict, Unavailable

PLANNED_SECONDS = 20.0
"""How long a switchover may take to have another primary."""
SEEN_SECONDS = 3.0
"""Every node looks at the list of members, and has its HAProxy told, in less than this."""
STEP_SECONDS = 60.0
FOLLOWS_SECONDS = 20.0
"""After a change of the primary, another copy is whole again in less than this."""
LOOK_SECONDS = 0.2
ASKED_SECONDS = 2.0
"""How long another node has to say how much room it has."""

Sentences = AsyncIterator[str]


# -- the primary ------------------------------------------------------------------------------------------------------


async def switchover(place: Place, to: str = "") -> Sentences:
    """Makes another member the primary; posts go into the journal meanwhile."""
    leader = place.look().primary
    if not leader:
        raise Conflict("PostgreSQL has no primary now, so there is none to take over from")
    chosen = await _successor(place, leader, to)
    picture = place.look()
    async for sentence in _hand_over(place, picture, leader, chosen):
        yield sentence


async def make_way(place: Place) -> Sentences:
    """Makes another member the primary, whose disk is well and has room. Raises Conflict where there is none."""
    picture = place.look()
    least = 2 * DISK_FULL_BYTES if picture.disk_fails else DISK_LOW_BYTES
    for name in rules.successors(picture, place.me.name):
        if await _has_room(place, _member(picture, name), least):
            async for sentence in _hand_over(place, picture, place.me.name, name):
                yield sentence
            return
    raise Conflict("No other member that could be the primary says that its disk is well and has more room")


async def _has_room(place: Place, member: Member, least: int) -> bool:
    with contextlib.suppress(Unavailable, asking.Refused):
        said = await asking.ask(member.control_url, "/status", None, place.context, ASKED_SECONDS)
        free = said.get("disk_free_bytes")
        return isinstance(free, int) and free >= least and not said.get("disk_fails")
    return False


async def _successor(place: Place, of: str, to: str = "") -> str:
    """Who takes over. Whoever is a member may only need a moment: it has just joined, or follows a new primary."""
    deadline = place.clock.monotonic() + FOLLOWS_SECONDS
    while True:
        picture = place.look()
        try:
            return rules.successor(picture, of, to)
        except Conflict:
            others = {one.name for one in picture.standings} - {of}
            if to not in ("", *others) or not others or place.clock.monotonic() >= deadline:
                raise
        await place.clock.sleep(LOOK_SECONDS)


async def _hand_over(place: Place, picture: Picture, leader: str, to: str) -> Sentences:
    yield f"{leader} is the primary; {to} takes over. Posts go into the journal meanwhile"
    began = place.clock.monotonic()
    why = f"{to} takes over from {leader}"
    async with planning.announced(place.majority, place.clock, why, PLANNED_SECONDS):
        stopped = place.clock.monotonic()
        await place.patroni.switchover(_member(picture, leader), leader, to)
        await _until_true(place, lambda: _is_primary(place, _member(picture, to)), f"{to} has not become the primary")
        took = place.clock.monotonic() - stopped
    yield f"{to} is the primary, after {took:.1f} s ({place.clock.monotonic() - began:.1f} s with the announcement)"


async def _is_primary(place: Place, member: Member) -> bool:
    """As its own Patroni says: what others know of it is a second old."""
    with contextlib.suppress(Unavailable):
        return any(one.primary and one.name == member.name for one in await place.patroni.seen(member))
    return False


async def _give_away(place: Place) -> Sentences:
    """Makes somebody else the primary and etcd's leader, where this node is either."""
    picture = place.look()
    if picture.primary == place.me.name:
        async for sentence in _hand_over(place, picture, place.me.name, await _successor(place, place.me.name)):
            yield sentence
    picture = place.look()
    if picture.etcd.leader == place.me.name:
        others = [name for name in picture.etcd.voters if name in picture.etcd.answering and name != place.me.name]
        best = sorted(others, key=lambda name: name == picture.primary)
        ids = {one.name: one.id for one in await place.majority.members()}
        if best and best[0] in ids:
            await place.majority.move_leader(ids[best[0]])
            yield f"etcd's leader is {best[0]} now"


# -- drain and undrain ------------------------------------------------------------------------------------------------


async def drain(place: Place) -> Sentences:
    """Nothing new is asked of this node any more; it goes on keeping a copy, and has its vote."""
    async for sentence in _step_aside(place):
        yield sentence
    yield f"{place.me.name} may be restarted. It still keeps a copy; `linnet cluster undrain` brings it back"


async def _step_aside(place: Place) -> Sentences:
    me = place.me.name
    picture = place.look()
    if picture.standing == READY and not any(_ready(picture, name) for name in picture.counted if name != me):
        raise Conflict(f"{me} is the only node that serves people; undrain or add another one first")
    if picture.primary == me:
        await _successor(place, me)
    await admission.set_state(place.majority, me, DRAINED, of=(READY,))
    yield f"{me} is drained: no node gives it requests from now on"
    async for sentence in _give_away(place):
        yield sentence
    await place.clock.sleep(SEEN_SECONDS)
    # Only now: what was under way here had its time, and whoever asks for this sends nothing any more.
    place.folders.drained.touch()


async def undrain(place: Place) -> Sentences:
    """Takes part again, as soon as this node's Linnet can."""
    me = place.me.name
    picture = place.look()
    if picture.standing not in (DRAINED, READY):
        raise Conflict(f"{me} is {picture.standing or 'no member'}, so it cannot be undrained")
    place.folders.drained.unlink(missing_ok=True)
    await _until_true(place, lambda: place.serves(place.me), f"the Linnet of {me} is not ready")
    await admission.set_state(place.majority, me, READY, of=(DRAINED,))
    yield f"{me} takes requests again"


def _ready(picture: Picture, name: str) -> bool:
    return any(one.name == name and one.state == READY for one in picture.standings)


# -- leave and remove -------------------------------------------------------------------------------------------------


async def leave(place: Place, *, sure: bool = False) -> Sentences:
    """Takes this node out of the cluster, in the reverse order of a join; what it keeps stays in its folder."""
    me = place.me.name
    picture = place.look()
    if picture.standings and not picture.standing:
        yield f"{me} is no member already; it ends"
        _forget(place)
        return
    if picture.standing == JOINING:
        raise Conflict(f"{me} has not joined yet; end it, and on another node `linnet cluster remove {me}`")
    if picture.standing != LEAVING:
        rules.may_leave(picture, me, sure=sure)
        if picture.standing == READY:
            async for sentence in _step_aside(place):
                yield sentence
        # Drained by hand, it may have been chosen by a failover all the same.
        async for sentence in _give_away(place):
            yield sentence
        try:
            left = await _told_to_go(place, me, sure=sure)
        except Conflict as error:
            raise Conflict(f"{error}. It is drained; `linnet cluster undrain` brings it back") from None
        yield f"{me} is leaving"
        # Until everybody has seen it: the other one of two would become strict again at once, seeing two members.
        await place.clock.sleep(SEEN_SECONDS)
    else:
        left = rules.left_without(picture.states, me)
    if len(left) == 1:
        await _relax(place)
        yield f"From now on {left[0]} acknowledges alone: one copy only"
    await _until(place, lambda seen: not _awaited(seen, me), f"commits still wait for {me}")
    yield f"No commit waits for {me} any more"
    # What has started, and only that, is named here: should this node die now, `remove` finishes it.
    await _take_vote(place, place.me)
    await admission.remove(place.majority, me)
    yield f"{me} is no member any more; it ends. The others need nothing of {place.folders.data}, which may be deleted"
    _forget(place)


async def _told_to_go(place: Place, name: str, *, sure: bool) -> tuple[str, ...]:
    """Lets everybody know that it goes; who is left then. Raises Conflict, and it stays as it was.

    What was allowed is looked at once more, after it is known: somebody else may have gone, or begun to, meanwhile.
    """
    before = (await _states(place)).get(name, READY)
    await admission.set_state(place.majority, name, LEAVING, of=(READY, DRAINED))
    try:
        left = rules.left_without(await _states(place), name)
        rules.needs_will(name, left, sure=sure)
    except Conflict:
        if before != LEAVING:
            await admission.set_state(place.majority, name, before, of=(LEAVING,))
        raise
    return left


async def _states(place: Place) -> dict[str, str]:
    """How each member stands now, not a second ago."""
    return {name: one.state for name, one in (await admission.members(place.majority)).items()}


def _forget(place: Place) -> None:
    """What is left cannot be run again by mistake."""
    place.folders.node.replace(place.folders.node.with_suffix(".left"))
    place.end()


def _awaited(picture: Picture, name: str) -> bool:
    return any(one.role in ("quorum_standby", "sync_standby", "leader") for one in picture.postgres if one.name == name)


async def _relax(place: Place) -> None:
    """One alone may acknowledge: asked for by an operator, and by nothing else.

    By way of waiting for nobody at all: a Patroni (4.1.5) that is strict and has no standby left waits for any one, and
    goes on waiting, when it is only told not to be strict.
    """
    picture = place.look()
    if not picture.primary:
        raise Unavailable("PostgreSQL has no primary now; run the command again")
    by = _member(picture, picture.primary)
    await place.patroni.configure(by, ASYNCHRONOUS)
    await _until_true(place, lambda: _nobody_is_awaited(place), "PostgreSQL still waits for a second machine")
    await place.patroni.configure(by, RELAXED)


async def _nobody_is_awaited(place: Place) -> bool:
    return await place.majority.get(SYNCHRONOUS_KEY) is None


async def _take_vote(place: Place, member: Member) -> bool:
    """Whether etcd knew it; one that has never started there has no name yet, but its address."""
    known = await place.majority.members()
    found = [one for one in known if one.name == member.name or member.etcd_peer_url in one.peer_urls]
    for one in found:
        await place.majority.remove_member(one.id)
    return bool(found)


async def remove(place: Place, name: str, *, sure: bool = False) -> Sentences:
    """Strikes a dead member off. One that answers is told to leave instead."""
    picture = place.look()
    rules.may_be_removed(picture, name, sure=sure)
    member = _member(picture, name)
    if await _answers(place, member) or name in picture.etcd.answering:
        raise Conflict(f"{name} answers; on that machine, `linnet cluster leave` takes it out in order")
    if picture.states[name] == JOINING:
        left = rules.left_without(picture.states, name)
    else:
        left = await _told_to_go(place, name, sure=sure)
        await place.clock.sleep(SEEN_SECONDS)
    if len(left) == 1:
        await _relax(place)
        yield f"From now on {left[0]} acknowledges alone: one copy only"
    if await _take_vote(place, member):
        yield f"{name} has no vote any more"
    await admission.remove(place.majority, name)
    yield f"{name} is no member any more. Should that machine come back, delete its folder before it joins again"


async def _answers(place: Place, member: Member) -> bool:
    try:
        await asking.ask(member.control_url, "/status", None, place.context, seconds=3.0)
    except asking.Unreachable:
        return False
    except asking.Refused:
        return True
    return True


# -- waiting ----------------------------------------------------------------------------------------------------------


def _member(picture: Picture, name: str) -> Member:
    return next(one.member for one in picture.standings if one.name == name)


async def _until(place: Place, holds: Callable[[Picture], bool], else_say: str, seconds: float = STEP_SECONDS) -> None:
    """Looks until it is so. Raises Unavailable after ``seconds``."""

    async def so() -> bool:
        return holds(place.look())

    await _until_true(place, so, else_say, seconds)


async def _until_true(
    place: Place, holds: Callable[[], Awaitable[bool]], else_say: str, seconds: float = STEP_SECONDS
) -> None:
    deadline = place.clock.monotonic() + seconds
    while not await holds():
        if place.clock.monotonic() >= deadline:
            raise Unavailable(f"After {seconds:.0f} s, {else_say}; run the command again, or look into the node's log")
        await place.clock.sleep(LOOK_SECONDS)
