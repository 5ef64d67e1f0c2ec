"""Files as the decoders' library reads and writes them: by position, each reader with a place of its own."""

import io
import os
from collections.abc import Mapping
from typing import Any, NoReturn


class Handle:
    """An open descriptor. ``again`` is another place in the same file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = 0

    def read(self, size: int) -> bytes:
        data = os.pread(self._descriptor, size, self._at)
        self._at += len(data)
        return data

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        while left:
            written = os.pwrite(self._descriptor, left, self._at)
            self._at += written
            left = left[written:]
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        self._at = offset + (os.fstat(self._descriptor).st_size if start is None else start)
        return self._at

    def tell(self) -> int:
        return self._at

    def again(self, *_: Any) -> "Handle":
        """As the muxer asks for it, when it moves the index to the file's beginning."""
        return Handle(self._descriptor)

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size


class MemoryHandle(io.BytesIO):
    """The same for a file that is small and made in memory."""

    def again(self, *_: Any) -> "_View":
        return _View(self)


class _View:
    def __init__(self, whole: MemoryHandle) -> None:
        self._whole = whole
        self._at = 0

    def read(self, size: int) -> bytes:
        with self._whole.getbuffer() as data:
            found = bytes(data[self._at : self._at + size])
        self._at += len(found)
        return found

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}
        with self._whole.getbuffer() as data:
            self._at = offset + starts.get(whence, len(data))
        return self._at

    def tell(self) -> int:
        return self._at


def refuse(url: str, flags: int, options: Mapping[str, Any]) -> NoReturn:
    """A recording that names another file, here or elsewhere, does not get it."""
    raise PermissionError("A recording may not open other files")
