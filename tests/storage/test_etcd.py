"""The client of etcd against a real one: keys, transactions, leases, members, and members that fail or hang."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from linnet.domain.majority import (
    Compare,
    Delete,
    Get,
    MajorityFull,
    MajorityRefused,
    NoMajority,
    Put,
    absent,
    after_prefix,
    present_since,
    unchanged,
)
from linnet.ports import Majority
from linnet.storage.etcd import Endpoints, EtcdMajority, endpoints
from linnet.system import SystemClock
from tests.support.etcd import Etcd, new_member, running_etcd, url_of
from tests.support.ports import free_port

_numbers = itertools.count()


@pytest.fixture
def prefix() -> str:
    return f"/test/{next(_numbers)}/"


@pytest.fixture
async def majority(etcd: Etcd) -> AsyncIterator[EtcdMajority]:
    client = EtcdMajority(endpoints(url_of([etcd])))
    yield client
    await client.close()


@pytest.fixture(scope="module")
def three() -> Iterator[list[Etcd]]:
    with running_etcd(3) as members:
        yield members


@pytest.fixture
async def over_three(three: list[Etcd]) -> AsyncIterator[EtcdMajority]:
    client = EtcdMajority(endpoints(url_of(three)))
    yield client
    await client.close()


async def test_keys_are_put_read_and_deleted(majority: Majority, prefix: str) -> None:
    assert await majority.get(f"{prefix}a") is None
    done = await majority.transact([], [Put(f"{prefix}a", b"\x00one"), Put(f"{prefix}b", b"two")])
    assert done.succeeded
    found = await majority.get(f"{prefix}a")
    assert found is not None
    assert (found.value, found.created, found.modified) == (b"\x00one", done.revision, done.revision)
    both = await majority.range(prefix, after_prefix(prefix))
    assert ([key.value for key in both.keys], both.count) == ([b"\x00one", b"two"], 2)
    first = await majority.range(prefix, after_prefix(prefix), limit=1, keys_only=True)
    assert ([(key.key, key.value) for key in first.keys], first.count) == ([(f"{prefix}a", b"")], 2)
    assert (await majority.range(prefix, after_prefix(prefix), count_only=True)).keys == ()
    await majority.transact([], [Delete(prefix, after_prefix(prefix))])
    assert (await majority.range(prefix, after_prefix(prefix), local=True)).count == 0


async def test_whoever_asks_while_connections_are_made_anew_is_answered(majority: EtcdMajority, prefix: str) -> None:
    """As when a certificate was renewed."""
    await majority.transact([], [Put(prefix, b"here")])
    asked = []
    for _ in range(20):
        asked += [asyncio.ensure_future(majority.get(prefix)) for _ in range(5)]
        closing = asyncio.ensure_future(majority.close())
        asked += [asyncio.ensure_future(majority.get(prefix)) for _ in range(5)]
        await closing
    assert {found.value for found in await asyncio.gather(*asked) if found is not None} == {b"here"}


async def test_the_members_may_become_fewer_while_they_are_asked(majority: EtcdMajority, prefix: str) -> None:
    (here,) = majority.urls
    nowhere = free_port()
    majority.aim((f"http://127.0.0.1:{nowhere}", f"http://127.0.0.1:{nowhere}", here))
    asked = [asyncio.ensure_future(majority.get(prefix)) for _ in range(10)]
    await asyncio.sleep(0)
    majority.aim((here,))
    assert await asyncio.gather(*asked) == [None] * 10


async def test_a_transaction_takes_the_branch_that_its_comparisons_choose(majority: Majority, prefix: str) -> None:
    key = f"{prefix}key"
    first = await majority.transact([absent(key)], [Put(key, b"1")], [Get(key)])
    again = await majority.transact([absent(key)], [Put(key, b"2")], [Get(f"{prefix}none"), Get(key)])
    assert (first.succeeded, again.succeeded) == (True, False)
    assert [[each.value for each in read] for read in again.found] == [[], [b"1"]]
    changed = await majority.transact([unchanged(key, first.revision)], [Put(key, b"3"), Get(key)])
    assert changed.succeeded
    assert changed.found[1][0].value == b"3"
    assert not (await majority.transact([unchanged(key, first.revision)], [Delete(key)])).succeeded
    assert (await majority.transact([present_since(key, first.revision)], [])).succeeded
    assert (await majority.transact([Compare(key, "value", b"3")], [Delete(key)], repeatable=False)).succeeded
    assert (await majority.transact([absent(key)], [])).succeeded


async def test_a_lease_that_ends_takes_its_keys_along(majority: Majority, prefix: str) -> None:
    lease = await majority.grant(60)
    await majority.transact([], [Put(f"{prefix}held", b"", lease)])
    found = await majority.get(f"{prefix}held")
    assert found is not None
    assert found.lease == lease
    assert await majority.keep_alive(lease)
    await majority.revoke(lease)
    await majority.revoke(lease)
    assert await majority.get(f"{prefix}held") is None
    assert not await majority.keep_alive(lease)
    with pytest.raises(MajorityRefused) as refused:
        await majority.transact([], [Put(f"{prefix}held", b"", lease)])
    assert refused.value.code == 5


async def test_what_was_compacted_is_compacted_once(majority: Majority, prefix: str, etcd: Etcd) -> None:
    revision = 0
    for value in (b"1", b"2", b"3"):
        revision = (await majority.transact([], [Put(f"{prefix}key", value)])).revision
    await majority.compact(revision)
    await majority.compact(revision)
    await majority.defragment(etcd.client_url)
    status = await majority.status(etcd.client_url)
    assert status.leader == status.id
    assert status.revision == revision
    assert 0 < status.used <= status.size
    assert not status.learner
    assert status.version.startswith("3.")


async def test_a_full_etcd_says_so_and_takes_puts_again_when_room_was_made(prefix: str) -> None:
    with running_etcd(1, "--quota-backend-bytes", str(1 << 20)) as (one,):
        majority = EtcdMajority(endpoints(url_of([one])))
        try:
            revision = 0

            async def fill() -> None:
                nonlocal revision
                for number in range(400):
                    revision = (await majority.transact([], [Put(f"{prefix}{number % 2}", bytes(64_000))])).revision

            with pytest.raises(MajorityFull) as full:
                await fill()
            assert full.value.retry_after == 60
            assert [alarm for _, alarm in await majority.alarms()] == ["NOSPACE"]
            await majority.compact(revision)
            await majority.defragment(one.client_url)
            await majority.disarm()
            assert await majority.alarms() == ()
            assert (await majority.transact([], [Put(f"{prefix}0", b"small")])).succeeded
        finally:
            await majority.close()


async def test_members_come_vote_lead_and_go(prefix: str) -> None:
    # Strict, it wants to have seen the others for five seconds before it lets one go.
    two = new_member("two", "--strict-reconfig-check=false")
    with running_etcd(1, "--strict-reconfig-check=false") as (one,):
        majority = EtcdMajority(endpoints(url_of([one])))
        try:
            added = await majority.add_member([two.peer_url], learner=True)
            assert (added.name, added.learner, added.peer_urls) == ("", True, (two.peer_url,))
            with pytest.raises(MajorityRefused):
                await majority.add_member([two.peer_url], learner=True)
            two.cluster = f"{one.name}={one.peer_url},{two.name}={two.peer_url}"
            two.start(state="existing")
            await _until_promoted(majority, added.id)
            two.wait()
            majority.aim([two.client_url, one.client_url])
            assert {member.name: member.learner for member in await majority.members()} == {"one": False, "two": False}
            await majority.move_leader(added.id)
            said = await majority.status(two.client_url)
            assert said.leader == added.id
            assert said.now_ms is not None
            assert abs(said.now_ms - SystemClock().now_ms()) < 2_000
            [first] = [member.id for member in await majority.members() if member.name == "one"]
            await majority.remove_member(first)
            await majority.remove_member(first)
            assert [member.id for member in await majority.members()] == [added.id]
        finally:
            two.remove()
            await majority.close()


async def _until_promoted(majority: Majority, member: int) -> None:
    """A learner is refused its vote until it has caught up."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await majority.promote_member(member)
            except (MajorityRefused, NoMajority):
                await majority.members()


