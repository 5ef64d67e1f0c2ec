"""``linnet timelines``: home timelines, made anew from what their readers follow."""

import argparse
import sys

from linnet.actions import timelines
from linnet.cli.ending import USAGE, Ending
from linnet.cli.opening import Opened
from linnet.cli.printing import Progress
from linnet.cli.running import on_data
from linnet.config import Config
from linnet.domain.errors import NotFound
from linnet.queries import people, users


def rebuild(config: Config, chosen: argparse.Namespace) -> None:
    """One, or all of them, while the server runs."""
    if (chosen.name is None) == (not chosen.all):
        raise Ending(USAGE, "Give the name of an account, or --all.")

    async def work(parts: Opened) -> int:
        ids = await (_everybody(parts) if chosen.all else _one(parts, chosen.name))
        progress = Progress("rebuilding", len(ids))
        for account_id in ids:
            await timelines.rebuild(parts.database, account_id, config.home_entries)
            progress.add()
        progress.done()
        return len(ids)

    count = on_data(config, work)
    print(f"{count} home {'timeline is' if count == 1 else 'timelines are'} rebuilt.", file=sys.stderr)


async def _one(parts: Opened, name: str) -> list[int]:
    user = await users.called(parts.database, name)
    if user is None:
        raise NotFound(f"There is no account called {name}")
    return [user.account_id]


async def _everybody(parts: Opened) -> list[int]:
    found: list[int] = []
    while page := await people.listed(parts.database, found[-1] if found else 0, 1_000):
        found += [person.id for person in page]
    return found
