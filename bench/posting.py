"""Posting: beside a bare loop on the same disk, with the jobs that follow, and until it stands on a follower's home."""

import http.client
import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench import load, machine
from bench.load import Posting
from bench.machine import Running
from bench.reading import HOME, answer
from bench.report import Row, judged
from bench.seeding import account_id, token
from bench.setting import Setting, backlog, drained, interleaved

CONNECTIONS = 16


def bare_loop(setting: Setting, file: Path, *, whole: bool) -> float:
    """Posts a second of bench/post_ceiling.py, on the server's core."""
    command = [
        sys.executable, "-m", "bench.post_ceiling", str(file), str(setting.seconds), str(CONNECTIONS), str(int(whole)),
    ]  # fmt: skip
    with machine.on_cores(machine.SERVER_CORES):
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=machine.ROOT)
    found = json.loads(done.stdout)
    return float(found["posts"] / found["seconds"])


class Acknowledged:
    """One run of posts as fast as they are answered; then the jobs are waited for."""

    def __init__(self, running: Running, data: Path) -> None:
        self._running = running
        self._data = data
        self.postings: list[Posting] = []
        self.cpu_ms: list[float] = []
        self.growth: list[float] = []
        self.catching_up: list[float] = []

    def run(self, seconds: float) -> float:
        before = self._running.cpu_seconds()
        samples: list[tuple[float, int]] = []
        with load.Poster(self._running.port, connections=CONNECTIONS, seconds=seconds) as poster:
            time.sleep(1.0)  # it starts meanwhile; from here on the backlog should be what it is
            until = time.monotonic() + seconds - 0.5
            while time.monotonic() < until:
                samples.append((time.monotonic(), backlog(self._data)))
                time.sleep(0.1)
            posting = poster.result()
        self.catching_up.append(drained(self._data))
        self.postings.append(posting)
        self.cpu_ms.append((self._running.cpu_seconds() - before) / posting.posts * 1000)
        (first, few), (last, many) = samples[len(samples) // 4], samples[-1]
        self.growth.append(max(0.0, (many - few) / (last - first)) / posting.per_second)
        return posting.per_second


def posts(setting: Setting, running: Running, data: Path) -> list[Row]:
    """The acknowledged posts beside the bare loop, and what they cost."""
    copy = setting.data(replace(setting.main(), name="ceiling"))
    run = Acknowledged(running, data)
    load.post(running.port, connections=CONNECTIONS, seconds=1)
    drained(data)
    ours, bare, whole = interleaved(
        setting.rounds,
        [
            lambda: run.run(setting.seconds),
            lambda: bare_loop(setting, copy / "linnet.db", whole=False),
            lambda: bare_loop(setting, copy / "linnet.db", whole=True),
        ],
    )
    shutil.rmtree(copy)
    p99 = [one.p99 for one in run.postings]
    ratios = [one / other for one, other in zip(ours, whole, strict=True)]
    alone = [one / other for one, other in zip(ours, bare, strict=True)]
    setting.say(f"acknowledged posts: {median(ours):,.0f}/s, {median(ratios):.2f} of the whole loop")
    rate = f"{median(ours):,.0f} posts/s, p50 {median(one.p50 for one in run.postings):.1f} ms"
    waiting = f"the jobs were done {median(run.catching_up):.2f} s after the last post"
    what = "acknowledged posts, 16 connections, beside a bare loop that does "
    return [
        judged(
            "posts", f"{what}the inserts of the posts and of their jobs", ratios, 0.4,
            f"{rate}, beside {median(whole):,.0f}/s; a loop that never does a job, {median(bare):,.0f}/s: "
            f"{median(alone):.2f}, where one that keeps up with its jobs reaches "
            f"{median(one / other for one, other in zip(whole, bare, strict=True)):.2f}", lowest=True,
        ),
        judged("posts-p99", "the slowest 1 % of them", p99, 100, "", unit="ms"),
        judged("posts-backlog", "jobs left over at that rate, of each post", run.growth, 0.02, waiting, unit="jobs"),
        judged("posts-cpu", "server CPU a post with its jobs", run.cpu_ms, 1.2, "50 followers each", unit="ms"),
    ]  # fmt: skip


def fresh(setting: Setting, running: Running, data: Path) -> list[Row]:
    """From sending a post until a follower's home has it, at half of the rate that is acknowledged at most."""
    rate = load.post(running.port, connections=CONNECTIONS, seconds=setting.seconds).per_second / 2
    drained(data)
    author, follower = 0, follower_of(running.port, 0)
    times: list[float] = []
    with load.Poster(running.port, connections=CONNECTIONS, seconds=3_600, rate=rate, readers=(100, 200)) as poster:
        time.sleep(1.0)
        for number in range(10 if setting.quick else 60):
            times.append(until_seen(running.port, author, follower, number) * 1000)
            time.sleep(0.02)
        poster.end()
    drained(data)
    setting.say(f"on a follower's home after {median(times):.0f} ms, at {rate:,.0f} posts/s")
    ordered = sorted(times)
    figures = f"at {rate:,.0f} posts/s; nine of ten within {ordered[int(len(times) * 0.9)]:.0f} ms"
    return [judged("fresh", "from sending a post until a follower's home has it", times, 50, figures, unit="ms")]


def follower_of(port: int, author: int) -> int:
    """One of the readers who follow this one."""
    body, _ = answer(port, f"/api/v1/accounts/{account_id(author)}/followers?limit=80")
    return next(int(one["username"].removeprefix("person")) for one in json.loads(body))


def until_seen(port: int, author: int, follower: int, number: int) -> float:
    """Seconds from the request to the first home timeline with the post."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    began = time.perf_counter()
    id = posted(connection, author, f"Is it there yet? {number}")
    while time.perf_counter() - began < 30:
        connection.request("GET", f"{HOME}?limit=40", headers={"Authorization": f"Bearer {token(follower)}"})
        if b'"id":"%s"' % id.encode() in connection.getresponse().read():
            return time.perf_counter() - began
    raise RuntimeError("a post was not on a follower's home within 30 s")


def posted(connection: http.client.HTTPConnection, author: int, text: str) -> str:
    """The new status's id."""
    headers = {"Authorization": f"Bearer {token(author)}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/statuses", json.dumps({"status": text}), headers)
    got = connection.getresponse()
    body = got.read()
    if got.status != 200:
        raise RuntimeError(f"a post was answered with {got.status}: {body[:200]!r}")
    return str(json.loads(body)["id"])
