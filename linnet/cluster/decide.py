"""What a node does about what it sees (pure): from one picture, a few acts, each with a sentence that says why."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from linnet.cluster.layout import DRAINED, READY, listed
from linnet.cluster.picture import (
    CHILDREN,
    DISK_FULL_BYTES,
    DISK_LOW_BYTES,
    ETCD,
    LINNET,
    PATRONI,
    ChildSeen,
    Picture,
)
from linnet.cluster.rules import successors

What = Literal["start", "write", "reload", "announce", "move-leader", "strict", "make-room", "make-way"]

PAUSE_FIRST_S = 0.2
PAUSE_MAX_S = 10.0
WELL_AFTER_S = 30.0
"""A child that ran so long was well: its end says nothing about the next one."""
LISTENS_AFTER_S = 3.0
"""How long after its start a child is trusted to know the signal that tells it to read its files."""
SETTLES_S = 5.0
"""Nothing is said about what is only being formed, or has not been looked at yet."""
LEADER_RESTS_S = 30.0
"""etcd's leader is not moved more often than this."""
STRICT_RESTS_S = 5.0
ROOM_RESTS_S = 60.0
WAY_RESTS_S = 60.0
NAMED_S = 120.0
"""Who was named as one whose disk fails so long ago, and has the primary, was given it since."""
CERTIFICATE_LOW_DAYS = 14.0
COMPARED_S = 10.0
"""So long Linnet waits until the clocks have been compared: what it writes under a wrong time stays."""
OWN_TOPICS = ("disk", "certificate", "clock", *CHILDREN)
"""What a node says of its own machine; of the whole, each says much the same."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something to do. ``on`` is a child, a file or a member; ``why`` is one sentence for the log."""

    what: What
    on: str
    why: str


def decide(picture: Picture) -> tuple[Act, ...]:
    """In the order in which they are to be done. The same picture always leads to the same acts."""
    return tuple(act for rule in RULES for act in rule(picture))


# -- children ---------------------------------------------------------------------------------------------------------


def write_files(picture: Picture) -> Iterator[Act]:
    """Files first: what is started or told to read again must find them as they should be."""
    for name in picture.changed:
        yield Act("write", name, f"{name} is not as it should be: writing it")


def start_children(picture: Picture) -> Iterator[Act]:
    for name, child in picture.children.items():
        if not child.alive and not waits_for(picture, name) and child.since_s >= pause_s(child.failures):
            yield Act("start", name, _starting(child))


def pause_s(failures: int) -> float:
    """How long to wait before the next start: whoever ran well and was killed is there again at once."""
    return 0.0 if failures <= 1 else min(PAUSE_MAX_S, PAUSE_FIRST_S * 2 ** min(failures - 2, 10))


def waits_for(picture: Picture, name: str) -> str:
    """What must be there before this child is started; '' for nothing."""
    if name == ETCD and picture.etcd_lost:
        # It would take its old place with an empty memory: what two had acknowledged could be voted away by it and a
        # third; and the cluster's first node would begin another cluster beside it.
        return (
            "its files are gone, and without them it may not come back. Run `linnet cluster remove "
            f"{picture.me}` on another node, empty this data folder, and join anew"
        )
    if name == PATRONI and not picture.etcd.healthy and not picture.has_data:
        return "etcd has no majority yet"
    if name == LINNET and not picture.served and not picture.primary:
        return "PostgreSQL has no primary yet"
    if name == LINNET and not picture.compared and picture.looking_s < COMPARED_S:
        return "this machine's clock has not been compared with the others' yet"
    return ""


def _starting(child: ChildSeen) -> str:
    if not child.failures:
        return f"Starting {child.name}"
    how = "ended" if child.code is None else f"was killed by signal {-child.code}" if child.code < 0 else ""
    how = how or f"ended with code {child.code}"
    said = f" (its last words: {child.words})" if child.words and (child.code is None or child.code >= 0) else ""
    again = "" if child.failures == 1 else f", {child.failures} times in a row"
    return f"{child.name} {how}{again}: starting it anew{said}"


def reload_children(picture: Picture) -> Iterator[Act]:
    """Not one that has just been started: the signal would end it before it knows what it means."""
    for name in picture.stale:
        child = picture.children.get(name)
        if child is not None and child.alive and child.since_s >= LISTENS_AFTER_S:
            yield Act("reload", name, f"{name} is told to read its files again")


