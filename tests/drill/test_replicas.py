"""What the databases themselves say: copies that differ are found, and posts that stand in two rows."""

import asyncio

import asyncpg

from linnet.drill import replicas
from linnet.drill.findings import Finding
from linnet.drill.replicas import DEAD, DIVERGED, TWICE, differences
from linnet.storage import schema
from linnet.system import SystemClock
from tests.support.databases import open_postgres
from tests.support.postgres import Server

RUN = "abcd1234"
INSERT = "insert into status_contents (status_id, account_id, version, text, html) values ($1, 1, $1, $2, '')"


async def _run(server: Server, sql: str, *args: object) -> None:
    connection = await asyncpg.connect(server.url())
    try:
        await connection.execute(sql, *args)
    finally:
        await connection.close()


async def _compared(*servers: Server) -> dict[str, Finding]:
    found = await replicas.compare([server.url() for server in servers], RUN, SystemClock(), lambda _: None)
    return {finding.promise: finding for finding in found}


async def test_copies_are_compared_and_rows_that_are_there_twice_found(primary: Server) -> None:
    database = open_postgres(primary.url())
    await schema.migrate(database, SystemClock())
    await database.close()
    await _run(primary, INSERT, 1, f"Tea. {RUN}-000001")
    await _run(primary, INSERT, 2, "Somebody else's. other-000001")
    standby = await asyncio.to_thread(primary.standby)
    try:
        await _run(primary, INSERT, 3, f"More tea. {RUN}-000002")
        found = await _compared(primary, standby)
        assert [finding.kept for finding in found.values()] == [True] * 3, found
        assert found[DIVERGED].measured.startswith("0 of 10 tables, ")

        # A copy that goes ways of its own: promoted, changed, and asked as if it still followed.
        await _run(primary, INSERT, 4, f"Tea. {RUN}-000001")
        await _run(
            primary, "insert into jobs (id, kind, payload, run_at, dead_at, error) values (1, 'x', '', 0, 1, 'no')"
        )
        found = await _compared(primary)
        assert found[TWICE].evidence == (f"{RUN}-000001 stands in 2 rows",)
        assert found[DEAD].evidence == ("x: no",)
        assert found[DIVERGED].kept is None

        await asyncio.to_thread(standby.promote)
        found = await _compared(primary, standby)
        assert [finding.kept for finding in found.values()] == [None] * 3
        assert "2 primaries" in found[DIVERGED].evidence[0]
    finally:
        standby.remove()


async def test_a_database_that_does_not_answer_leaves_it_unknown(primary: Server) -> None:
    primary.stop()
    found = await _compared(primary)
    assert [finding.kept for finding in found.values()] == [None] * 3


def test_what_differs_is_named() -> None:
    first = {"statuses": (10, "77"), "receipts": (5, "3"), "polls": (0, "0")}
    other = {"statuses": (9, "66"), "receipts": (5, "4"), "polls": (0, "0")}
    assert differences(first, {"b:5432": other, "c:5432": first}) == [
        "statuses at b:5432: 9 rows, 10 on the primary",
        "receipts at b:5432: 5 rows, 5 on the primary, of other content",
    ]
