"""Readers turn to a new primary when a few connections to it know what is read; until then they stay where they are."""

import asyncio
from functools import partial
from typing import Any

import pytest

from linnet.domain.errors import NotFound
from linnet.storage import postgres_rehearsal
from linnet.storage.postgres_connection import Lost, NotDone
from linnet.storage.postgres_pool import WARM, Pool, Standbys
from linnet.storage.postgres_primary import Finder
from linnet.storage.postgres_rehearsal import Rehearsal
from tests.storage.test_dialling import FakeConnection

URLS = ("postgresql://a/x", "postgresql://b/x", "postgresql://c/x")


class Cluster:
    """Three hosts, of which one may be the primary; each connection that was dialled."""

    def __init__(self) -> None:
        self.primary: str | None = URLS[0]
        self.timeline = 1
        self.dialled: list[FakeConnection] = []

    def promote(self, url: str) -> None:
        self.primary, self.timeline = url, self.timeline + 1

    async def dial(self, url: str, limit_s: float) -> Any:
        await asyncio.sleep(0)
        if url == URLS[0] and self.primary != url:
            raise NotDone("gone", primary=False)
        connection = FakeConnection(url, standby=url != self.primary, timeline=self.timeline)
        self.dialled.append(connection)
        return connection


def soon() -> float:
    return asyncio.get_running_loop().time() + 5


async def nothing(connection: Any) -> None:
    await asyncio.sleep(0)


async def used(pool: Pool) -> FakeConnection:
    connection, primary = await pool.acquire(soon())
    pool.release(connection, primary)
    return connection  # type: ignore[return-value]


async def test_a_first_primary_is_read_from_at_once() -> None:
    pool = Pool(Finder(URLS, Cluster().dial), 8)
    assert pool.cold
    assert not pool.turning, "there is nobody to turn from"
    await used(pool)
    assert not pool.cold
    assert not pool.turning


async def test_readers_turn_to_another_primary_when_connections_were_prepared_one_after_the_other() -> None:
    cluster = Cluster()
    finder = Finder(URLS, cluster.dial)
    pool = Pool(finder, 8)
    await used(pool)
    old = await finder.find(soon())
    cluster.promote(URLS[1])
    finder.doubt(old)
    assert not pool.turning, "nobody has taken its place yet"
    writes = await used(pool)
    assert pool.turning, "that somebody writes to it does not make it ready for all who read"
    prepared: list[FakeConnection] = []
    under_way = 0

    async def prepare(connection: Any) -> None:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        assert pool.turning
        await asyncio.sleep(0)
        prepared.append(connection)
        under_way -= 1

    await pool.turn(prepare)
    assert not pool.turning
    assert len(prepared) == WARM
    assert writes not in prepared
    assert {connection.server.url for connection in prepared} == {URLS[1]}
    held = [(await pool.acquire(soon()))[0] for _ in range(WARM)]
    assert set(held) == set(prepared), "they are used first"


async def test_a_connection_that_is_lost_while_it_is_prepared_is_not_used_and_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("linnet.storage.postgres_pool._PAUSE_SECONDS", 0)
    cluster = Cluster()
    finder = Finder(URLS, cluster.dial)
    pool = Pool(finder, 8)
    await used(pool)
    cluster.promote(URLS[1])
    finder.doubt(await finder.find(soon()))
    await finder.find(soon())
    lost: list[FakeConnection] = []

    async def prepare(connection: Any) -> None:
        if not lost:
            lost.append(connection)
            raise Lost("cut")

    await pool.turn(prepare)
    assert not pool.turning
    assert [connection.closed for connection in lost] == [True]


@pytest.mark.parametrize("fails", [True, False], ids=["nothing can be prepared", "it does not come to an end"])
async def test_they_turn_to_it_in_the_end_however_long_it_takes(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    monkeypatch.setattr("linnet.storage.postgres_pool.TURN_SECONDS", 0.05)
    monkeypatch.setattr("linnet.storage.postgres_pool._PAUSE_SECONDS", 0)
    cluster = Cluster()
    finder = Finder(URLS, cluster.dial)
    pool = Pool(finder, 8)
    await used(pool)
    cluster.promote(URLS[1])
    finder.doubt(await finder.find(soon()))
    await finder.find(soon())

    async def prepare(connection: Any) -> None:
        if fails:
            raise NotDone("too slow")
        await asyncio.Event().wait()

    await pool.turn(prepare)
    assert not pool.turning
    assert all(one.closed for one in cluster.dialled[-1:]), "what is in an unknown state is not used"


async def test_while_they_turn_they_stay_with_the_standby_that_was_asked_also_where_it_is_the_primary_now() -> None:
    cluster = Cluster()
    finder = Finder(URLS, cluster.dial)
    standbys = Standbys(finder)
    first = await standbys.acquire(soon())
    standbys.release(first)
    cluster.promote(first.server.url)
    assert await finder.newest_standby(ask=True) != first.server.url
    assert await standbys.acquire(soon(), stay=True) is first
    standbys.release(first)
    first.terminate()
    other = await standbys.acquire(soon(), stay=True)
    assert other.server.url == await finder.newest_standby(ask=False), "with none left, there is nothing to stay with"


class Spoken(FakeConnection):
    """One that is rolled back after each read."""

    def __init__(self) -> None:
        super().__init__(URLS[1], standby=False)
        self.rolled_back = 0

    async def roll_back(self) -> None:
        self.rolled_back += 1


async def read_one(tx: Any, name: str = "one") -> None:
    tx.append(name)


async def read_two(tx: Any) -> None:
    tx.append("two")
    raise NotFound("not there any more")


async def read_three(tx: Any) -> None:
    raise Lost("cut")


async def test_each_kind_of_read_is_rehearsed_once_the_latest_first_and_whatever_it_finds() -> None:
    ran: list[str] = []

    async def run(connection: Any, fn: Any) -> None:
        await fn(ran)

    rehearsal, connection = Rehearsal(run), Spoken()
    rehearsal.saw(partial(read_one, name="early"))
    rehearsal.saw(read_two)
    await asyncio.sleep(0.001)
    rehearsal.saw(partial(read_one, name="late"))
    await rehearsal.hold(connection)  # type: ignore[arg-type]
    assert ran == ["late", "two"]
    assert connection.rolled_back == 2
    rehearsal.saw(read_three)
    with pytest.raises(Lost):
        await rehearsal.hold(connection)  # type: ignore[arg-type]


async def test_what_nobody_asked_for_of_late_is_not_rehearsed_and_none_goes_on_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[str] = []

    async def run(connection: Any, fn: Any) -> None:
        await fn(ran)

    rehearsal = Rehearsal(run)
    rehearsal.saw(read_one)
    monkeypatch.setattr(postgres_rehearsal, "RECENT_SECONDS", -1.0)
    await rehearsal.hold(Spoken())  # type: ignore[arg-type]
    assert ran == []
    monkeypatch.setattr(postgres_rehearsal, "RECENT_SECONDS", 5.0)
    monkeypatch.setattr(postgres_rehearsal, "LENGTH_SECONDS", -1.0)
    await rehearsal.hold(Spoken())  # type: ignore[arg-type]
    assert ran == []
