"""A drill that harms nothing: loads a server or a cluster that runs, looks on, and verifies what it was told."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from linnet import __version__
from linnet.drill import judging
from linnet.drill.client import Client
from linnet.drill.findings import Finding
from linnet.drill.judging import HOME_ENTRIES
from linnet.drill.load import Load, NotServing, Pace
from linnet.drill.people import acquainted
from linnet.drill.records import Evidence
from linnet.drill.report import Report
from linnet.drill.screen import Screen
from linnet.drill.verify import verify
from linnet.supervision import Tasks
from linnet.system import SystemClock

BROKEN, NOT_SHOWN = 1, 75
"""Exit codes: a promise was broken; none was, but not everything could be verified (sysexits.h: try again)."""
SHOW_SECONDS = 0.25
PATIENCE_SECONDS = 60.0
"""For what is still to come when the load has ended; less if nothing comes any more."""


async def run(
    endpoints: Sequence[str],
    tokens: Sequence[str],
    pace: Pace,
    seconds: float,
    folder: Path,
    *,
    screen: Screen | None = None,
    home_entries: int = HOME_ENTRIES,
    patience_s: float = PATIENCE_SECONDS,
) -> int:
    """The exit code. Raises NotAcquainted, NotServing where nothing could be begun.

    Asked to end (SIGINT, SIGTERM) while it loads, it verifies what there is; asked again, it reports what it knows.
    """
    screen = screen or Screen(sys.stderr)
    clock = SystemClock()
    report = Report(folder, f"Drill against {', '.join(endpoints)}", {"Linnet (the drill's)": __version__})
    asked = _Asked()
    async with Client(endpoints, clock) as client:
        people = await acquainted(client, tokens, screen.say)
    tasks = Tasks()
    load = Load(endpoints, people, pace, folder / "load", clock=clock)
    try:
        async with load:
            warming = tasks.start("warm", load.warm())
            if not await asked.outlived_by(warming):
                raise NotServing("it was asked to end before it had begun")
            warming.result()
            tasks.start("screen", _showing(screen, load, clock))
            if await asked.within(seconds):
                report.notes.append("It was asked to end before its time.")
                screen.say("ending: what was acknowledged so far is verified (again Ctrl-C: is not)")
            if not await asked.outlived_by(tasks.start("stop", load.stop())):
                await load.abandon()
    finally:
        await tasks.close()
        screen.clear()
    evidence = load.evidence()
    verifying = tasks.start(
        "verify", verify(evidence, home_entries=home_entries, patience_s=patience_s, say=screen.say, clock=clock)
    )
    if await asked.outlived_by(verifying):
        findings = verifying.result()
    else:
        await tasks.close()
        report.notes.append("It was ended before everything was verified; the ledger has what was acknowledged.")
        findings = judging.unverified(evidence, "ended before its time")
    return _told(report, evidence, findings, screen)


async def _showing(screen: Screen, load: Load, clock: SystemClock) -> None:
    while True:
        screen.show(load.figures(), "load")
        await clock.sleep(SHOW_SECONDS)


def _told(report: Report, evidence: Evidence, findings: list[Finding], screen: Screen) -> int:
    report.add("load", evidence, findings)
    screen.say(report.table())
    for finding in findings:
        for line in finding.evidence if finding.kept is False else ():
            screen.say(f"  {line}")
    screen.say(f"{_VERDICTS[report.verdict]} The report is {report.folder / 'report.html'}.")
    screen.close()
    return BROKEN if report.broken else 0 if report.verdict else NOT_SHOWN


_VERDICTS = {
    True: "Every promise that can be looked at from outside was kept.",
    False: "A promise was broken.",
    None: "Not everything could be verified.",
}


class _Asked:
    """Whether somebody wants it to end."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self._hasty = False
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.event.set)

    async def within(self, seconds: float) -> bool:
        """Waits, until it is over or somebody asks; whether they did."""
        try:
            async with asyncio.timeout(seconds):
                await self.event.wait()
        except TimeoutError:
            return False
        return True

    async def outlived_by(self, task: "asyncio.Task[Any]") -> bool:
        """Waits for the task; False as soon as somebody does not want to wait, and from then on."""
        if self._hasty:
            return False
        self.event.clear()
        asking = asyncio.get_running_loop().create_task(self.event.wait())
        await asyncio.wait((task, asking), return_when=asyncio.FIRST_COMPLETED)
        asking.cancel()
        self._hasty = not task.done()
        return task.done()
