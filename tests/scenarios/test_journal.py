"""PostgreSQL is killed under posts through two servers: posts go on, and each is in the database once afterwards."""

import asyncio
import itertools
import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.support.etcd import running_etcd, url_of
from tests.support.postgres import Server as Postgres
from tests.support.server import Server, until

pytestmark = [pytest.mark.alone, pytest.mark.drill]

RATE = 15
SECONDS_MAX = 2.0
"""Nobody may be without an acknowledgement for longer: far more than it takes where the machine has nothing else to do
(docs/decisions/0021-the-journal.md tells what was measured)."""


@dataclass
class Poster:
    """Posts at a steady rate, in turns through both servers; a quarter is asked for again on the other one.

    ``acknowledged`` has (when, number, id) of each answer.
    """

    urls: tuple[str, str]
    tokens: list[str]
    acknowledged: list[tuple[float, int, str]] = field(default_factory=list)
    refused: list[object] = field(default_factory=list)
    sent: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Poster":
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        assert self._thread is not None
        self._thread.join(90)

    def more(self, posts: int, seconds: float = 30.0) -> None:
        """Returns when so many more were acknowledged."""
        target = len(self.acknowledged) + posts
        until(lambda: len(self.acknowledged) >= target, seconds, f"{posts} more posts")

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        began, tasks = loop.time(), set()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            while not self._stopping.is_set():
                number, self.sent = self.sent, self.sent + 1
                tasks.add(loop.create_task(self._post(session, number, number % 2)))
                if number % 4 == 0:
                    tasks.add(loop.create_task(self._post(session, number, 1 - number % 2)))
                await asyncio.wait(tasks, timeout=max(0.001, began + self.sent / RATE - loop.time()))
            await asyncio.gather(*tasks)

    async def _post(self, session: aiohttp.ClientSession, number: int, where: int) -> None:
        headers = {
            "Authorization": f"Bearer {self.tokens[number % len(self.tokens)]}", "Idempotency-Key": f"post {number}",
        }  # fmt: skip
        answers: list[object] = []
        for attempt in range(2):
            url = f"{self.urls[(where + attempt) % 2]}/api/v1/statuses"
            asked = session.post(url, json={"status": f"post {number}"}, headers=headers)
            async with asyncio.timeout(60), asked as response:
                answer = await response.read()
                if response.status == 200:
                    self.acknowledged.append((time.monotonic(), number, json.loads(answer)["id"]))
                    return
                answers.append((number, response.status, answer))
        self.refused += answers

    def longest_silence(self) -> float:
        times = sorted(at for at, _, _ in self.acknowledged)
        return max(later - earlier for earlier, later in itertools.pairwise(times))


@pytest.fixture
def servers(primary: Postgres, standby: Postgres, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    database = f"postgresql://postgres@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/postgres"
    with running_etcd() as members:
        options = ("--database", database, "--journal", url_of(members), "--rate-limits", "off")
        with Server(tmp_path / "one", *options) as one:
            other = Server(tmp_path / "other", *options)
            other.origin = one.origin
            secrets = tmp_path / "other" / "secrets"
            secrets.mkdir(mode=0o700, parents=True)
            shutil.copy2(tmp_path / "one" / "secrets" / "vault.key", secrets)
            with other:
                yield one, other


async def _stored(primary: Postgres) -> tuple[dict[int, str], dict[int, int]]:
    connection = await asyncpg.connect(primary.url())
    rows = await connection.fetch("select status_id, text from status_contents")
    aliases = await connection.fetch("select id, status_id from status_aliases")
    await connection.close()
    return {row[0]: row[1] for row in rows}, {row[0]: row[1] for row in aliases}


def test_posts_go_on_without_a_primary_and_are_there_once(primary: Postgres, servers: tuple[Server, Server]):
    one, other = servers
    tokens = [one.account(name) for name in ("alice", "bob", "carol")]
    with Poster((one.url, other.url), tokens) as poster:
        poster.more(40)
        for _ in range(2):
            primary.kill()
            poster.more(60)
            assert "linnet_breaker_open" in one.get("/metrics")[1].decode()
            primary.start()
            poster.more(60)
            until(lambda: _waiting(one) == 0, 30, "the drain")
    assert poster.refused == []
    assert poster.longest_silence() < SECONDS_MAX
    until(lambda: len(asyncio.run(_stored(primary))[0]) >= poster.sent, 30, "every post in the database")
    stored, aliases = asyncio.run(_stored(primary))
    assert sorted(stored.values()) == sorted(f"post {number}" for number in range(poster.sent))
    for _, number, id in poster.acknowledged:
        assert stored[aliases.get(int(id), int(id))] == f"post {number}"
    said = one.log() + other.log()
    for sentence in ("breaker_opened", "breaker_closed", "journal_drained"):
        assert sentence in said
    assert other.get(f"/api/v1/statuses/{poster.acknowledged[-1][2]}")[0] == 200


def _waiting(server: Server) -> float:
    lines = server.get("/metrics")[1].decode().splitlines()
    open_, entries = (
        max(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"linnet_{name}{{"))
        for name in ("breaker_open", "journal_entries")
    )
    return open_ + entries
