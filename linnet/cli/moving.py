"""``linnet account export`` and ``import``: an account as one file, without a browser and beside a running server."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from linnet.actions import exports, imports
from linnet.actions.imports import Options
from linnet.cli.data_directory import DataDirectory
from linnet.cli.ending import BAD_DATA, CANNOT_CREATE, NOT_THERE, Ending
from linnet.cli.opening import Opened
from linnet.cli.printing import Progress, plain
from linnet.cli.running import on_data, once
from linnet.config import Config
from linnet.domain.errors import NotFound, Unavailable
from linnet.domain.visibility import Visibility
from linnet.media.messages import Limits as PictureLimits
from linnet.media.messages import RecordingLimits
from linnet.media.pool import ImageWorker
from linnet.media.recording_pool import RecordingWorker
from linnet.queries import exports as export_queries
from linnet.queries import imports as import_queries
from linnet.queries import users
from linnet.queries.imports import Report
from linnet.supervision import Tasks

LINES = 1_000


def export(config: Config, chosen: argparse.Namespace) -> None:
    """Writes the whole account into a zip file."""
    path = Path(chosen.file)
    if path.exists() and not chosen.force:
        raise Ending(CANNOT_CREATE, f"{path} is there already; choose another name, or write over it with --force.")

    async def work(parts: Opened) -> int:
        account_id = await _account(parts, chosen.name)
        tools = exports.Tools(parts.database, parts.blobs, parts.chance, parts.site)
        made = await exports.begin(tools, account_id, once(parts), as_job=False)
        try:
            await _make(parts, tools, account_id, made)
            return await _write(parts, made, path)
        finally:
            await exports.delete(parts.database, account_id, made, once(parts))

    size = on_data(config, work)
    print(f"{path} has all of @{chosen.name.removeprefix('@')}: {size:,} bytes.", file=sys.stderr)


async def _make(parts: Opened, tools: exports.Tools, account_id: int, made: int) -> None:
    found = await export_queries.one(parts.database, account_id, made)
    progress, done = Progress("Exporting", found.total), 0
    try:
        finished = False
        while not finished:
            finished = await exports.step(tools, made)
            found = await export_queries.one(parts.database, account_id, made)
            progress.add(found.done - done)
            done = found.done
    finally:
        progress.done()


async def _write(parts: Opened, made: int, path: Path) -> int:
    """Under its name only when it is whole; its size in bytes."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                async for piece in export_queries.content(parts.database, parts.blobs, made):
                    await asyncio.to_thread(file.write, piece)
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, path)
                return file.tell()
            except BaseException:  # boundary: whatever ends this, no half file is left behind
                os.unlink(file.name)
                raise
    except OSError as error:
        raise Ending(CANNOT_CREATE, f"{path} cannot be written: {os.strerror(error.errno or 0)}.") from error


def take_in(config: Config, chosen: argparse.Namespace) -> None:
    """Takes an archive or a CSV list in; prints what was refused, a line each."""
    path = Path(chosen.file)
    try:
        file = path.open("rb")
    except OSError as error:
        raise Ending(NOT_THERE, f"{path} cannot be read: {os.strerror(error.errno or 0)}.") from error

    async def work(parts: Opened) -> Report:
        account_id = await _account(parts, chosen.name)
        options = Options(chosen.overwrite, not chosen.no_profile, Visibility.parse(chosen.visibility) or 0)
        async with _tools(parts) as tools:
            return await _take_in(parts, tools, account_id, chosen.type, options, file, path)

    with file:
        report = on_data(config, work)
    for line in report.lines:
        print(plain(f"{line.item}: {line.why}"))
    row = report.row
    if row.state != "done":
        raise Ending(BAD_DATA, f"{path} could not be taken in: {row.error}.")
    print(
        f"{row.imported} taken in, {row.skipped} were here already, {row.refused} refused "
        f"(of @{chosen.name.removeprefix('@')}).",
        file=sys.stderr,
    )


@asynccontextmanager
async def _tools(parts: Opened) -> AsyncIterator[imports.Tools]:
    limits, tasks = parts.site.limits, Tasks()
    images = ImageWorker(tasks, PictureLimits(bytes_max=limits.image_bytes, pixels_max=limits.image_pixels))
    films = RecordingLimits(
        limits.film_bytes, limits.film_pixels, frame_rate_max=limits.film_frame_rate,
        film_seconds_max=limits.film_ms // 1000,
    )  # fmt: skip
    recordings = RecordingWorker(films, DataDirectory(parts.config.data).run / "recording.lock")
    try:
        yield imports.Tools(
            parts.database, parts.blobs, parts.chance, parts.ids, parts.site, images, recordings, asyncio.Lock()
        )  # fmt: skip
    finally:
        await recordings.close()
        await images.close()
        await tasks.close()


async def _take_in(
    parts: Opened, tools: imports.Tools, account_id: int, kind: str, options: Options, file: BinaryIO, path: Path
) -> Report:
    size = os.fstat(file.fileno()).st_size
    made = await imports.begin(
        tools, account_id, kind, options, path.name, file, size, once(parts), as_job=False
    )  # fmt: skip
    progress, done, finished = Progress("Importing", 0), 0, False
    try:
        while not finished:
            try:
                finished = await imports.step(tools, made)
            except Unavailable as error:
                # The server is making a film ready, or the disk is full for the moment.
                await parts.clock.sleep(error.retry_after)
            report = await import_queries.one(parts.database, account_id, made, LINES)
            progress.of(report.row.total)
            progress.add(report.row.done - done)
            done = report.row.done
    finally:
        progress.done()
    return await import_queries.one(parts.database, account_id, made, LINES)


async def _account(parts: Opened, name: str) -> int:
    user = await users.called(parts.database, name)
    if user is None:
        raise NotFound(f"There is no account called {name}")
    return user.account_id
