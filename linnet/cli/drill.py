"""``linnet cluster drill``: three nodes on this machine under load, harmed in every way; were the promises kept?"""

import argparse
import asyncio
import importlib.metadata
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from linnet import __version__, telemetry
from linnet.cli.ending import CANNOT_CREATE, CONFIGURATION, TRY_AGAIN, UNAVAILABLE, USAGE, Ending
from linnet.cli.printing import table
from linnet.cluster import programs
from linnet.config import Config
from linnet.domain.errors import LinnetError
from linnet.drill import against, stage
from linnet.drill.faults import FAULTS, Fault, chosen
from linnet.drill.load import NotServing, Pace
from linnet.drill.network import NetworkFailed
from linnet.drill.people import NotAcquainted
from linnet.drill.report import FILE, Unlike
from linnet.drill.run import Drill, Wanted
from linnet.drill.scene import CommandFailed, NotWhole
from linnet.drill.screen import Screen
from linnet.system import SystemClock

SIGN_INS = 0.5
"""Apps that sign in a second, in a cluster of the drill's own: there, no limit of the server's is in their way."""


def run(config: Config, given: argparse.Namespace) -> int:
    """The exit code: 0 where every promise was kept. Raises Ending."""
    if given.list:
        table(("FAULT", "WHAT HAPPENS"), ((fault.name, fault.says) for fault in FAULTS.values()))
        return 0
    faults = _faults(given.fault or ())
    if given.resume and (given.against or not given.report):
        raise Ending(USAGE, "Which drill shall go on? Give the folder of its report: --report DIR.")
    if given.against:
        return _against(given)
    if given.inside:
        return _inside(given, faults)
    telemetry.set_up_logs(config.log_level, config.log_format)
    try:
        programs.find(Path(os.devnull))
    except LinnetError as error:
        raise Ending(UNAVAILABLE, f"{error}.") from None
    found = stage.choose(loopback=given.loopback)
    if found.why:
        print(f"linnet: not everything can be tried here ({found.why})", file=sys.stderr)
    report = given.report or f"drill-{_stamp()}"
    if (Path(report) / FILE).exists() and not given.resume:
        raise Ending(CANNOT_CREATE, f"{report} has the report of a drill: go on with it (--resume), or take another.")
    folder = stage.new_folder()
    inner = ("--inside", found.kind, "--stage", str(folder), "--report", str(Path(report).absolute()))
    code = stage.play(found, [sys.executable, "-P", "-m", "linnet", *given.given, *inner], folder)
    print(f"The report is in {report}/report.html and report.json.", file=sys.stderr)
    return code


def _faults(names: Sequence[str]) -> list[Fault]:
    try:
        return chosen([name for given in names for name in given.split(",")])
    except KeyError as error:
        raise Ending(USAGE, f"There is no fault called {error.args[0]} (see `linnet cluster drill --list`).") from None


def _pace(given: argparse.Namespace) -> Pace:
    if given.rate <= 0 or given.reads < 0:
        raise Ending(USAGE, "A drill needs some posts a second (--rate), and reads (--reads) may be none.")
    return Pace(given.rate, given.reads)


def _inside(given: argparse.Namespace, faults: list[Fault]) -> int:
    """Behind the stage's door: here everything may be harmed."""
    pace = _pace(given)._replace(sign_ins=SIGN_INS)
    wanted = Wanted(
        faults, given.runs, pace, Path(given.report), Path(given.stage), given.inside, given.keep, _versions(),
        given.resume,
    )  # fmt: skip
    screen = Screen(sys.stderr)
    screen.say(f"{given.rate:g} posts and {given.reads:g} reads a second, {given.runs} of each of {len(faults)} faults")
    try:
        return {True: 0, False: against.BROKEN, None: against.NOT_SHOWN}[asyncio.run(_played(Drill(wanted, screen)))]
    except (NotWhole, CommandFailed, NetworkFailed, NotAcquainted) as error:
        raise Ending(UNAVAILABLE, f"The cluster could not be brought up: {error}.") from None
    except Unlike as error:
        raise Ending(CONFIGURATION, f"{error}: take another folder for the report.") from None
    except asyncio.CancelledError:
        raise Ending(TRY_AGAIN, "The drill was ended before its time.") from None
    finally:
        screen.close()


async def _played(drill: Drill) -> bool | None:
    """Asked to end, it ends as after an error: what was measured so far stands in the report."""
    playing = asyncio.current_task()
    assert playing is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)
    return await drill.play()


def _against(given: argparse.Namespace) -> int:
    tokens = _tokens(given.tokens)
    folder = Path(given.report or f"drill-{_stamp()}")
    endpoints = [endpoint for endpoint in given.against.split(",") if endpoint]
    wrong = [endpoint for endpoint in endpoints if not endpoint.startswith(("http://", "https://"))]
    if wrong or not endpoints:
        raise Ending(USAGE, f"{(wrong or [given.against])[0]!r} is not like https://social.example.")
    try:
        return asyncio.run(against.run(endpoints, tokens, _pace(given), given.seconds, folder))
    except (NotAcquainted, NotServing) as error:
        raise Ending(UNAVAILABLE, f"The drill could not begin: {error}.") from None
    except FileExistsError as error:
        raise Ending(
            CANNOT_CREATE, f"{error.filename} is there already: each drill wants a folder of its own."
        ) from None


def _tokens(file: str | None) -> list[str]:
    """One a line, from a file: what stands on a command line is seen by everybody on the machine. Raises Ending."""
    if not file:
        raise Ending(USAGE, "Whom should it post as? Give a file with access tokens, one a line: --tokens FILE.")
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Ending(CONFIGURATION, f"The tokens in {file} cannot be read: {error}.") from None
    return text.split()


def _versions() -> dict[str, str]:
    """Of everything that is on the stage."""
    found = {"Linnet": __version__, "Python": platform.python_version(), "Linux": platform.release()}
    found["processors"] = str(os.cpu_count())
    binaries = programs.find(Path(os.devnull))
    asked = {"etcd": (binaries.etcd, "--version"), "HAProxy": (binaries.haproxy, "-v")}
    asked["PostgreSQL"] = (str(Path(binaries.postgres) / "postgres"), "--version")
    for name, command in asked.items():
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout
        found[name] = said.partition("\n")[0].strip()
    found["Patroni"] = importlib.metadata.version("patroni")
    return found


def _stamp() -> str:
    return datetime.fromtimestamp(SystemClock().now_ms() // 1000, UTC).strftime("%Y%m%d-%H%M%S")
