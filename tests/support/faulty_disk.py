"""An apsw VFS over the real disk whose writes and syncs a test can watch, hold up and let fail."""

import itertools
from collections.abc import Callable
from pathlib import Path

import apsw

_numbers = itertools.count(1)


class FaultyDisk(apsw.VFS):
    """``before_sync`` and ``before_write`` are called with the file's name; what they raise, SQLite meets."""

    def __init__(self) -> None:
        self.vfs_name = f"faulty-{next(_numbers)}"
        self.syncs: list[str] = []
        self.before_sync: Callable[[str], None] = lambda name: None
        self.before_write: Callable[[str], None] = lambda name: None
        super().__init__(self.vfs_name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: FaultyDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = Path(path).name if path else ""
        self._disk = disk

    def xSync(self, flags: int) -> None:
        self._disk.before_sync(self._name)
        super().xSync(flags)
        self._disk.syncs.append(self._name)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.before_write(self._name)
        super().xWrite(data, offset)


def full() -> Exception:
    """No space left on the device, as the VFS of unix says it."""
    return apsw.exception_for(apsw.SQLITE_FULL)


def sync_failed() -> Exception:
    return apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)
