"""A full disk, and a database file that another process holds: said clearly, outlived, nothing acknowledged lost."""

import asyncio
import json
import resource
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import apsw
import pytest

from linnet.storage.sqlite import LOCK_SECONDS
from tests.support import pictures
from tests.support.client import multipart
from tests.support.kept import Kept, Reply
from tests.support.server import Server
from tests.support.small_disk import fill, small_disk


class Poster:
    """Posts under names of their own and remembers what was acknowledged and what was refused."""

    def __init__(self, server: Server, token: str) -> None:
        self.client = Kept(server.port, token)
        self.acknowledged: list[str] = []
        self.refused: list[str] = []

    async def post(self) -> Reply:
        words = f"post {len(self.acknowledged) + len(self.refused)} {'x' * 300}"
        body = urlencode({"status": words}).encode()
        reply = await self.client.ask("POST", "/api/v1/statuses", body, "application/x-www-form-urlencoded")
        if reply.status == 200:
            self.acknowledged.append(words)
        else:
            self.refused.append(words)
        return reply

    async def until(self, status: int, seconds: float = 40.0) -> Reply:
        """Posts until the answer has this status."""
        deadline = time.monotonic() + seconds
        while (reply := await self.post()).status != status:
            assert time.monotonic() < deadline, f"no answer was {status}; the last one is {reply}"
            assert reply.status in (200, 503), reply
        return reply

    async def posted(self) -> list[str]:
        """The texts of all posts that there are, the oldest first."""
        me = json.loads((await self.client.ask("GET", "/api/v1/accounts/verify_credentials")).body)["id"]
        found: list[str] = []
        place = ""
        while page := json.loads(
            (await self.client.ask("GET", f"/api/v1/accounts/{me}/statuses?limit=40{place}")).body
        ):
            found += [status["content"].removeprefix("<p>").removesuffix("</p>") for status in page]
            place = f"&max_id={page[-1]['id']}"
        return found[::-1]


def refusal(reply: Reply) -> str:
    """The sentence of a refusal that says when to come back."""
    assert reply.status == 503, reply
    assert int(reply.headers["retry-after"]) > 0
    assert reply.headers["content-type"].startswith("application/json")
    return str(json.loads(reply.body)["error"])


def forbid_growth(server: Server, folder: Path) -> Callable[[], None]:
    """No file of the server grows any more, as where a quota is used up; what allows it again."""
    pids = [process.pid for process in server.processes()]
    largest = max(path.stat().st_size for path in folder.glob("linnet.db*"))
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, hard))

    def allow() -> None:
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)

    return allow


async def _go_through(server: Server, starve: Callable[[], Callable[[], None]]) -> None:
    token = server.account("alice")
    poster = Poster(server, token)
    for _ in range(20):
        assert (await poster.post()).status == 200
    pids = server.workers()

    feed = starve()
    assert "nothing was stored" in refusal(await poster.until(503)).lower()
    replies = await asyncio.gather(*(Poster(server, token).post() for _ in range(8)))
    assert {reply.status for reply in replies} <= {200, 503}
    others = sum(reply.status == 200 for reply in replies)
    for path in ("/api/v1/timelines/home", "/api/v1/timelines/public", "/api/v1/notifications", "/healthz"):
        assert (await poster.client.ask("GET", path)).status == 200, path
    await _until_not_ready(poster.client)
    kind, form = multipart({}, {"file": ("a.png", pictures.png(), "image/png")})
    assert refusal(await poster.client.ask("POST", "/api/v2/media", form, kind))

    feed()
    await poster.until(200)
    assert server.workers() == pids, "a worker has ended"
    assert "write_failed" in server.log()
    await _check(poster, others)
    server.restart()
    await _check(poster, others)


async def _until_not_ready(client: Kept, seconds: float = 20.0) -> None:
    """A good answer of a moment ago is trusted; and the small write of a probe may find room where a post did not."""
    deadline = time.monotonic() + seconds
    while (await client.ask("GET", "/readyz")).status == 200:
        assert time.monotonic() < deadline, "a server that can store nothing still calls itself ready"


async def _check(poster: Poster, others: int) -> None:
    """What was acknowledged is there, once and in order, and nothing that was refused."""
    posted = await poster.posted()
    assert [words for words in posted if words in poster.acknowledged] == poster.acknowledged
    assert len(posted) == len(poster.acknowledged) + others
    await poster.client.close()


async def test_a_full_disk_is_said_and_outlived(tmp_path: Path):
    with small_disk(tmp_path / "disk") as folder, Server(folder) as server:
        await _go_through(server, lambda: fill(folder))


async def test_files_that_may_not_grow_are_said_and_outlived(tmp_path: Path):
    with Server(tmp_path / "data") as server:
        await _go_through(server, lambda: forbid_growth(server, tmp_path / "data"))


@pytest.fixture
async def holder(tmp_path: Path) -> AsyncIterator[tuple[Server, apsw.Connection]]:
    """A server, and somebody else who has opened its database."""
    with Server(tmp_path / "data") as server:
        other = apsw.Connection(str(tmp_path / "data" / "linnet.db"))
        other.set_busy_timeout(5_000)
        yield server, other
        other.close()


async def test_a_file_that_somebody_holds_is_waited_for_and_then_said(holder: Any):
    server, other = holder
    poster = Poster(server, server.account("alice"))
    assert (await poster.post()).status == 200
    pids = server.workers()

    other.execute("begin exclusive")
    waiting = asyncio.ensure_future(poster.post())
    reader = Poster(server, poster.client._token or "")
    for _ in range(20):
        assert (await reader.client.ask("GET", "/api/v1/timelines/home")).status == 200
    assert not waiting.done()
    other.execute("rollback")
    assert (await waiting).status == 200

    other.execute("begin exclusive")
    began = time.monotonic()
    reply = await poster.post()
    assert LOCK_SECONDS * 0.9 < time.monotonic() - began < LOCK_SECONDS + 10
    assert "locked" in refusal(reply)
    assert (await reader.client.ask("GET", "/api/v1/timelines/home")).status == 200
    other.execute("rollback")

    await poster.until(200)
    assert await poster.posted() == poster.acknowledged
    assert server.workers() == pids
    await reader.client.close()
    await poster.client.close()
