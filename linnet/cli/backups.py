"""``linnet database backup`` and ``restore``: everything in one file, made while the server runs, and verified."""

import argparse
import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from linnet import __version__
from linnet.cli import archive, postgres_tools
from linnet.cli.archive import FORMAT, POSTGRES, SETTINGS, SQLITE, Manifest
from linnet.cli.data_directory import RESTORING, DataDirectory
from linnet.cli.ending import BAD_DATA, CANNOT_CREATE, IO_FAILED, NOT_THERE, UNAVAILABLE, USAGE, Ending
from linnet.cli.opening import Opened
from linnet.cli.printing import Progress, day
from linnet.cli.running import on_data
from linnet.config import Config
from linnet.storage import schema, sqlite_files

KEPT = ("linnet.db", "linnet.db-wal", "linnet.db-shm", "media", "secrets", SETTINGS)
"""What a restore replaces in a data folder."""


def backup(config: Config, chosen: argparse.Namespace) -> None:
    """The database first: media that it names were kept before it, and those that come meanwhile do no harm."""
    directory = DataDirectory(config.data)
    if chosen.file == "-" and sys.stdout.isatty():
        raise Ending(USAGE, "A backup is not for reading: send standard output to a file or a program.")
    if not config.database and not directory.database.exists():
        # Made now, it would be an empty one, and saved as if it were somebody's.
        raise Ending(NOT_THERE, f"There is no server in {directory.root}: name its folder with --data DIR.")

    async def work(parts: Opened) -> Manifest:
        state = await schema.check(parts.database)
        dialect, origin = parts.database.dialect, parts.site.origin
        manifest = Manifest(FORMAT, __version__, parts.clock.now_ms(), dialect, origin, list(state.applied), {})
        with _target(chosen.file, force=chosen.force) as stream:
            return _write(config, directory, stream, manifest)

    manifest = on_data(config, work)
    size = sum(entry.size for entry in manifest.files.values())
    told = f"Saved {len(manifest.files)} files ({size / 1e6:.1f} MB) of {manifest.origin}."
    print(f"{told} The backup has secrets: keep it safe.", file=sys.stderr)


