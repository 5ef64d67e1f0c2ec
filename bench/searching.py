"""Searching 200,000 posts, a third of them Japanese; and what filing a post for search adds to its cost."""

import asyncio
import http.client
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any, NoReturn
from unittest import mock
from urllib.parse import quote

from bench.poster import TEXTS
from bench.report import Row, judged
from bench.seeding import JAPANESE, ORIGIN, Plan, account_id, token
from bench.setting import Setting
from linnet.actions import statuses, timelines
from linnet.domain.site import Site
from linnet.domain.statuses import Draft
from linnet.storage import jobs
from linnet.storage.database import Database, Operation, Writer
from linnet.storage.sqlite import SqliteDatabase
from linnet.system import IdMaker, SystemClock

QUERIES = (
    "coffee", "morning coffee", "velvet ladder orchard", "unheard",
    "東京", "図書館で本を", "鳥", "京都 coffee",
    "冬の物語", "from:person7", "from:person7 coffee", "from:me is:reply",
    "is:reply lang:ja 東京", "coffee -morning -train", '"morning coffee"', '"velvet ladder"',
    '"電車図書館で"', "lang:ja -東京", "to:me", "in:library river",
    "has:media", "before:2030-01-01 letter", "after:2020-01-01 -lang:en", "is:reblog coffee from:person9",
)  # fmt: skip
BATCH = 16


def search(setting: Setting) -> list[Row]:
    plan = Plan("searched", setting.scaled(200_000), search=True, japanese=3)
    with setting.server(plan) as (running, _):
        times = answer_times(running.port, 2 if setting.quick else 20)
    slow = max(times, key=lambda text: median(times[text]))
    every = sorted(time for found in times.values() for time in found)
    p95 = every[int(len(every) * 0.95)]
    setting.say(f"searches: p95 {p95:.1f} ms; the slowest is {slow!r} with {median(times[slow]):.1f} ms")
    figures = (
        f"{len(QUERIES)} kinds of search by 20 readers, {plan.statuses:,} posts; p50 {median(every):.1f} ms; "
        f"slowest kind {slow}: {median(times[slow]):.1f} ms"
    )
    ratios = filing(setting)
    return [
        judged("search", "a search, the slowest of 20", [p95], 25, figures, unit="ms"),
        judged("search-filing", "a post with its jobs beside one that is not filed for search", ratios, 1.3,
               f"CPU in one process, {'Japanese every third'}"),
    ]  # fmt: skip


def answer_times(port: int, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each kind of search, each by another reader."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    times: dict[str, list[float]] = {text: [] for text in QUERIES}
    for reader in range(rounds):
        for text, found in times.items():
            began = time.perf_counter()
            connection.request(
                "GET", f"/api/v2/search?type=statuses&q={quote(text)}",
                headers={"Authorization": f"Bearer {token(reader)}"},
            )  # fmt: skip
            got = connection.getresponse()
            body = got.read()
            if got.status != 200:
                raise RuntimeError(f"{text} was answered with {got.status}: {body[:200]!r}")
            json.loads(body)
            found.append((time.perf_counter() - began) * 1000)
    return times


def filing(setting: Setting) -> list[float]:
    """CPU of posts with their jobs, filed for search, beside those that are not; one of each in turn."""
    data = setting.data(Plan("searched", setting.scaled(200_000), search=True, japanese=3))
    return asyncio.run(_filing(data / "linnet.db", setting.rounds, setting.scaled(4_000) // BATCH))


async def _filing(file: Path, rounds: int, batches: int) -> list[float]:
    clock = SystemClock()
    ids = IdMaker(clock, 0, 0)
    database = SqliteDatabase(file, clock, ids, fatal=_fatal)
    ratios = []
    try:
        await _posts(database, batches // 4, ids.next)
        for _ in range(rounds):
            filed = await _posts(database, batches, ids.next)
            with mock.patch("linnet.storage.search.index", _not_filed):
                ratios.append(filed / await _posts(database, batches, ids.next))
    finally:
        await database.close()
    return ratios


def _fatal(why: str) -> NoReturn:
    raise SystemExit(why)


async def _not_filed(tx: Writer, ids: Any) -> None:
    """What filing for search is measured against."""


async def _posts(database: Database, batches: int, number: Callable[[], int]) -> float:
    """CPU seconds of so many batches of posts that share their commits, each followed by its jobs."""
    site = Site(ORIGIN)
    began = time.process_time()
    for _ in range(batches):
        await asyncio.gather(*(_post(database, site, number()) for _ in range(BATCH)))
        await database.write(_work)
    return time.process_time() - began


def _post(database: Database, site: Site, number: int) -> Awaitable[int]:
    text = f"{TEXTS[number % len(TEXTS)]} {number}"
    if number % 3 == 0:
        text = "".join(JAPANESE[(number // 3 + n * 7) % len(JAPANESE)] for n in range(12))
    return statuses.post(database, site, account_id(number % 200), Draft(text), Operation(f"bench:{number}"))


async def _work(tx: Writer) -> None:
    taken = await jobs.take(tx, "status.posted", 2 * BATCH)
    await jobs.done(tx, await timelines.fan_out_together(tx, taken))
