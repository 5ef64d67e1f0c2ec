"""The composition root: builds every part and hands it on; three tables (ROUTES beside this) map all that happens."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, cast

from linnet.actions import cards as card_actions
from linnet.actions import deletions as deletion_actions
from linnet.actions import domain_blocks as domain_block_actions
from linnet.actions import draining, letters, maintenance, moving
from linnet.actions import edits as edit_actions
from linnet.actions import exports as export_actions
from linnet.actions import follows as follow_actions
from linnet.actions import imports as import_actions
from linnet.actions import media as media_actions
from linnet.actions import notification_requests as request_actions
from linnet.actions import polls as poll_actions
from linnet.actions import quotes as quote_actions
from linnet.actions import scheduled as scheduled_actions
from linnet.actions import tags as tag_actions
from linnet.actions import timelines as timeline_actions
from linnet.actions import trends as trend_actions
from linnet.actions.posting import Posting
from linnet.client_api import errors as client_errors
from linnet.client_api.door import Door
from linnet.client_api.meter import Meter
from linnet.client_api.rendering import Rendering
from linnet.client_api.telling import Telling
from linnet.client_api.usage import Usage
from linnet.config import Config
from linnet.domain.site import Site
from linnet.domain.times import DAY_MS
from linnet.http.limits import RateLimiter
from linnet.http.proxies import Proxies
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.http.router import Route, Router
from linnet.http.server import Application
from linnet.http.server import OnError as Answering
from linnet.http.translating import NoTranslator
from linnet.jobs import push
from linnet.jobs.drainer import Drainer
from linnet.jobs.worker import Together, Worker
from linnet.mastodon.cache import FragmentCache
from linnet.media import serve
from linnet.media.messages import Limits as PictureLimits
from linnet.media.messages import RecordingLimits
from linnet.media.pool import ImageWorker
from linnet.media.recording_pool import RecordingWorker
from linnet.operations.health import Health
from linnet.operations.metrics import Backlog, Metrics, Observer, size_of
from linnet.ports import (
    Blobs,
    Chance,
    Clock,
    Guards,
    Ids,
    Images,
    Mail,
    Majority,
    Recordings,
    RemoteServers,
    Translator,
)
from linnet.routes import client_routes
from linnet.storage import jobs, schema, settings
from linnet.storage.breaker import Breaker
from linnet.storage.database import Database, Steady, before_readers
from linnet.storage.detour import Detour
from linnet.storage.failing import Teller
from linnet.storage.jobs import Job
from linnet.storage.journal import QUOTA_BYTES, Lock, MajorityJournal
from linnet.streaming import asgi, sockets
from linnet.streaming.door import Door as StreamDoor
from linnet.streaming.hub import Hub
from linnet.supervision import Tasks
from linnet.web import errors as page_errors
from linnet.web import routes as pages
from linnet.web.door import Door as PageDoor
from linnet.web.templating import Pages
from linnet.web.usage import Usage as PageUsage

if TYPE_CHECKING:
    from linnet.storage.postgres import PostgresDatabase

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
CACHE_BYTES = 48 * 1024 * 1024


JobAction = Callable[[Database, Job], Awaitable[None]]
SiteAction = Callable[[Database, Site, Job], Awaitable[None]]
MailAction = Callable[[Database, Mail, Job], Awaitable[None]]

JOB_HANDLERS: dict[str, JobAction] = {
    "status.posted": timeline_actions.fan_out,
    "status.edited": edit_actions.tell_rebloggers,
    "status.deleted": edit_actions.clean_up,
    "poll.expired": poll_actions.close,
    "quotes.updated": quote_actions.tell_quoters,
    "status.tagged": tag_actions.fan_out,
    "status.announced": follow_actions.notify_followers,
    "domain.blocked": domain_block_actions.clear_away,
    "notifications.accepted": request_actions.bring_in,
    "notifications.dismissed": request_actions.clear_away,
    "account.unlocked": follow_actions.authorize_waiting,
    "account.deleted": deletion_actions.clear_away,
}

TOGETHER: dict[str, Together] = {
    "status.posted": timeline_actions.fan_out_together,
}
"""Kinds of which many are done in one transaction; their handlers above do what that leaves over."""

SITE_HANDLERS: dict[str, SiteAction] = {
    "status.scheduled": scheduled_actions.publish_due,
}

MAIL_HANDLERS: dict[str, MailAction] = {
    "mail.send": letters.send,
}


class Schedule(NamedTuple):
    """Work that comes back every so many ms, done by one worker of all."""

    every_ms: int
    work: Callable[["Parts", Job, int], Awaitable[None]]


def sweeping(every_ms: int, sweep: maintenance.Sweep) -> Schedule:
    """A schedule that deletes rows."""
    return Schedule(
        every_ms, lambda parts, job, every: maintenance.sweep(parts.database, job, sweep, keeping(parts), every)
    )


SCHEDULES: dict[str, Schedule] = {
    "maintenance.changes": sweeping(HOUR_MS, maintenance.changes),
    "maintenance.receipts": sweeping(HOUR_MS, maintenance.receipts),
    "maintenance.uploads": sweeping(HOUR_MS, maintenance.uploads),
    "maintenance.mutes": sweeping(HOUR_MS, maintenance.mutes),
    "maintenance.tag_uses": sweeping(DAY_MS, maintenance.tag_uses),
    "maintenance.notifications": sweeping(DAY_MS, maintenance.waiting_notifications),
    "maintenance.weeks": sweeping(HOUR_MS, maintenance.weeks),
    "maintenance.apps": sweeping(DAY_MS, maintenance.apps),
    "maintenance.reports": sweeping(DAY_MS, maintenance.reports),
    "maintenance.access": sweeping(HOUR_MS, maintenance.logins),
    "maintenance.cards": sweeping(DAY_MS, maintenance.preview_cards),
    "maintenance.card_uses": sweeping(DAY_MS, maintenance.card_uses),
    "trends.refresh": Schedule(
        10 * MINUTE_MS, lambda parts, job, every: trend_actions.refresh(parts.database, job, every)
    ),
    "maintenance.files": Schedule(
        DAY_MS, lambda parts, job, every: maintenance.clear_temporary(parts.database, parts.blobs, job, every)
    ),
    "maintenance.archives": sweeping(HOUR_MS, moving.sweep),
    "maintenance.homes": Schedule(
        6 * HOUR_MS, lambda parts, job, every: maintenance.trim_homes(parts.database, job, keeping(parts), every)
    ),
}


class Place(NamedTuple):
    """Where a worker process stands among those of its machine.

    ``folder`` is where they leave each other their numbers; ``files`` are those whose size is told to the operator.
    ``streaming`` is the listening socket of ``--streaming-bind``, where there is one.
    """

    worker: int = 0
    folder: Path | None = None
    files: tuple[tuple[str, Path], ...] = ()
    streaming: socket.socket | None = None


class Parts(NamedTuple):
    """What one worker process is made of; ``__main__`` makes the outermost ones, tests make others."""

    database: Database
    site: Site
    clock: Clock
    chance: Chance
    ids: Ids
    blobs: Blobs
    guards: Guards
    mail: Mail
    limits: RateLimiter
    remote: RemoteServers
    translator: Translator = NoTranslator()
    config: Config = Config()
    place: Place = Place()
    cache: FragmentCache | None = None
    detour: Detour | None = None
    majority: Majority | None = None


def build(parts: Parts, *, runs_jobs: bool = True) -> Application:
    """The ASGI application of one worker process, with its job worker where it ``runs_jobs``."""
    tasks = Tasks()
    cache = parts.cache or FragmentCache(CACHE_BYTES)
    images, recordings = imager(parts, tasks), recorder(parts)
    rendering = Rendering(parts.database, parts.site, cache, parts.clock)
    journal = journalling(parts, tasks)
    detour = journal.detour if journal is not None else parts.detour
    posting = Posting(parts.database, parts.site, parts.clock, parts.ids, detour)
    door = Door(
        parts.database, parts.site, rendering, parts.clock, parts.chance, parts.ids, images, recordings, parts.blobs,
        parts.guards, parts.mail, Meter(parts.limits, parts.clock), parts.translator,
        Usage(parts.database, tasks), posting,
    )  # fmt: skip
    routes = client_routes(door)
    routes.append(Route("GET", "/files/*key", serve.handler(parts.blobs)))
    streams = listening(parts, tasks, door)
    routes += streams.routes
    static = pages.assets()
    page_door = PageDoor(
        parts.database, parts.site, Pages(parts.site, static), parts.clock, parts.chance, parts.ids, images,
        recordings, parts.blobs, parts.guards, parts.mail, parts.limits, streams.main,
        posting, PageUsage(parts.database, tasks),
    )  # fmt: skip
    routes += pages.routes(page_door, static)
    steady = parts._replace(database=Steady(parts.database))
    handlers = job_handlers(steady, images, recordings)
    worker = Worker(steady.database, parts.clock, parts.chance, parts.ids, tasks, handlers, TOGETHER)
    watch = watching(parts, cache, lambda: application, journal.gauges if journal is not None else {})
    routes += watch.routes

    async def start() -> None:
        tasks.start("metrics", tasks.forever("metrics", watch.metrics.share))
        if journal is not None:
            journal.start()
        if runs_jobs:
            await maintenance.schedule(parts.database, tuple(SCHEDULES))
            await worker.inherit()
            worker.start()
        await streams.start()

    async def stop() -> None:
        own = (worker.stop, images.close, recordings.close, *((journal.close,) if journal is not None else ()))
        for end in (*own, parts.remote.close, parts.translator.close, tasks.close):
            await end()
        watch.metrics.forget()
        await parts.database.close()

    application: Application = Application(
        Router([foremost(route) for route in routes]),
        on_error=answering(page_errors.answerer(page_door)),
        before=watch.observer.before,
        after=watch.observer.after,
        trusted_proxies=parts.config.trusted_proxies,
        on_start=start,
        on_stop=stop,
    )
    application.open_streams(streams.main.websocket, streams.end)
    return application


class Streams(NamedTuple):
    """The streaming door. ``end`` lets nobody in any more, and ends what is open."""

    door: StreamDoor
    routes: list[Route]
    main: asgi.Streams
    start: Callable[[], Awaitable[None]]
    end: Callable[[], None]


def listening(parts: Parts, tasks: Tasks, door: Door) -> Streams:
    """Open sockets on the main port, and on a port of their own where the operator gave one."""
    steady = Steady(parts.database)
    rendering = Rendering(steady, parts.site, door.rendering.cache, parts.clock)
    hub = Hub(steady, Telling(replace(door, database=steady, rendering=rendering)), parts.clock, tasks)
    stream_door = StreamDoor(parts.database, hub, parts.clock, tasks, parts.limits, limited=parts.config.rate_limits)
    proxies = Proxies(parts.config.trusted_proxies)
    here, there = asgi.Streams(stream_door, proxies), sockets.Server(stream_door, tasks, proxies)

    async def start() -> None:
        if parts.place.streaming is not None:
            await there.start(parts.place.streaming)

    def end() -> None:
        there.stop()
        stream_door.close()

    return Streams(stream_door, here.routes(), here, start, end)


def foremost(route: Route) -> Route:
    """Whoever waits for a change goes before those who only look."""
    if route.method == "GET":
        return route

    async def handle(request: Request) -> Response:
        with before_readers():
            return await route.handler(request)

    return route._replace(handler=handle)


def imager(parts: Parts, tasks: Tasks) -> ImageWorker:
    limits = parts.site.limits
    return ImageWorker(tasks, PictureLimits(bytes_max=limits.image_bytes, pixels_max=limits.image_pixels))


def recorder(parts: Parts) -> RecordingWorker:
    """What makes films and sounds: one at a time, whichever of the machine's workers it is."""
    limits = parts.site.limits
    taken = RecordingLimits(
        limits.film_bytes, limits.film_pixels, frame_rate_max=limits.film_frame_rate,
        film_seconds_max=limits.film_ms // 1000,
    )  # fmt: skip
    return RecordingWorker(taken, (parts.place.folder or parts.blobs.scratch) / "recording.lock")


