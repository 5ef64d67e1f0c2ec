"""The fixture ``database``: each test that takes it runs on SQLite and on PostgreSQL, migrated and empty."""

import asyncio
import contextlib
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NoReturn

import asyncpg
import pytest

from linnet.domain.ids import NODE_MAX
from linnet.ports import Clock, Ids
from linnet.storage import schema
from linnet.storage.postgres import PostgresDatabase
from linnet.storage.sqlite import SqliteDatabase
from linnet.system import IdMaker, SystemClock
from tests.support.postgres import Server

ENGINES = ("sqlite", "postgres")
TEMPLATE = "linnet_template"

AnyDatabase = SqliteDatabase | PostgresDatabase
Opener = Callable[..., Awaitable[AnyDatabase]]
_numbers = itertools.count(1)


def fatal(why: str) -> NoReturn:
    """What an engine in a test does where a server would end its process."""
    raise SystemError(why)


def _ids(clock: Clock) -> Ids:
    """Every open database has a place of its own in the ids, as every process has."""
    return IdMaker(clock, next(_numbers) % NODE_MAX, 0)


def open_sqlite(path: Path, clock: Clock | None = None, ids: Ids | None = None, **options) -> SqliteDatabase:
    """The file as it is; not migrated."""
    clock = clock or SystemClock()
    return SqliteDatabase(path, clock, ids or _ids(clock), **({"fatal": fatal} | options))


def open_postgres(url: str, clock: Clock | None = None, ids: Ids | None = None, **options) -> PostgresDatabase:
    """The database as it is; not migrated."""
    clock = clock or SystemClock()
    return PostgresDatabase(url, clock, ids or _ids(clock), **({"connections": 8} | options))


async def create_database(server: Server, template: str = "template1") -> str:
    """Makes a database of its own in the server; its URL."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    await _administer(server, f"create database {name} template {template}")
    return server.url(name)


async def drop_database(server: Server, url: str) -> None:
    await _administer(server, f"drop database if exists {url.rpartition('/')[2]} with (force)")


class Databases:
    """The migrated databases of one server. A used one is emptied for the next test: a tenth of a new one's time."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._free: list[str] = []

    async def take(self) -> str:
        """The URL of an empty one."""
        return self._free.pop() if self._free else await create_database(self.server, TEMPLATE)

    async def give_back(self, url: str) -> None:
        try:
            await _administer(self.server, _EMPTY, url)
        except asyncpg.PostgresError:
            await drop_database(self.server, url)
        else:
            self._free.append(url)


_EMPTY = """
set lock_timeout = '5s';
do $$
declare name text;
begin
  for name in select format('%I', tablename) from pg_tables
    where schemaname = 'public' and tablename <> 'migrations'
  loop
    execute 'delete from ' || name;
  end loop;
  perform setval(format('%I', sequencename)::regclass, 1, false) from pg_sequences where schemaname = 'public';
end $$
"""


async def _administer(server: Server, sql: str, url: str | None = None) -> None:
    connection = await asyncpg.connect(url or server.url())
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to be copied: quicker than to migrate anew."""
    path = tmp_path_factory.mktemp("template") / "linnet.db"

    async def make() -> None:
        database = open_sqlite(path, synchronous="OFF")
        await schema.migrate(database, SystemClock())
        await database.close()

    asyncio.run(make())
    return path


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: Server) -> Databases:
    """Migrated databases, for one test after another."""

    async def make() -> None:
        await _administer(postgres_server, f"create database {TEMPLATE}")
        database = open_postgres(postgres_server.url(TEMPLATE))
        await schema.migrate(database, SystemClock())
        await database.close()

    asyncio.run(make())
    return Databases(postgres_server)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """``sqlite``, then ``postgres``."""
    return str(request.param)


@pytest.fixture
def origin(engine: str, request: pytest.FixtureRequest) -> Path | Databases:
    """Where the engine's migrated databases come from. Made here, where no loop runs yet."""
    return request.getfixturevalue("sqlite_template" if engine == "sqlite" else "postgres_databases")


@pytest.fixture
async def open_database(origin: Path | Databases, tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens the test's own database, migrated: ``await open_database(clock=…, ids=…, …)``, as often as one likes.

    Every call opens the same data, as another process would.
    """
    path, url = tmp_path / "linnet.db", ""
    async with contextlib.AsyncExitStack() as stack:
        if isinstance(origin, Databases):
            url = await origin.take()
            stack.push_async_callback(origin.give_back, url)
        else:
            shutil.copyfile(origin, path)

        async def opened(clock: Clock | None = None, ids: Ids | None = None, **options) -> AnyDatabase:
            database: AnyDatabase
            if isinstance(origin, Databases):
                database = open_postgres(url, clock, ids, **options)
            else:
                database = open_sqlite(path, clock, ids, **options)
            stack.push_async_callback(database.close)
            return database

        yield opened


@pytest.fixture
async def database(open_database: Opener) -> AnyDatabase:
    """A migrated and empty database, once on each engine."""
    return await open_database()
