"""``linnet status``: posts, for whoever has to take one away."""

import argparse
import sys

from linnet.actions import moderation
from linnet.cli.ending import USAGE, Ending
from linnet.cli.opening import Opened
from linnet.cli.running import on_data, once
from linnet.config import Config
from linnet.domain import ids


def delete(config: Config, chosen: argparse.Namespace) -> None:
    """By id, or by the address of its page."""
    status_id = ids.parse(chosen.id.rstrip("/").rpartition("/")[2])
    if status_id is None:
        raise Ending(USAGE, f"{chosen.id!r} is not a status: give the id, or the address of its page.")

    async def work(parts: Opened) -> None:
        await moderation.delete_status(parts.database, None, status_id, once(parts), reason=chosen.reason or "")

    on_data(config, work)
    print(f"The status {status_id} is deleted.", file=sys.stderr)
