"""``linnet token``: access tokens for bots and scripts, without a browser."""

import argparse

from linnet.actions import tokens
from linnet.cli.opening import Opened
from linnet.cli.running import on_data
from linnet.config import Config


def create(config: Config, chosen: argparse.Namespace) -> None:
    """Prints the token and nothing else, so that a script can take it."""

    async def work(parts: Opened) -> str:
        scopes = tuple(chosen.scopes.replace(",", " ").split())
        return await tokens.create(parts.database, parts.chance, chosen.name, scopes)

    print(on_data(config, work))
