"""A disk that has lost what was on it, under a PostgreSQL that runs."""

import asyncio
from pathlib import Path
from typing import Any

from linnet.drill.replicas import CONNECT_SECONDS, connected

INDEX = "statuses_pkey"
"""Every post writes to it, and every timeline is read by it."""
RUBBISH = b"\xa5"
BUILD_SECONDS = 60.0


async def lose(url: str, folder: Path) -> None:
    """Makes rubbish of all pages of INDEX in ``folder``, that of the primary at ``url``. Raises Lost or NotDone.

    A server does not look at pages on its disk that it has in memory. Those of an index that is built anew it has only
    on its disk, until somebody asks; the standbys have theirs from the log, which is as it should be.
    """
    async with connected(url) as connection:
        await connection.script(f"begin; reindex index {INDEX}", BUILD_SECONDS)
        row: Any = (await connection.rows("select pg_relation_filepath($1::regclass)", (INDEX,), CONNECT_SECONDS))[0]
        await asyncio.to_thread(spoil, folder / row[0])
        await connection.script("commit", BUILD_SECONDS)


def spoil(path: Path) -> None:
    """As many bytes as before, and none of them means anything."""
    with path.open("r+b") as opened:
        opened.write(RUBBISH * path.stat().st_size)
