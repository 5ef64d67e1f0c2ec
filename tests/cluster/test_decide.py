"""Each rule of a node's decisions, as a table: a picture, and what follows from it."""

from dataclasses import replace
from typing import Any

import pytest

from linnet.cluster.decide import RULES, Act, decide, may_fail, pause_s, sentences, waits_for
from linnet.cluster.layout import Member, Ports, Standing, State
from linnet.cluster.picture import CHILDREN, ChildSeen, EtcdSeen, Picture, PostgresSeen

NAMES = ("n1", "n2", "n3")


def standing(name: str, state: State = "ready") -> Standing:
    return Standing(Member(name, f"10.0.0.{name[1:]}", Ports.starting()), state)


def running(**others: ChildSeen) -> dict[str, ChildSeen]:
    return {name: ChildSeen(name, alive=True, ready=True, since_s=100.0) for name in CHILDREN} | others


def sql(name: str, role: str = "quorum_standby", state: str = "streaming", timeline: int = 1) -> PostgresSeen:
    return PostgresSeen(name, role, state, timeline, 0)


def etcd(*names: str, leader: str = "n2", **more: Any) -> EtcdSeen:
    return EtcdSeen(healthy=True, leader=leader, voters=names, answering=names, **more)


WELL = Picture(
    me="n1",
    children=running(),
    standings=tuple(map(standing, NAMES)),
    etcd=etcd(*NAMES),
    postgres=(sql("n1", "leader", "running"), sql("n2"), sql("n3")),
    strict=True,
    has_data=True,
    served=True,
    disk_free_bytes=100 << 30,
    certificate_days=60.0,
    journal=0,
)
ALONE = replace(
    WELL,
    standings=(standing("n1"),),
    etcd=etcd("n1", leader="n1"),
    postgres=WELL.postgres[:1],
    strict=False,
    begun=True,
)
TWO = replace(WELL, standings=WELL.standings[:2], etcd=etcd("n1", "n2"), postgres=WELL.postgres[:2])
EMPTY = Picture(me="n1", children={name: ChildSeen(name, since_s=float("inf")) for name in CHILDREN}, looking_s=0.0)


def dead(name: str, since_s: float = 60.0, **more: Any) -> dict[str, ChildSeen]:
    return running(**{name: ChildSeen(name, since_s=since_s, **more)})


def acts(picture: Picture) -> list[tuple[str, str]]:
    return [(act.what, act.on) for act in decide(picture)]


def test_where_all_is_well_nothing_is_done_and_nothing_said() -> None:
    assert decide(WELL) == ()
    assert sentences(WELL) == {}


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        # The very first start: what waits for nothing.
        (EMPTY, [("start", "etcd"), ("start", "haproxy")]),
        (replace(EMPTY, etcd=etcd("n1")), [("start", "etcd"), ("start", "patroni"), ("start", "haproxy")]),
        (replace(WELL, children=EMPTY.children), [("start", name) for name in CHILDREN]),
        # What has data does not wait for a majority, what has served does not wait for a primary.
        (replace(WELL, children=dead("patroni"), etcd=EtcdSeen()), [("start", "patroni")]),
        (replace(WELL, children=dead("patroni"), etcd=EtcdSeen(), has_data=False), []),
        (replace(WELL, children=dead("linnet"), postgres=()), [("start", "linnet")]),
        (replace(WELL, children=dead("linnet"), postgres=(), served=False), []),
        (replace(WELL, children=dead("linnet"), served=False), [("start", "linnet")]),
        # An etcd that lost its files is not let in again under its old name.
        (replace(WELL, children=dead("etcd"), etcd_lost=True), []),
        # After an end, at once the first time, then ever later.
        (replace(WELL, children=dead("etcd", 0.0)), [("start", "etcd")]),
        (replace(WELL, children=dead("etcd", 0.1, failures=2)), []),
        (replace(WELL, children=dead("etcd", 0.3, failures=2)), [("start", "etcd")]),
        (replace(WELL, children=dead("etcd", 1.0, failures=5)), []),
        (replace(WELL, children=dead("etcd", 1.7, failures=5)), [("start", "etcd")]),
        (replace(WELL, children=dead("etcd", 9.0, failures=999)), []),
        (replace(WELL, children=dead("etcd", 10.0, failures=999)), [("start", "etcd")]),
    ],
)
def test_children_are_started(picture: Picture, expected: list[tuple[str, str]]) -> None:
    assert acts(picture) == expected


