"""The same server on each engine: on SQLite, beside one PostgreSQL, and beside three nodes, with the same rows."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from statistics import median
from typing import NamedTuple

from bench import copying, load, machine
from bench.posting import CONNECTIONS
from bench.reading import HOME, READERS
from bench.report import Row, judged
from bench.seeding import ORIGIN
from bench.setting import Setting, interleaved
from linnet.drill import stage
from linnet.drill.bring_up import Cluster
from linnet.drill.network import Loopback
from linnet.system import SystemClock

WARM_TRIES = 20


class Place(NamedTuple):
    """Where a server is asked."""

    host: str
    port: int


@contextlib.contextmanager
def on_sqlite(setting: Setting) -> Iterator[Place]:
    with setting.server(setting.main()) as (running, _):
        yield Place(load.HOST, running.port)


@contextlib.contextmanager
def on_postgres(setting: Setting) -> Iterator[Place]:
    """One PostgreSQL on the server's core, with what the main server has; Linnet beside it on the same core."""
    from tests.support.postgres import running_server

    seeded = setting.data(replace(setting.main(), name="for-postgres"))
    with machine.on_cores(machine.SERVER_CORES), running_server("bench") as server:
        data = setting.scratch / "on-postgres"
        options = ("--database", server.url())
        machine.linnet(data, *options, origin=ORIGIN).stop()
        setting.say("copying what was seeded into PostgreSQL")
        copying.copy(seeded / "linnet.db", server.url())
        with machine.linnet(data, *options) as running:
            yield Place(load.HOST, running.port)


@contextlib.contextmanager
def on_three_nodes(setting: Setting) -> Iterator[Place]:
    """A cluster as an operator gets it, all on the server's core: two synchronous copies of every commit, TLS between
    the nodes, HAProxy in front of each. One of them is asked."""
    seeded = setting.data(replace(setting.main(), name="for-nodes"))
    folder = stage.new_folder()
    (folder / "owner").write_text(stage.identity(os.getpid()))  # should we be killed, the next one cleans up
    hosts = Loopback()
    cluster = Cluster(folder / "nodes", hosts, SystemClock(), setting.say)
    try:
        with machine.on_cores(machine.SERVER_CORES):
            asyncio.run(cluster.start())
        setting.say("copying what was seeded into the cluster")
        copying.copy(seeded / "linnet.db", next(filter(copying.is_primary, cluster.databases())))
        yield Place(hosts.hosts[0].public, 8000)
    finally:
        asyncio.run(cluster.end())
        shutil.rmtree(folder, ignore_errors=True)


def engines(setting: Setting) -> list[Row]:
    """Home timelines and acknowledged posts on PostgreSQL, and of three nodes, beside the same server on SQLite."""
    rows: list[Row] = []
    others = (("postgres", "one PostgreSQL", on_postgres), ("nodes", "three nodes", on_three_nodes))
    for name, what, other in others:
        with on_sqlite(setting) as here, other(setting) as there:
            for place in (here, there):
                warm(setting, place)
                load.post(place.port, connections=CONNECTIONS, seconds=3, host=place.host)
            reads = interleaved(setting.rounds, [partial(read, setting, place) for place in (here, there)])
            posts = interleaved(setting.rounds, [partial(post, setting, place) for place in (here, there)])
        rows += [
            compared(f"{name}-home", f"home timelines/s of {what} beside SQLite", reads),
            compared(f"{name}-posts", f"acknowledged posts/s of {what} beside SQLite", posts),
        ]
        setting.say("; ".join(f"{row.what}: {row.measured:.2f}" for row in rows[-2:]))
    return rows


def warm(setting: Setting, place: Place) -> None:
    """Asks until nobody is turned away: of all that is cold at once, some of what waits is told to come back."""
    for left in range(WARM_TRIES, 0, -1):
        try:
            load.read(place.port, READERS, [HOME], 2, host=place.host)
        except RuntimeError as error:
            if left == 1:
                raise
            setting.say(f"not warm yet: {error}")
        else:
            return


def read(setting: Setting, place: Place) -> float:
    return load.read(place.port, READERS, [HOME], setting.seconds, host=place.host).per_second


def post(setting: Setting, place: Place) -> float:
    return load.post(place.port, connections=CONNECTIONS, seconds=setting.seconds, host=place.host).per_second


def compared(name: str, what: str, runs: list[list[float]]) -> Row:
    """No bar is set: the figure is for whoever chooses an engine."""
    sqlite, other = runs
    ratios = [b / a for a, b in zip(sqlite, other, strict=True)]
    figures = f"{median(other):,.0f}/s beside {median(sqlite):,.0f}/s, each with all that it consists of on one core"
    return judged(name, what, ratios, 0, figures, lowest=True)
