"""etcd's side of a join: a member without a vote, added once however often it is asked for."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from linnet.cluster import joining
from linnet.cluster.layout import Member, Ports
from linnet.domain.errors import Conflict, Invalid, Unavailable
from linnet.storage.etcd import EtcdMajority, endpoints
from linnet.system import SystemClock
from tests.support.client import VirtualClock
from tests.support.etcd import Etcd, new_member, running_etcd, url_of
from tests.support.waiting import until


class Plain(Member):
    """A node whose etcd speaks without TLS, at a port of its own."""

    @property
    def etcd_peer_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.etcd_peer}"


def _member(name: str, peer: int) -> Member:
    return Plain(name, "127.0.0.1", Ports(1, 2, peer, 4, 5, 6, 7, 8))


@pytest.fixture
async def first() -> AsyncIterator[Etcd]:
    with running_etcd() as members:
        yield members[0]


@pytest.fixture
async def majority(first: Etcd) -> AsyncIterator[EtcdMajority]:
    opened = EtcdMajority(endpoints(url_of([first])))
    yield opened
    await opened.close()


async def test_a_machine_is_added_once_and_has_no_vote(first: Etcd, majority: EtcdMajority):
    two = _member("two", 17_002)
    said: list[str] = []
    initial = await joining.add_to_etcd(majority, two, SystemClock(), said.append)
    assert initial == f"one={first.peer_url},two=http://127.0.0.1:17002"
    assert await joining.add_to_etcd(majority, two, SystemClock(), said.append) == initial
    assert {(one.name, one.learner) for one in await majority.members()} == {("one", False), ("", True)}
    assert said == []


async def test_a_second_machine_waits_for_the_first_and_is_told_why(majority: EtcdMajority):
    clock, said = VirtualClock(), list[str]()
    await joining.add_to_etcd(majority, _member("two", 17_002), clock, said.append)
    waiting = asyncio.ensure_future(joining.add_to_etcd(majority, _member("three", 17_003), clock, said.append))
    await until(lambda: clock.sleeping == 1)
    assert len(said) == 1
    assert "one new member at a time" in said[0]
    clock.advance(61_000)
    with pytest.raises(Unavailable, match="does not take another member now"):
        await waiting
    assert len(await majority.members()) == 2


async def test_a_learner_that_lost_its_disk_is_added_anew_and_a_voter_is_not(majority: EtcdMajority):
    other = new_member("two")
    two = _member("two", other.peer)
    try:
        other.cluster = await joining.add_to_etcd(majority, two, SystemClock(), print)
        other.start(state="existing")
        await until(lambda: _named(majority, "two"), 20)
        before = {one.id for one in await majority.members()}
        other.kill()
        again = await joining.add_to_etcd(majority, two, SystemClock(), print)
        assert again == other.cluster
        members = await majority.members()
        assert {one.id for one in members} != before
        assert [one.learner for one in members if one.id not in before] == [True]
    finally:
        other.remove()


async def test_who_votes_and_has_no_data_is_not_added_again(first: Etcd, majority: EtcdMajority):
    with pytest.raises(Conflict, match="remove it first"):
        await joining.add_to_etcd(majority, _member("one", first.peer), SystemClock(), print)


async def _named(majority: EtcdMajority, name: str) -> bool:
    return any(one.name == name for one in await majority.members())


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://10.0.0.1:7000", "https://10.0.0.1:7000"),
        ("10.0.0.1", "https://10.0.0.1:7000"),
        ("one.example:7100", "https://one.example:7100"),
        ("https://[::1]:7000/", "https://[::1]:7000"),
    ],
)
def test_an_operator_may_leave_out_all_but_the_host(given: str, url: str):
    assert joining.control_url(given) == url


@pytest.mark.parametrize("given", ["", "http://10.0.0.1:7000", "https://", "https://a:99999", "https://a/b", "a b://c"])
def test_what_is_no_address_of_a_node_is_refused(given: str):
    with pytest.raises(Invalid):
        joining.control_url(given)
