"""Keeps files in a local folder so that, once stored, they outlive a power failure."""

import asyncio
import contextlib
import errno
import io
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from linnet.domain.errors import Invalid, Unavailable
from linnet.domain.files import is_key

# No key can begin with a dot, so nothing that is kept can ever lie in here.
_TEMPORARY = ".temporary"
_KEYS_AT_ONCE = 500
_PIECE = 1 << 20
_PUT_ATTEMPTS = 10
_FILE_MODE = 0o640
_FULL = (errno.ENOSPC, errno.EDQUOT)
_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class LocalBlobs:
    """``ports.Blobs`` over the folder ``root``, which several processes may use at once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # Folders that are known to stand on the disk under their names.
        self._lasting: set[Path] = set()

    async def put(self, key: str, data: bytes) -> None:
        """Stores or replaces the file; returns when it and its name are on the disk.

        Raises ``Invalid`` for what is no key and ``Unavailable`` where the disk is full or fails; then nothing is
        stored, and what was stored under the key before still is.
        """
        await self.put_file(key, io.BytesIO(data))

    async def put_file(self, key: str, file: BinaryIO) -> None:
        """The same with all that stands in an open file, which need not fit into memory."""
        path = self._path(key)
        try:
            await asyncio.to_thread(self._put, path, file)
        except OSError as error:
            raise _unavailable(error) from error

    async def get(self, key: str) -> bytes | None:
        return await asyncio.to_thread(_read, self._path(key))

    async def delete(self, key: str) -> None:
        """Removes the file, and its folders where they are empty then. No error where there is none."""
        path = self._path(key)
        try:
            await asyncio.to_thread(self._delete, path)
        except OSError as error:
            raise _unavailable(error) from error

    async def keys(self) -> AsyncIterator[str]:
        """All keys, in no order; a file stored or deleted meanwhile may be among them or not."""
        found = self._walk()
        while batch := await asyncio.to_thread(lambda: list(itertools.islice(found, _KEYS_AT_ONCE))):
            for key in batch:
                yield key

    async def open(self, key: str) -> tuple[Path, int] | None:
        """The file's path and size in bytes, for serving; None where there is none."""
        path = self._path(key)
        size = await asyncio.to_thread(_file_size, path)
        return None if size is None else (path, size)

    async def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to ``end`` (exclusive), a piece at a time. Raises Unavailable where it has gone."""
        file = await self.fetch(key)
        if file is None:
            raise Unavailable("The file is there no longer")
        with file:
            file.seek(start)
            while piece := await asyncio.to_thread(file.read, max(0, min(_PIECE, end - file.tell()))):
                yield piece

    async def fetch(self, key: str) -> BinaryIO | None:
        path = self._path(key)
        try:
            return await asyncio.to_thread(path.open, "rb")
        except _MISSING:
            return None

    @property
    def scratch(self) -> Path:
        """Made when first asked for."""
        folder = self._root / _TEMPORARY
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def sweep_temporary(self, older_than_s: float) -> int:
        """Removes what writes that were cut off (crash, power failure) left behind. Returns the number of files."""
        return await asyncio.to_thread(self._sweep, older_than_s)

    def _path(self, key: str) -> Path:
        if not is_key(key):
            raise Invalid("key", "is not the name of a file")
        return self._root / key

    def _put(self, path: Path, data: BinaryIO) -> None:
        for _ in range(_PUT_ATTEMPTS - 1):
            # A delete, here or in another process, may at this moment remove a folder that has become empty.
            with contextlib.suppress(FileNotFoundError):
                return self._put_once(path, data)
        return self._put_once(path, data)

    def _put_once(self, path: Path, data: BinaryIO) -> None:
        self._make_lasting(path.parent)
        temporary = self._write_temporary(data)
        try:
            os.rename(temporary, path)
        except OSError:
            _remove(temporary)
            raise
        _sync_folder(path.parent)

    def _write_temporary(self, data: BinaryIO) -> Path:
        folder = self._root / _TEMPORARY
        folder.mkdir(exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                os.fchmod(descriptor, _FILE_MODE)
                data.seek(0)
                while piece := memoryview(data.read(_PIECE)):
                    while piece:
                        piece = piece[file.write(piece) :]
                os.fsync(descriptor)
        except OSError:
            _remove(Path(name))
            raise
        return Path(name)

    def _make_lasting(self, folder: Path) -> None:
        """Makes the folder and those above it, down from the root, each synced into the one above it.

        One that exists already may have been made a moment ago by a process that has not synced it yet, so it is
        synced too. Only folders that no delete removes (the root and the rooms in it) are remembered as done.
        """
        if folder in self._lasting:
            return
        if folder == self._root:
            _make_root(folder)
        else:
            self._make_lasting(folder.parent)
            _make(folder)
            _sync_folder(folder.parent)
        if self._is_kept(folder):
            self._lasting.add(folder)

    def _is_kept(self, folder: Path) -> bool:
        return self._root in (folder, folder.parent)

    def _delete(self, path: Path) -> None:
        with contextlib.suppress(*_MISSING):
            path.unlink()
        folder = path.parent
        while not self._is_kept(folder) and _remove_empty(folder):
            folder = folder.parent
        with contextlib.suppress(*_MISSING):
            _sync_folder(folder)

    def _walk(self) -> Iterator[str]:
        for folder, folders, names in os.walk(self._root):
            here = Path(folder).relative_to(self._root)
            if here == Path():
                folders[:] = [name for name in folders if name != _TEMPORARY]
            for name in names:
                key = (here / name).as_posix()
                if is_key(key):
                    yield key

    def _sweep(self, older_than_s: float) -> int:
        folder = self._root / _TEMPORARY
        if not folder.is_dir():
            return 0
        # The disk's own idea of "now": on a network file system it is not this machine's.
        os.utime(folder)
        limit = folder.stat().st_mtime - older_than_s
        swept = 0
        for entry in os.scandir(folder):
            with contextlib.suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mtime <= limit:
                    os.unlink(entry.path)
                    swept += 1
        return swept


async def nameless(pieces: AsyncIterator[bytes], folder: Path) -> BinaryIO:
    """An open file without a name that holds all pieces, at its beginning; it goes when it is closed."""
    file = cast(BinaryIO, tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 - handed on
    try:
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)
        file.seek(0)
    except OSError as error:
        file.close()
        raise Unavailable("The disk is full: the file could not be fetched", retry_after=60) from error
    except BaseException:  # boundary: whatever ends this, the file is closed
        file.close()
        raise
    return file


def _make(folder: Path) -> None:
    # Not `mkdir(exist_ok=True)`: that looks again after a failure, and fails when a delete was faster.
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)


def _make_root(root: Path) -> None:
    if not root.is_dir():
        root.mkdir(parents=True, exist_ok=True)
        _sync_folder(root.parent)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except _MISSING:
        return None


def _file_size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except _MISSING:
        return None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _remove_empty(folder: Path) -> bool:
    """Whether the folder is gone now."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _unavailable(error: OSError) -> Unavailable:
    if error.errno in _FULL:
        return Unavailable("The disk is full: the file was not stored", retry_after=60)
    return Unavailable(f"The file could not be stored: {os.strerror(error.errno or errno.EIO)}")
