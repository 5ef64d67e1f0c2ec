"""Join tokens and the list of members in a real etcd: each lets one machine in, and a cut-off join can go on."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from linnet.cluster import admission, tokens
from linnet.cluster.admission import Listed, Request
from linnet.cluster.layout import DRAINED, JOINING, LEAVING, READY, Member, Ports
from linnet.cluster.tokens import Token
from linnet.domain.errors import Conflict, Invalid, NotAllowed
from linnet.domain.majority import Put, after_prefix
from linnet.storage.etcd import EtcdMajority
from linnet.system import SystemChance
from tests.support.client import VirtualClock
from tests.support.etcd import Etcd, founded

FINGERPRINT = "ab" * 32
ONE, TWO, THREE = (Member(name, f"127.0.1.{i}", Ports.starting()) for i, name in enumerate(("one", "two", "three"), 1))
HOUR = 3_600_000


@pytest.fixture
async def majority(etcd: Etcd) -> AsyncIterator[EtcdMajority]:
    async with founded(etcd, ONE) as opened:
        yield opened


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


async def _invited(majority: EtcdMajority, clock: VirtualClock, valid_ms: int = HOUR) -> Token:
    return await admission.invite(majority, FINGERPRINT, SystemChance(), clock, valid_ms)


def _request(token: Token, member: Member = TWO, claim: bytes = b"c" * 20) -> Request:
    return Request.read(Request(token.secret, claim, member).body())


async def _tokens(majority: EtcdMajority) -> int:
    return (await majority.range(admission.TOKENS, after_prefix(admission.TOKENS))).count


def test_a_token_survives_being_copied():
    token = Token(FINGERPRINT, SystemChance().secret(tokens.SECRET_BYTES))
    assert tokens.read(f"  {token}\n") == token
    assert str(token).startswith("linnet-join-")
    assert token.secret.hex() not in repr(token)
    assert str(token) not in f"{token!r}"


@pytest.mark.parametrize("text", ["", "linnet-join-", "linnet-join-" + "A" * 69, "A" * 70, "linnet-join-" + "é" * 70])
def test_what_is_no_token_is_refused_in_words(text: str):
    with pytest.raises(Invalid, match="linnet cluster token"):
        tokens.read(text)


async def test_a_token_lets_one_machine_in(majority: EtcdMajority, clock: VirtualClock):
    token = await _invited(majority, clock)
    assert (await admission.admit(majority, _request(token), clock)).state == JOINING
    await admission.announce(majority, "two")
    assert {name: one.state for name, one in (await admission.members(majority)).items()} == {
        "one": READY,
        "two": READY,
    }
    assert await _tokens(majority) == 0
    await admission.announce(majority, "two")


async def test_what_stands_in_etcd_lets_nobody_in(majority: EtcdMajority, clock: VirtualClock):
    token = await _invited(majority, clock)
    (found,) = (await majority.range(admission.TOKENS, after_prefix(admission.TOKENS))).keys
    assert token.secret not in found.value
    assert token.secret.hex() not in found.key
    await admission.admit(majority, _request(token), clock)
    kept = (await admission.members(majority))["two"].value()
    assert (b"c" * 20).hex().encode() not in kept


async def test_wrong_ended_and_used_tokens_are_refused_alike(majority: EtcdMajority, clock: VirtualClock):
    said = set()
    ended, used = await _invited(majority, clock), await _invited(majority, clock, 30 * HOUR)
    await admission.admit(majority, _request(used), clock)
    clock.advance(2 * HOUR)
    for token, claim in ((Token(FINGERPRINT, b"x" * 20), b"c" * 20), (ended, b"c" * 20), (used, b"d" * 20)):
        with pytest.raises(NotAllowed) as caught:
            await admission.admit(majority, _request(token, THREE, claim), clock)
        said.add(str(caught.value))
    assert len(said) == 1
    await admission.announce(majority, "two")
    with pytest.raises(NotAllowed):
        await admission.admit(majority, _request(used), clock)
    assert set(await admission.members(majority)) == {"one", "two"}


async def test_a_join_that_was_cut_off_goes_on_even_when_its_token_has_ended(
    majority: EtcdMajority, clock: VirtualClock
):
    token = await _invited(majority, clock)
    first = await admission.admit(majority, _request(token), clock)
    clock.advance(2 * HOUR)
    again = await admission.admit(majority, _request(token), clock)
    assert replace(again, modified=0) == first
    with pytest.raises(Conflict):
        await admission.admit(majority, _request(token, replace(TWO, address="127.0.1.9")), clock)


async def test_a_machine_that_was_struck_off_while_it_joined_does_not_come_back(
    majority: EtcdMajority, clock: VirtualClock
):
    token = await _invited(majority, clock)
    await admission.admit(majority, _request(token), clock)
    await admission.remove(majority, "two")
    await admission.remove(majority, "two")
    for member in (TWO, THREE):
        with pytest.raises(NotAllowed):
            await admission.admit(majority, _request(token, member), clock)
    assert (set(await admission.members(majority)), await _tokens(majority)) == ({"one"}, 0)


async def test_what_was_printed_can_be_taken_back_but_not_from_whom_it_let_in(
    majority: EtcdMajority, clock: VirtualClock
):
    used, lost, other = [await _invited(majority, clock) for _ in range(3)]
    await admission.admit(majority, _request(used), clock)
    assert await admission.revoke(majority) == 2
    for token in (lost, other):
        with pytest.raises(NotAllowed):
            await admission.admit(majority, _request(token, THREE), clock)
    assert (await admission.admit(majority, _request(used), clock)).state == JOINING
    assert await admission.revoke(majority) == 0


async def test_of_two_machines_with_one_token_one_comes_in(majority: EtcdMajority, clock: VirtualClock):
    token = await _invited(majority, clock)
    tries = (_request(token, TWO, b"c" * 20), _request(token, THREE, b"d" * 20))
    ended = await asyncio.gather(*(admission.admit(majority, each, clock) for each in tries), return_exceptions=True)
    assert sum(isinstance(one, Listed) for one in ended) == 1
    assert len(await admission.members(majority)) == 2


async def test_names_addresses_and_the_number_of_members_are_looked_at(majority: EtcdMajority, clock: VirtualClock):
    token = await _invited(majority, clock)
    for member in (replace(TWO, name="one"), replace(TWO, address="127.0.1.1")):
        with pytest.raises(Conflict):
            await admission.admit(majority, _request(token, member), clock)
    for number in range(4, 4 + admission.MEMBERS_MAX - 1):
        await admission.found_cluster(majority, replace(TWO, name=f"n{number}", address=f"127.0.1.{number}"))
    with pytest.raises(Conflict, match="at most"):
        await admission.admit(majority, _request(token), clock)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"secret": "zz", "claim": "00", "member": {}},
        {"secret": 5, "claim": None, "member": []},
        {**Request(b"s" * 20, b"c" * 20, TWO).body(), "member": {"name": "../x", "address": "127.0.1.2", "ports": {}}},
        {**Request(b"s" * 20, b"c" * 20, TWO).body(), "secret": "00" * 21},
    ],
)
def test_what_is_no_request_is_invalid(body: dict):
    with pytest.raises(Invalid):
        Request.read(body)


async def test_tokens_are_bounded_and_go_when_they_have_ended(majority: EtcdMajority, clock: VirtualClock):
    for _ in range(admission.TOKENS_MAX):
        await _invited(majority, clock)
    with pytest.raises(Conflict):
        await _invited(majority, clock)
    clock.advance(HOUR)
    await _invited(majority, clock)
    assert await _tokens(majority) == 1
    with pytest.raises(Invalid):
        await _invited(majority, clock, 1)


async def test_states_follow_each_other_as_they_may(majority: EtcdMajority):
    assert (await admission.set_state(majority, "one", DRAINED, of=(READY,))).state == DRAINED
    assert (await admission.set_state(majority, "one", DRAINED, of=(READY,))).state == DRAINED
    with pytest.raises(Conflict, match="drained"):
        await admission.set_state(majority, "one", LEAVING, of=(READY,))
    with pytest.raises(Conflict, match="not a member"):
        await admission.set_state(majority, "nobody", READY, of=(DRAINED,))
    await admission.remove(majority, "one")
    await admission.remove(majority, "one")
    assert await admission.members(majority) == {}
    with pytest.raises(Conflict):
        await admission.announce(majority, "one")


async def test_rubbish_in_the_list_is_named(majority: EtcdMajority):
    await majority.transact([], [Put(admission.key_of("bad"), b"{")])
    with pytest.raises(Invalid, match="members/bad"):
        await admission.members(majority)
