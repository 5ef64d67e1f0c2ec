"""What must not depend on size: followers, followees, large authors, the number of statuses."""

import contextlib
import http.client
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench import load
from bench.posting import posted
from bench.reading import HOME, PUBLIC
from bench.report import Row, judged
from bench.seeding import Plan, account_id, newest_statuses
from bench.setting import Setting, drained, interleaved
from linnet.domain.site import Limits

THRESHOLD = Limits().merge_followers
FEW, MANY, BELOW = 1, 2, 3
"""Readers with 100 and with 100,000 followers, and with one less than are merged when read."""


def crowd(setting: Setting) -> Plan:
    many = 100_000 if not setting.quick else THRESHOLD + 1_000
    return Plan(
        "crowd", setting.scaled(20_000), crowd=many, filled=min(many, THRESHOLD),
        audience=((FEW, 100 - 50), (MANY, many), (BELOW, THRESHOLD - 1 - 60)), wide=(10, 10_000), narrow=(11, 10),
    )  # fmt: skip


def acknowledgement(setting: Setting) -> list[Row]:
    """The time of an answer, and of the fan-out behind it, by the number of followers."""
    times: dict[int, list[float]] = {FEW: [], MANY: [], BELOW: []}
    fan_outs: list[float] = []
    with setting.server(crowd(setting)) as (running, data):
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        for author in times:
            posted(connection, author, "warming up")
        drained(data)
        for number in range(5 if setting.quick else 40):
            for author, taken in times.items():
                began = time.perf_counter()
                id = posted(connection, author, f"How far does this go? {number}")
                taken.append((time.perf_counter() - began) * 1000)
                if author == BELOW and number % 4 == 0:
                    fan_outs.append(fanned_out(data, author, int(id), began))
                drained(data)
        sizes = followers(data, times)
    few, many, below = (median(times[author]) for author in times)
    ratios = [one / other for one, other in zip(_thirds(times[MANY]), _thirds(times[FEW]), strict=True)]
    setting.say(f"acknowledged in {few:.1f} and {many:.1f} ms; fan-out in {median(fan_outs):.2f} s")
    figures = (
        f"{few:.2f} ms with {sizes[FEW]:,} followers, {many:.2f} ms with {sizes[MANY]:,}, {below:.2f} ms with "
        f"{sizes[BELOW]:,} (medians of {len(times[FEW])})"
    )
    reach = f"{sizes[BELOW]:,} followers, in a process of its own until the last of them has it"
    return [
        judged("ack-followers", "acknowledgement with 100,000 followers beside 100", ratios, 1.3, figures),
        judged("fan-out", f"fan-out just below the threshold ({THRESHOLD:,})", fan_outs, 0.5, reach, unit="s"),
    ]


def _thirds(values: list[float]) -> list[float]:
    """The medians of three parts, as runs."""
    size = max(1, len(values) // 3)
    return [median(values[at : at + size]) for at in range(0, size * 3, size)]


def followers(data: Path, authors: Sequence[int] | dict[int, list[float]]) -> dict[int, int]:
    with contextlib.closing(sqlite3.connect(data / "linnet.db")) as db:
        query = "select followers from accounts where id = ?"
        return {author: db.execute(query, (account_id(author),)).fetchone()[0] for author in authors}


def fanned_out(data: Path, author: int, status: int, began: float) -> float:
    """Seconds until the last follower's timeline has the status."""
    with contextlib.closing(sqlite3.connect(data / "linnet.db", timeout=10)) as db:
        query = "select account_id from follows where target_id = ? order by id desc limit 1"
        (last,) = db.execute(query, (account_id(author),)).fetchone()
        while True:
            seen = db.execute("select 1 from home_entries where account_id = ? and status_id = ?", (last, status))
            if seen.fetchone():
                return time.perf_counter() - began
            if time.perf_counter() - began > 60:
                raise RuntimeError("a fan-out did not end within 60 s")
            time.sleep(0.002)


def pair(setting: Setting, ports: Sequence[int], readers: Sequence[int], paths: Sequence[Sequence[str]]) -> list[float]:
    """How much longer the second takes than the first, by requests/s, in each round."""
    seconds = max(2.0, setting.seconds / 2)

    def measure(at: int) -> float:
        return load.read(ports[at], readers[at], paths[at], seconds).per_second

    for at in (0, 1):
        load.read(ports[at], readers[at], paths[at], 1)
    first, second = interleaved(setting.rounds, [lambda: measure(0), lambda: measure(1)])
    return [one / other for one, other in zip(first, second, strict=True)]


def followees(setting: Setting) -> list[Row]:
    """Reading home as somebody who follows 10 or 10,000."""
    with setting.server(crowd(setting)) as (running, _):
        ratios = pair(setting, [running.port, running.port], [-11, -10], [[HOME], [HOME]])
    setting.say(f"10,000 followees take {median(ratios):.2f} times as long as 10")
    return [judged("followees", "home with 10,000 followees beside 10", ratios, 1.5, "full pages of both")]


def large(setting: Setting) -> list[Row]:
    """A reader of 200 authors above the threshold, beside an ordinary reader of a server without such authors."""
    ordinary = Plan("ordinary", setting.scaled(100_000))
    merged = Plan("large", setting.scaled(100_000), large=400, large_posts=50)
    with setting.server(ordinary) as (here, _), setting.server(merged) as (there, _):
        ratios = pair(setting, [here.port, there.port], [-1, 0], [[HOME], [HOME]])
        # The reader of none of them pays for looking, too.
        others = pair(setting, [here.port, there.port], [-1, -1], [[HOME], [HOME]])
    setting.say(f"a reader of 200 large authors takes {median(ratios):.2f} times as long")
    figures = f"400 large authors with 50 posts each; who follows none of them, on that server: {median(others):.2f} x"
    return [
        judged("large-authors", "home of 200 authors above the threshold beside an ordinary one", ratios, 1.5, figures)
    ]


def size(setting: Setting) -> list[Row]:
    """Reading on a server with 10,000 and with 2,000,000 statuses."""
    few, many = Plan("few", 10_000), Plan("many", setting.scaled(2_000_000))
    rows = []
    with setting.server(few) as (small, here), setting.server(many) as (big, there):
        ones = [[f"/api/v1/statuses/{id}" for id in newest_statuses(data, 100)] for data in (here, there)]
        for name, paths in (("home", [[HOME], [HOME]]), ("public", [[PUBLIC], [PUBLIC]]), ("status", ones)):
            ratios = pair(setting, [small.port, big.port], [200, 200], paths)
            what = f"{name} of 2,000,000 statuses beside 10,000"
            setting.say(f"{what}: {median(ratios):.2f}")
            rows.append(judged(f"size-{name}", what, ratios, 1.5, f"{many.statuses:,} statuses"))
    return rows
