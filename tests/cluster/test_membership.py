"""Changes of who does what, step by step: what is announced, what is refused, and in which order a node goes."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from linnet.cluster import admission, certificates, membership, planning
from linnet.cluster.control import Asked, Route, Server
from linnet.cluster.layout import Folders, Member, Ports, Standing, State
from linnet.cluster.node import Node
from linnet.cluster.patroni import ASYNCHRONOUS, RELAXED, SYNCHRONOUS_KEY
from linnet.cluster.picture import EtcdSeen, Picture, PostgresSeen
from linnet.cluster.place import Place
from linnet.domain.errors import Conflict
from linnet.domain.journal import FAILING, PLANNED
from linnet.domain.majority import Delete, Put, after_prefix
from linnet.storage.etcd import EtcdMajority, endpoints
from linnet.system import SystemChance, SystemClock
from tests.support.client import Hurried
from tests.support.etcd import Etcd, url_of

ONE, TWO, THREE = (
    Member(name, f"127.0.9.{i}", Ports.starting(17_000)) for i, name in enumerate(("one", "two", "three"), 1)
)


class Patronis:
    """What is asked of Patroni, in order; it does it at once, or refuses."""

    def __init__(self, stage: "Stage") -> None:
        self.stage = stage
        self.asked: list[Any] = []
        self.refuses = False
        self.planned: list[bool] = []

    async def configure(self, by: Member, change: Any) -> None:
        self.asked.append(change)
        if change == ASYNCHRONOUS:
            await self.stage.majority.transact([], [Delete(SYNCHRONOUS_KEY)])
            self.stage.see("two", role="replica")

    async def seen(self, by: Member) -> tuple[PostgresSeen, ...]:
        return self.stage.picture.postgres

    async def switchover(self, by: Member, leader: str, to: str) -> str:
        self.planned.append(await self.stage.majority.get(PLANNED) is not None)
        if self.refuses:
            raise Conflict("Patroni does not switch over: not now")
        self.stage.see(leader, role="quorum_standby", state="streaming")
        self.stage.see(to, role="leader", state="running")
        return "done"


class Stage:
    """Two nodes as ``me`` sees them, over a real etcd; ``one`` is the primary at first."""

    def __init__(self, majority: EtcdMajority, data: Path, me: Member) -> None:
        self.majority, self.me, self.ended = majority, me, False
        self.folders = Folders(data)
        for folder in (self.folders.cluster, self.folders.run):
            folder.mkdir(parents=True)
        self.folders.node.write_text("{}")
        now = SystemClock().now_ms()
        authority = certificates.make_authority("linnet", now)
        certificates.keep(self.folders, authority, certificates.issue(authority, me.name, (me.address,), now))
        self.rest = Patronis(self)
        self.picture = Picture(
            me=me.name,
            children={},
            standings=(Standing(ONE), Standing(TWO)),
            etcd=EtcdSeen(True, "", ("one", "two"), ("one", "two")),
            postgres=(
                PostgresSeen("one", "leader", "running", 1, 0),
                PostgresSeen("two", "quorum_standby", "streaming", 1, 0),
            ),
        )
        node = SimpleNamespace(me=me, folders=self.folders, clock=Hurried(), majority=majority, rest=self.rest)
        self.place = Place(cast(Node, node), SystemChance(), lambda: self.picture, self._end)

    def _end(self) -> None:
        self.ended = True

    def see(self, name: str, **seen: Any) -> None:
        changed = tuple(replace(one, **seen) if one.name == name else one for one in self.picture.postgres)
        self.picture = replace(self.picture, postgres=changed)

    def standing(self, name: str, state: State) -> None:
        changed = tuple(replace(one, state=state) if one.name == name else one for one in self.picture.standings)
        self.picture = replace(self.picture, standings=changed)

    async def states(self) -> dict[str, str]:
        return {name: one.state for name, one in (await admission.members(self.majority)).items()}


@pytest.fixture
async def majority(etcd: Etcd) -> AsyncIterator[EtcdMajority]:
    opened = EtcdMajority(endpoints(url_of([etcd])))
    await opened.transact([], [Delete("/linnet/", after_prefix("/linnet/"))])
    for member in (ONE, TWO):
        await admission.found_cluster(opened, member)
    await opened.transact([], [Put(SYNCHRONOUS_KEY, b"{}")])
    yield opened
    await opened.close()


@pytest.fixture
def on_one(majority: EtcdMajority, tmp_path: Path) -> Stage:
    return Stage(majority, tmp_path / "one", ONE)


@pytest.fixture
def on_two(majority: EtcdMajority, tmp_path: Path) -> Stage:
    return Stage(majority, tmp_path / "two", TWO)


async def _told(sentences: AsyncIterator[str]) -> str:
    return "; ".join([sentence async for sentence in sentences])


async def test_a_switchover_is_announced_as_long_as_it_lasts(on_two: Stage, majority: EtcdMajority):
    assert "two is the primary, after" in await _told(membership.switchover(on_two.place))
    assert on_two.rest.planned == [True]
    assert await majority.get(PLANNED) is None


async def test_a_switchover_that_is_refused_leaves_nothing_announced(on_one: Stage, majority: EtcdMajority):
    on_one.rest.refuses = True
    with pytest.raises(Conflict, match="not now"):
        await _told(membership.switchover(on_one.place, "two"))
    assert on_one.rest.planned == [True]
    assert await majority.get(PLANNED) is None


async def test_a_plan_that_is_over_takes_no_other_plan_back(on_one: Stage, majority: EtcdMajority):
    async with planning.announced(majority, on_one.place.clock, "this", 20.0):
        async with planning.announced(majority, on_one.place.clock, "that", 20.0):
            pass
        assert await majority.get(PLANNED) is None
    async with planning.announced(majority, on_one.place.clock, "this", 20.0):
        await majority.transact([], [Put(PLANNED, b"a later one")])
    found = await majority.get(PLANNED)
    assert found is not None
    assert found.value == b"a later one"


@contextlib.asynccontextmanager
async def told_room(stage: Stage, free: int | None, *, fails: bool = False) -> AsyncIterator[None]:
    """While it lasts, the other node says that so many bytes are free on its disk, and whether that fails."""

    async def status(asked: Asked) -> dict[str, Any]:
        return {"disk_free_bytes": free, "disk_fails": fails}

    server = Server({"GET /status": Route(status)})
    await server.start(TWO.address, TWO.ports.control, certificates.serving(stage.folders))
    try:
        yield
    finally:
        await server.close()


async def test_a_primary_without_room_goes_to_whoever_has_some(on_one: Stage):
    # The certificate is this node's, at another address.
    authority = certificates.Pair(on_one.folders.ca.read_bytes(), on_one.folders.ca_key.read_bytes())
    both = certificates.issue(authority, "one", (ONE.address, TWO.address), SystemClock().now_ms())
    certificates.keep(on_one.folders, authority, both)
    for free in ((1 << 30) - 1, None):
        async with told_room(on_one, free):
            with pytest.raises(Conflict, match="has more room"):
                await _told(membership.make_way(on_one.place))
    with pytest.raises(Conflict, match="has more room"):
        await _told(membership.make_way(on_one.place))
    async with told_room(on_one, 1 << 40, fails=True):
        with pytest.raises(Conflict, match="its disk is well"):
            await _told(membership.make_way(on_one.place))
    assert on_one.rest.planned == []
    async with told_room(on_one, 1 << 30):
        assert "two is the primary" in await _told(membership.make_way(on_one.place))
    assert (on_one.picture.primary, on_one.rest.planned) == ("two", [True])


async def test_the_primary_goes_elsewhere_before_its_node_is_drained_for_good(on_one: Stage):
    assert "one may be restarted" in await _told(membership.drain(on_one.place))
    assert on_one.picture.primary == "two"
    assert (await on_one.states())["one"] == "drained"
    assert on_one.folders.drained.exists()


async def test_nobody_is_drained_whose_primary_could_go_nowhere(on_one: Stage):
    on_one.see("two", role="replica")
    with pytest.raises(Conflict, match="No other member"):
        await _told(membership.drain(on_one.place))
    on_one.standing("two", "drained")
    with pytest.raises(Conflict, match="only node that serves"):
        await _told(membership.drain(on_one.place))
    assert (await on_one.states())["one"] == "ready"
    assert not on_one.folders.drained.exists()


async def test_down_to_one_asks_and_changes_nothing_before(on_two: Stage):
    with pytest.raises(Conflict, match="--yes"):
        await _told(membership.leave(on_two.place))
    assert await on_two.states() == {"one": "ready", "two": "ready"}
    assert on_two.rest.asked == []
    assert not on_two.ended


async def test_who_leaves_is_known_to_and_waited_for_by_nobody_before_it_ends(on_two: Stage):
    told = await _told(membership.leave(on_two.place, sure=True))
    order = ["two is drained", "two is leaving", "acknowledges alone", "No commit waits for two", "no member any more"]
    assert [told.index(part) for part in order] == sorted(told.index(part) for part in order)
    assert on_two.rest.asked == [ASYNCHRONOUS, RELAXED]
    assert await on_two.states() == {"one": "ready"}
    assert on_two.ended
    assert not on_two.folders.node.exists()


async def test_with_a_machine_goes_what_was_said_of_its_disk(on_two: Stage, majority: EtcdMajority):
    """It may join again within the minute, with another disk."""
    await majority.transact([], [Put(FAILING, b"{}")])
    await _told(membership.leave(on_two.place, sure=True))
    assert await majority.get(FAILING) is None


async def test_a_departure_that_was_cut_off_goes_on_without_asking_again(on_two: Stage, majority: EtcdMajority):
    await admission.set_state(majority, "two", "leaving", of=("ready",))
    on_two.standing("two", "leaving")
    told = await _told(membership.leave(on_two.place))
    assert "drained" not in told
    assert on_two.rest.asked == [ASYNCHRONOUS, RELAXED]
    assert on_two.ended


async def test_who_was_struck_off_only_ends(on_two: Stage):
    on_two.picture = replace(on_two.picture, standings=(Standing(ONE),))
    assert await _told(membership.leave(on_two.place)) == "two is no member already; it ends"
    assert on_two.rest.asked == []
    assert on_two.ended


def with_three(stage: Stage) -> Stage:
    voters = ("one", "two", "three")
    stage.picture = replace(
        stage.picture, standings=(*stage.picture.standings, Standing(THREE)),
        etcd=EtcdSeen(True, "", voters, voters),
        postgres=(*stage.picture.postgres, PostgresSeen("three", "quorum_standby", "streaming", 1, 0)),
    )  # fmt: skip
    return stage


async def test_of_two_who_begin_to_go_at_once_nobody_counts_on_the_other(on_two: Stage, majority: EtcdMajority):
    """What this node sees is a second old: the other one has begun meanwhile."""
    await admission.found_cluster(majority, THREE)
    await admission.set_state(majority, "three", "leaving", of=("ready",))
    with pytest.raises(Conflict, match="three is leaving"):
        await _told(membership.leave(with_three(on_two).place))
    assert (await on_two.states())["two"] == "drained"
    assert not on_two.ended


async def test_who_has_gone_meanwhile_leaves_fewer_than_was_agreed_to(on_two: Stage, on_one: Stage):
    """Three were seen when it began; by the time it goes, there are two."""
    with pytest.raises(Conflict, match="--yes"):
        await _told(membership.leave(with_three(on_two).place))
    with_three(on_one).picture = replace(on_one.picture, etcd=replace(on_one.picture.etcd, answering=("one", "three")))
    with pytest.raises(Conflict, match="--yes"):
        await _told(membership.remove(on_one.place, "two"))
    assert await on_two.states() == {"one": "ready", "two": "drained"}
    assert on_one.rest.asked == on_two.rest.asked == []


async def test_whose_etcd_answers_is_not_dead_whatever_its_node_says(on_one: Stage):
    """A stranger can keep a node's own port busy."""
    on_one.see("two", state="stopped")
    with pytest.raises(Conflict, match="two answers"):
        await _told(membership.remove(on_one.place, "two", sure=True))
    assert await on_one.states() == {"one": "ready", "two": "ready"}


async def test_a_dead_member_is_removed_and_the_other_goes_on_alone(on_one: Stage, majority: EtcdMajority):
    on_one.see("two", state="stopped")
    on_one.picture = replace(on_one.picture, etcd=EtcdSeen(True, "one", ("one",), ("one",)))
    with pytest.raises(Conflict, match="--yes"):
        await _told(membership.remove(on_one.place, "two"))
    assert "two is no member any more" in await _told(membership.remove(on_one.place, "two", sure=True))
    assert on_one.rest.asked == [ASYNCHRONOUS, RELAXED]
    assert await on_one.states() == {"one": "ready"}