def for_programs(path: str) -> bool:
    """Whether errors are answered in the API's own form; all other addresses are people's."""
    return path.startswith(("/api/", "/oauth/", "/.well-known/", "/files/")) and not path.startswith("/oauth/authorize")


def answering(page: Answering) -> Answering:
    """How errors are answered: those of programs in the API's form, all others as a ``page``."""
    return lambda request, error: (client_errors.answer if for_programs(request.raw_path) else page)(request, error)


class Watch(NamedTuple):
    """What the operator's programs see of a worker."""

    observer: Observer
    metrics: Metrics
    routes: list[Route]


class Journalling(NamedTuple):
    """What takes posts while the database has no primary, and brings them in when it has."""

    detour: Detour
    breaker: Breaker
    drainer: Drainer
    gauges: Mapping[str, Callable[[], float]]
    close: Callable[[], Awaitable[None]]

    def start(self) -> None:
        self.breaker.start()
        self.drainer.start()


def journalling(parts: Parts, tasks: Tasks) -> Journalling | None:
    """Nothing of it where the operator has named no ``--journal``."""
    if parts.majority is None:
        return None
    majority, clock = parts.majority, parts.clock
    journal = MajorityJournal(majority, clock, getattr(majority, "quota_bytes", QUOTA_BYTES))
    heart = cast("PostgresDatabase", parts.database)
    breaker = Breaker(heart, journal, majority, clock, tasks)
    heart.room.on_failing(Teller(majority, clock, tasks).tell)
    lock = Lock(majority, clock, parts.chance.secret(9).hex())
    drainer = Drainer(
        journal, majority, lock, partial(draining.drain, parts.database, parts.site), clock, tasks,
        ready=lambda: breaker.commits, hurried=lambda: breaker.is_cautious,
    )  # fmt: skip

    async def close() -> None:
        await drainer.stop()
        await majority.close()

    gauges = {
        "journal_entries": lambda: float(journal.count),
        "journal_full": lambda: float(journal.full),
        "breaker_open": lambda: float(breaker.is_open),
        "breaker_openings": lambda: float(breaker.opened),
    }
    return Journalling(Detour(heart, journal, breaker, clock), breaker, drainer, gauges, close)


