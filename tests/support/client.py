"""A whole server in one process: the application over a real database, asked through ASGI, in virtual time if wanted.

``world`` (SQLite) and ``any_world`` (each engine) are the fixtures; jobs run at ``await world.run_jobs()``.
"""

import asyncio
import contextlib
import json as jsonlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from linnet import app
from linnet.domain.secrets import fingerprint
from linnet.domain.site import Site
from linnet.http.limits import RateLimiter
from linnet.http.mail import NoMail
from linnet.http.outbound import Outbound
from linnet.http.reach import Reach
from linnet.http.translating import NoTranslator
from linnet.jobs.worker import Worker
from linnet.media.pool import ImageWorker
from linnet.ports import Blobs, Clock, Guards, Mail, RemoteServers, Translator
from linnet.secrecy import ArgonPasswords, open_vault
from linnet.storage import access, accounts
from linnet.storage.blobs import LocalBlobs
from linnet.storage.database import Database
from linnet.storage.detour import Detour
from linnet.supervision import Tasks
from linnet.system import IdMaker, SystemChance, SystemClock
from tests.support import outside
from tests.support.asgi import Answer, ask
from tests.support.databases import open_sqlite

SCOPES = "read write follow push"
ORIGIN = "http://linnet.test"
Files = Mapping[str, tuple[str, bytes, str]]
"""Field name -> (file name, bytes, content type)."""


class VirtualClock:
    """Time that stands still until ``advance`` moves it; whoever sleeps wakes when it has been moved far enough."""

    def __init__(self, now_ms: int = 1_780_000_000_000) -> None:
        self._now_ms = now_ms
        self._moved = asyncio.Event()
        self.sleeping = 0

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic(self) -> float:
        return self._now_ms / 1000

    async def sleep(self, seconds: float) -> None:
        until = self._now_ms + seconds * 1000
        self.sleeping += 1
        try:
            while self._now_ms < until:
                await self._moved.wait()
        finally:
            self.sleeping -= 1

    def advance(self, ms: int) -> None:
        self._now_ms += ms
        self._moved.set()
        self._moved = asyncio.Event()


class Hurried(VirtualClock):
    """Whoever sleeps wakes at once, and that much later."""

    async def sleep(self, seconds: float) -> None:
        self.advance(int(seconds * 1000))
        await asyncio.sleep(0)