PAUSES = [(0, 0.0), (1, 0.0), (2, 0.2), (3, 0.4), (7, 6.4), (8, 10.0), (10_000, 10.0)]


@pytest.mark.parametrize(("failures", "seconds"), PAUSES)
def test_pauses_grow_and_have_an_end(failures: int, seconds: float) -> None:
    assert pause_s(failures) == seconds


@pytest.mark.parametrize(
    ("child", "says"),
    [
        ({}, "Starting etcd"),
        ({"failures": 1, "code": -9}, "etcd was killed by signal 9: starting it anew"),
        ({"failures": 1}, "etcd ended: starting it anew"),
        (
            {"failures": 3, "code": 1, "words": "no disk"},
            "etcd ended with code 1, 3 times in a row: starting it anew (its last words: no disk)",
        ),
    ],
)
def test_a_start_says_why(child: dict[str, Any], says: str) -> None:
    assert decide(replace(WELL, children=dead("etcd", **child))) == (Act("start", "etcd", says),)


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (replace(WELL, changed=("haproxy.cfg", "first.sql")), [("write", "haproxy.cfg"), ("write", "first.sql")]),
        # Files are written before anybody is started who reads them.
        (replace(EMPTY, changed=("etcd.json",)), [("write", "etcd.json"), ("start", "etcd"), ("start", "haproxy")]),
        (replace(WELL, stale=("linnet", "haproxy")), [("reload", "linnet"), ("reload", "haproxy")]),
        # One that has just been started would be killed by the signal; one that does not run reads its files anyway.
        (
            replace(WELL, stale=("linnet",), children=running(linnet=ChildSeen("linnet", alive=True, since_s=1.0))),
            [],
        ),
        (replace(WELL, stale=("linnet",), children=dead("linnet", 0.1, failures=2)), []),
    ],
)
def test_files_are_written_and_read_again(picture: Picture, expected: list[tuple[str, str]]) -> None:
    assert acts(picture) == expected


@pytest.mark.parametrize(
    ("picture", "announced"),
    [
        (replace(ALONE, announced=False), True),
        (ALONE, False),
        (replace(ALONE, announced=False, begun=False), False),
        (replace(ALONE, announced=False, etcd=EtcdSeen()), False),
        (replace(ALONE, announced=False, busy=frozenset({"announce"})), False),
    ],
)
def test_only_who_began_the_cluster_announces_itself(picture: Picture, announced: bool) -> None:
    assert (("announce", "n1") in acts(picture)) is announced


@pytest.mark.parametrize(
    ("picture", "strict"),
    [
        (replace(TWO, strict=False), True),
        (replace(WELL, strict=False), True),
        (replace(TWO, strict=None), False),
        (TWO, False),
        (ALONE, False),
        (replace(TWO, strict=False, standings=(standing("n1"), standing("n2", "joining"))), False),
        (replace(TWO, strict=False, standings=(standing("n1"), standing("n2", "leaving"))), False),
        (replace(TWO, strict=False, standings=(standing("n1"), standing("n2", "drained"))), True),
        (replace(TWO, strict=False, me="n2"), False),
        (replace(TWO, strict=False, busy=frozenset({"strict"})), False),
        (replace(TWO, strict=False, rested_s={"strict": 1.0}), False),
        (replace(TWO, strict=False, rested_s={"strict": 5.0}), True),
    ],
)
def test_more_than_one_member_is_strict_and_nothing_relaxes(picture: Picture, strict: bool) -> None:
    assert acts(picture) == ([("strict", "n1")] if strict else [])


