"""How PostgreSQL's hosts are dialled where everything is slow: two at a time, and more patiently."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from linnet.domain.errors import Unavailable
from linnet.storage import postgres_pool
from linnet.storage.database import before_readers
from linnet.storage.postgres_connection import NotDone, Server
from linnet.storage.postgres_pool import Pool, Standbys
from linnet.storage.postgres_primary import (
    AHEAD_BYTES,
    BEHIND_BYTES,
    DIAL_SECONDS,
    DIAL_SECONDS_MAX,
    DIALS,
    Finder,
    Primary,
)
from linnet.storage.postgres_witnesses import Witnesses
from tests.support.waiting import until

URLS = ("postgresql://a/x", "postgresql://b/x")
PRIMARY = "postgresql://c/x"


class FakeConnection:
    """One that only says who its server is."""

    def __init__(self, url: str, *, standby: bool, timeline: int = 1) -> None:
        self.server = Server(url, standby, timeline, "now", 10)
        self.closed = False
        self.listeners: list[Callable[[], None]] = []

    def on_lost(self, listener: Callable[[], None]) -> None:
        self.listeners.append(listener)

    def terminate(self) -> None:
        self.closed = True


class Hosts:
    """``a`` is the primary and ``b`` its standby, as long as they answer; a dial waits until it is let through."""

    def __init__(self) -> None:
        self.answering = True
        self.limits: list[float] = []
        self.dialling = 0
        self.most = 0
        self.dialled = 0
        self.open = asyncio.Event()
        self.open.set()

    async def dial(self, url: str, limit_s: float) -> Any:
        self.limits.append(limit_s)
        self.dialling += 1
        self.most = max(self.most, self.dialling)
        try:
            await self.open.wait()
            await asyncio.sleep(0)
        finally:
            self.dialling -= 1
        if not self.answering:
            raise NotDone("too slow", primary=False)
        self.dialled += 1
        return FakeConnection(url, standby=url == URLS[1])


async def test_where_no_host_answers_in_time_all_are_given_more():
    hosts = Hosts()
    finder = Finder(URLS, hosts.dial)
    hosts.answering = False
    for _ in range(4):
        with pytest.raises(NotDone):
            await finder.newest_standby(ask=True)
    assert hosts.limits == [limit for limit in (1.0, 2.0, DIAL_SECONDS_MAX, DIAL_SECONDS_MAX) for _ in URLS]
    hosts.answering = True
    assert await finder.newest_standby(ask=True) == URLS[1]
    assert finder.patience == DIAL_SECONDS


async def test_of_many_who_want_a_connection_two_dial_and_the_others_take_what_comes_back():
    hosts = Hosts()
    finder = Finder(URLS, hosts.dial)
    loop = asyncio.get_running_loop()
    await finder.find(loop.time() + 5)
    pool = Pool(finder, 16)
    hosts.open.clear()
    hosts.dialled, hosts.most = 0, 0

    async def use() -> None:
        connection, primary = await pool.acquire(loop.time() + 5)
        await asyncio.sleep(0)
        pool.release(connection, primary)

    users = [loop.create_task(use()) for _ in range(16)]
    await until(lambda: hosts.dialling == DIALS)
    hosts.open.set()
    await asyncio.gather(*users)
    assert hosts.most == DIALS
    assert hosts.dialled < 8


async def test_whoever_leaves_while_it_waits_for_its_turn_takes_nothing_along():
    hosts = Hosts()
    finder = Finder(URLS, hosts.dial)
    loop = asyncio.get_running_loop()
    await finder.find(loop.time() + 5)
    pool = Pool(finder, 4)
    hosts.open.clear()
    users = [loop.create_task(pool.acquire(loop.time() + 5)) for _ in range(4)]
    await until(lambda: hosts.dialling == DIALS)
    for user in users:
        user.cancel()
    assert await asyncio.gather(*users, return_exceptions=True) != []
    hosts.open.set()
    async with asyncio.timeout(5):
        held = [await pool.acquire(loop.time() + 5) for _ in range(4)]
    assert len(held) == 4


class Moving(Hosts):
    """Two standbys, whose positions a test sets, and a primary where there is one."""

    def __init__(self, positions: dict[str, int]) -> None:
        super().__init__()
        self.positions = positions
        self.leads = 10

    async def dial(self, url: str, limit_s: float) -> Any:
        standby = url != PRIMARY
        connection = FakeConnection(url, standby=standby)
        connection.server = Server(url, standby, 1, "now", self.positions[url] if standby else self.leads)
        return connection


async def test_without_a_primary_whoever_is_ahead_at_all_is_asked():
    positions = {URLS[0]: 1_000, URLS[1]: 500}
    finder = Finder(URLS, Moving(positions).dial)
    assert await finder.newest_standby(ask=True) == URLS[0]
    positions[URLS[1]] = 1_000
    assert await finder.newest_standby(ask=True) == URLS[0]
    positions[URLS[1]] = 1_001
    assert await finder.newest_standby(ask=True) == URLS[1]


async def test_a_standby_that_is_ahead_by_a_moment_does_not_cost_the_other_ones_connections():
    positions = {URLS[0]: 1_000, URLS[1]: 500}
    finder = Finder((*URLS, PRIMARY), Moving(positions).dial)
    standbys = Standbys(finder)
    first = await standbys.acquire(asyncio.get_running_loop().time() + 5)
    assert first.server.url == URLS[0]
    standbys.release(first)
    positions[URLS[1]] = 1_000 + AHEAD_BYTES - 1
    assert await finder.newest_standby(ask=True) == URLS[0]
    assert await standbys.acquire(asyncio.get_running_loop().time() + 5) is first
    standbys.release(first)
    positions[URLS[1]] = 1_000 + AHEAD_BYTES
    assert await finder.newest_standby(ask=True) == URLS[1]
    assert (await standbys.acquire(asyncio.get_running_loop().time() + 5)).server.url == URLS[1]
    assert not first.closed, "it may be the newest again in a moment"


async def test_of_what_is_not_found_elsewhere_the_standby_is_asked_that_is_furthest_by_a_byte():
    positions = {URLS[0]: 1_000, URLS[1]: 500}
    finder = Finder((*URLS, PRIMARY), Moving(positions).dial)
    standbys, soon = Standbys(finder), asyncio.get_running_loop().time() + 5
    standbys.release(await standbys.acquire(soon))
    positions[URLS[1]] = 1_001
    assert (await standbys.acquire(soon)).server.url == URLS[0]
    assert (await standbys.acquire(soon, furthest=True)).server.url == URLS[1]


async def test_a_standby_that_is_far_behind_its_primary_is_not_asked():
    """It would let in whom the last hour has shut out."""
    positions = {URLS[0]: 1_000, URLS[1]: 500}
    hosts = Moving(positions)
    finder, alone = Finder((*URLS, PRIMARY), hosts.dial), Finder(URLS, hosts.dial)
    assert await finder.newest_standby(ask=True) == URLS[0]
    hosts.leads = 501 + BEHIND_BYTES
    assert await finder.newest_standby(ask=True) == URLS[0]
    hosts.leads = 1_001 + BEHIND_BYTES
    with pytest.raises(NotDone):
        await finder.newest_standby(ask=True)
    assert await alone.newest_standby(ask=True) == URLS[0], "without a primary it is the best there is"
    positions[URLS[1]] = 1_001
    assert await finder.newest_standby(ask=True) == URLS[1]


@pytest.mark.parametrize("error", [ZeroDivisionError("cache lookup failed"), Unavailable("out of memory")])
async def test_whatever_one_host_answers_the_primary_among_the_others_is_found(error: Exception):
    async def dial(url: str, limit_s: float) -> Any:
        if url != PRIMARY:
            raise error
        return FakeConnection(url, standby=False)

    finder = Finder((*URLS, PRIMARY), dial)
    assert (await finder.find(asyncio.get_running_loop().time() + 5)).url == PRIMARY


async def test_a_primary_is_doubted_as_soon_as_somebody_follows_another_one():
    """Frozen in parts, it may say for ever that it is the primary."""
    timelines = {PRIMARY: 1, URLS[1]: 1}

    async def dial(url: str, limit_s: float) -> Any:
        if url not in timelines:
            raise NotDone("away", primary=False)
        return FakeConnection(url, standby=url != PRIMARY, timeline=timelines[url])

    finder, doubted = Finder((*URLS, PRIMARY), dial), list[Primary]()
    finder.on_doubt(doubted.append)
    old = await finder.find(asyncio.get_running_loop().time() + 5)
    assert await finder.newest_standby(ask=True) == URLS[1]
    assert finder.primary == old
    timelines[URLS[1]] = 2
    await finder.newest_standby(ask=True)
    assert doubted == [old]
    assert finder.primary != old


async def test_who_waits_for_others_to_give_a_connection_back_is_told_before_nobody_waits_for_the_answer():
    hosts = Hosts()
    loop = asyncio.get_running_loop()
    pool = Pool(Finder(URLS, hosts.dial), 1)
    held = await pool.acquire(loop.time() + 5)
    with pytest.raises(Unavailable, match="busy"):
        await pool.acquire(loop.time() + 5, patience=0.01)
    pool.release(*held)
    assert await pool.acquire(loop.time() + 5, patience=0.01) == held


async def test_what_is_given_back_goes_to_who_waits_before_a_dial_has_ended():
    hosts = Hosts()
    loop = asyncio.get_running_loop()
    pool = Pool(Finder(URLS, hosts.dial), 4)
    held = await pool.acquire(loop.time() + 5)
    hosts.open.clear()
    waiting = loop.create_task(pool.acquire(loop.time() + 5))
    await until(lambda: hosts.dialling == 1)
    pool.release(*held)
    assert await waiting == held
    hosts.open.set()
    await until(lambda: hosts.dialling == 0)
    pool.release(*held)


async def test_who_waits_for_a_change_and_who_only_reads_take_turns_each_kind_in_its_own_order():
    hosts = Hosts()
    loop = asyncio.get_running_loop()
    pool = Pool(Finder(URLS, hosts.dial), 1)
    held = await pool.acquire(loop.time() + 5)
    served: list[str] = []

    async def use(name: str) -> None:
        connection, primary = await pool.acquire(loop.time() + 5)
        served.append(name)
        pool.release(connection, primary)

    readers = [loop.create_task(use(f"read {number}")) for number in range(4)]
    with before_readers():
        posters = [loop.create_task(use(f"post {number}")) for number in range(2)]
    await asyncio.sleep(0)
    readers[1].cancel()
    pool.release(*held)
    await asyncio.gather(*readers, *posters, return_exceptions=True)
    assert served == ["post 0", "read 0", "post 1", "read 2", "read 3"]


async def test_too_many_readers_keep_nobody_out_who_waits_for_a_change(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(postgres_pool, "WAITERS", 2)
    hosts = Hosts()
    loop = asyncio.get_running_loop()
    pool = Pool(Finder(URLS, hosts.dial), 1)
    held = await pool.acquire(loop.time() + 5)
    readers = [loop.create_task(pool.acquire(loop.time() + 5)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="busy"):
        await pool.acquire(loop.time() + 5)
    with before_readers():
        poster = loop.create_task(pool.acquire(loop.time() + 5))
    await asyncio.sleep(0)
    pool.release(*held)
    assert await asyncio.wait_for(poster, 5) == held
    assert not any(reader.done() for reader in readers)
    for reader in readers:
        reader.cancel()


async def test_what_is_given_to_somebody_who_leaves_goes_to_the_next_one():
    hosts = Hosts()
    loop = asyncio.get_running_loop()
    pool = Pool(Finder(URLS, hosts.dial), 1)
    held = await pool.acquire(loop.time() + 5)
    leaving, staying = (loop.create_task(pool.acquire(loop.time() + 5)) for _ in range(2))
    await asyncio.sleep(0)
    pool.release(*held)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await asyncio.wait_for(staying, 5) == held


async def test_whoever_waits_for_a_primary_that_is_doubted_is_told_at_once():
    hosts = Hosts()
    finder = Finder(URLS, hosts.dial)
    loop = asyncio.get_running_loop()
    pool = Pool(finder, 1)
    held, primary = await pool.acquire(loop.time() + 60)
    waiting = loop.create_task(pool.acquire(loop.time() + 60))
    await asyncio.sleep(0)
    finder.doubt(primary)
    with pytest.raises(NotDone, match="may have gone"):
        await asyncio.wait_for(waiting, 5)
    pool.release(held, primary)
    assert await pool.acquire(loop.time() + 5) == (held, primary), "it is the same server still"


class Filed(FakeConnection):
    """A standby that knows receipts, and counts how often it is asked."""

    asked: list[list[str]]

    def __init__(self, known: dict[str, int], gate: asyncio.Event) -> None:
        super().__init__(URLS[1], standby=True)
        self.known, self.gate, self.asked = known, gate, []

    async def rows(self, sql: str, args: Any, limit_s: float) -> list[tuple[str, str]]:
        (keys,) = args
        self.asked.append(list(keys))
        await self.gate.wait()
        return [(key, str(self.known[key])) for key in keys if key in self.known]


async def test_receipts_that_are_asked_for_meanwhile_are_asked_for_together():
    gate = asyncio.Event()
    filed = Filed({"one": 1, "three": 3}, gate)

    async def dial(url: str, limit_s: float) -> Any:
        if url == URLS[0]:
            raise NotDone("gone", primary=False)
        return filed

    witnesses = Witnesses(Finder(URLS, dial))
    loop = asyncio.get_running_loop()
    first = loop.create_task(witnesses.receipt("one"))
    await until(lambda: filed.asked)
    others = [loop.create_task(witnesses.receipt(key)) for key in ("two", "three")]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(first, *others) == [1, None, 3]
    assert filed.asked == [["one"], ["two", "three"]]
    witnesses.close()
    assert filed.closed


async def test_a_host_that_is_frozen_holds_nobody_up_and_is_asked_once_at_a_time():
    dialled: list[str] = []
    frozen = asyncio.Event()

    async def dial(url: str, limit_s: float) -> Any:
        dialled.append(url)
        if url == URLS[0]:
            await frozen.wait()
        return FakeConnection(url, standby=url == URLS[1])

    finder = Finder(URLS, dial)
    async with asyncio.timeout(0.9 * DIAL_SECONDS):
        assert await finder.newest_standby(ask=True) == URLS[1]
        assert await finder.newest_standby(ask=True) == URLS[1]
    assert dialled.count(URLS[0]) == 1
    finding = asyncio.get_running_loop().create_task(finder.find(asyncio.get_running_loop().time() + 5))
    frozen.set()
    assert (await finding).url == URLS[0]
    await finder.close()
