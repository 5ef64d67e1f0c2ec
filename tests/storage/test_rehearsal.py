"""Connections that know what is read before anybody waits for them: to each standby, so to any that is promoted."""

import asyncio
from functools import partial
from typing import Any

import pytest

from linnet.domain.errors import NotFound, Unavailable
from linnet.storage import postgres_rehearsal
from linnet.storage.postgres_connection import Lost, NotDone, Server
from linnet.storage.postgres_pool import STANDBY_READY, WARM, Pool, Prepare, Standbys
from linnet.storage.postgres_primary import Finder, Primary
from linnet.storage.postgres_rehearsal import Rehearsal
from tests.storage.test_dialling import FakeConnection
from tests.support.waiting import until

URLS = ("postgresql://a/x", "postgresql://b/x", "postgresql://c/x")


class Spoken(FakeConnection):
    """A connection over which its server is asked again who it is, and where reads are rolled back."""

    def __init__(self, cluster: "Cluster", url: str) -> None:
        super().__init__(url, standby=True)
        self.cluster = cluster
        self.server = cluster.server(url)
        self.rolled_back = 0
        self.fails: Exception | None = None

    async def who(self, limit_s: float) -> Server:
        await asyncio.sleep(0)
        if self.fails is not None:
            raise self.fails
        if self.closed:
            raise Lost("gone")
        return self.cluster.server(self.server.url)

    async def roll_back(self) -> None:
        self.rolled_back += 1


class Cluster:
    """Three hosts, of which one may be the primary; each connection that was dialled, and prepared."""

    def __init__(self) -> None:
        self.primary = URLS[0]
        self.timeline = 1
        self.started = dict.fromkeys(URLS, "now")
        self.gone: set[str] = set()
        self.dialled: list[Spoken] = []
        self.prepared: list[Any] = []

    def server(self, url: str) -> Server:
        return Server(url, url != self.primary, self.timeline, self.started[url], 10)

    def promote(self, url: str) -> None:
        """The primary goes, and that one takes its place."""
        self.gone = {self.primary}
        self.primary, self.timeline = url, self.timeline + 1

    async def dial(self, url: str, limit_s: float) -> Any:
        await asyncio.sleep(0)
        if url in self.gone:
            raise NotDone("gone", primary=False)
        self.dialled.append(Spoken(self, url))
        return self.dialled[-1]

    async def prepare(self, connection: Any) -> None:
        await asyncio.sleep(0)
        self.prepared.append(connection)


class Scene:
    """A pool of connections to a cluster's primary, and those to its standbys."""

    def __init__(self, prepare: Prepare | None = None) -> None:
        self.cluster = Cluster()
        self.finder = Finder(URLS, self.cluster.dial)
        prepare = prepare or self.cluster.prepare
        self.standbys = Standbys(self.finder, prepare=prepare)
        self.pool = Pool(self.finder, 8, self.standbys, prepare)

    async def hold(self, count: int) -> list[Any]:
        """So many connections to the primary, lent one after the other."""
        return [(await self.pool.acquire(soon()))[0] for _ in range(count)]

    async def fail_over(self) -> Primary:
        """From the first host to the second one."""
        old = await self.finder.find(soon())
        self.cluster.promote(URLS[1])
        self.finder.doubt(old)
        self.cluster.dialled.clear()
        return await self.finder.find(soon())


def soon() -> float:
    return asyncio.get_running_loop().time() + 5


def url_of(connection: Any) -> str:
    return connection.server.url


async def test_a_few_connections_to_each_standby_are_kept_and_prepared() -> None:
    scene = Scene()
    await scene.standbys.ready()
    assert sorted(map(url_of, scene.cluster.prepared)) == sorted([*URLS[1:]] * STANDBY_READY)
    scene.cluster.dialled.clear()
    await scene.standbys.ready()
    assert len(scene.cluster.dialled) == len(URLS), "hosts are asked who they are; no more connections are made"
    assert len(scene.cluster.prepared) == 4 * STANDBY_READY, "they may have something new to learn"