@pytest.mark.parametrize(
    ("picture", "to"),
    [
        (replace(WELL, etcd=etcd(*NAMES, leader="n1")), "n2"),
        (replace(TWO, etcd=etcd("n1", "n2", leader="n1")), "n2"),
        # One that serves rather than one that is drained; never one that does not answer or has no vote.
        (
            replace(WELL, etcd=etcd(*NAMES, leader="n1"), standings=(standing("n2", "drained"), *WELL.standings[2:])),
            "n3",
        ),
        # Not while anything is amiss: with a member away it would gain nothing, and the journal must not wait.
        (replace(WELL, etcd=replace(etcd(*NAMES, leader="n1"), answering=("n1", "n3"))), ""),
        (replace(WELL, etcd=etcd(*NAMES, leader="n1"), journal=3), ""),
        (replace(WELL, etcd=replace(etcd("n1", leader="n1"), answering=("n1", "n2"))), ""),
        (ALONE, ""),
        (WELL, ""),
        (replace(WELL, me="n2", etcd=etcd(*NAMES, leader="n2")), ""),
        (replace(WELL, etcd=etcd(*NAMES, leader="n1"), busy=frozenset({"move-leader"})), ""),
        (replace(WELL, etcd=etcd(*NAMES, leader="n1"), rested_s={"move-leader": 29.0}), ""),
        (replace(WELL, etcd=etcd(*NAMES, leader="n1"), rested_s={"move-leader": 31.0}), "n2"),
    ],
)  # fmt: skip
def test_etcds_leader_keeps_away_from_the_primary(picture: Picture, to: str) -> None:
    assert acts(picture) == ([("move-leader", to)] if to else [])


@pytest.mark.parametrize(
    ("picture", "made"),
    [
        (replace(WELL, me="n2", etcd=etcd(*NAMES, full=True)), True),
        # One of them is enough, and it need not do it all the time.
        (replace(WELL, etcd=etcd(*NAMES, full=True)), False),
        (replace(WELL, me="n2", etcd=etcd(*NAMES, full=True), busy=frozenset({"make-room"})), False),
        (replace(WELL, me="n2", etcd=etcd(*NAMES, full=True), rested_s={"make-room": 59.0}), False),
        (replace(WELL, me="n2", etcd=etcd(*NAMES)), False),
    ],
)
def test_a_full_etcd_is_given_room_by_who_leads_it(picture: Picture, made: bool) -> None:
    assert acts(picture) == ([("make-room", "n2")] if made else [])


FULL = replace(WELL, disk_free_bytes=200 << 20, etcd=etcd(*NAMES))


@pytest.mark.parametrize(
    ("picture", "made"),
    [
        (FULL, True),
        (replace(FULL, disk_free_bytes=256 << 20), False),
        (replace(FULL, disk_free_bytes=None), False),
        # It is nobody else's to move, it is on its way, and it is not asked all the time where nobody has more.
        (replace(FULL, disk_free_bytes=None, disk_failed_s=119.0), True),
        # Somebody has given it back since.
        (replace(FULL, disk_free_bytes=None, disk_failed_s=121.0), False),
        (replace(FULL, me="n3"), False),
        (replace(FULL, busy=frozenset({"make-way"})), False),
        (replace(FULL, rested_s={"make-way": 59.0}), False),
        (replace(FULL, postgres=(FULL.postgres[0], sql("n2", "replica"), sql("n3", state="starting"))), False),
    ],
)
def test_a_primary_whose_disk_is_nearly_full_makes_way(picture: Picture, made: bool) -> None:
    assert acts(picture) == ([("make-way", picture.me)] if made else [])


@pytest.mark.parametrize(
    ("picture", "number"),
    [
        (WELL, 1),
        (TWO, 0),
        (ALONE, 0),
        (EMPTY, 0),
        (replace(WELL, postgres=WELL.postgres[:2]), 0),
        (replace(WELL, etcd=replace(WELL.etcd, answering=("n1", "n2"))), 0),
        (replace(WELL, postgres=(*WELL.postgres[:2], sql("n3", "replica", "starting"))), 0),
    ],
)
def test_how_many_may_fail(picture: Picture, number: int) -> None:
    assert may_fail(picture) == number