async def test_a_frozen_member_costs_a_quarter_of_a_second(
    over_three: EtcdMajority, three: list[Etcd], prefix: str
) -> None:
    loop = asyncio.get_running_loop()
    await over_three.get(prefix)
    frozen = next(member for member in three if member.client_url == over_three.urls[0])
    await _lead(over_three, three[1])
    over_three.aim(over_three.urls)
    frozen.freeze()
    try:
        began = loop.time()
        assert (await over_three.transact([], [Put(f"{prefix}1", b"")])).succeeded
        assert 0.2 < loop.time() - began < 1.2
        began = loop.time()
        assert (await over_three.transact([], [Put(f"{prefix}2", b"")])).succeeded
        assert loop.time() - began < 0.2, "the one that answers is asked first"
    finally:
        frozen.thaw()


async def test_a_killed_member_costs_nothing_and_no_majority_is_said_in_time(prefix: str) -> None:
    with running_etcd(3) as members:
        majority = EtcdMajority(endpoints(url_of(members)), seconds=2.0)
        try:
            await _lead(majority, members[1])
            members[0].kill()
            async with asyncio.timeout(0.5):
                assert (await majority.transact([], [Put(f"{prefix}1", b"")])).succeeded
            assert (await majority.transact([], [Put(f"{prefix}2", b"")], repeatable=False)).succeeded
            members[1].kill()
            with pytest.raises(NoMajority):
                async with asyncio.timeout(4):
                    await majority.transact([], [Put(f"{prefix}3", b"")])
            found = await majority.get(f"{prefix}2", local=True)
            assert found is not None, "one member alone still tells what it knows"
            members[2].kill()
            with pytest.raises(NoMajority):
                await majority.transact([], [], repeatable=False)
            with pytest.raises(NoMajority):
                await majority.move_leader(1)
            with pytest.raises(NoMajority):
                await majority.status(members[2].client_url)
        finally:
            await majority.close()


async def _lead(majority: EtcdMajority, member: Etcd) -> None:
    status = await majority.status(member.client_url)
    if status.leader != status.id:
        await majority.move_leader(status.id)


def test_the_address_names_hosts_and_certificates() -> None:
    assert endpoints("etcd://a:1,b") == Endpoints(("http://a:1", "http://b:2379"))
    assert endpoints("etcd://a?quota=8000000").quota_bytes == 8_000_000
    assert endpoints("etcd://[::1]:7/?ca=/c&cert=/x&key=/k") == Endpoints(("https://[::1]:7",), "/c", "/x", "/k")


@pytest.mark.parametrize(
    "url", ["http://a", "etcd://", "etcd://a/b", "etcd://u:p@a", "etcd://a?x=1", "etcd://a?ca=c&cert=x", "etcd://:1",
            "etcd://a?cert=x&key=k", "etcd://a:b", "etcd://a?quota=x"],
)  # fmt: skip
def test_an_address_that_is_not_right_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        endpoints(url)
