"""``linnet emoji``: pictures that people write as :shortcode:."""

import argparse
import sys
from pathlib import Path

from linnet.actions import emojis
from linnet.cli.ending import NOT_THERE, Ending
from linnet.cli.opening import Opened
from linnet.cli.printing import as_json, table
from linnet.cli.running import on_data, once
from linnet.config import Config
from linnet.domain.views import EmojiView
from linnet.queries import emojis as queries


def add(config: Config, chosen: argparse.Namespace) -> None:
    """Makes the picture anew from its pixels, as every upload is."""
    try:
        data = Path(chosen.file).read_bytes()
    except OSError as error:
        raise Ending(NOT_THERE, f"{chosen.file} cannot be read: {error.strerror}.") from None

    async def work(parts: Opened) -> None:
        from linnet.media.pool import ImageWorker
        from linnet.supervision import Tasks

        tasks = Tasks()
        images = ImageWorker(tasks)
        try:
            await emojis.add(
                parts.database, parts.blobs, images, parts.ids, parts.chance, shortcode, data, chosen.category,
                once(parts),
            )  # fmt: skip
        finally:
            await images.close()
            await tasks.close()

    shortcode = chosen.shortcode.strip(":")
    on_data(config, work)
    print(f":{shortcode}: is there.", file=sys.stderr)


def remove(config: Config, chosen: argparse.Namespace) -> None:
    shortcode = chosen.shortcode.strip(":")
    on_data(config, lambda parts: emojis.remove(parts.database, shortcode, once(parts)))
    print(f":{shortcode}: is gone.", file=sys.stderr)


def listing(config: Config, chosen: argparse.Namespace) -> None:
    async def work(parts: Opened) -> tuple[EmojiView, ...]:
        return await queries.all(parts.database)

    found = on_data(config, work)
    if chosen.json:
        as_json(found)
        return
    table(("EMOJI", "CATEGORY", "FILE"), ((f":{emoji.shortcode}:", emoji.category, emoji.file_key) for emoji in found))
