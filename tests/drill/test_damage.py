"""The disk of a primary is damaged under it: it cannot read what its standbys still have."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from linnet.drill import damage
from tests.support.postgres import Server
from tests.support.waiting import until

BY_INDEX = "set enable_seqscan = off; set enable_bitmapscan = off"
TABLE = "create table statuses (id bigint primary key); insert into statuses select generate_series(1, 1000)"


async def _found(server: Server, id: int) -> int | None:
    connection = await asyncpg.connect(server.url())
    try:
        await connection.execute(BY_INDEX)
        found: int | None = await connection.fetchval("select id from statuses where id = $1", id)
        return found
    finally:
        await connection.close()


async def test_a_running_primary_loses_what_its_standby_keeps(primary: Server, standby: Server) -> None:
    connection = await asyncpg.connect(primary.url())
    await connection.execute(TABLE)
    # What it has in memory by now is no help to it.
    assert await _found(primary, 7) == 7
    await damage.lose(primary.url(), primary.data)
    with pytest.raises(asyncpg.DataCorruptedError, match="invalid page in block"):
        await _found(primary, 7)
    with pytest.raises(asyncpg.DataCorruptedError, match="invalid page in block"):
        await connection.execute("insert into statuses values (1001)")
    # Not a byte of it went the standby's way.
    position = await connection.fetchval("select pg_current_wal_lsn()::text")
    await connection.close()
    await until(lambda: _replayed(standby, position))
    assert await _found(standby, 7) == 7


async def _replayed(server: Server, position: str) -> bool:
    connection = await asyncpg.connect(server.url())
    try:
        return bool(await connection.fetchval("select pg_last_wal_replay_lsn() >= $1::text::pg_lsn", position))
    finally:
        await connection.close()


async def test_a_file_keeps_its_size_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "pages").write_bytes(bytes(2_500))
    await asyncio.to_thread(damage.spoil, tmp_path / "pages")
    assert (tmp_path / "pages").read_bytes() == damage.RUBBISH * 2_500
