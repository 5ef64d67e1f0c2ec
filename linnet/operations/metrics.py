"""``/metrics`` for Prometheus: what this worker counts, what its neighbours have left in their files, and the database.

Series carry the worker's number: each of them rises until its worker ends, and starts anew with the next one.
"""

import contextlib
import os
import re
import resource
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from linnet import __version__, telemetry
from linnet.domain.errors import LinnetError, NotFound
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.ports import Clock
from linnet.telemetry import SECONDS, Histogram

if TYPE_CHECKING:
    from prometheus_client.core import Metric

KEPT_SECONDS = 10.0
"""A neighbour's file that is older was left by a worker that has ended."""
SHARE_SECONDS = 2.0
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class Route(msgspec.Struct):
    """What is counted of one method of one route. ``seconds`` as in telemetry.Histogram."""

    method: str
    pattern: str
    statuses: dict[int, int]
    seconds: list[int]
    total_seconds: float


class Snapshot(msgspec.Struct):
    """All that one worker counts, as it is written for the neighbours. ``gauges`` are read when it is made."""

    worker: int
    at: float
    routes: list[Route]
    events: list[tuple[str, str, int]]
    commits: list[int]
    committed: float
    gauges: dict[str, float]


class Backlog(NamedTuple):
    """How the outbox is: jobs that are due, jobs that were given up, and for how long the oldest one is due."""

    due: int
    dead: int
    oldest_seconds: float


class _Meter:
    """The counters of one method of one route, found once and then only counted up."""

    __slots__ = ("seconds", "statuses")

    def __init__(self) -> None:
        self.statuses: dict[int, int] = {}
        self.seconds = Histogram(SECONDS)


class Observer:
    """Sees each request: gives it an id, and counts it. ``before`` and ``after`` are the application's hooks.

    While the process is ``draining``, each client is asked to come again on a new connection: so none of them sends a
    request on one that is about to be closed.
    """

    def __init__(self, marker: str, draining: Callable[[], bool] = lambda: False) -> None:
        self._marker = marker
        self._draining = draining
        self._number = 0
        self._meters: dict[tuple[str, str], _Meter] = {}

    def before(self, request: Request) -> None:
        """A proxy's ``X-Request-Id`` is kept, so that its log and ours can be read together."""
        given = request.header("x-request-id")
        if given is None or not _REQUEST_ID.fullmatch(given):
            self._number += 1
            given = f"{self._marker}{self._number:x}"
        telemetry.request_id.set(given)

    def after(self, request: Request, response: Response, seconds: float) -> None:
        method = request.method if request.method in _METHODS else "other"
        meter = self._meters.get((method, request.route))
        if meter is None:
            meter = self._meters.setdefault((method, request.route), _Meter())
        meter.seconds.observe(seconds)
        meter.statuses[response.status] = meter.statuses.get(response.status, 0) + 1
        asked = telemetry.request_id.get()
        if asked:
            response.add(b"x-request-id", asked.encode())
        if self._draining():
            response.add(b"connection", b"close")

    def routes(self) -> list[Route]:
        return [
            Route(method, pattern or "unmatched", meter.statuses, meter.seconds.counts, meter.seconds.total)
            for (method, pattern), meter in self._meters.items()
        ]