def _write(config: Config, directory: DataDirectory, stream: IO[bytes], manifest: Manifest) -> Manifest:
    writer = archive.Writer(stream, manifest.created_at // 1000)
    temporary = directory.run / f"backup-{os.getpid()}"
    try:
        name = _snapshot(config, directory, temporary)
        writer.add(name, temporary)
    finally:
        temporary.unlink(missing_ok=True)
    secrets = sorted(path for path in directory.secrets.iterdir() if not path.name.startswith("."))
    for path in secrets:
        writer.add(f"secrets/{path.name}", path)
    if (directory.root / SETTINGS).exists():
        writer.add(SETTINGS, directory.root / SETTINGS)
    media = sorted(_media(directory.media))
    progress = Progress("saving media", len(media))
    for path in media:
        # A file that was deleted since the list was made was deleted with its row.
        with contextlib.suppress(FileNotFoundError):
            writer.add(f"media/{path.relative_to(directory.media)}", path)
        progress.add()
    progress.done()
    complete = Manifest(
        manifest.format, manifest.linnet, manifest.created_at, manifest.dialect, manifest.origin, manifest.schema,
        writer.files,
    )  # fmt: skip
    writer.finish(complete)
    return complete


def _snapshot(config: Config, directory: DataDirectory, target: Path) -> str:
    """One moment of the database, as a file; the name that it has in the archive."""
    if config.database:
        postgres_tools.dump(config.database, target)
        return POSTGRES
    progress = Progress("saving the database", 1000)
    shown = 0

    def tell(done: int, total: int) -> None:
        nonlocal shown
        now = done * 1000 // max(1, total)
        progress.add(now - shown)
        shown = now

    sqlite_files.copy(directory.database, target, tell)
    progress.done()
    found = sqlite_files.faults(target, quick=True)
    if found:
        raise Ending(BAD_DATA, f"The database is damaged and was not saved ({found[0]}); run `linnet database check`.")
    return SQLITE


def _media(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file():
            yield path


@contextlib.contextmanager
def _target(name: str, *, force: bool) -> Iterator[IO[bytes]]:
    """Standard output, or a file that has its name only when it is whole and on the disk."""
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(name).absolute()
    if path.exists() and not force:
        raise Ending(CANNOT_CREATE, f"{path} is there already; give another name, or --force to write over it.")
    unfinished = path.with_name(f".{path.name}.part")
    try:
        # Of one that was cut off; or put there by somebody else, who would have all of it in a file of their own.
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, path)
    except OSError as error:
        raise Ending(IO_FAILED, f"The backup could not be written to {path}: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


# -- the way back ---------------------------------------------------------------------------------------------------


def restore(config: Config, chosen: argparse.Namespace) -> None:
    """Unpacks beside what is there, verifies every byte, and only then puts it in place."""
    os.umask(0o027)
    directory = DataDirectory(config.data)
    directory.prepare(restoring=True)
    if not chosen.force and _in_use(directory):
        raise Ending(
            CANNOT_CREATE,
            f"{directory.root} is not empty. Choose another --data, or give --force: what is there is then kept beside "
            "it, in a folder called before-restore-….",
        )
    with directory.serving() as alone:
        if not alone:
            raise Ending(UNAVAILABLE, f"A server runs on {directory.root}: stop it first. Nothing was changed.")
        part = directory.root / f"{RESTORING}-part"
        shutil.rmtree(part, ignore_errors=True)
        try:
            manifest = _unpack(chosen.file, part)
            _verify(config, manifest, part)
            if manifest.dialect == "postgres":
                postgres_tools.restore(config.database, part / POSTGRES, over=chosen.force)
            kept = _put_in_place(directory, part)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    aside = f" What was there before is in {kept}." if kept else ""
    told = f"Restored {manifest.origin} as of {day(manifest.created_at)} UTC"
    print(f"{told} ({len(manifest.files)} files, all verified).{aside}", file=sys.stderr)


def _in_use(directory: DataDirectory) -> bool:
    if directory.database.exists() or (directory.root / SETTINGS).exists():
        return True
    return any(next(folder.iterdir(), None) is not None for folder in (directory.media, directory.secrets))


def _unpack(name: str, part: Path) -> Manifest:
    try:
        part.mkdir(mode=0o700)
        if name == "-":
            return archive.unpack(sys.stdin.buffer, part, lambda more: None)
        with Path(name).open("rb") as stream:
            progress = Progress("unpacking", os.fstat(stream.fileno()).st_size)
            manifest = archive.unpack(stream, part, progress.add)
            progress.done()
            return manifest
    except FileNotFoundError:
        raise Ending(NOT_THERE, f"{name} is not there.") from None
    except OSError as error:
        raise Ending(IO_FAILED, f"The backup could not be unpacked: {error.strerror}. Nothing was changed.") from error


def _verify(config: Config, manifest: Manifest, part: Path) -> None:
    """That this version can run on it. Raises Ending."""
    name = SQLITE if manifest.dialect == "sqlite" else POSTGRES
    if name not in manifest.files:
        raise Ending(BAD_DATA, "The backup has no database. Nothing was changed.")
    if (manifest.dialect == "postgres") != bool(config.database):
        wanted = "--database postgresql://…" if manifest.dialect == "postgres" else "no --database"
        raise Ending(USAGE, f"The backup is of {manifest.dialect}: it can be restored with {wanted} only.")
    known = {migration.number for migration in schema.load(manifest.dialect)}
    if unknown := sorted(set(manifest.schema) - known):
        raise Ending(
            BAD_DATA, f"The backup is of a newer Linnet ({manifest.linnet}; its migrations {unknown} are unknown here)."
        )
    found = sqlite_files.faults(part / SQLITE) if manifest.dialect == "sqlite" else []
    if found:
        raise Ending(BAD_DATA, f"The database in the backup is damaged ({found[0]}). Nothing was changed.")


def _put_in_place(directory: DataDirectory, part: Path) -> Path | None:
    """Only renames, under a mark that keeps a server from starting on half of it. Where the old things are now."""
    unpacked = part / "files"
    unpacked.mkdir()
    for source, name in ((SQLITE, "linnet.db"), ("secrets", "secrets"), ("media", "media"), (SETTINGS, SETTINGS)):
        if (part / source).exists():
            (part / source).rename(unpacked / name)
    os.sync()  # what has just been unpacked lies in many folders, each of which must be on the disk under its name
    mark = directory.root / RESTORING
    mark.write_text("A restore is being put in place.\n")
    kept = directory.root / f"before-restore-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    for name in KEPT:
        old = directory.root / name
        if old.is_dir() and next(old.iterdir(), None) is None:
            old.rmdir()
        elif old.exists():
            kept.mkdir(exist_ok=True, mode=0o700)
            old.rename(kept / name)
    for path in unpacked.iterdir():
        path.rename(directory.root / path.name)
    descriptor = os.open(directory.root, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        mark.unlink()
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    directory.prepare()
    return kept if kept.exists() else None