async def test_a_standby_that_cannot_be_prepared_does_not_cost_the_other_one_its_connections() -> None:
    asked: list[Any] = []

    async def prepare(connection: Any) -> None:
        asked.append(connection)
        if url_of(connection) == URLS[1]:
            raise Lost("cut")

    scene = Scene(prepare)
    with pytest.raises(Lost):
        await scene.standbys.ready()
    assert {(url_of(one), one.closed) for one in asked} == {(URLS[1], True), (URLS[2], False)}, "it is not used"
    assert len(asked) == 2 * STANDBY_READY


async def test_kept_connections_that_have_ended_unnoticed_are_replaced_without_a_word_about_what_is_read() -> None:
    scene = Scene()
    await scene.standbys.ready()
    before = list(scene.cluster.prepared)
    for connection in before[:STANDBY_READY]:
        connection.fails = Lost("gone")
    for connection in before[STANDBY_READY:]:
        connection.terminate()
    with pytest.raises(Lost):
        await scene.standbys.ready()
    await scene.standbys.ready()
    after = scene.cluster.prepared[len(before) :]
    assert not set(before) & set(after)
    assert {url_of(one) for one in after} == {*URLS[1:]}
    assert all(one.closed for one in before)


async def test_who_is_promoted_is_asked_over_the_connections_of_its_time_as_a_standby() -> None:
    scene = Scene()
    await scene.standbys.ready()
    kept = [one for one in scene.cluster.prepared if url_of(one) == URLS[1]]
    primary = await scene.fail_over()
    scene.cluster.dialled.clear()
    held = await scene.hold(STANDBY_READY)
    assert set(held) == set(kept)
    assert scene.cluster.dialled == []
    assert all(primary.is_still(one.server) for one in held), "it is known for the primary's from now on"


async def test_who_wants_to_know_is_told_of_each_kept_connection_that_ends_by_itself() -> None:
    scene = Scene()
    told: list[str] = []
    scene.standbys.on_lost(told.append)
    await scene.standbys.ready()
    for connection in scene.cluster.prepared:
        for listener in connection.listeners:
            listener()
    assert sorted(told) == sorted(f"{host} has ended a connection" for host in "bc" for _ in range(STANDBY_READY))


async def test_one_of_another_life_of_that_server_is_closed() -> None:
    scene = Scene()
    await scene.standbys.ready()
    kept = [one for one in scene.cluster.prepared if url_of(one) == URLS[1]]
    scene.cluster.started[URLS[1]] = "later"
    primary = await scene.fail_over()
    scene.cluster.started[URLS[1]] = "later still"
    assert await scene.standbys.promoted(primary) is None
    assert all(one.closed for one in kept)


async def test_after_the_first_ones_one_is_made_at_a_time_and_prepared_before_anybody_gets_it() -> None:
    going_on = asyncio.Event()
    prepared: list[Any] = []

    async def prepare(connection: Any) -> None:
        prepared.append(connection)
        await going_on.wait()

    scene = Scene(prepare)
    first = await scene.hold(WARM)
    assert prepared == [], "the first ones are waited for"
    waiting = [asyncio.ensure_future(scene.pool.acquire(soon())) for _ in range(3)]
    await until(lambda: prepared)
    await asyncio.sleep(0)
    assert len(prepared) == 1
    assert not any(one.done() for one in waiting)
    going_on.set()
    more = [connection for connection, _ in await asyncio.gather(*waiting)]
    assert set(more) == set(prepared)
    assert not set(more) & set(first)


@pytest.mark.parametrize("error", [Lost("cut"), ValueError()])
async def test_one_that_cannot_be_prepared_is_closed_and_whoever_waits_gets_one_that_knows_nothing(
    error: Exception,
) -> None:
    tried: list[Any] = []

    async def prepare(connection: Any) -> None:
        tried.append(connection)
        raise error

    scene = Scene(prepare)
    await scene.hold(WARM)
    (held,) = await scene.hold(1)
    assert [one.closed for one in tried] == [True]
    assert held not in tried


@pytest.mark.parametrize("error", [Unavailable("The answer took too long to find"), Lost("cut"), ValueError()])
async def test_whatever_a_promoted_one_answers_who_waits_gets_another(error: Exception) -> None:
    scene = Scene()
    await scene.standbys.ready()
    kept = [one for one in scene.cluster.prepared if url_of(one) == URLS[1]]
    await scene.fail_over()
    for one in kept:
        one.fails = error
    (held,) = await scene.hold(1)
    assert held not in kept
    assert url_of(held) == URLS[1]
    assert any(one.closed for one in kept)


