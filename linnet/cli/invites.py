"""``linnet invite``: codes that let people sign up."""

import argparse

from linnet.actions import invites
from linnet.cli.ending import USAGE, Ending
from linnet.cli.opening import Opened
from linnet.cli.printing import as_json, day, table
from linnet.cli.running import on_data, once
from linnet.config import Config, Refused, period
from linnet.domain.access import InviteView
from linnet.queries import users

PATH = "/invite/"


def create(config: Config, chosen: argparse.Namespace) -> None:
    """Prints the address to sign up at."""
    try:
        lasts_ms = period(chosen.expires) if chosen.expires else None
    except Refused as refusal:
        raise Ending(USAGE, f"--expires {chosen.expires} is refused: {refusal}.") from None

    async def work(parts: Opened) -> str:
        code = await invites.create(
            parts.database, parts.guards, None, once(parts), max_uses=chosen.uses, lasts_ms=lasts_ms
        )
        return f"{parts.site.origin}{PATH}{code}"

    print(on_data(config, work))


def listing(config: Config, chosen: argparse.Namespace) -> None:
    async def work(parts: Opened) -> tuple[tuple[InviteView, ...], int]:
        return await users.invites(parts.database), parts.clock.now_ms()

    found, now = on_data(config, work)
    if chosen.json:
        as_json(found)
        return
    table(
        ("CODE", "BY", "USED", "EXPIRES", "MADE", ""),
        (
            (
                invite.code,
                f"@{invite.username}" if invite.username else "operator",
                f"{invite.uses}/{invite.max_uses}" if invite.max_uses else invite.uses,
                day(invite.expires_at),
                day(invite.created_at),
                "" if invite.good(now) else "ended",
            )
            for invite in found
        ),
    )


def revoke(config: Config, chosen: argparse.Namespace) -> None:
    on_data(config, lambda parts: invites.revoke(parts.database, None, chosen.code, once(parts)))
