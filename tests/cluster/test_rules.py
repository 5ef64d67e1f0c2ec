"""Who may leave, be removed or take over: what would cost the majority or a copy is refused in a sentence."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from linnet.cluster import rules
from linnet.cluster.layout import Member, Ports, Standing, State
from linnet.cluster.picture import EtcdSeen, Picture, PostgresSeen
from linnet.domain.errors import Conflict

NAMES = ("one", "two", "three")


def _standing(name: str, state: State = "ready") -> Standing:
    return Standing(Member(name, f"127.0.1.{NAMES.index(name) + 1}", Ports.starting()), state)


def _seen(name: str, role: str = "quorum_standby", state: str = "streaming", lag: int = 0) -> PostgresSeen:
    return PostgresSeen(name, role, state, 1, lag)


def _picture(count: int = 3) -> Picture:
    """All is well, ``one`` is the primary and ``two`` has etcd's leader."""
    names = NAMES[:count]
    return Picture(
        me="one",
        children={},
        standings=tuple(map(_standing, names)),
        etcd=EtcdSeen(True, names[min(1, count - 1)], names, names),
        postgres=tuple(_seen(name) if name != "one" else _seen(name, "leader", "running") for name in names),
    )


def _frail(picture: Picture, *away: str) -> Picture:
    answering = tuple(name for name in picture.etcd.answering if name not in away)
    healthy = len(answering) > len(picture.etcd.voters) // 2
    return replace(
        picture,
        etcd=replace(picture.etcd, answering=answering, healthy=healthy),
        postgres=tuple(replace(one, state="stopped") if one.name in away else one for one in picture.postgres),
    )


def _allowed(rule: Callable[..., None], picture: Picture, name: str) -> bool:
    """Without the operator's having said yes."""
    try:
        rule(picture, name, sure=False)
    except Conflict:
        return False
    return True


def test_of_three_that_are_well_each_may_leave():
    for name in NAMES:
        assert _allowed(rules.may_leave, _picture(), name)


def test_from_two_to_one_is_asked_for():
    with pytest.raises(Conflict, match="--yes"):
        rules.may_leave(_picture(2), "two", sure=False)
    rules.may_leave(_picture(2), "two", sure=True)


def test_the_last_one_stays():
    with pytest.raises(Conflict, match="only member"):
        rules.may_leave(_picture(1), "one", sure=True)


def test_nobody_leaves_who_is_needed_for_the_majority():
    with pytest.raises(Conflict, match=r"no majority.*three"):
        rules.may_leave(_frail(_picture(), "three"), "two", sure=True)


def test_who_is_dead_may_go():
    assert _allowed(rules.may_be_removed, _frail(_picture(), "three"), "three")


def test_nobody_leaves_who_has_one_of_the_last_copies():
    picture = _picture()
    behind = replace(picture, postgres=(*picture.postgres[:2], _seen("three", "replica", "creating replica")))
    with pytest.raises(Conflict, match="last current copies"):
        rules.may_leave(behind, "two", sure=True)
    rules.may_leave(behind, "three", sure=False)


def test_nobody_leaves_while_there_is_no_primary():
    with pytest.raises(Conflict, match="no primary"):
        rules.may_leave(_frail(_picture(), "one"), "one", sure=True)


def test_one_goes_after_the_other():
    picture = replace(_picture(), standings=(_standing("one"), _standing("two"), _standing("three", "leaving")))
    for rule, name in ((rules.may_leave, "one"), (rules.may_be_removed, "two")):
        with pytest.raises(Conflict, match=r"three is leaving.*remove three"):
            rule(picture, name, sure=True)
    # The one that is on its way may be brought to its end, whether it has died or not.
    rules.may_leave(picture, "three", sure=False)
    rules.may_be_removed(picture, "three", sure=False)


def test_strangers_neither_leave_nor_are_removed():
    for check in (rules.may_leave, rules.may_be_removed):
        with pytest.raises(Conflict, match="not a member"):
            check(_picture(), "nobody", sure=True)


def test_a_node_does_not_remove_itself_nor_the_primary():
    with pytest.raises(Conflict, match="leave"):
        rules.may_be_removed(_picture(), "one", sure=True)
    with pytest.raises(Conflict, match="no primary among the others"):
        rules.may_be_removed(replace(_picture(), me="two"), "one", sure=True)


def test_without_a_majority_nobody_is_removed():
    with pytest.raises(Conflict, match="no majority"):
        rules.may_be_removed(_frail(_picture(2), "two"), "two", sure=True)


def test_a_join_that_died_may_be_removed_without_asking():
    picture = replace(_picture(2), standings=(_standing("one"), _standing("two", "joining")))
    picture = replace(picture, etcd=EtcdSeen(True, "one", ("one",), ("one",)))
    assert _allowed(rules.may_be_removed, picture, "two")


def test_the_successor_is_apart_from_etcds_leader_and_has_everything():
    assert rules.successor(_picture(), "one") == "three"
    assert rules.successor(_picture(2), "one") == "two"
    assert rules.successor(_picture(), "one", "two") == "two"


@pytest.mark.parametrize(
    ("to", "why"), [("one", "already"), ("nobody", "no such member"), ("two", "drained"), ("three", "may lack")]
)
def test_who_cannot_be_the_primary_is_refused_with_the_reason(to: str, why: str):
    picture = _picture()
    picture = replace(
        picture,
        standings=(_standing("one"), _standing("two", "drained"), _standing("three")),
        postgres=(*picture.postgres[:2], _seen("three", "replica")),
    )
    with pytest.raises(Conflict, match=why):
        rules.successor(picture, "one", to)
    with pytest.raises(Conflict, match="No other member"):
        rules.successor(picture, "one")
