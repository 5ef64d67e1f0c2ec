"""``linnet announcement``: what is told to everybody who is signed in."""

import argparse
import sys

from linnet.actions import announcements
from linnet.cli.ending import USAGE, Ending
from linnet.cli.opening import Opened
from linnet.cli.printing import as_json, table
from linnet.cli.running import on_data, once
from linnet.config import Config
from linnet.domain import times
from linnet.domain.announcements import Announcement, Draft
from linnet.queries import announcements as queries


def create(config: Config, chosen: argparse.Namespace) -> None:
    """Prints the new announcement's id."""
    starts, ends, later = (_time(chosen, name) for name in ("starts", "ends", "publish_at"))

    async def work(parts: Opened) -> int:
        shown = None if chosen.unpublished else parts.clock.now_ms() if later is None else later
        draft = Draft(chosen.text, shown, starts, ends, chosen.all_day)
        return await announcements.create(parts.database, parts.site, draft, once(parts))

    print(on_data(config, work))


def _time(chosen: argparse.Namespace, name: str) -> int | None:
    written = getattr(chosen, name)
    if written is None:
        return None
    found = times.parse(written)
    if found is None:
        option = name.replace("_", "-")
        raise Ending(USAGE, f"--{option} {written} is refused: it is no time such as 2026-12-24T18:00Z or 2026-12-24.")
    return found


def publish(config: Config, chosen: argparse.Namespace) -> None:
    on_data(config, lambda parts: announcements.publish(parts.database, chosen.id, once(parts)))
    print(f"The announcement {chosen.id} is published.", file=sys.stderr)


def delete(config: Config, chosen: argparse.Namespace) -> None:
    on_data(config, lambda parts: announcements.delete(parts.database, chosen.id, once(parts)))
    print(f"The announcement {chosen.id} is gone.", file=sys.stderr)


def listing(config: Config, chosen: argparse.Namespace) -> None:
    async def work(parts: Opened) -> tuple[tuple[Announcement, ...], int]:
        return await queries.all(parts.database), parts.clock.now_ms()

    found, now = on_data(config, work)
    if chosen.json:
        as_json(found)
        return
    table(("ID", "STATE", "STARTS", "ENDS", "TEXT"), [_row(one, now) for one in found])


def _row(one: Announcement, now: int) -> tuple[str, str, str, str, str]:
    if one.published_at is None:
        state = "kept back"
    elif one.published_at > now:
        state = "from " + times.iso(one.published_at)
    else:
        state = "shown" if one.stands(now) else "over"
    starts, ends = (times.iso(ms) if ms is not None else "" for ms in (one.starts_at, one.ends_at))
    return str(one.id), state, starts, ends, one.text.replace("\n", " ")[:60]
