"""The operator's door: readiness, numbers and request ids, as monitoring programs see them."""

import asyncio
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from linnet.app import waiting_posts
from linnet.config import Config
from linnet.domain.errors import NotFound, Unavailable
from linnet.http.proxies import Proxies
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.operations.health import Health
from linnet.operations.metrics import Backlog, Metrics, Observer
from linnet.telemetry import SIZES, Histogram
from tests.support.asgi import http_scope, messages
from tests.support.client import VirtualClock, World


def request_from(client: str, *headers: tuple[str, str], proxies: tuple[str, ...] = ()) -> Request:
    return Request(http_scope("GET", "/metrics", headers, client), messages(b""), Proxies(proxies))


async def backlog() -> Backlog:
    return Backlog(3, 1, 2.5)


def metrics(folder: Path | None = None, *, worker: int = 0, who: str = "loopback", **options) -> Metrics:
    return Metrics(
        options.pop("observer", Observer("t-")), VirtualClock(), worker=worker, who=who, folder=folder,
        gauges={"requests_in_flight": lambda: 4.0}, backlog=options.pop("backlog", backlog),
    )  # fmt: skip


async def samples(shown: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = await shown.show(request_from("127.0.0.1"))
    assert isinstance(response.body, bytes)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.body.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("who", "client", "headers", "proxies", "allowed"),
    [
        ("on", "198.51.100.7", (), (), True),
        ("off", "127.0.0.1", (), (), False),
        ("loopback", "127.0.0.1", (), (), True),
        ("loopback", "::1", (), (), True),
        ("loopback", "198.51.100.7", (), (), False),
        # A proxy on this machine that nobody told us to trust speaks for the whole world.
        ("loopback", "127.0.0.1", (("X-Forwarded-For", "198.51.100.7"),), (), False),
        ("loopback", "127.0.0.1", (("X-Forwarded-For", "198.51.100.7"),), ("127.0.0.1",), False),
        ("loopback", "127.0.0.1", (("X-Forwarded-For", "127.0.0.1"),), ("127.0.0.1",), False),
        ("loopback", "127.0.0.1", (("Forwarded", "for=198.51.100.7"),), (), False),
    ],
)
async def test_the_numbers_are_for_whom_the_operator_chose(who, client, headers, proxies, allowed: bool) -> None:
    asked = request_from(client, *headers, proxies=proxies)
    if allowed:
        assert (await metrics(who=who).show(asked)).status == 200
    else:
        with pytest.raises(NotFound):
            await metrics(who=who).show(asked)


async def test_requests_are_counted_by_route_and_never_by_what_a_client_makes_up() -> None:
    observer = Observer("t-")
    for method, route, status, seconds in (
        ("GET", "/api/v1/statuses/:id", 200, 0.002),
        ("GET", "/api/v1/statuses/:id", 200, 0.3),
        ("GET", "/api/v1/statuses/:id", 404, 99.0),
        ("BREW", "", 404, 0.001),
        ("STEEP", "", 404, 0.001),
    ):
        asked = Request(http_scope(method, "/x"), messages(b""))
        asked.route = route
        observer.after(asked, Response(b"", status), seconds)
    found = await samples(metrics(observer=observer))

    def value(name: str, **labels: str) -> float:
        return found[name, frozenset({**labels, "worker": "0"}.items())]

    place = {"method": "GET", "route": "/api/v1/statuses/:id"}
    assert value("linnet_requests_total", **place, status="200") == 2
    assert value("linnet_requests_total", **place, status="404") == 1
    assert value("linnet_requests_total", method="other", route="unmatched", status="404") == 2
    assert value("linnet_request_seconds_count", **place) == 3
    assert value("linnet_request_seconds_bucket", **place, le="0.0025") == 1
    assert value("linnet_request_seconds_bucket", **place, le="0.5") == 2
    assert value("linnet_request_seconds_sum", **place) == pytest.approx(99.302)
    assert found["linnet_jobs_due", frozenset()] == 3
    assert found["linnet_jobs_oldest_seconds", frozenset()] == 2.5
    assert value("linnet_requests_in_flight") == 4


async def test_a_database_that_is_away_is_a_number_too() -> None:
    async def away() -> Backlog:
        raise Unavailable("no primary")

    found = await samples(metrics(backlog=away))
    assert found["linnet_database_up", frozenset()] == 0
    assert ("linnet_jobs_due", frozenset()) not in found


async def test_one_worker_shows_what_its_neighbours_count(tmp_path: Path) -> None:
    neighbour = metrics(tmp_path, worker=5)
    (tmp_path / "metrics-7.json").write_bytes(b"{half a")
    (tmp_path / "metrics-5.json").write_bytes(msgspec.json.encode(neighbour.snapshot()))
    shown = metrics(tmp_path, worker=2)
    workers = {dict(labels).get("worker") for _, labels in await samples(shown)}
    assert workers == {None, "2", "5"}
    neighbour.forget()
    assert {dict(labels).get("worker") for _, labels in await samples(shown)} == {None, "2"}
    stale = metrics(tmp_path, worker=6).snapshot()
    stale.at -= 60
    (tmp_path / "metrics-6.json").write_bytes(msgspec.json.encode(stale))
    assert {dict(labels).get("worker") for _, labels in await samples(shown)} == {None, "2"}


