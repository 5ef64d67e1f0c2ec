"""kill -9 while scheduled statuses come due: each is posted once, and none is left behind."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import apsw
import pytest

from linnet.domain import times
from linnet.system import SystemClock
from tests.support.server import Server, until

PER_DAY, DAYS, KILLS = 25, 6, 4


def _file(server: Server, text: str) -> list[Any]:
    connection = apsw.Connection(str(server.data_dir / "linnet.db"))
    try:
        connection.set_busy_timeout(20_000)
        return connection.execute(text).fetchall()
    finally:
        connection.close()


def _posted(server: Server) -> int:
    return int(_file(server, "select count(*) from status_contents")[0][0])


def _reach(server: Server, goal: int) -> None:
    until(lambda: _posted(server) >= goal, 60, f"{goal} posts")


def _come_due(server: Server) -> None:
    """All at once; and whoever was killed holds no job any more, because nobody waits here for a lease to end."""
    _file(server, "update drafts set scheduled_at = 1")
    _file(server, "update jobs set run_at = 1, lease = null where kind = 'status.scheduled'")


def _schedule(server: Server, token: str) -> list[str]:
    texts = []
    for day in range(1, DAYS + 1):
        at = times.iso(SystemClock().now_ms() + day * times.DAY_MS)
        for number in range(PER_DAY):
            texts.append(f"{number} of day {day}")
            body = {"status": texts[-1], "scheduled_at": at}
            status, answer = server.ask("POST", "/api/v1/statuses", token, body)
            assert status == 200, answer
    return texts


@pytest.mark.drill
async def test_scheduled_statuses_are_posted_once_through_kills(tmp_path: Path):
    with Server(tmp_path / "data", "--rate-limits", "off", "--workers", "2") as server:
        token = await asyncio.to_thread(server.account, "anna")
        texts = await asyncio.to_thread(_schedule, server, token)
        await asyncio.to_thread(server.kill)
        for kill in range(1, KILLS + 1):
            _come_due(server)
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(_reach, server, kill * len(texts) // (KILLS + 2))
            await asyncio.to_thread(server.kill)
        seen = _posted(server)
        _come_due(server)
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(_reach, server, len(texts))
        assert await asyncio.to_thread(server.stop) == 0
    assert seen < len(texts), "it was not killed in the middle"
    found = Counter(row[0] for row in _file(server, "select text from status_contents"))
    assert found == Counter(texts)
    assert _file(server, "select count(*) from drafts")[0][0] == 0
    assert _file(server, "select count(*) from jobs where kind = 'status.scheduled'")[0][0] == 0
