"""``linnet database migrate`` and ``check``: the schema, and whether everything is whole."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator

from linnet import telemetry
from linnet.actions import repairs
from linnet.cli.data_directory import DataDirectory
from linnet.cli.ending import BAD_DATA, UNAVAILABLE, Ending
from linnet.cli.opening import Ids, Opened, open_engine
from linnet.cli.printing import Progress
from linnet.cli.running import on_data
from linnet.config import Config
from linnet.domain.errors import Unavailable
from linnet.queries import wholeness
from linnet.storage import jobs, schema, sqlite_files
from linnet.system import SystemChance, SystemClock


def migrate(config: Config, chosen: argparse.Namespace) -> None:
    """Also what may only run when no older version does; while a server runs on this folder, that part waits."""
    directory = DataDirectory(config.data)
    directory.prepare()
    telemetry.set_up_logs("warning", config.log_format)

    async def run(alone: bool) -> tuple[str, ...]:
        async def nobody_else() -> bool:
            return alone

        clock = SystemClock()
        database = open_engine(config, directory, clock, Ids(SystemChance()))
        try:
            return await schema.migrate(database, clock, alone=nobody_else)
        finally:
            await database.close()

    try:
        with directory.serving() as alone:
            done = asyncio.run(run(alone))
    except schema.SchemaRefused as error:
        raise Ending(BAD_DATA, str(error)) from error
    except Unavailable as error:
        raise Ending(UNAVAILABLE, f"{error}.") from error
    for label in done:
        print(f"migrated: {label}")
    waits = "" if alone else " A server runs on this folder: what must run without one was left for later."
    print(f"The schema is up to date ({len(done)} migrations ran).{waits}", file=sys.stderr)


def check(config: Config, chosen: argparse.Namespace) -> None:
    """One sentence for each thing that is wrong; ends with an error where there is any."""

    async def work(parts: Opened) -> tuple[int, int]:
        wrong = repaired = 0
        async for finding in _findings(config, parts, quick=chosen.quick):
            print(finding.says)
            if chosen.repair and finding.counters is not None:
                await repairs.recount(parts.database, *finding.counters)
                repaired += 1
            else:
                wrong += 1
        due, dead, _ = await parts.database.read(jobs.backlog)
        print(f"{due} jobs wait, {dead} were given up (see `linnet jobs dead`).", file=sys.stderr)
        return wrong, repaired

    wrong, repaired = on_data(config, work)
    if repaired:
        print(f"{repaired} counters were set right.", file=sys.stderr)
    if wrong:
        raise Ending(BAD_DATA, f"{wrong} things are wrong. Counters can be set right with --repair.")
    print("Everything is whole.", file=sys.stderr)


async def _findings(config: Config, parts: Opened, *, quick: bool) -> AsyncIterator[wholeness.Finding]:
    if not config.database:
        for fault in sqlite_files.faults(DataDirectory(config.data).database, quick=quick):
            yield wholeness.Finding(f"The database file is damaged: {fault}")
    if quick:
        return
    progress = Progress("checking", await wholeness.size(parts.database))
    for look in (wholeness.accounts, wholeness.statuses, wholeness.files):
        async for found, seen in look(parts.database, parts.blobs):
            progress.add(seen)
            for finding in found:
                yield finding
    progress.done()
