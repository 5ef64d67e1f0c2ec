"""Several processes on one SQLite file: nothing lost, nothing doubled, nobody starved, and a fresh file made once."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

PROCESSES, WRITERS, WRITES = 4, 16, 30

CHILD = """
import asyncio, json, sys, time
from pathlib import Path
from linnet.storage import schema
from linnet.storage.database import Operation
from linnet.system import SystemClock
from tests.storage.queries import sql
from tests.support.databases import open_sqlite

path, me, writers, writes = Path(sys.argv[1]), *map(int, sys.argv[2:])
ADD = sql("insert into settings (key, value) values (:key, '')")
COUNT_UP = sql("update settings set value = cast(value as integer) + 1 where key = 'total'")

async def main():
    database = open_sqlite(path)
    await schema.migrate(database, SystemClock())
    print("ready", flush=True)
    sys.stdin.readline()
    slowest = 0.0

    async def write(writer):
        nonlocal slowest
        for n in range(writes):
            async def fn(tx):
                await tx.run(ADD, key=f"{me}/{writer}/{n}")
                await tx.run(COUNT_UP)
            start = time.monotonic()
            # Half of them under a receipt, asked for twice.
            for _ in range(1 + n % 2):
                await database.write(fn, Operation(f"{me}/{writer}/{n}") if n % 2 else None, returns=None)
            slowest = max(slowest, time.monotonic() - start)

    await asyncio.gather(*(write(writer) for writer in range(writers)))
    await database.close()
    print(json.dumps(slowest), flush=True)

asyncio.run(main())
"""


async def readiness(child: asyncio.subprocess.Process) -> None:
    assert child.stdout is not None
    assert child.stderr is not None
    while (line := await child.stdout.readline()) != b"ready\n":
        assert line, (await child.stderr.read()).decode()


@pytest.mark.drill
async def test_four_processes_of_sixteen_writers_lose_and_double_nothing(tmp_path: Path):
    path = tmp_path / "linnet.db"
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, str(path), str(me), str(WRITERS), str(WRITES),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for me in range(PROCESSES)
    ]  # fmt: skip
    try:
        # All made the file and its schema at once.
        await asyncio.wait_for(asyncio.gather(*map(readiness, children)), 30)
        connection = apsw.Connection(str(path))
        connection.execute("insert into settings (key, value) values ('total', 0)")
        results = await asyncio.wait_for(asyncio.gather(*(child.communicate(b"go\n") for child in children)), 60)
    finally:
        for child in children:
            if child.returncode is None:
                child.kill()
    for out, err in results:
        assert out, err.decode()
    slowest = [json.loads(out.splitlines()[-1]) for out, _ in results]
    expected = PROCESSES * WRITERS * WRITES
    keys = connection.execute("select count(*) from settings where key like '%/%/%'").fetchone()
    total = connection.execute("select cast(value as integer) from settings where key = 'total'").fetchone()
    receipts = connection.execute("select count(*) from receipts").fetchone()
    assert (keys, total, receipts) == ((expected,), (expected,), (expected // 2,))
    assert connection.pragma("integrity_check") == "ok"
    assert max(slowest) < 5.0, f"a writer was starved for {max(slowest):.1f} s"
    connection.close()
