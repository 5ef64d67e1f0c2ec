"""How PostgreSQL's hosts are dialled where everything is slow: two at a time, and more patiently."""

import asyncio
from typing import Any

import pytest

from linnet.storage.postgres_connection import NotDone, Server
from linnet.storage.postgres_primary import DIAL_SECONDS, DIAL_SECONDS_MAX, DIALS, Finder, Pool
from tests.support.waiting import until

URLS = ("postgresql://a/x", "postgresql://b/x")


class FakeConnection:
    """One that only says who its server is."""

    def __init__(self, url: str, *, standby: bool) -> None:
        self.server = Server(url, standby, 1, "now", 10)
        self.closed = False

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
