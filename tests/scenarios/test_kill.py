"""kill -9 in the middle of posting: whatever was acknowledged is there, once, with all that follows from it."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import apsw
import pytest

from tests.support.server import Server, until

KILLS = 10
CONNECTIONS = 16
POSTS_BEFORE_A_KILL = (120, 400)
FOLLOWERS = 3


@dataclass
class Ledger:
    """What the posters were told. ``unknown`` were sent and not answered: they may be there or not, but never twice."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    goal: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def acknowledge(self, key: str, id: str) -> None:
        self.acknowledged[key] = id
        self.unknown.discard(key)
        if len(self.acknowledged) >= self.goal:
            self.reached.set()


async def _poster(session: aiohttp.ClientSession, server: Server, token: str, name: str, ledger: Ledger) -> None:
    """Posts until the server is gone. A key that was not answered is sent again after the restart, as clients do."""
    number = 0
    while True:
        key = f"{name}-{number}"
        number += 1
        ledger.unknown.add(key)
        if not await _post(session, server, token, key, ledger):
            return


async def _post(session: aiohttp.ClientSession, server: Server, token: str, key: str, ledger: Ledger) -> bool:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    body = {"status": f"{key} for @reader0"}
    try:
        async with session.post(f"{server.origin}/api/v1/statuses", json=body, headers=headers) as answer:
            if answer.status != 200:
                return False
            ledger.acknowledge(key, (await answer.json())["id"])
            return True
    except (aiohttp.ClientError, OSError):
        return False


async def _round(server: Server, tokens: list[str], number: int, ledger: Ledger, posts: int) -> None:
    """Posts from all connections at once, and kills everything when so many more have been acknowledged."""
    ledger.goal = len(ledger.acknowledged) + posts
    ledger.reached.clear()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        posters = [
            asyncio.create_task(_poster(session, server, tokens[i % len(tokens)], f"r{number}c{i}", ledger))
            for i in range(CONNECTIONS)
        ]
        async with asyncio.timeout(120):
            await ledger.reached.wait()
        server.kill()
        await asyncio.gather(*posters)


async def _repeat_unanswered(server: Server, tokens: list[str], ledger: Ledger) -> None:
    async with aiohttp.ClientSession() as session:
        for key in sorted(ledger.unknown):
            token = tokens[int(key.partition("c")[2].partition("-")[0]) % len(tokens)]
            assert await _post(session, server, token, key, ledger), f"{key} could not be sent again"


async def _pages(session: aiohttp.ClientSession, url: str, token: str) -> list[dict[str, Any]]:
    """All pages, from the newest to the oldest."""
    found: list[dict[str, Any]] = []
    following: Any = url
    while following:
        async with session.get(following, headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.status == 200, await answer.text()
            page = await answer.json()
            found += page
            following = answer.links["next"]["url"] if page and "next" in answer.links else None
    return found


def _settled(database: Path) -> bool:
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute("select count(*) from jobs where kind = 'status.posted'").get == 0
    finally:
        connection.close()


async def _everything_follows(server: Server, readers: list[str], ledger: Ledger) -> None:
    """Every acknowledged post once on each follower's home, and its mention notified once."""
    ids = set(ledger.acknowledged.values())
    async with aiohttp.ClientSession() as session:
        for reader in readers:
            home = Counter(
                one["id"] for one in await _pages(session, f"{server.origin}/api/v1/timelines/home?limit=40", reader)
            )
            assert ids - home.keys() == set(), "acknowledged posts are missing from a follower's home"
            assert [id for id, times in home.items() if times > 1] == []
            assert home.keys() - ids == set(), "a post is there that nobody was told of, although all were sent again"
        url = f"{server.origin}/api/v1/notifications?limit=80&types[]=mention"
        told = Counter(one["status"]["id"] for one in await _pages(session, url, readers[0]))
        assert ids - told.keys() == set(), "mentions of acknowledged posts were not notified"
        assert [id for id, times in told.items() if times > 1] == []


def _nothing_lost_in_the_file(database: Path, ledger: Ledger) -> None:
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    assert connection.pragma("integrity_check") == "ok"
    texts = [row[0].partition(" ")[0] for row in connection.execute("select text from status_contents")]
    assert Counter(texts) == Counter(ledger.acknowledged.keys()), "a post is missing, or is there twice"
    assert connection.execute("select count(*) from jobs where dead_at is not null").get == 0
    connection.close()


def _prepare(server: Server) -> tuple[list[str], list[str]]:
    """Two authors and their followers; the tokens of each."""
    names = ["author0", "author1", *(f"reader{number}" for number in range(FOLLOWERS))]
    tokens = {name: server.account(name) for name in names}
    for reader in names[2:]:
        for author in names[:2]:
            found = json.loads(server.get(f"/api/v1/accounts/lookup?acct={author}", tokens[reader])[1])
            status, body = server.ask("POST", f"/api/v1/accounts/{found['id']}/follow", tokens[reader])
            assert status == 200, body
    return [tokens[name] for name in names[:2]], [tokens[name] for name in names[2:]]


@pytest.mark.drill
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_nothing_acknowledged_is_lost_by_ten_kills(tmp_path: Path, workers: str):
    chance = random.Random(4711)
    ledger = Ledger()
    with Server(tmp_path / "data", "--rate-limits", "off", "--workers", workers) as server:
        authors, readers = await asyncio.to_thread(_prepare, server)
        for number in range(KILLS if workers == "1" else 3):
            await _round(server, authors, number, ledger, chance.randint(*POSTS_BEFORE_A_KILL) // int(workers))
            await asyncio.to_thread(server.start)
            await _repeat_unanswered(server, authors, ledger)
        await asyncio.to_thread(until, lambda: _settled(server.data_dir / "linnet.db"), 60, "the end of all fan-out")
        await _everything_follows(server, readers, ledger)
        assert await asyncio.to_thread(server.stop) == 0
    _nothing_lost_in_the_file(tmp_path / "data" / "linnet.db", ledger)
    print(f"{len(ledger.acknowledged)} acknowledged posts, {workers} worker(s), 0 lost, 0 doubled")