class Client:
    """Asks an ASGI application. ``target`` is the path with its query; of ``json``, ``form`` and ``files`` give one.

    ``form`` may be a mapping (its lists repeat the key) or pairs; ``files`` go with ``form`` as multipart.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def ask(
        self, method: str, target: str, *, token: str | None = None, json: Any = None,
        form: Mapping[str, Any] | Sequence[tuple[str, str]] | None = None, files: Files | None = None,
        headers: Mapping[str, str] | None = None, query: Mapping[str, Any] | None = None,
    ) -> Answer:  # fmt: skip
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        body = b""
        if files is not None:
            sent["content-type"], body = multipart(form, files)
        elif form is not None:
            sent["content-type"], body = "application/x-www-form-urlencoded", urlencode(_pairs(form)).encode()
        elif json is not None:
            sent["content-type"], body = "application/json", jsonlib.dumps(json).encode()
        if body:
            sent["content-length"] = str(len(body))
        if query:
            target += ("&" if "?" in target else "?") + urlencode(_pairs(query))
        return await ask(self.application, method, target, tuple(sent.items()), body)

    async def get(self, target: str, **options: Any) -> Answer:
        return await self.ask("GET", target, **options)

    async def post(self, target: str, **options: Any) -> Answer:
        return await self.ask("POST", target, **options)

    async def put(self, target: str, **options: Any) -> Answer:
        return await self.ask("PUT", target, **options)

    async def patch(self, target: str, **options: Any) -> Answer:
        return await self.ask("PATCH", target, **options)

    async def delete(self, target: str, **options: Any) -> Answer:
        return await self.ask("DELETE", target, **options)


def _pairs(form: Mapping[str, Any] | Sequence[tuple[str, str]] | None) -> list[tuple[str, str]]:
    if form is None:
        return []
    if not isinstance(form, Mapping):
        return list(form)
    return [
        (name, str(item)) for name, value in form.items() for item in (value if isinstance(value, list) else [value])
    ]


def multipart(form: Mapping[str, Any] | Sequence[tuple[str, str]] | None, files: Files) -> tuple[str, bytes]:
    """The content type and the body."""
    edge = b"linnet-test-boundary"
    parts = [
        b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (edge, name.encode(), value.encode())
        for name, value in _pairs(form)
    ]
    parts += [
        b'--%b\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\nContent-Type: %b\r\n\r\n%b\r\n'
        % (edge, name.encode(), filename.encode(), kind.encode(), data)
        for name, (filename, data, kind) in files.items()
    ]
    return f"multipart/form-data; boundary={edge.decode()}", b"".join(parts) + b"--%b--\r\n" % edge


async def make_account(database: Database, name: str, *, role: str = "user", email: str | None = None) -> int:
    """An account that is confirmed and approved and has no password; its id."""

    async def write(tx: Any) -> int:
        new: int = tx.ids.next()
        await tx.run(
            accounts.SQL.insert, id=new, username=name, username_key=name.lower(), domain="", discoverable=1,
        )  # fmt: skip
        await tx.run(accounts.SQL.insert_profile, id=new)
        await accounts.file_terms(tx, new, name)
        address = email or f"{name.lower()}@example.org"
        await tx.run(
            access.SQL.insert_user, account_id=new, email=address, email_key=address.lower(), password_hash="",
            role=role, confirmed_at=tx.now, approved_at=tx.now, reason="", invite_code=None, locale="en", now=tx.now,
        )  # fmt: skip
        return new

    return await database.write(write)


async def make_token(database: Database, account_id: int | None, scopes: str = SCOPES, app_name: str = "Tests") -> str:
    """A token of a new app; None as the account makes an app's own."""

    async def write(tx: Any) -> str:
        app_id: int = tx.ids.next()
        token = f"token-{app_id}"
        await tx.run(
            access.SQL.insert_app, id=app_id, client_id=f"client-{app_id}", secret_hash="", name=app_name,
            website="https://tests.example", redirect_uris="urn:ietf:wg:oauth:2.0:oob", scopes=scopes, now=tx.now,
        )  # fmt: skip
        await tx.run(
            access.SQL.insert_token, hash=fingerprint(token), id=tx.ids.next(), app_id=app_id, account_id=account_id,
            scopes=scopes, now=tx.now,
        )  # fmt: skip
        return token

    return await database.write(write)


def next_page(answer: Answer, rel: str = "next") -> str:
    """The path that the ``Link`` header leads to."""
    for part in (answer.header("link") or "").split(", "):
        address, _, relation = part.partition("; ")
        if relation == f'rel="{rel}"':
            return address.strip("<>").removeprefix(ORIGIN)
    raise AssertionError(f"no {rel} in {answer.header('link')}")


@dataclass(frozen=True)
class Person:
    """An account with a token for all scopes, and a client that sends it."""

    id: int
    name: str
    token: str
    client: Client

    async def ask(self, method: str, target: str, **options: Any) -> Answer:
        return await self.client.ask(method, target, token=self.token, **options)

    async def get(self, target: str, **options: Any) -> Answer:
        return await self.ask("GET", target, **options)

    async def post(self, target: str, **options: Any) -> Answer:
        return await self.ask("POST", target, **options)

    async def put(self, target: str, **options: Any) -> Answer:
        return await self.ask("PUT", target, **options)

    async def patch(self, target: str, **options: Any) -> Answer:
        return await self.ask("PATCH", target, **options)

    async def delete(self, target: str, **options: Any) -> Answer:
        return await self.ask("DELETE", target, **options)


