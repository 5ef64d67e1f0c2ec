"""The same server on each engine: on SQLite, beside one PostgreSQL, with the same rows."""

import contextlib
from collections.abc import Iterator
from functools import partial
from statistics import median

from bench import copying, load, machine
from bench.machine import Running
from bench.posting import CONNECTIONS
from bench.reading import HOME, READERS, answer
from bench.report import Row, judged
from bench.seeding import ORIGIN
from bench.setting import Setting, interleaved


@contextlib.contextmanager
def on_postgres(setting: Setting) -> Iterator[Running]:
    """One PostgreSQL on the server's core, with what the main server has; Linnet beside it on the same core."""
    from tests.support.postgres import running_server

    plan = setting.main()
    seeded = setting.data(plan)
    with machine.on_cores(machine.SERVER_CORES), running_server("bench") as server:
        data = setting.scratch / "on-postgres"
        options = ("--database", server.url())
        machine.linnet(data, *options, origin=ORIGIN).stop()
        setting.say("copying what was seeded into PostgreSQL")
        copying.copy(seeded / "linnet.db", server.url())
        with machine.linnet(data, *options) as running:
            yield running


def engines(setting: Setting) -> list[Row]:
    """Home timelines and acknowledged posts of one server on PostgreSQL, beside the same on SQLite."""
    with setting.server(setting.main()) as (here, _), on_postgres(setting) as there:
        ports = (here.port, there.port)
        for port in ports:
            answer(port, HOME)
            load.read(port, READERS, [HOME], 1)
            load.post(port, connections=CONNECTIONS, seconds=1)
        reads = interleaved(setting.rounds, [partial(read, setting, port) for port in ports])
        posts = interleaved(setting.rounds, [partial(post, setting, port) for port in ports])
    return [
        compared("postgres-home", "home timelines/s on PostgreSQL beside SQLite", reads),
        compared("postgres-posts", "acknowledged posts/s on PostgreSQL beside SQLite", posts),
    ]


def read(setting: Setting, port: int) -> float:
    return load.read(port, READERS, [HOME], setting.seconds).per_second


def post(setting: Setting, port: int) -> float:
    return load.post(port, connections=CONNECTIONS, seconds=setting.seconds).per_second


def compared(name: str, what: str, runs: list[list[float]]) -> Row:
    """No bar is set: the figure is for whoever chooses an engine."""
    sqlite, other = runs
    ratios = [b / a for a, b in zip(sqlite, other, strict=True)]
    figures = f"{median(other):,.0f}/s beside {median(sqlite):,.0f}/s, each with its database on one core"
    return judged(name, what, ratios, 0, figures, lowest=True)
