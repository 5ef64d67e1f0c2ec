"""Reading, beside the least that the same server can serve: home, public timeline, one status."""

import http.client
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench import load, machine
from bench.machine import Running
from bench.report import Row, judged
from bench.seeding import newest_statuses, token
from bench.setting import Setting, interleaved

READERS = 200
RATE = 20.0
HOME = "/api/v1/timelines/home"
PUBLIC = "/api/v1/timelines/public"
RATIO_BAR = 0.12
CPU_BAR_MS = 0.28


def answer(port: int, path: str, reader: int = 3) -> tuple[bytes, list[tuple[str, str]]]:
    """The body and the headers that one reader gets."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token(reader)}"})
    got = connection.getresponse()
    body = got.read()
    connection.close()
    if got.status != 200:
        raise RuntimeError(f"{path} answered {got.status}: {body[:200]!r}")
    return body, [(name.lower(), value) for name, value in got.getheaders() if name.lower() not in {"date", "server"}]


def kept_answer(setting: Setting, port: int, path: str) -> Path:
    """That answer as a file, for bench/ceiling.py."""
    body, headers = answer(port, path)
    file = setting.scratch / f"answer{path.replace('/', '-')}"
    lines = "\r\n".join(["200", *(f"{name}: {value}" for name, value in headers)])
    file.write_bytes(lines.encode("latin-1") + b"\r\n\r\n" + body)
    return file


def resting_cpu(running: Running, seconds: float) -> float:
    """CPU seconds a second of a server that nobody asks anything."""
    before = running.cpu_seconds()
    time.sleep(seconds)
    return (running.cpu_seconds() - before) / seconds


def posting_cpu(running: Running, seconds: float) -> float:
    """CPU seconds a second of a server that only takes the steady posts and does their jobs."""
    with load.Steady(running.port, RATE):
        time.sleep(0.5)
        return resting_cpu(running, seconds)


def row(setting: Setting, running: Running, name: str, what: str, paths: Sequence[str]) -> list[Row]:
    """Two rows: requests a second beside the ceiling's, and CPU a request."""
    posting = posting_cpu(running, setting.seconds)
    requests: list[load.Reading] = []
    spent: list[float] = []

    def linnet() -> float:
        with load.Steady(running.port, RATE):
            time.sleep(0.3)
            before, began = running.cpu_seconds(), time.monotonic()
            reading = load.read(running.port, READERS, paths, setting.seconds)
            cpu = running.cpu_seconds() - before - posting * (time.monotonic() - began)
        requests.append(reading)
        spent.append(cpu / reading.requests * 1000)
        return reading.per_second

    with machine.ceiling(kept_answer(setting, running.port, paths[0])) as bare:
        load.read(running.port, READERS, paths, 1)

        def ceiling() -> float:
            return load.read(bare.port, READERS, paths, setting.seconds).per_second

        ours, most = interleaved(setting.rounds, [linnet, ceiling])
        size = len(answer(running.port, paths[0])[0])
    ratios = [one / other for one, other in zip(ours, most, strict=True)]
    figures = (
        f"{median(ours):,.0f} requests/s beside {median(most):,.0f} with {RATE:.0f} posts/s; {size / 1024:.1f} KiB; "
        f"p50 {median(one.p50 for one in requests):.1f} ms, p99 {median(one.p99 for one in requests):.1f} ms"
    )
    setting.say(f"{what}: {median(ratios):.3f} of the ceiling, {median(spent):.3f} ms")
    cpu_figures = f"the posts' share, {posting * 1000:.1f} ms/s (rest included), is taken off"
    return [
        judged(f"{name}", f"{what}: requests/s beside the ceiling", ratios, RATIO_BAR, figures, lowest=True),
        judged(f"{name}-cpu", f"{what}: server CPU a request", spent, CPU_BAR_MS, cpu_figures, unit="ms"),
    ]


def home(setting: Setting, running: Running, data: Path) -> list[Row]:
    return row(setting, running, "home", "home timeline, 20 statuses", [HOME])


def public(setting: Setting, running: Running, data: Path) -> list[Row]:
    return row(setting, running, "public", "public timeline, 20 statuses", [PUBLIC])


def status(setting: Setting, running: Running, data: Path) -> list[Row]:
    paths = [f"/api/v1/statuses/{id}" for id in newest_statuses(data, 100)]
    return row(setting, running, "status", "one status", paths)