# -- the cluster ------------------------------------------------------------------------------------------------------


def announce_first(picture: Picture) -> Iterator[Act]:
    """The first node makes itself known to those who will join; whoever joins is announced by the joining."""
    if picture.begun and picture.etcd.healthy and not picture.announced and "announce" not in picture.busy:
        yield Act("announce", picture.me, "This node is the cluster's first member")


def become_strict(picture: Picture) -> Iterator[Act]:
    """Joining does this before it announces a second member; here it is seen to that it is so and stays so."""
    # Who is leaving is no second one: an operator has said that the other goes on alone.
    staying = [one for one in picture.standings if one.state in (READY, DRAINED)]
    due = len(staying) > 1 and picture.strict is False and picture.primary == picture.me
    if due and _rested(picture, "strict", STRICT_RESTS_S):
        yield Act(
            "strict", picture.me, "There is more than one member: from now on no write is acknowledged by one alone"
        )


def move_leader(picture: Picture) -> Iterator[Act]:
    """A machine with both PostgreSQL's primary and etcd's leader would take both along when it dies.

    Only in quiet times: puts stand still while it is done, under load for seconds. Where a member is away, the death of
    this one would take the majority along whoever leads; and while posts are journalled nothing may stand still.
    """
    both_here = picture.etcd.leader == picture.primary == picture.me
    quiet = set(picture.etcd.voters) <= set(picture.etcd.answering) and not picture.journal
    if not both_here or not quiet or not _rested(picture, "move-leader", LEADER_RESTS_S):
        return
    ready = {one.name for one in picture.standings if one.state == READY}
    others = [name for name in picture.etcd.answering if name in picture.etcd.voters and name != picture.me]
    best = sorted(others, key=lambda name: (name not in ready, name))
    if best:
        yield Act("move-leader", best[0], f"etcd's leader goes to {best[0]}: this machine has PostgreSQL's primary")


def make_room(picture: Picture) -> Iterator[Act]:
    """An etcd that is full takes no lock and no leader's key: no post could be drained, no other primary be chosen."""
    if picture.etcd.full and picture.etcd.leader == picture.me and _rested(picture, "make-room", ROOM_RESTS_S):
        yield Act("make-room", picture.me, "etcd is full: it forgets what was, and gives the room back")


def make_way(picture: Picture) -> Iterator[Act]:
    """A primary without room ends, or takes what is small alone: before that, whoever has more room takes over. So does
    another one where the disk has lost what others have still."""
    full = picture.disk_free_bytes is not None and picture.disk_free_bytes < DISK_FULL_BYTES
    # Later, it was given back by somebody who knows better.
    fails = picture.disk_failed_s < NAMED_S
    if not (full or fails) or picture.primary != picture.me:
        return
    if successors(picture, picture.me) and _rested(picture, "make-way", WAY_RESTS_S):
        who = "whose disk is well" if fails else "who has more room"
        yield Act("make-way", picture.me, f"{_of_disk(picture)}: one {who} is to have PostgreSQL's primary")


def _rested(picture: Picture, what: str, seconds: float) -> bool:
    return what not in picture.busy and picture.rested_s.get(what, seconds) >= seconds


RULES: tuple[Callable[[Picture], Iterator[Act]], ...] = (
    write_files,
    start_children,
    reload_children,
    announce_first,
    become_strict,
    move_leader,
    make_room,
    make_way,
)


# -- what is said -----------------------------------------------------------------------------------------------------