class Metrics:
    """Gathers and shows. ``who`` may look: ``on`` (anybody), ``loopback`` or ``off``.

    ``gauges`` are this worker's present values by name; ``backlog`` asks the database. With a ``folder``, workers
    leave what they count there for whichever of them is asked.
    """

    def __init__(
        self, observer: Observer, clock: Clock, *, worker: int, who: str, folder: Path | None,
        gauges: Mapping[str, Callable[[], float]], backlog: Callable[[], Awaitable[Backlog]],
    ) -> None:  # fmt: skip
        self._observer = observer
        self._clock = clock
        self._worker = worker
        self._who = who
        self._folder = folder
        self._gauges = gauges
        self._backlog = backlog

    async def show(self, request: Request) -> Response:
        """Raises NotFound for those who may not know that this is here."""
        if self._who == "off" or (self._who == "loopback" and not request.from_here):
            raise NotFound
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry(auto_describe=False)
        found = [*self._families([self.snapshot(), *self._neighbours()]), *await self._database()]
        registry.register(_Found(found))
        return Response(generate_latest(registry), 200, ((b"cache-control", b"no-store"),), CONTENT_TYPE)

    def snapshot(self) -> Snapshot:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        own = {
            "process_cpu_seconds": usage.ru_utime + usage.ru_stime,
            "process_resident_bytes": _resident_bytes(),
        }
        return Snapshot(
            self._worker,
            self._clock.now_ms() / 1000,
            self._observer.routes(),
            [(*key, count) for key, count in telemetry.events.items()],
            telemetry.commits.counts,
            telemetry.commits.total,
            own | {name: read() for name, read in self._gauges.items()},
        )

    async def share(self) -> None:
        """One turn of the background loop that leaves this worker's numbers for its neighbours."""
        if self._folder is not None and self._who != "off":
            path = self._path(self._worker)
            fresh = path.with_suffix(".new")
            with contextlib.suppress(OSError):  # a full disk costs numbers, and says so elsewhere
                fresh.write_bytes(msgspec.json.encode(self.snapshot()))
                os.replace(fresh, path)
        await self._clock.sleep(SHARE_SECONDS)

    def forget(self) -> None:
        """At the worker's end."""
        if self._folder is not None:
            self._path(self._worker).unlink(missing_ok=True)

    def _path(self, worker: int) -> Path:
        assert self._folder is not None
        return self._folder / f"metrics-{worker}.json"

    def _neighbours(self) -> Iterable[Snapshot]:
        for path in self._folder.glob("metrics-*.json") if self._folder is not None else ():
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                found = msgspec.json.decode(path.read_bytes(), type=Snapshot)
                if found.worker != self._worker and found.at > self._clock.now_ms() / 1000 - KEPT_SECONDS:
                    yield found

    async def _database(self) -> "list[Metric]":
        from prometheus_client.core import GaugeMetricFamily

        up = GaugeMetricFamily("linnet_database_up", "Whether the database answers")
        try:
            backlog = await self._backlog()
        except LinnetError:
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        return [
            up,
            GaugeMetricFamily("linnet_jobs_due", "Jobs that wait to be run now", backlog.due),
            GaugeMetricFamily("linnet_jobs_dead", "Jobs that were given up and are kept", backlog.dead),
            GaugeMetricFamily("linnet_jobs_oldest_seconds", "How long the oldest job is due", backlog.oldest_seconds),
        ]

    def _families(self, snapshots: list[Snapshot]) -> "Iterable[Metric]":
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
            InfoMetricFamily,
        )

        yield InfoMetricFamily("linnet_build", "What runs here", {"version": __version__})
        requests = CounterMetricFamily(
            "linnet_requests", "Requests answered", labels=["method", "route", "status", "worker"]
        )
        seconds = HistogramMetricFamily(
            "linnet_request_seconds", "Time to the answer", labels=["method", "route", "worker"]
        )
        commits = HistogramMetricFamily("linnet_commit_writes", "Writes that shared a commit", labels=["worker"])
        events = CounterMetricFamily("linnet_log_events", "Lines logged", labels=["level", "event", "worker"])
        gauges: dict[str, Any] = {}
        for snapshot in snapshots:
            worker = str(snapshot.worker)
            for route in snapshot.routes:
                for status, count in route.statuses.items():
                    requests.add_metric([route.method, route.pattern, str(status), worker], count)
                seconds.add_metric(
                    [route.method, route.pattern, worker], _buckets(SECONDS, route.seconds), route.total_seconds
                )
            commits.add_metric([worker], _buckets(telemetry.SIZES, snapshot.commits), snapshot.committed)
            for level, event, count in snapshot.events:
                events.add_metric([level, event, worker], count)
            for name, value in snapshot.gauges.items():
                family = gauges.setdefault(name, GaugeMetricFamily(f"linnet_{name}", _SAYS[name], labels=["worker"]))
                family.add_metric([worker], value)
        yield from (requests, seconds, commits, events, *gauges.values())


_SAYS = {
    "process_cpu_seconds": "CPU time that this worker has used",
    "process_resident_bytes": "Memory that this worker holds",
    "requests_in_flight": "Requests that are being answered",
    "cache_bytes": "What the cache of rendered fragments holds",
    "cache_hits": "Fragments that were found in the cache, since the start",
    "cache_misses": "Fragments that had to be rendered, since the start",
    "journal_entries": "Posts that waited in the journal when this worker counted them last",
    "journal_full": "Whether the journal takes no more posts (1) or does (0)",
    "breaker_open": "Whether this worker's posts go to the journal (1) or to the database (0)",
    "breaker_openings": "How often that has begun, since the start",
    "database_bytes": "The size of the database file",
    "wal_bytes": "The size of the write-ahead log",
}


class _Found:
    """Prometheus' collector interface over what has been gathered."""

    def __init__(self, found: "list[Metric]") -> None:
        self._found = found

    def collect(self) -> "list[Metric]":
        return self._found


def _buckets(bounds: tuple[float, ...], counts: list[int]) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus has them."""
    found, sum_so_far = [], 0
    for bound, count in zip((*map(str, bounds), "+Inf"), counts, strict=True):
        sum_so_far += count
        found.append((bound, float(sum_so_far)))
    return found


def _resident_bytes() -> float:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return float(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    return 0.0


def size_of(path: Path) -> float:
    """In bytes; 0 for a file that is not there."""
    try:
        return float(path.stat().st_size)
    except OSError:
        return 0.0