@pytest.mark.parametrize(
    ("picture", "topic", "words"),
    [
        (ALONE, "copies", "One copy only"),
        (TWO, "copies", "neither may fail"),
        (replace(WELL, postgres=WELL.postgres[:2]), "copies", "No machine may fail now: 2 of 3 have a current copy"),
        (replace(WELL, etcd=EtcdSeen()), "majority", "no majority"),
        # What is wrong with the whole is not hidden by what is wrong with this machine's part of it.
        (replace(WELL, etcd=EtcdSeen(), children=dead("etcd"), etcd_lost=True), "majority", "no majority"),
        (replace(WELL, etcd=etcd(*NAMES, full=True)), "majority", "quota is used up"),
        (replace(WELL, postgres=WELL.postgres[1:]), "primary", "no primary"),
        (replace(TWO, strict=False), "strict", "not strict yet"),
        (
            replace(WELL, etcd=replace(WELL.etcd, answering=("n1", "n2"))), "members", "etcd on n3 does not answer",
        ),
        (replace(WELL, standings=(*WELL.standings[:2], standing("n3", "drained"))), "members", "n3 is drained"),
        (replace(WELL, standings=WELL.standings[1:]), "members", "n1 is no member any more"),
        (replace(WELL, disk_free_bytes=100 << 20), "disk", "less than 128 MiB are left"),
        (replace(WELL, certificate_days=3.0), "certificate", "ends in 3 days"),
        (replace(WELL, children=dead("etcd"), etcd_lost=True), "etcd", "`linnet cluster remove n1` on another node"),
        (replace(WELL, journal=7), "journal", "moved into the database"),
        (replace(EMPTY, looking_s=60.0), "linnet", "linnet waits: PostgreSQL has no primary yet"),
        (replace(WELL, children=running(linnet=ChildSeen("linnet", alive=True, since_s=31.0))), "linnet", "not ready"),
    ],
)  # fmt: skip
def test_what_is_said(picture: Picture, topic: str, words: str) -> None:
    assert words in sentences(picture).get(topic, "")


@pytest.mark.parametrize(
    ("picture", "topic"),
    [
        # While things are only being formed, nobody is alarmed.
        (EMPTY, "majority"),
        (EMPTY, "members"),
        (replace(WELL, postgres=WELL.postgres[1:], looking_s=1.0), "primary"),
        (replace(WELL, children=running(linnet=ChildSeen("linnet", alive=True, since_s=5.0))), "linnet"),
        # A drained node's Linnet says that it is not ready, as it should.
        (
            replace(
                WELL,
                standings=(standing("n1", "drained"), *WELL.standings[1:]),
                children=running(linnet=ChildSeen("linnet", alive=True, since_s=99.0)),
            ),
            "linnet",
        ),
        (ALONE, "strict"),
    ],
)
def test_what_is_not_said(picture: Picture, topic: str) -> None:
    assert topic not in sentences(picture)


def test_an_old_primary_that_nobody_follows_is_none() -> None:
    picture = replace(WELL, postgres=(sql("n1", "leader", "running", 1), sql("n2", "leader", "running", 2)))
    assert picture.primary == "n2"


def test_every_rule_is_in_the_table_once() -> None:
    names = [rule.__name__ for rule in RULES]
    assert len(set(names)) == len(names)
    assert names[0] == "write_files", "what is started must find its file as it should be"
    assert waits_for(WELL, "haproxy") == ""


def test_a_clock_that_is_apart_is_told_and_linnet_waits_for_its_first_comparison() -> None:
    assert "clock" not in sentences(WELL)
    assert sentences(replace(WELL, clock_apart_ms=3_600_400))["clock"].startswith(
        "This machine's clock is 3600 s ahead of the others', by which Linnet goes"
    )
    assert "90 s behind the other's" in sentences(replace(TWO, clock_apart_ms=-90_000))["clock"]
    starting = replace(WELL, children=dead("linnet"), compared=False, looking_s=1.0)
    assert acts(starting) == []
    assert "not been compared" in sentences(starting)["linnet"]
    assert acts(replace(starting, looking_s=30.0)) == [("start", "linnet")]
    assert acts(replace(starting, compared=True)) == [("start", "linnet")]
