"""Chooses the number of followers from which posts are merged when they are read: what either way costs, as curves.

``python -m bench.threshold [--out DIR] [--cache DIR]``: a fan-out is timed on a running server, by the number of
followers; reading is timed as a reader of so many authors whose posts are merged. The threshold may lie where a fan-out
still ends within half a second; it should not lie much lower, because every author above it makes every page dearer.
"""

import argparse
import http.client
import json
import sys
import time
from pathlib import Path
from statistics import median

from bench import load, machine, plots
from bench.posting import posted
from bench.reach import fanned_out
from bench.reading import HOME
from bench.seeding import Plan
from bench.setting import Setting, drained, setting

FOLLOWERS = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
AUTHORS = (0, 10, 50, 200, 500)
BAR_SECONDS = 0.5
TIMES = 5


def fan_outs(given: Setting) -> list[float]:
    """Seconds from a post until the last of its author's followers has it."""
    first = len(FOLLOWERS)
    audience = tuple((number, many) for number, many in enumerate(FOLLOWERS))
    plan = Plan(
        "fans", 5_000, readers=first + 20, follows=5, crowd=max(FOLLOWERS), filled=max(FOLLOWERS), audience=audience
    )
    found = []
    with given.server(plan, "--merge-followers", str(10 * max(FOLLOWERS))) as (running, data):
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
        for author, many in enumerate(FOLLOWERS):
            times = []
            for number in range(TIMES):
                began = time.perf_counter()
                id = posted(connection, author, f"To all of you {number}")
                times.append(fanned_out(data, author, int(id), began))
                drained(data)
            found.append(median(times))
            given.say(f"{many:,} followers: {found[-1]:.3f} s")
    return found


def readings(given: Setting) -> list[float]:
    """Ms a page for a reader of so many large authors, by requests/s on one core."""
    found = []
    for many in AUTHORS:
        plan = Plan(f"merged{many}", 20_000, large=many, large_posts=50, large_followed=many)
        with given.server(plan) as (running, _):
            load.read(running.port, 0, [HOME], 1)
            rates = [load.read(running.port, 0, [HOME], given.seconds / 2).per_second for _ in range(given.rounds)]
        found.append(1000 / median(rates))
        given.say(f"a reader of {many} large authors: {found[-1]:.3f} ms")
    return found


def highest(times: list[float]) -> int:
    """The number of followers at which the bar is met, between the two that were measured."""
    for at, seconds in enumerate(times):
        if seconds > BAR_SECONDS:
            if at == 0:
                return 0
            share = (BAR_SECONDS - times[at - 1]) / (seconds - times[at - 1])
            return int(FOLLOWERS[at - 1] + share * (FOLLOWERS[at] - FOLLOWERS[at - 1]))
    return FOLLOWERS[-1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.threshold", description=__doc__)
    parser.add_argument("--out", type=Path, default=machine.ROOT / "bench" / "results")
    parser.add_argument("--cache", type=Path, default=None)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", file=sys.stderr, flush=True)

    with setting(False, chosen.cache or chosen.out / "cache", say) as given:
        times, pages = fan_outs(given), readings(given)
    labels = ("followers", "seconds until the last one has it")
    plots.curves(chosen.out, "fan-out", "Fan-out", FOLLOWERS, {"fan-out": times}, labels, [("bar", BAR_SECONDS)])
    labels = ("large authors followed, and one more", "ms a page")
    plots.curves(chosen.out, "merging", "Home with merged authors", [n + 1 for n in AUTHORS], {"home": pages}, labels)
    kept = {
        "fan_out": dict(zip(map(str, FOLLOWERS), times, strict=True)),
        "reading": dict(zip(map(str, AUTHORS), pages, strict=True)),
        "highest": highest(times),
    }
    (chosen.out / "threshold.json").write_text(json.dumps(kept, indent=1) + "\n")
    print(f"A fan-out ends within {BAR_SECONDS} s up to about {highest(times):,} followers.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
