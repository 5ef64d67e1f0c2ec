"""The form of a backup: a tar stream whose last file is a manifest with the size and the SHA-256 of every other."""

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from linnet.cli.ending import BAD_DATA, Ending
from linnet.domain.files import is_key

FORMAT = 1
MANIFEST = "MANIFEST.json"
SQLITE = "database/linnet.db"
POSTGRES = "database/linnet.pgdump"
SETTINGS = "linnet.toml"

_SECRET = re.compile(r"secrets/[\w-][\w.-]{0,80}")
_CHUNK = 1 << 20


class Entry(msgspec.Struct, frozen=True):
    """One file: its size in bytes and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup is of. ``created_at`` in ms since 1970; ``schema`` are the numbers of the migrations that ran."""

    format: int
    linnet: str
    created_at: int
    dialect: str
    origin: str
    schema: list[int]
    files: dict[str, Entry]


class _Hashed(io.RawIOBase):
    """Reads through to another file and remembers what it has seen."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        self.size += len(data)
        return data

    def entry(self) -> Entry:
        return Entry(self.size, self.digest.hexdigest())


class Writer:
    """Writes a backup, file by file, to a stream that need not be seekable."""

    def __init__(self, stream: IO[bytes], now_s: int) -> None:
        self._tar = tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_CHUNK)  # noqa: SIM115
        self._now_s = now_s
        self.files: dict[str, Entry] = {}

    def add(self, name: str, path: Path) -> int:
        """The file's size. Raises OSError."""
        with path.open("rb") as source:
            hashed = _Hashed(source)
            self._tar.addfile(self._header(name, os.fstat(source.fileno()).st_size), hashed)
        self.files[name] = hashed.entry()
        return hashed.size

    def finish(self, manifest: Manifest) -> None:
        data = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        self._tar.addfile(self._header(MANIFEST, len(data)), io.BytesIO(data))
        self._tar.close()

    def _header(self, name: str, size: int) -> tarfile.TarInfo:
        header = tarfile.TarInfo(name)
        header.size, header.mode, header.mtime = size, 0o600, self._now_s
        return header


def unpack(stream: IO[bytes], into: Path, progress: Callable[[int], None]) -> Manifest:
    """Unpacks a backup into an empty folder, and returns only when every file is as the manifest says, and on the disk.

    ``progress`` is told how many bytes more were unpacked. Raises Ending for what is no backup, or not a whole one.
    """
    found: dict[str, Entry] = {}
    manifest: Manifest | None = None
    try:
        with tarfile.open(fileobj=stream, mode="r|*", bufsize=_CHUNK) as tar:
            for name, source in _files(tar):
                if name == MANIFEST:
                    manifest = msgspec.json.decode(source.read(), type=Manifest)
                    continue
                found[name] = _store(into / name, source, progress)
    except (tarfile.TarError, msgspec.MsgspecError, EOFError, ValueError) as error:
        raise Ending(BAD_DATA, f"This is not a backup of Linnet, or a part of it is missing ({error}).") from error
    if manifest is None:
        raise Ending(BAD_DATA, "The backup has no manifest: it was cut off, or was not made by Linnet.")
    _compare(manifest, found)
    return manifest


def _files(tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    """Only plain files, only where a backup has any: an archive from elsewhere must not write anywhere else."""
    for header in tar:
        source = tar.extractfile(header) if header.isreg() else None
        if source is None or not _belongs(header.name):
            raise Ending(BAD_DATA, f"This is not a backup of Linnet: it has {header.name!r}.")
        yield header.name, source


def _belongs(name: str) -> bool:
    if name in (MANIFEST, SQLITE, POSTGRES, SETTINGS) or _SECRET.fullmatch(name):
        return True
    return name.startswith("media/") and is_key(name.removeprefix("media/"))


def _store(path: Path, source: IO[bytes], progress: Callable[[int], None]) -> Entry:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    hashed = _Hashed(source)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        while data := hashed.read(_CHUNK):
            target.write(data)
            progress(len(data))
        target.flush()
        os.fsync(target.fileno())
    return hashed.entry()


def _compare(manifest: Manifest, found: dict[str, Entry]) -> None:
    if manifest.format != FORMAT:
        raise Ending(
            BAD_DATA, f"The backup has the form {manifest.format}, and this version of Linnet knows {FORMAT} only."
        )
    for name in sorted(manifest.files.keys() | found.keys()):
        if manifest.files.get(name) != found.get(name):
            why = "is missing" if name not in found else "is not the file that was saved"
            raise Ending(BAD_DATA, f"The backup is damaged: {name} {why}. Nothing was changed.")
