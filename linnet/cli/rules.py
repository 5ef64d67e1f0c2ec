"""``linnet rule``: the rules of the house."""

import argparse
import sys

from linnet.actions import rules
from linnet.cli.opening import Opened
from linnet.cli.printing import as_json, table
from linnet.cli.running import on_data, once
from linnet.config import Config
from linnet.queries import instance
from linnet.queries.instance import Rule


def add(config: Config, chosen: argparse.Namespace) -> None:
    """Prints the new rule's id."""
    print(on_data(config, lambda parts: rules.add(parts.database, chosen.text, chosen.hint or "", once(parts))))


def remove(config: Config, chosen: argparse.Namespace) -> None:
    on_data(config, lambda parts: rules.remove(parts.database, chosen.id, once(parts)))
    print(f"The rule {chosen.id} is gone.", file=sys.stderr)


def listing(config: Config, chosen: argparse.Namespace) -> None:
    async def work(parts: Opened) -> tuple[Rule, ...]:
        return await instance.rules(parts.database)

    found = on_data(config, work)
    if chosen.json:
        as_json([rule._asdict() for rule in found])
        return
    table(("ID", "RULE", "HINT"), found)