def test_a_histogram_puts_each_value_at_its_bound() -> None:
    histogram = Histogram(SIZES)
    for value in (1, 2, 3, 128, 129):
        histogram.observe(value)
    assert histogram.counts == [1, 1, 1, 0, 0, 0, 0, 1, 1]
    assert histogram.total == 263


async def test_readiness_is_looked_for_once_a_second_and_ends_with_draining() -> None:
    clock, looks, draining, why = VirtualClock(), [0], [False], [""]

    async def probe() -> str:
        looks[0] += 1
        if why[0] == "away":
            raise Unavailable("the disk is full")
        return why[0]

    health = Health(clock, lambda: draining[0], probe)
    asked = request_from("127.0.0.1")
    assert (await health.readyz(asked)).status == 200
    assert (await health.readyz(asked)).status == 200
    assert looks == [1]
    clock.advance(1_001)
    why[0] = "its schema is another one"
    refused = await health.readyz(asked)
    assert (refused.status, refused.body) == (503, b"not ready: its schema is another one\n")
    why[0] = "away"
    assert (await health.readyz(asked)).body == b"not ready: the disk is full\n"
    why[0] = ""
    assert (await health.readyz(asked)).status == 200
    draining[0] = True
    assert (await health.readyz(asked)).status == 503
    assert (await health.healthz(asked)).status == 200


async def test_whoever_is_only_busy_gives_its_last_good_answer_while_it_looks() -> None:
    clock, free = VirtualClock(), asyncio.Event()
    free.set()

    async def probe() -> str:
        await free.wait()
        return ""

    health = Health(clock, lambda: False, probe)
    asked = request_from("127.0.0.1")
    assert (await health.readyz(asked)).status == 200
    free.clear()
    clock.advance(2_000)
    assert (await health.readyz(asked)).status == 200
    clock.advance(3_001)
    late = asyncio.ensure_future(health.readyz(asked))
    await asyncio.sleep(0)
    assert not late.done(), "five seconds are no moment any more"
    free.set()
    assert (await late).status == 200


async def test_a_node_of_a_cluster_leaves_word_for_readiness(tmp_path: Path) -> None:
    async def probe() -> str:
        return ""

    health = Health(VirtualClock(), lambda: False, probe, tmp_path, "posts wait")
    asked = request_from("127.0.0.1")
    assert (await health.readyz(asked)).body == b"ready\nposts wait\n"
    (tmp_path / "notes").write_text("One copy only")
    assert (await health.readyz(asked)).body == b"ready\nposts wait\nOne copy only\n"
    assert (await health.readyz(request_from("198.51.100.7"))).body == b"ready\n"
    (tmp_path / "drained").touch()
    refused = await health.readyz(asked)
    assert (refused.status, refused.body) == (503, b"not ready: this node is drained\n")
    assert (await health.readyz(request_from("198.51.100.7"))).body == b"not ready\n"


async def test_each_answer_names_its_request(world: World) -> None:
    first, second = await world.client.get("/healthz"), await world.client.get("/nothing")
    assert first.header("x-request-id") != second.header("x-request-id")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+", first.header("x-request-id") or "")
    kept = await world.client.get("/healthz", headers={"X-Request-Id": "from-the-proxy.1"})
    assert kept.header("x-request-id") == "from-the-proxy.1"
    for forged in ("a b", "x" * 65, "ü", 'q"uote'):
        answer = await world.client.get("/healthz", headers={"X-Request-Id": forged.encode("utf-8").decode("latin-1")})
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+", answer.header("x-request-id") or "")


SAYS = """
from linnet import telemetry
telemetry.set_up_logs("info", "json")
telemetry.log.debug("unheard", why="below the level")
telemetry.request_id.set("r-1")
telemetry.log.warning("something_happened", done="nothing")
try:
    raise OSError("the disk")
except OSError as error:
    telemetry.log.error("it_failed", exc_info=error)
assert telemetry.events["warning", "something_happened"] == 1
"""


def test_a_line_that_a_request_causes_names_it() -> None:
    # A process of its own: how logs look is set up once for a whole process.
    done = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, check=True)
    first, second = (msgspec.json.decode(line) for line in done.stderr.splitlines())
    assert (first["event"], first["request_id"], first["level"]) == ("something_happened", "r-1", "warning")
    assert (second["event"], second["request_id"]) == ("it_failed", "r-1")
    assert "the disk" in str(second["exception"])


TELLS = """
from linnet import telemetry
telemetry.set_up_logs("info", "text")
for number in range(3000):
    telemetry.log.warning("something_happened", number=number)
print(telemetry.events["warning", "something_happened"], telemetry.events["error", "log_line_lost"])
"""


def test_what_cannot_be_written_down_stops_nobody_who_tells_it() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-c", TELLS], stdout=subprocess.PIPE, stderr=full, text=True, check=True)
    told, lost = map(int, done.stdout.split())
    assert (told, lost) == (3000, 3000)


async def test_a_world_is_ready_and_counts(any_world: World) -> None:
    assert (await any_world.client.get("/readyz")).status == 200
    answer = await any_world.client.ask("GET", "/metrics")
    assert answer.status == 404  # the client of these tests is not on this machine
    assert Config().metrics == "loopback"


def test_who_has_postgresql_and_no_journal_is_told() -> None:
    database = "postgresql://linnet@one,two/linnet"
    assert "posts wait" in waiting_posts(replace(Config(), database=database))
    assert waiting_posts(replace(Config(), database=database, journal="etcd://one,two,three")) == ""
    assert waiting_posts(Config()) == ""
