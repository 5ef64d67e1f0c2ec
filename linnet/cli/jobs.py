"""``linnet jobs``: the outbox, and what was given up in it."""

import argparse
import sys

from linnet.actions import outbox
from linnet.cli.ending import NOT_THERE, USAGE, Ending
from linnet.cli.opening import Opened
from linnet.cli.printing import as_json, day, table
from linnet.cli.running import on_data
from linnet.config import Config
from linnet.queries import outbox as queries


def listing(config: Config, chosen: argparse.Namespace) -> None:
    """What waits, the first one first."""
    found = on_data(config, lambda parts: queries.waiting(parts.database, chosen.limit))
    if chosen.json:
        as_json(found)
        return
    table(
        ("ID", "KIND", "DUE", "TRIED", "LAST ERROR"),
        ((job.id, job.kind, day(job.run_at), job.attempts, job.error) for job in found),
    )


def dead(config: Config, chosen: argparse.Namespace) -> None:
    """What was given up, the last one first."""
    found = on_data(config, lambda parts: queries.dead(parts.database, chosen.limit))
    if chosen.json:
        as_json(found)
        return
    table(
        ("ID", "KIND", "GIVEN UP", "TRIED", "ERROR", "PAYLOAD"),
        ((job.id, job.kind, day(job.dead_at), job.attempts, job.error, job.payload) for job in found),
    )


def retry(config: Config, chosen: argparse.Namespace) -> None:
    """One job, or all that were given up."""
    if (chosen.id is None) == (not chosen.all):
        raise Ending(USAGE, "Give the id of a job (see `linnet jobs dead`), or --all.")

    async def work(parts: Opened) -> int:
        return await outbox.revive(parts.database, chosen.id)

    revived = on_data(config, work)
    if not revived and chosen.id is not None:
        raise Ending(NOT_THERE, f"No job with the id {chosen.id} was given up.")
    print(f"{revived} {'job' if revived == 1 else 'jobs'} will be tried again.", file=sys.stderr)
