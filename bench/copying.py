"""What was seeded into a SQLite file, brought into a PostgreSQL that Linnet has prepared: the same rows on both."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import asyncpg

SEEDED = (
    "accounts", "profiles", "apps", "users", "tokens", "follows", "blocks", "mutes", "statuses", "status_contents",
    "mentions", "status_tags", "favourites", "home_entries",
)  # fmt: skip
"""The tables that bench/seeding.py writes, but for the search index, which is of another form on each engine."""
CHUNK = 20_000


def copy(file: Path, url: str) -> None:
    """Rows of an account that is there already (a cluster's owner) stay as they are."""
    asyncio.run(_copy(file, url))


def is_primary(url: str) -> bool:
    return asyncio.run(_is_primary(url))


async def _is_primary(url: str) -> bool:
    connection = await asyncpg.connect(url)
    try:
        return not await connection.fetchval("select pg_is_in_recovery()")
    finally:
        await connection.close()


async def _copy(file: Path, url: str) -> None:
    target = await asyncpg.connect(url)
    with contextlib.closing(sqlite3.connect(file)) as source:
        for table in SEEDED:
            await _table(source, target, table)
    for table in SEEDED:
        await target.execute(f"analyze {table}")
    await target.close()


async def _table(source: sqlite3.Connection, target: asyncpg.Connection, table: str) -> None:
    columns = await target.fetch(
        "select column_name, data_type from information_schema.columns"
        " where table_schema = current_schema() and table_name = $1 and is_generated = 'NEVER'", table,
    )  # fmt: skip
    here = {row[1] for row in source.execute(f"pragma table_info({table})")}
    names = [row["column_name"] for row in columns if row["column_name"] in here]
    found = source.execute(f"select {', '.join(names)} from {table}")
    await target.execute(f"create temporary table incoming (like {table} including defaults)")
    while rows := found.fetchmany(CHUNK):
        await target.copy_records_to_table("incoming", records=rows, columns=names)
    listed = ", ".join(names)
    await target.execute(f"insert into {table} ({listed}) select {listed} from incoming on conflict do nothing")
    await target.execute("drop table incoming")