class World:
    """One server. ``clock`` is a VirtualClock where the test asked for one."""

    def __init__(self, parts: app.Parts, application: Any) -> None:
        self.parts = parts
        self.application = application
        self.client = Client(application)
        self.tasks = Tasks()
        self._failed: list[Exception] = []
        self.images = ImageWorker(self.tasks)
        self.recordings = app.recorder(parts)
        found = app.job_handlers(parts, self.images, self.recordings)
        handlers = {kind: self._loud(handler) for kind, handler in found.items()}
        self._worker = Worker(parts.database, parts.clock, parts.chance, parts.ids, self.tasks, handlers, app.TOGETHER)

    @property
    def database(self) -> Database:
        return self.parts.database

    @property
    def clock(self) -> Any:
        return self.parts.clock

    @property
    def site(self) -> Site:
        return self.parts.site

    async def person(self, name: str, *, scopes: str = SCOPES, role: str = "user") -> Person:
        """A new account and its token."""
        account = await make_account(self.database, name, role=role)
        return Person(account, name, await make_token(self.database, account, scopes), self.client)

    async def people(self, *names: str) -> tuple[Person, ...]:
        return tuple([await self.person(name) for name in names])

    async def run_jobs(self) -> int:
        """Runs what is due until nothing is; how many jobs that were. A job that fails fails the test."""
        done = 0
        while ran := await self._worker.run_due():
            done += ran
        if self._failed:
            raise AssertionError("a job failed") from self._failed.pop()
        return done

    def _loud(self, handler: Any) -> Any:
        async def run(job: Any) -> None:
            try:
                await handler(job)
            except Exception as error:  # boundary: kept for the test to see, then left to the worker as in a server
                self._failed.append(error)
                raise

        return run


@contextlib.asynccontextmanager
async def running(application: Any) -> AsyncIterator[None]:
    """Sends the lifespan's start, and its end."""
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    outbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    served = asyncio.get_running_loop().create_task(application({"type": "lifespan"}, inbox.get, outbox.put))
    try:
        await inbox.put({"type": "lifespan.startup"})
        assert (await outbox.get())["type"] == "lifespan.startup.complete"
        yield
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
        await served


@contextlib.asynccontextmanager
async def open_world(
    folder: Path, database: Callable[[Clock, IdMaker], Awaitable[Any]], *, clock: Clock | None = None,
    site: Site | None = None, background: bool = False, rate_limits: bool = False, mail: Mail | None = None,
    blobs: Blobs | None = None, remote: RemoteServers | None = None, translator: Translator | None = None,
    node: int = 0, detour: Callable[[Any, Clock], Detour] | None = None,
) -> AsyncIterator[World]:  # fmt: skip
    """A running server. With ``background`` its own worker runs the jobs; else only ``run_jobs`` does.

    ``node`` keeps its ids apart from those of another one on the same database; ``detour`` makes its way around a
    missing primary.
    """
    clock = clock or SystemClock()
    ids = IdMaker(clock, node, 0)
    blobs = blobs or LocalBlobs(folder / "media")
    chance = SystemChance()
    limits = RateLimiter(folder / "limits", clock, enabled=rate_limits)
    passwords = ArgonPasswords(memory_kib=8, passes=1)
    guards = Guards(chance, passwords, open_vault(folder / "secrets.key", chance), limits)
    opened = await database(clock, ids)
    parts = app.Parts(
        opened, site or Site(ORIGIN), clock, chance, ids, blobs, guards, mail or NoMail(), limits,
        remote or Outbound(ORIGIN, Reach(("127.0.0.0/8", "::1")), lookup=outside.lookup), translator or NoTranslator(),
        detour=detour(opened, clock) if detour is not None else None,
    )  # fmt: skip
    application = app.build(parts, runs_jobs=background)
    async with running(application):
        world = World(parts, application)
        yield world
        await world.images.close()
        await world.tasks.close()
    passwords.close()
    limits.close()


WorldOpener = Callable[..., Awaitable[World]]


@pytest.fixture
async def open_sqlite_world(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[WorldOpener]:
    """``await open_sqlite_world(clock=…, site=…, background=…)`` on one SQLite file."""
    path = tmp_path / "linnet.db"
    shutil.copyfile(sqlite_template, path)

    async def database(clock: Clock, ids: IdMaker) -> Any:
        return open_sqlite(path, clock, ids)

    async with contextlib.AsyncExitStack() as stack:

        async def opened(**options: Any) -> World:
            return await stack.enter_async_context(open_world(tmp_path, database, **options))

        yield opened


@pytest.fixture
async def world(open_sqlite_world: WorldOpener) -> World:
    """A server on SQLite."""
    return await open_sqlite_world()


@pytest.fixture
async def open_any_world(tmp_path: Path, open_database: Any) -> AsyncIterator[WorldOpener]:
    """Like ``open_sqlite_world``, once on each engine."""
    async with contextlib.AsyncExitStack() as stack:

        async def opened(**options: Any) -> World:
            return await stack.enter_async_context(open_world(tmp_path, open_database, **options))

        yield opened


@pytest.fixture
async def any_world(open_any_world: WorldOpener) -> World:
    """A server, once on each engine."""
    return await open_any_world()
