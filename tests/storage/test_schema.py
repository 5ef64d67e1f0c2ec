"""Migrations: run once, in order, killed half-way and resumed; a database out of range is refused in a sentence."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import asyncpg
import pytest

from linnet.domain.errors import Unavailable
from linnet.storage import schema
from linnet.storage.schema import LockTimeout, SchemaRefused
from linnet.system import SystemClock
from tests.storage.queries import sql
from tests.support.databases import Databases, create_database, open_postgres, open_sqlite

FIRST = "create table notes (\n  id id primary key,\n  written_at time not null,\n  done flag not null default 0\n);"
FILES = {
    "0001_before_first.sql": FIRST,
    "0002_before_second.sql": "alter table notes add column author id;\ncreate index notes_author on notes (author);",
    "0003_after_third.sql": "drop index notes_author;",
    "0004_after_fourth.sql": "create table marks (\n  key text primary key\n) without rowid;",
}

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from linnet.storage import schema
from linnet.storage.postgres_schema import PostgresSchemaSession
from linnet.storage.sqlite import SqliteSchemaSession
from linnet.system import SystemClock
from tests.support.databases import open_postgres, open_sqlite

dialect, where, folder, label, at = *sys.argv[1:5], int(sys.argv[5])

class Deadly(list):
    def __iter__(self):
        for place, statement in enumerate(list.__iter__(self)):
            if place == at:
                os.kill(os.getpid(), signal.SIGKILL)
            yield statement

def deadly(session_class):
    apply, alone = session_class.apply, session_class.alone
    async def half(self, statements, unless):
        await apply(self, Deadly(statements) if any(label in one for one in statements) else statements, unless)
    async def then_dead(self, statement, index):
        await alone(self, statement, index)
        os.kill(os.getpid(), signal.SIGKILL)
    session_class.apply, session_class.alone = half, then_dead

deadly(SqliteSchemaSession), deadly(PostgresSchemaSession)
database = open_sqlite(Path(where)) if dialect == "sqlite" else open_postgres(where)
asyncio.run(schema.migrate(database, SystemClock(), folder=Path(folder) if folder else None))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "migrations"
    made.mkdir()
    return made


@pytest.fixture
async def empty(origin, tmp_path: Path):
    """Opens an empty database of the engine, the same one each time; ``empty.where`` is its path or URL."""
    opened = []
    server = origin.server if isinstance(origin, Databases) else None
    where = str(tmp_path / "empty.db") if server is None else await create_database(server)

    def open_one():
        opened.append(open_sqlite(Path(where)) if server is None else open_postgres(where))
        return opened[-1]

    open_one.where = where  # type: ignore[attr-defined]
    yield open_one
    for database in opened:
        await database.close()


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text(FILES[name])


async def migrate(database, folder: Path | None = None, *, alone: bool = False) -> tuple[str, ...]:
    async def answer() -> bool:
        return alone

    return await schema.migrate(database, SystemClock(), alone=answer, folder=folder)


async def shape(database) -> list[tuple]:
    """All that a schema is: tables, columns, types, indexes."""
    text = (
        "select type, name, sql from sqlite_schema where name not like 'sqlite_%' order by 1, 2"
        if database.dialect == "sqlite"
        else "select table_name, column_name, data_type || is_nullable || coalesce(column_default, '') "
        "from information_schema.columns where table_schema = 'public' "
        "union all select tablename, indexname, indexdef from pg_indexes where schemaname = 'public' order by 1, 2"
    )
    return [tuple(row) for row in await database.read(lambda tx: tx.all(sql(text)))]


async def execute(engine: str, where: str, text: str) -> None:
    if engine == "sqlite":
        with contextlib.closing(apsw.Connection(where)) as file:
            file.execute(text)
        return
    connection = await asyncpg.connect(where)
    await connection.execute(text)
    await connection.close()


async def killed(database, where: str, folder: Path | None, label: str, at: int) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, database.dialect, where, str(folder or ""), label, str(at),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(child.communicate(), 60)
    assert child.returncode == -signal.SIGKILL, out.decode()


# -- the real ones ----------------------------------------------------------------------------------------------------


@pytest.mark.drill
@pytest.mark.parametrize("place", range(len(schema.load("sqlite"))))
async def test_each_migration_is_killed_half_way_and_resumed(engine, empty, open_database, place):
    migration = schema.load(engine)[place]
    database = empty()
    await killed(database, empty.where, None, migration.label, (len(migration.statements) + 1) // 2)
    assert (await schema.check(database)).pending[0].label == migration.label
    assert (await migrate(database))[0] == migration.label
    assert await shape(database) == await shape(await open_database())
    assert await migrate(database) == ()


async def test_a_migrated_database_is_in_range(database):
    state = await schema.check(database)
    assert (state.pending, state.unknown) == ((), ())
    assert state.applied == tuple(migration.number for migration in schema.load(database.dialect))


# -- order and range --------------------------------------------------------------------------------------------------


async def test_an_empty_database_gets_all_at_once(empty, folder):
    write(folder, *FILES)
    database = empty()
    assert await migrate(database, folder) == tuple(name.removesuffix(".sql") for name in FILES)
    assert await migrate(empty(), folder) == ()


async def test_after_runs_only_when_no_old_node_lives(empty, folder):
    database = empty()
    write(folder, "0001_before_first.sql")
    await migrate(database, folder)
    write(folder, "0002_before_second.sql", "0003_after_third.sql")
    assert await migrate(database, folder) == ("0002_before_second",)
    assert await migrate(database, folder) == ()
    assert [migration.label for migration in (await schema.check(database, folder)).pending] == ["0003_after_third"]
    assert await migrate(database, folder, alone=True) == ("0003_after_third",)


async def test_an_upgrade_that_was_never_finished_is_refused(empty, folder):
    database = empty()
    write(folder, "0001_before_first.sql")
    await migrate(database, folder)
    write(folder, "0003_after_third.sql")
    (folder / "0005_before_fifth.sql").write_text("create table fifth (key text primary key);")
    with pytest.raises(SchemaRefused, match=r"0003_after_third has not run\. Stop all nodes of older versions"):
        await migrate(database, folder)


async def test_a_newer_schema_is_refused_only_once_the_old_nodes_time_is_over(empty, folder):
    database = empty()
    write(folder, *FILES)
    await migrate(database, folder)
    (folder / "0004_after_fourth.sql").unlink()
    with pytest.raises(SchemaRefused, match="newer than this version of Linnet understands: 0004_after_fourth has run"):
        await schema.check(database, folder)
    with pytest.raises(SchemaRefused, match="newer"):
        await migrate(database, folder)


async def test_what_a_newer_version_ran_before_its_start_is_no_hindrance(empty, folder):
    database = empty()
    write(folder, "0001_before_first.sql", "0002_before_second.sql")
    await migrate(database, folder)
    (folder / "0002_before_second.sql").unlink()
    assert (await schema.check(database, folder)).unknown == ("0002_before_second",)
    assert await migrate(database, folder) == ()


async def test_a_schema_that_is_too_old_is_refused(empty, folder):
    database = empty()
    write(folder, "0001_before_first.sql")
    await migrate(database, folder)
    (folder / "0001_before_first.sql").unlink()
    write(folder, "0003_after_third.sql")
    with pytest.raises(SchemaRefused, match="too old for this version of Linnet: it stands at 0001"):
        await migrate(database, folder)


async def test_a_migration_whose_text_has_changed_is_refused(empty, folder):
    database = empty()
    write(folder, "0001_before_first.sql")
    await migrate(database, folder)
    (folder / "0001_before_first.sql").write_text(FIRST + "\n-- or so")
    with pytest.raises(SchemaRefused, match="0001_before_first was run with another text"):
        await schema.check(database, folder)


async def test_nodes_that_migrate_at_once_run_each_migration_once(empty, folder):
    write(folder, *FILES)
    done = await asyncio.gather(*(migrate(empty(), folder) for _ in range(4)))
    assert sorted(label for labels in done for label in set(labels)).count("0001_before_first") >= 1
    assert (await schema.check(empty(), folder)).pending == ()


async def test_a_migration_that_fails_leaves_nothing_behind(empty, folder):
    database = empty()
    (folder / "0001_before_first.sql").write_text(FIRST + "\ncreate table notes (\n  id id\n);")
    before = await shape(database)
    with pytest.raises(Exception, match="already exists"):
        await migrate(database, folder)
    assert [row for row in await shape(database) if row not in before and "notes" in str(row)] == []
    (folder / "0001_before_first.sql").write_text(FIRST)
    assert await migrate(database, folder) == ("0001_before_first",)


# -- the engines' own words -------------------------------------------------------------------------------------------


def test_type_words_and_rowids_become_each_engines_own(folder):
    (folder / "0001_before_first.sql").write_text(
        "-- id id in a comment; time time\n"
        "create table a (\n  id id primary key,\n  at time not null,\n  on_top flag,\n"
        "  text text not null default 'x; -- id',\n  n sequence,\n  x transaction,\n  t timeline\n) without rowid;\n"
        "alter table a add column later time;\n"
    )
    sqlite, postgres = (schema.load(dialect, folder)[0].statements for dialect in ("sqlite", "postgres"))
    assert sqlite[1] == "alter table a add column later integer"
    assert postgres[1] == "alter table a add column later bigint"
    assert len(sqlite) == len(postgres) == 2
    assert "id integer primary key,\n  at integer not null,\n  on_top integer," in sqlite[0]
    assert "text text not null default 'x; -- id'" in sqlite[0]
    assert sqlite[0].endswith("without rowid")
    assert "id bigint primary key,\n  at bigint not null,\n  on_top smallint," in postgres[0]
    assert "n bigint generated by default as identity primary key" in postgres[0]
    assert "rowid" not in postgres[0]


def test_a_trigger_and_a_dollar_quoted_body_stay_whole():
    trigger = "create trigger t after insert on a begin\n  delete from b;\n  delete from c;\nend"
    body = "do $$ begin perform 1; end $$"
    assert schema.split(f"{trigger};\n{body};\nselect 1;") == (trigger, body, "select 1")


@pytest.mark.parametrize(
    "names",
    [
        {"first.sql": ""},
        {"0001_during_x.sql": ""},
        {"0001_before_a.sql": "", "0001_before_b.sql": ""},
        {"0001_before_a.postgres.sql": ""},
        {"0001_before_a.sql": "create index concurrently if not exists i on a (b); create table c (d text);"},
    ],
)
def test_a_migration_that_is_not_right_is_named(folder, names):
    for name, text in names.items():
        (folder / name).write_text(text)
    with pytest.raises(ValueError, match=r"0001|first|migration|concurrently"):
        schema.load("postgres", folder)


def test_postgres_twin_takes_its_place_there(folder):
    write(folder, "0001_before_first.sql")
    (folder / "0001_before_first.postgres.sql").write_text("create table other (key text);")
    assert "notes" in schema.load("sqlite", folder)[0].statements[0]
    assert "other" in schema.load("postgres", folder)[0].statements[0]


# -- waiting for others -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
async def test_a_table_in_use_is_waited_for_and_others_are_let_through(empty, folder):
    database = empty()
    write(folder, "0001_before_first.sql")
    await migrate(database, folder)
    write(folder, "0002_before_second.sql")
    holder = await asyncpg.connect(empty.where)
    await holder.execute("begin; select * from notes")
    async with database.schema_session() as session:
        with pytest.raises(LockTimeout):
            await session.apply(["set local lock_timeout = 1", "drop table notes"], "select 1 where 1 = 0")
    task = asyncio.ensure_future(migrate(database, folder))
    watcher = await asyncpg.connect(empty.where)
    waits = "select count(*) from pg_locks where not granted and mode = 'AccessExclusiveLock'"
    async with asyncio.timeout(20):
        seen: set[int] = set()
        while seen < {0, 1}:
            seen.add(await watcher.fetchval(waits))
    assert not task.done()
    await holder.execute("commit")
    assert await task == ("0002_before_second",)
    await holder.close()
    await watcher.close()


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
async def test_a_migrating_node_that_does_not_end_is_told_of(empty, folder, monkeypatch):
    monkeypatch.setattr(schema, "LOCK_WAIT_SECONDS", 0.3)
    write(folder, "0001_before_first.sql")
    other = await asyncpg.connect(empty.where)
    await other.execute("select pg_advisory_lock(hashtext('linnet migrations'))")
    with pytest.raises(Unavailable, match="another node to finish its migration"):
        await migrate(empty(), folder)
    await other.close()


@pytest.mark.drill
async def test_an_index_built_beside_the_writers_is_resumed(engine, empty, folder):
    database = empty()
    write(folder, "0001_before_first.sql")
    await migrate(database, folder)
    (folder / "0002_before_index.sql").write_text(
        "create index concurrently if not exists notes_time on notes (written_at);\n"
        "create unique index concurrently if not exists notes_done on notes (done);\n"
    )
    await execute(engine, empty.where, "insert into notes (id, written_at) values (1, 1), (2, 2)")
    if engine == "postgres":
        # The second index fails over rows that are there twice, and is left behind invalid.
        with pytest.raises(asyncpg.UniqueViolationError):
            await migrate(database, folder)
        await execute(engine, empty.where, "delete from notes where id = 2")
        await killed(database, empty.where, folder, "nothing", 0)
    else:
        await execute(engine, empty.where, "delete from notes where id = 2")
        await killed(database, empty.where, folder, "0002_before_index", 1)
    assert await migrate(database, folder) == ("0002_before_index",)
    assert len([row for row in await shape(database) if row[1] in {"notes_time", "notes_done"}]) == 2
    if engine == "postgres":
        invalid = await database.read(lambda tx: tx.all(sql("select 1 from pg_index where not indisvalid")))
        assert invalid == []
