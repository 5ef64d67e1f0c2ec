"""``python -m bench [NAME…] [--quick] [--out DIR]``: measures, prints one table, writes JSON and plots."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import engines, machine, memory, plots, posting, reach, reading, report, searching, streams
from bench.machine import Running
from bench.report import Row
from bench.setting import Setting, setting

ON_MAIN: dict[str, Callable[[Setting, Running, Path], list[Row]]] = {
    "home": reading.home,
    "public": reading.public,
    "status": reading.status,
    "posts": posting.posts,
    "fresh": posting.fresh,
}
"""These share one server, with 200 readers and 200,000 statuses."""
ALONE: dict[str, Callable[[Setting], list[Row]]] = {
    "acknowledgement": reach.acknowledgement,
    "followees": reach.followees,
    "large": reach.large,
    "size": reach.size,
    "search": searching.search,
    "streams": streams.streams,
    "engines": engines.engines,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join([*ON_MAIN, *ALONE])}; all if none")
    parser.add_argument("--quick", action="store_true", help="less of everything: shows that it runs, proves nothing")
    parser.add_argument("--out", type=Path, default=machine.ROOT / "bench" / "results", help="where the results go")
    parser.add_argument("--cache", type=Path, default=None, help="where seeded servers are kept for the next time")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - {*ON_MAIN, *ALONE}
    if unknown:
        parser.error(f"there is no benchmark named {', '.join(sorted(unknown))}")
    return chosen


def measured(given: Setting, names: set[str]) -> list[Row]:
    rows: list[Row] = []
    shared = [work for name, work in ON_MAIN.items() if name in names]
    if shared:
        with given.server(given.main()) as (running, data):
            time.sleep(1)
            rows.append(memory.after_start(running))
            for work in shared:
                rows += work(given, running, data)
            rows.append(memory.after_all(running))
    for name, alone in ALONE.items():
        if name in names:
            rows += alone(given)
    return rows


def main() -> int:
    chosen = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    names = set(chosen.names) or {*ON_MAIN, *ALONE}
    began, busy = time.monotonic(), machine.all_cpu_seconds()
    load = os.getloadavg()[0]

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", file=sys.stderr, flush=True)

    chosen.out.mkdir(parents=True, exist_ok=True)
    cores = f"the server on core {machine.SERVER_CORES}, the load on {machine.LOAD_CORES}"
    say(f"{cores}; load average at the start {load:.1f}")
    with setting(chosen.quick, chosen.cache or chosen.out / "cache", say) as given:
        rows = measured(given, names)
    took = time.monotonic() - began
    used = (machine.all_cpu_seconds() - busy) / took
    noise = (
        f"{cores}; load average {load:.1f} at the start; {used:.2f} of {len(machine.CORES)} cores busy on average; "
        f"{took:.0f} s; rate limits off"
    )
    print(f"\n{report.table(rows)}\n\n{noise}{'; QUICK: these figures prove nothing' if chosen.quick else ''}")
    report.keep(rows, noise, chosen.out)
    plots.overview(rows, chosen.out)
    return 0 if all(row.met for row in rows) or chosen.quick else 1


if __name__ == "__main__":
    sys.exit(main())