def watching(
    parts: Parts,
    cache: FragmentCache,
    application: Callable[[], Application],
    more_gauges: Mapping[str, Callable[[], float]] = MappingProxyType({}),
) -> Watch:
    """Counts what ``application`` does, and shows it; ``/metrics`` also tells sizes of files, and of the outbox."""

    async def backlog() -> Backlog:
        due, dead, oldest = await parts.database.read(jobs.backlog)
        now = parts.clock.now_ms()
        return Backlog(due, dead, max(0, now - oldest) / 1000 if oldest else 0.0)

    gauges: dict[str, Callable[[], float]] = {
        "requests_in_flight": lambda: application().in_flight,
        "cache_bytes": lambda: cache.size,
        "cache_hits": lambda: cache.hits,
        "cache_misses": lambda: cache.misses,
        **more_gauges,
        **{name: partial(size_of, path) for name, path in parts.place.files},
    }
    observer = Observer(f"{parts.chance.secret(4).hex()}-", lambda: application().draining)
    metrics = Metrics(
        observer, parts.clock, worker=parts.place.worker, who=parts.config.metrics, folder=parts.place.folder,
        gauges=gauges, backlog=backlog,
    )  # fmt: skip
    health = Health(
        parts.clock, lambda: application().draining, lambda: why_not_ready(parts.database), parts.place.folder,
        waiting_posts(parts.config),
    )  # fmt: skip
    return Watch(
        observer,
        metrics,
        [
            Route("GET", "/healthz", health.healthz),
            Route("GET", "/readyz", health.readyz),
            Route("GET", "/metrics", metrics.show),
        ],
    )