# -- what is rehearsed --------------------------------------------------------------------------------------------


class Heard:
    """Runs reads by appending to what was heard; a read that is called ``failing`` raises that."""

    def __init__(self, failing: dict[str, Exception] | None = None, *, closing: bool = False) -> None:
        self.heard: list[str] = []
        self.failing = failing or {}
        self.closing = closing

    async def run(self, connection: Any, fn: Any) -> None:
        name = await fn(self)
        self.heard.append(name)
        if name in self.failing:
            connection.closed = self.closing
            raise self.failing[name]


async def read_one(tx: Any, name: str = "one") -> str:
    return name


async def read_two(tx: Any) -> str:
    return "two"


@pytest.fixture
def connection() -> Any:
    return Spoken(Cluster(), URLS[1])


async def test_the_last_read_of_each_kind_is_rehearsed_once_over_each_connection(connection: Any) -> None:
    heard = Heard()
    rehearsal = Rehearsal(heard.run)
    rehearsal.saw(partial(read_one, name="early"))
    rehearsal.saw(partial(read_one, name="late"))
    await rehearsal.hold(connection)
    rehearsal.saw(read_two)
    await rehearsal.hold(connection)
    assert heard.heard == ["late", "two"]
    assert connection.rolled_back == 2
    await rehearsal.hold(Spoken(Cluster(), URLS[1]))  # type: ignore[arg-type]
    assert sorted(heard.heard[2:]) == ["late", "two"]


@pytest.mark.parametrize("error", [NotFound("not there any more"), NotDone("busy"), ZeroDivisionError()])
async def test_whatever_a_read_finds_the_others_are_rehearsed(connection: Any, error: Exception) -> None:
    heard = Heard({"one": error, "two": error})
    rehearsal = Rehearsal(heard.run)
    rehearsal.saw(read_one)
    rehearsal.saw(read_two)
    await rehearsal.hold(connection)
    assert sorted(heard.heard) == ["one", "two"]
    assert connection.rolled_back == 2


@pytest.mark.parametrize("error", [Lost("cut"), ValueError("not what the statement takes")])
async def test_a_read_that_ends_its_connection_is_not_rehearsed_again_for_a_while(
    connection: Any, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard({"one": error}, closing=True)
    rehearsal = Rehearsal(heard.run)
    rehearsal.saw(read_one)
    with pytest.raises(Lost):
        await rehearsal.hold(connection)
    rehearsal.saw(read_one)
    rehearsal.saw(read_two)
    await rehearsal.hold(Spoken(Cluster(), URLS[1]))  # type: ignore[arg-type]
    assert heard.heard == ["one", "two"]
    monkeypatch.setattr(postgres_rehearsal, "LEFT_OUT_SECONDS", -1.0)
    rehearsal = Rehearsal(heard.run)
    for _ in range(2):
        rehearsal.saw(read_one)
        with pytest.raises(Lost):
            await rehearsal.hold(Spoken(Cluster(), URLS[1]))  # type: ignore[arg-type]
    assert heard.heard == ["one", "two", "one", "one"]


async def test_a_connection_that_had_ended_before_is_no_fault_of_what_is_read(connection: Any) -> None:
    heard = Heard()
    rehearsal = Rehearsal(heard.run)
    rehearsal.saw(read_one)
    connection.terminate()
    with pytest.raises(Lost):
        await rehearsal.hold(connection)
    await rehearsal.hold(Spoken(Cluster(), URLS[1]))  # type: ignore[arg-type]
    assert heard.heard == ["one"]


@pytest.mark.parametrize("bound", ["RECENT_SECONDS", "LENGTH_SECONDS"])
async def test_what_nobody_asked_for_of_late_is_not_rehearsed_and_none_goes_on_for_long(
    monkeypatch: pytest.MonkeyPatch, connection: Any, bound: str
) -> None:
    heard = Heard()
    rehearsal = Rehearsal(heard.run)
    rehearsal.saw(read_one)
    monkeypatch.setattr(postgres_rehearsal, bound, -1.0)
    await rehearsal.hold(connection)
    assert heard.heard == []
