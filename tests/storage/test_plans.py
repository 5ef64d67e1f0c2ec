"""No statement reads a large table from one end to the other, on either engine, unless it is said here why it may."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import asyncpg
import pytest

from linnet.storage.statements import Statement
from tests.storage.queries import sql
from tests.support import crowd
from tests.support.databases import TEMPLATE, Databases, create_database, open_postgres, open_sqlite
from tests.support.plans import every_statement, postgres_scans, sqlite_scans

STATEMENTS = {
    f"{statement.name}{'' if statement.ascending or ':page' not in statement.sqlite else ' upwards'}": statement
    for statement in every_statement()
}

MAY_SCAN = {
    "instance.count_week": "counts those who signed in lately, once an hour in the background",
    "instance.stats": "counts all there is; asked for now and then, and its answer is kept",
    "jobs.backlog": "counts the outbox, which is short, once a scrape",
    "jobs.inherit": "goes through the outbox, which is short, once in a process",
    "maintenance.expire_apps": "once a day",
    "maintenance.sizes": "counts all there is; for the operator's own eyes",
}
"""Statements that may, and why."""


GENERIC = """
set plan_cache_mode = force_generic_plan; set jit = off;
set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off
"""
"""Planned for any value, and as for tables that have grown: where an index would do, it is taken."""


@pytest.fixture(scope="module", params=["new", "analysed"])
def seeded_sqlite(request, sqlite_template: Path, tmp_path_factory) -> Iterator[apsw.Connection]:
    path = tmp_path_factory.mktemp("plans") / "linnet.db"
    shutil.copyfile(sqlite_template, path)
    asyncio.run(filled(open_sqlite(path, synchronous="OFF")))
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        if request.param == "analysed":
            connection.execute("analyze")
        yield connection


@pytest.fixture(scope="module")
def seeded_postgres(postgres_databases: Databases) -> str:
    async def make() -> str:
        url = await create_database(postgres_databases.server, TEMPLATE)
        await filled(open_postgres(url))
        connection = await asyncpg.connect(url)
        await connection.execute("analyze")
        await connection.close()
        return url

    return asyncio.run(make())


async def filled(database) -> None:
    await crowd.fill(database)
    await database.close()


def test_sqlite_reads_no_large_table_whole(seeded_sqlite):
    scans = {name: sqlite_scans(seeded_sqlite, statement) for name, statement in STATEMENTS.items()}
    assert {name: found for name, found in scans.items() if found and name not in MAY_SCAN} == {}


async def test_postgres_reads_no_large_table_whole(seeded_postgres):
    connection = await asyncpg.connect(seeded_postgres)
    await connection.execute(GENERIC)
    scans = {name: await postgres_scans(connection, statement) for name, statement in STATEMENTS.items()}
    await connection.close()
    assert {name: found for name, found in scans.items() if found and name not in MAY_SCAN} == {}


def test_exceptions_name_statements_that_exist():
    assert MAY_SCAN.keys() <= STATEMENTS.keys()


SCANNING = (
    "select * from statuses where language = :a",
    "select count(*) from statuses",
    "select max(replies) from statuses where language = :a limit 1",
    "select s.id from follows f join statuses s on s.replies = f.id where f.account_id = :a",
    "delete from statuses where reblogs = :a",
)
QUICK = (
    "select * from statuses where id = :a",
    "select * from statuses order by id desc limit :a",
    "select * from settings where value = :a",
)


@pytest.mark.parametrize("text", [text for text in SCANNING if "max" not in text])
def test_a_scan_is_seen_on_sqlite(seeded_sqlite, text):
    assert sqlite_scans(seeded_sqlite, sql(text)) == {"statuses"}


@pytest.mark.parametrize("text", [*SCANNING, *QUICK])
async def test_a_scan_is_seen_on_postgres(seeded_postgres, text):
    connection = await asyncpg.connect(seeded_postgres)
    await connection.execute(GENERIC)
    assert await postgres_scans(connection, sql(text)) == ({"statuses"} if text in SCANNING else set())
    await connection.close()


@pytest.mark.parametrize("text", QUICK)
def test_an_index_is_seen_on_sqlite(seeded_sqlite, text):
    assert sqlite_scans(seeded_sqlite, sql(text)) == set()


def test_all_statements_were_looked_at():
    assert len(STATEMENTS) > 100
    assert all(isinstance(statement, Statement) for statement in STATEMENTS.values())