def keeping(parts: Parts) -> maintenance.Keeping:
    """How long things are kept, as the operator chose."""
    config = parts.config
    return maintenance.Keeping(
        config.keep_changes, config.keep_receipts, config.keep_sessions, config.keep_uploads, config.keep_apps,
        config.home_entries,
    )  # fmt: skip


def waiting_posts(config: Config) -> str:
    """What whoever runs PostgreSQL without a journal should know; '' for everybody else."""
    if not config.database or config.journal:
        return ""
    return "Without --journal, posts wait like other writes while PostgreSQL has no primary"


async def why_not_ready(database: Database) -> str:
    """Why the database cannot be used now, in words; '' where it can. Raises Unavailable, too.

    Of several hosts one that can be read is enough: without a primary, nodes go on reading, and writes wait. If they
    were not ready then, no request would reach any of them.
    """
    if database.has_standbys:
        await database.read(partial(settings.get, key="origin"))
        return ""
    await maintenance.prove_writable(database)
    try:
        state = await schema.check(cast("schema.Migratable", database))
    except schema.SchemaRefused as error:
        return str(error)
    return "" if state.applied else "the database is empty"


def exporting(parts: Parts) -> export_actions.Tools:
    """What making an archive takes."""
    return export_actions.Tools(parts.database, parts.blobs, parts.chance, parts.site)


