"""What may be done to a cluster's members, and why not (pure): nothing costs the majority or the last current copy."""

from collections.abc import Mapping

from linnet.cluster.layout import JOINING, LEAVING, READY
from linnet.cluster.picture import Picture, PostgresSeen
from linnet.domain.errors import Conflict


def may_leave(picture: Picture, name: str, *, sure: bool) -> None:
    """Raises Conflict with the reason why this member must stay. ``sure`` is that the operator takes one copy."""
    left = left_without(picture.states, name)
    _needs_votes(picture, name, left)
    current = [one.name for one in picture.postgres if one.name in left and (one.primary or one.streams)]
    if not picture.primary:
        raise Conflict("PostgreSQL has no primary now; wait until there is one")
    if len(current) < min(2, len(left)):
        who = "only " + ", ".join(current) if current else "nobody"
        raise Conflict(
            f"{name} has one of the last current copies, and {who} would have one without it: wait until the others "
            "have caught up"
        )
    needs_will(name, left, sure=sure)


def may_be_removed(picture: Picture, name: str, *, sure: bool) -> None:
    """The same for a member that is dead: what it had is not counted. Raises Conflict."""
    left = left_without(picture.states, name)
    if name == picture.me:
        raise Conflict("A node does not remove itself; `linnet cluster leave` does that in order")
    if not picture.etcd.healthy:
        raise Conflict("etcd has no majority, so no member can be struck off: bring back one that has a vote")
    _needs_votes(picture, name, left)
    if picture.primary not in left:
        raise Conflict("PostgreSQL has no primary among the others; wait until there is one")
    needs_will(name, left, sure=sure or picture.states[name] == JOINING)


def successor(picture: Picture, of: str, to: str = "") -> str:
    """Who becomes the primary after ``of``: ``to`` where it can, else whoever is fittest. Raises Conflict.

    Only a member of the quorum can have every acknowledged write; one without etcd's leader keeps the two apart.
    """
    able = successors(picture, of)
    if to:
        if to == of:
            raise Conflict(f"{to} is the primary already")
        if to not in able:
            raise Conflict(f"{to} cannot be the primary now: {_why_not(picture, to)}")
        return to
    if not able:
        raise Conflict("No other member can be the primary now: none is ready and has all that was acknowledged")
    return able[0]


def successors(picture: Picture, of: str) -> tuple[str, ...]:
    """Who may become the primary after ``of``, the fittest first."""
    able = [one for one in picture.postgres if one.name != of and _able(picture, one)]
    return tuple(
        one.name
        for one in sorted(able, key=lambda one: (one.name == picture.etcd.leader, one.lag_bytes or 0, one.name))
    )


def _able(picture: Picture, one: PostgresSeen) -> bool:
    ready = {standing.name for standing in picture.standings if standing.state == READY}
    return one.name in ready and one.streams and one.role in ("quorum_standby", "sync_standby")


def _why_not(picture: Picture, name: str) -> str:
    standing = next((one.state for one in picture.standings if one.name == name), None)
    if standing is None:
        return "there is no such member"
    if standing != READY:
        return f"it is {standing}"
    seen = next((one for one in picture.postgres if one.name == name), None)
    if seen is None:
        return "its PostgreSQL is not there"
    return f"its PostgreSQL is {seen.state}" if not seen.streams else "it may lack what was acknowledged last"


def left_without(states: Mapping[str, str], name: str) -> tuple[str, ...]:
    """The members that are left when it goes; ``states`` are everybody's. Raises Conflict.

    One goes after the other: two at once would each count on the other's staying.
    """
    if name not in states:
        raise Conflict(f"{name} is not a member of this cluster")
    for other, state in states.items():
        if other != name and state == LEAVING:
            raise Conflict(
                f"{other} is leaving: try again when it is no member any more, which `linnet cluster remove {other}` "
                "makes sure of where it has died"
            )
    left = tuple(one for one, state in states.items() if one != name and state != JOINING)
    if not left:
        raise Conflict(f"{name} is the only member: end it, and delete its folder, if nothing of it is to be kept")
    return left


def needs_will(name: str, left: tuple[str, ...], *, sure: bool) -> None:
    """Raises Conflict where one copy only would be left, and the operator has not said so."""
    if len(left) == 1 and not sure:
        raise Conflict(
            f"Without {name}, everything is on {left[0]} alone: one copy only, and whatever happens to that machine "
            "happens to every post. If that is meant, say --yes"
        )


def _needs_votes(picture: Picture, name: str, left: tuple[str, ...]) -> None:
    voters = [one for one in picture.etcd.voters if one != name]
    alive = [one for one in voters if one in picture.etcd.answering]
    if len(alive) < len(voters) // 2 + 1:
        raise Conflict(
            f"Without {name}, {len(alive)} of {len(voters)} votes would be left, which is no majority: bring the "
            f"others back first ({', '.join([one for one in voters if one not in alive] or left)})"
        )
