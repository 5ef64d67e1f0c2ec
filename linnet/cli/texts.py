"""``linnet text``: what the operator writes about the instance."""

import argparse
import sys
from pathlib import Path

from linnet.actions import texts
from linnet.cli.ending import BAD_DATA, NOT_THERE, Ending
from linnet.cli.opening import Opened
from linnet.cli.printing import as_json, table
from linnet.cli.running import on_data, once
from linnet.config import Config
from linnet.domain import times
from linnet.domain.views import Text
from linnet.queries import instance


def put(config: Config, chosen: argparse.Namespace) -> None:
    try:
        source = (sys.stdin.buffer.read() if chosen.file == "-" else Path(chosen.file).read_bytes()).decode()
    except OSError as error:
        raise Ending(NOT_THERE, f"{chosen.file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Ending(BAD_DATA, f"{chosen.file} is not a text in UTF-8.") from None
    on_data(config, lambda parts: texts.put(parts.database, chosen.name, source, once(parts)))
    print(f"The {chosen.name} is what {chosen.file} says.", file=sys.stderr)


def remove(config: Config, chosen: argparse.Namespace) -> None:
    on_data(config, lambda parts: texts.remove(parts.database, chosen.name, once(parts)))
    print(f"The {chosen.name} is gone.", file=sys.stderr)


def listing(config: Config, chosen: argparse.Namespace) -> None:
    async def work(parts: Opened) -> dict[str, Text]:
        return await instance.texts(parts.database)

    found = on_data(config, work)
    if chosen.json:
        as_json([{"name": name, "text": view.source, "updated_at": view.updated_at} for name, view in found.items()])
        return
    rows = [(name, times.iso(view.updated_at), len(view.source)) for name, view in found.items()]
    table(("NAME", "SINCE", "CHARACTERS"), rows)