def importing(parts: Parts, images: Images, recordings: Recordings) -> import_actions.Tools:
    """What taking an archive in takes."""
    return import_actions.Tools(
        parts.database, parts.blobs, parts.chance, parts.ids, parts.site, images, recordings, asyncio.Lock()
    )


def job_handlers(parts: Parts, images: Images, recordings: Recordings) -> dict[str, Callable[[Job], Awaitable[None]]]:
    """What each kind of job does: the rows of JOB_HANDLERS, MAIL_HANDLERS and SCHEDULES with their parts handed in."""

    def bound(action: JobAction) -> Callable[[Job], Awaitable[None]]:
        return lambda job: action(parts.database, job)

    def placed(action: SiteAction) -> Callable[[Job], Awaitable[None]]:
        return lambda job: action(parts.database, parts.site, job)

    def mailing(action: MailAction) -> Callable[[Job], Awaitable[None]]:
        return lambda job: action(parts.database, parts.mail, job)

    def scheduled(row: Schedule) -> Callable[[Job], Awaitable[None]]:
        return lambda job: row.work(parts, job, row.every_ms)

    taking_in = importing(parts, images, recordings)
    pusher = push.Pusher(parts.database, parts.site, parts.clock, parts.guards.vault, parts.remote)
    return (
        {kind: bound(action) for kind, action in JOB_HANDLERS.items()}
        | {kind: placed(action) for kind, action in SITE_HANDLERS.items()}
        | {kind: mailing(action) for kind, action in MAIL_HANDLERS.items()}
        | {kind: scheduled(row) for kind, row in SCHEDULES.items()}
        | {"media.process": lambda job: media_actions.process(parts.database, parts.blobs, recordings, job)}
        | {"push.send": lambda job: push.send(pusher, job)}
        | {"files.delete": lambda job: maintenance.delete_files(parts.database, parts.blobs, job)}
        | {"account.export": lambda job: export_actions.run(exporting(parts), job)}
        | {"account.import": lambda job: import_actions.run(taking_in, job)}
        | {
            "card.fetch": lambda job: card_actions.fetch(
                parts.database, parts.remote, images, parts.blobs, parts.chance, job
            )
        }
    )
