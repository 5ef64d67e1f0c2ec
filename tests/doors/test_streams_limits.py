"""What open sockets may not do: outlive their token, pile up, be silent, read too slowly; what a hub survives."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from linnet.domain.errors import TooMany, Unauthenticated, Unavailable
from linnet.http.limits import LIMITS
from linnet.queries import access
from linnet.storage import changes
from linnet.streaming import connection as connections
from linnet.streaming import door as doors
from linnet.streaming import hub as hubs
from linnet.streaming.audience import Relations
from linnet.streaming.channels import HOME
from linnet.streaming.connection import GOING_AWAY, POLICY
from linnet.streaming.door import Knock
from linnet.streaming.hub import RETURNING_MAX
from tests.storage.queries import sql
from tests.support.client import VirtualClock, World, WorldOpener
from tests.support.hub import Carrier, Kept, kept_hub
from tests.support.waiting import until


@pytest.fixture
async def kept(open_sqlite_world: WorldOpener) -> AsyncIterator[Kept]:
    async with kept_hub(open_sqlite_world) as kept:
        yield kept


async def test_who_does_not_read_is_dropped_and_nobody_waits(kept: Kept):
    alice = await kept.world.person("alice")
    slow, stuck = await kept.open(alice)
    _, quick = await kept.open(alice)
    stuck.waiting = connections.QUEUE_BYTES
    await kept.post(alice)
    await kept.hub.turn()
    assert stuck.aborted
    assert slow.ended
    assert (stuck.heard("update"), quick.heard("update")) == (0, 1)
    assert len(kept.door) == 1


async def test_the_oldest_socket_of_an_account_makes_room(kept: Kept):
    alice = await kept.world.person("alice")
    carriers = [(await kept.open(alice))[1] for _ in range(doors.ACCOUNT_SOCKETS + 1)]
    assert [carrier.closed for carrier in carriers] == [POLICY] + [None] * doors.ACCOUNT_SOCKETS


async def test_an_address_opens_only_so_many(kept: Kept, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doors, "NETWORK_SOCKETS", 3)
    alice = await kept.world.person("alice")
    first, _ = await kept.open(alice)
    for _ in range(2):
        await kept.open(alice)
    with pytest.raises(TooMany):
        await kept.open(alice)
    await kept.open(alice, "192.0.2.2")
    first.end()
    await kept.open(alice)


async def test_a_process_opens_only_so_many(kept: Kept, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doors, "SOCKETS_MAX", 1)
    alice = await kept.world.person("alice")
    await kept.open(alice)
    with pytest.raises(Unavailable):
        await kept.open(alice)


async def test_a_websocket_that_never_answers_is_dropped(kept: Kept):
    alice = await kept.world.person("alice")
    talking, alive = await kept.open(alice, pings=True)
    _, silent = await kept.open(alice, pings=True)
    for _ in range(connections.SILENT_BEATS + 1):
        assert not silent.aborted
        await kept.seconds(doors.BEAT_SECONDS)
        talking.alive()
    assert silent.aborted
    assert not alive.aborted


async def test_an_event_stream_shows_that_it_is_there_and_where(kept: Kept):
    alice = await kept.world.person("alice")
    _, plain = await kept.open(alice)
    _, keeping = await kept.open(alice, position="")
    await kept.post(alice)
    await kept.seconds(2 * doors.BEAT_SECONDS)
    assert plain.written[-1] == b":thump\n"
    assert keeping.written[-1] == b":thump\nid: %b\n\n" % str(kept.hub.told).encode()
    assert keeping.heard("stream.begun") == 1


async def test_who_is_only_coming_back_is_not_told_of_a_place_beyond_what_he_missed(kept: Kept):
    """His next connection would begin there."""
    alice = await kept.world.person("alice")
    _, other = await kept.open(alice, position="")
    left = str(kept.hub.told)
    await kept.post(alice)
    await kept.hub.turn()
    assert str(kept.hub.told) != left
    kept.words.ready.clear()
    carrier = Carrier()
    knock = Knock("/api/v1/streaming/user", {}, f"Bearer {alice.token}", None, None, "192.0.2.1")
    coming = await kept.door.admit(knock, carrier, server_sent=True)
    coming.open(HOME, left)
    await kept.seconds(2 * doors.BEAT_SECONDS)
    assert carrier.heard("update") == 0
    assert carrier.written[-1] == b":thump\nid: %b\n\n" % left.encode()
    assert other.written[-1] == b":thump\nid: %b\n\n" % str(kept.hub.told).encode()
    kept.words.ready.set()
    await kept.seconds(2 * doors.BEAT_SECONDS)
    assert carrier.heard("update") == 1
    assert carrier.written[-1] == b":thump\nid: %b\n\n" % str(kept.hub.told).encode()


async def test_one_account_keeps_nobody_else_from_coming_back(kept: Kept):
    greedy, other = await kept.world.people("greedy", "other")
    position = await kept.hub.position()
    await kept.post(greedy, "missed")
    kept.words.ready.clear()
    knock = Knock("/api/v1/streaming/user", {}, f"Bearer {greedy.token}", None, None, "192.0.2.1")
    coming = [Carrier() for _ in range(3 * RETURNING_MAX)]
    for carrier in coming:
        (await kept.door.admit(knock, carrier, server_sent=True)).open(HOME, position)
    _, heard = await kept.open(other, position=position)
    assert HOME.channel in kept.hub.audience
    assert not any(carrier.heard("update") for carrier in coming)
    kept.words.ready.set()
    await until(lambda: all(carrier.heard("update") == 1 for carrier in coming))
    assert heard.heard("update") == 0, "nobody whom the other one follows has posted"


async def test_who_was_told_more_than_all_others_have_is_not_sent_back(kept: Kept):
    """He would be told it again."""
    alice = await kept.world.person("alice")
    _, stream = await kept.open(alice, position="")
    before, tell, others = kept.hub.told, kept.hub._each, asyncio.Event()

    async def and_others(*about: Any) -> None:
        await tell(*about)
        await others.wait()

    kept.hub._each = and_others  # type: ignore[assignment,method-assign]
    await kept.post(alice)
    turn = asyncio.ensure_future(kept.hub.turn())
    await until(lambda: stream.heard("update") == 1)
    assert kept.hub.told == before
    await kept.seconds(2 * doors.BEAT_SECONDS)
    assert stream.written[-1].startswith(b":thump\nid: ")
    assert stream.written[-1] != b":thump\nid: %b\n\n" % str(before).encode()
    others.set()
    await turn


async def test_a_revoked_token_ends_its_sockets(kept: Kept):
    alice = await kept.world.person("alice")
    _, carrier = await kept.open(alice)
    await kept.world.database.write(lambda tx: tx.run(sql("delete from tokens")))
    await kept.seconds(doors.BEAT_SECONDS)
    assert carrier.closed == POLICY
    with pytest.raises(Unauthenticated):
        await kept.open(alice)


async def test_who_is_suspended_hears_nothing_more(kept: Kept):
    alice, moderator = await kept.world.person("alice"), await kept.world.person("moderator", role="admin")
    _, carrier = await kept.open(alice)

    async def suspend(tx) -> None:
        await tx.run(sql("update accounts set suspended_at = :now where id = :id"), now=tx.now, id=alice.id)
        await changes.append(tx, "account.changed", alice.id, alice.id)

    await kept.world.database.write(suspend)
    await kept.hub.turn()
    assert carrier.closed == POLICY
    assert moderator.id not in kept.hub.relations.followers(alice.id)


async def test_a_door_that_closes_says_so_and_lets_nobody_in(kept: Kept):
    alice = await kept.world.person("alice")
    _, carrier = await kept.open(alice)
    kept.door.close()
    assert carrier.closed == GOING_AWAY
    with pytest.raises(Unavailable):
        await kept.open(alice)


async def test_while_nobody_listens_nothing_is_read(kept: Kept):
    alice = await kept.world.person("alice")
    idle = kept.clock.sleeping
    opened, _ = await kept.open(alice)
    await until(lambda: kept.clock.sleeping == idle + 2)  # the hub and the heartbeat
    opened.end()
    await kept.seconds(1)
    assert kept.clock.sleeping == idle
    assert not kept.hub.relations


async def test_a_database_that_is_away_delays_and_loses_nothing(kept: Kept):
    alice = await kept.world.person("alice")
    _, carrier = await kept.open(alice)
    await kept.post(alice, "one")
    kept.words.failures.append(Unavailable("away"))
    with pytest.raises(Unavailable):
        await kept.hub.turn()
    await kept.post(alice, "two")
    await kept.hub.turn()
    await kept.hub.turn()
    assert carrier.heard("update") == 2


async def test_a_change_that_cannot_be_told_is_owned_up_to(kept: Kept):
    alice = await kept.world.person("alice")
    _, carrier = await kept.open(alice)
    kept.words.failures.append(ValueError("a fault of ours"))
    await kept.post(alice, "one")
    await kept.hub.turn()
    await kept.post(alice, "two")
    await kept.hub.turn()
    assert (carrier.heard("stream.reset"), carrier.heard("update")) == (1, 1)


async def test_who_comes_back_to_a_change_that_cannot_be_told_learns_of_it_and_hears_what_comes(kept: Kept):
    alice = await kept.world.person("alice")
    position = await kept.hub.position()
    await kept.post(alice, "one")
    _, first = await kept.open(alice)
    kept.words.failures.append(ValueError("a fault of ours"))
    _, back = await kept.open(alice, position=position)
    await until(lambda: back.heard("stream.reset") == 1)
    assert first.heard("stream.reset") == 0
    await until(lambda: len(kept.hub.audience.of(HOME.channel, alice.id)) == 2)
    await kept.post(alice, "two")
    await kept.hub.turn()
    assert (first.heard("update"), back.heard("update")) == (1, 1)


async def test_a_hub_outlives_whatever_one_of_its_turns_meets(kept: Kept, monkeypatch: pytest.MonkeyPatch):
    alice = await kept.world.person("alice")
    _, carrier = await kept.open(alice)
    failures = [ValueError("a fault of ours")]
    read_after = changes.read_after

    async def failing(*given: Any) -> changes.Changes:
        if failures:
            raise failures.pop()
        return await read_after(*given)

    monkeypatch.setattr(changes, "read_after", failing)
    await kept.seconds(1)
    await until(lambda: not failures)
    await kept.post(alice, "one")
    await kept.seconds(4)
    await until(lambda: carrier.heard("update") > 0)
    assert carrier.heard("update") == 1


async def test_a_sick_socket_keeps_no_other_from_being_looked_at(kept: Kept, monkeypatch: pytest.MonkeyPatch):
    alice, bob = await kept.world.people("alice", "bob")
    sick, carrier = await kept.open(alice)
    _, other = await kept.open(bob)

    def refuse(_data: bytes) -> None:
        raise OSError("gone")

    monkeypatch.setattr(carrier, "write", refuse)
    await kept.world.database.write(lambda tx: tx.run(sql("delete from tokens where account_id = :id"), id=bob.id))
    await kept.seconds(2 * doors.BEAT_SECONDS)
    await until(lambda: other.closed == POLICY)
    assert (sick.ended, carrier.aborted) == (True, True)


async def test_who_was_away_for_too_long_is_told_to_ask_anew(kept: Kept, monkeypatch: pytest.MonkeyPatch):
    alice = await kept.world.person("alice")
    position = await kept.hub.position()
    for _ in range(6):
        await kept.post(alice)
    _, patient = await kept.open(alice, position=position)
    await until(lambda: patient.heard("update") == 6)
    monkeypatch.setattr(hubs, "BEHIND_MAX", 5)
    _, late = await kept.open(alice, position=position)
    await until(lambda: late.heard("stream.reset") == 1)
    assert late.heard("update") == 0
    await kept.world.database.write(lambda tx: changes.forget(tx, tx.now + 1, 3))
    monkeypatch.undo()
    _, pruned = await kept.open(alice, position=position)
    await until(lambda: pruned.heard("stream.reset") == 1)


async def test_who_reads_what_was_missed_too_slowly_is_waited_for_a_while(kept: Kept):
    alice = await kept.world.person("alice")
    position = await kept.hub.position()
    for _ in range(3):
        await kept.post(alice)
    carrier = Carrier()
    carrier.waiting = connections.FULL_BYTES + 1
    knock = Knock("/api/v1/streaming/user", {}, f"Bearer {alice.token}", None, None, "192.0.2.1")
    opened = await kept.door.admit(knock, carrier, server_sent=True)
    opened.open(HOME, position)
    await until(lambda: carrier.heard("update") == 1)
    await kept.seconds(10)
    assert carrier.heard("update") == 1
    carrier.waiting = 0
    await kept.seconds(1)
    await until(lambda: carrier.heard("update") == 3)
    stuck = Carrier()
    stuck.waiting = connections.FULL_BYTES + 1
    opened = await kept.door.admit(knock, stuck, server_sent=True)
    opened.open(HOME, position)
    await until(lambda: stuck.heard("update") == 1)
    await kept.seconds(int(hubs.SLOW_SECONDS) + 2)
    await until(lambda: stuck.aborted)


def test_relations_forget_whoever_has_gone():
    relations = Relations()
    assert relations.enter(1) is False
    relations.began(1, 7)
    relations.know(1, {5, 6})
    relations.know_tags(1, ("cats",))
    assert relations.enter(1) is True
    relations.ended(1, 5)
    relations.ended(1, 99)
    assert [set(relations.followers(author)) for author in (5, 6, 7)] == [set(), {1}, {1}]
    assert relations.followers_of_tags(("cats", "dogs")) == {1}
    assert relations.leave(1) is False
    assert relations.leave(1) is True
    assert not relations
    assert not relations.any_tags
    assert [set(relations.followers(author)) for author in (6, 7)] == [set(), set()]
    relations.know(1, {5})  # an answer that came too late
    assert not relations.followers(5)


async def test_a_token_is_known_by_what_is_kept_of_it(world: World):
    alice = await world.person("alice")
    identity = await access.by_token(world.database, alice.token)
    assert await access.by_key(world.database, identity.key) == identity
    with pytest.raises(Unauthenticated):
        await access.by_key(world.database, alice.token)


async def test_guessing_tokens_is_bounded_by_the_address(open_sqlite_world: WorldOpener):
    world = await open_sqlite_world(clock=VirtualClock(), rate_limits=True)
    most, _ = LIMITS["api_address"]
    statuses = [
        (await world.client.get("/api/v1/streaming/user", token=f"guess-{at}")).status for at in range(most + 1)
    ]
    assert statuses == [401] * most + [429]