def may_fail(picture: Picture) -> int:
    """How many machines may fail now, whichever they are, without anything being lost or standing still."""
    voters = len(picture.etcd.voters)
    alive = len(set(picture.etcd.voters) & set(picture.etcd.answering))
    spare_votes = alive - (voters // 2 + 1) if voters else 0
    spare_copies = picture.copies - 2 if len(picture.counted) > 1 else 0
    return max(0, min(spare_votes, spare_copies))


def sentences(picture: Picture) -> dict[str, str]:
    """What there is to say about the whole, by topic. A topic that is missing is as it should be."""
    said: dict[str, str] = {}
    for topic, sentence in (
        ("majority", _of_majority(picture)),
        ("primary", _of_primary(picture)),
        ("copies", _of_copies(picture)),
        ("strict", _of_strictness(picture)),
        ("members", _of_members(picture)),
        ("disk", _of_disk(picture)),
        ("certificate", _of_certificate(picture)),
        ("clock", _of_clock(picture)),
        ("journal", _of_journal(picture)),
    ):
        if sentence:
            said[topic] = sentence
    return said | dict(_of_children(picture))


def _of_majority(picture: Picture) -> str:
    if picture.etcd.full:
        return "etcd's quota is used up: no post is journalled, and no other primary chosen, until it has room again"
    if not picture.etcd.healthy and picture.looking_s >= SETTLES_S:
        return "etcd has no majority: no other primary can be chosen, and nothing can be journalled"
    return ""


def _of_primary(picture: Picture) -> str:
    if picture.primary or not picture.postgres or not picture.served or picture.looking_s < SETTLES_S:
        return ""
    return "PostgreSQL has no primary: posts are taken into the journal, other writes wait"


def _of_copies(picture: Picture) -> str:
    count = len(picture.counted)
    if count <= 1:
        return (
            "One copy only: everything is on this machine alone. Add a second and a third one (`linnet cluster token`)"
        )
    if count == 2:
        return "Two machines: neither may fail, or nothing is written until it is back. Add a third one"
    if may_fail(picture) < 1 and picture.looking_s >= SETTLES_S:
        return f"No machine may fail now: {picture.copies} of {count} have a current copy, {_voices(picture)}"
    return ""


def _voices(picture: Picture) -> str:
    alive = len(set(picture.etcd.voters) & set(picture.etcd.answering))
    return f"{alive} of {len(picture.etcd.voters)} vote"


def _of_strictness(picture: Picture) -> str:
    if len(picture.counted) > 1 and picture.strict is False:
        return "A write may be acknowledged by one machine alone: the cluster is not strict yet"
    return ""


def _of_members(picture: Picture) -> str:
    if picture.standings and not picture.standing:
        return f"{picture.me} is no member any more: it was removed. `linnet cluster leave` on this machine ends it"
    away = [one for one in picture.counted if one not in picture.etcd.answering]
    unlike = [f"{one.name} is {one.state}" for one in picture.standings if one.state != READY]
    said = ([f"etcd on {listed(away)} does not answer"] if away and picture.etcd.healthy else []) + unlike
    return "; ".join(said)


def _of_disk(picture: Picture) -> str:
    if picture.disk_fails:
        return "The disk fails: PostgreSQL could not read or write what is on it (see its log)"
    if picture.disk_free_bytes is None or picture.disk_free_bytes >= DISK_LOW_BYTES:
        return ""
    # A bound, which is not another one every second.
    return f"The disk is nearly full: less than {1 << (picture.disk_free_bytes >> 20).bit_length()} MiB are left"


def _of_certificate(picture: Picture) -> str:
    days = picture.certificate_days
    if days is None or days >= CERTIFICATE_LOW_DAYS:
        return ""
    return f"This node's certificate ends in {max(0.0, days):.0f} days and was not renewed"


def _of_clock(picture: Picture) -> str:
    seconds = round(picture.clock_apart_ms / 1000)
    if not seconds:
        return ""
    how = f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'}"
    if len(picture.counted) == 2:
        return f"This machine's clock is {how} the other's: let NTP set them (`timedatectl set-ntp true`)"
    return (
        f"This machine's clock is {how} the others', by which Linnet goes: let NTP set it (`timedatectl set-ntp true`)"
    )


def _of_journal(picture: Picture) -> str:
    if not picture.journal or not picture.primary:
        return ""
    return "Posts stand in the journal, and are moved into the database"


def _of_children(picture: Picture) -> Iterator[tuple[str, str]]:
    for name, child in picture.children.items():
        why = waits_for(picture, name)
        if not child.alive and why:
            yield name, f"{name} waits: {why}"
        elif (
            child.alive
            and not child.ready
            and child.since_s > WELL_AFTER_S
            and picture.looking_s >= SETTLES_S
            and not (name == LINNET and picture.standing == DRAINED)
        ):
            yield name, f"{name} runs, but is not ready"
