"""Reads multipart/form-data as it arrives, into memory or a file, with every count and size bounded."""

import io
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from linnet.domain import errors
from linnet.http.params import decode_text, nest

PARTS_MAX = 100
PART_HEADERS_MAX = 16
PART_HEADER_BYTES_MAX = 4096
HELD_MAX = 1 << 20
"""Bytes of a file after which it is put on the disk, where the route allows that."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a multipart form. ``filename`` and ``content_type`` are the client's claims: trust neither.

    A large one, on a route that allows it, stands in ``file``, which has no name and goes with the request; its
    ``data`` is empty then.
    """

    filename: str
    content_type: str
    data: bytes
    file: BinaryIO | None = None

    @property
    def size(self) -> int:
        return len(self.data) if self.file is None else os.fstat(self.file.fileno()).st_size

    def head(self, size: int) -> bytes:
        """The first bytes."""
        return self.data[:size] if self.file is None else os.pread(self.file.fileno(), size, 0)

    def stream(self) -> BinaryIO:
        """The bytes as an open file, at its beginning."""
        if self.file is None:
            return io.BytesIO(self.data)
        self.file.seek(0)
        return self.file

    def whole(self) -> bytes:
        """All bytes in memory: for whoever has looked at ``size``."""
        return self.data if self.file is None else os.pread(self.file.fileno(), self.size, 0)


class MultipartReader:
    """``feed`` it the body's pieces, then ``finish``.

    Bounds: 100 parts, 16 headers a part, ``values_max`` bytes of all non-file parts together, ``files_max`` bytes of
    all files together. Raises Invalid("body", …) for what is no multipart body of this boundary, TooLarge beyond.
    With ``spool``, a folder, ``spill`` puts what has come of a file there: to be called when ``held`` is large.
    """

    def __init__(self, content_type: str, values_max: int, files_max: int, spool: Path | None = None) -> None:
        boundary = _options(content_type)[1].get(b"boundary", b"")
        if not boundary:
            raise errors.Invalid("body", "is multipart without a boundary")
        self._left = {False: values_max, True: files_max}
        self._parts: list[tuple[str, Any]] = []
        self._headers: dict[bytes, bytes] = {}
        self._header_name = b""
        self._header_value = b""
        self._name = ""
        self._filename: str | None = None
        self._data: list[bytes] = []
        self._file: BinaryIO | None = None
        self._spool = spool
        self._count = 0
        self.held = 0
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begins,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_text,
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._part_data,
                    "on_part_end": self._part_ends,
                    "on_end": self._ends,
                },
                max_header_count=PART_HEADERS_MAX,
                max_header_size=PART_HEADER_BYTES_MAX,
            )
        except FormParserError as error:
            raise errors.Invalid("body", "has an impossible multipart boundary") from error

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise errors.Invalid("body", "is not a multipart form") from error

    def spill(self) -> None:
        """Writes to a disk, so it belongs into a thread. OSError where that is full."""
        if self._file is None:
            # Closed with the request that holds it; it has no name, so nothing of it is left on the disk then.
            self._file = cast(BinaryIO, tempfile.TemporaryFile(dir=self._spool, buffering=0))  # noqa: SIM115
        for piece in self._data:
            left = memoryview(piece)
            while left:
                left = left[self._file.write(left) :]
        self._data, self.held = [], 0

    @property
    def full(self) -> bool:
        """Whether a file has so much in memory that it should be spilled."""
        return self._spool is not None and self.held >= HELD_MAX and self._filename is not None

    def finish(self) -> dict[str, Any]:
        """The fields, nested like a query string; files are ``Upload``. Invalid if the last boundary never came."""
        if not self._ended:
            raise errors.Invalid("body", "ends before its last boundary")
        return nest(self._parts)

    def _part_begins(self) -> None:
        self._count += 1
        if self._count > PARTS_MAX:
            raise errors.TooLarge(f"More than {PARTS_MAX} parts")
        self._headers, self._header_name, self._header_value = {}, b"", b""
        self._data, self._file, self.held = [], None, 0

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_text(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_ends(self) -> None:
        self._headers.setdefault(self._header_name.lower(), self._header_value)
        self._header_name = self._header_value = b""

    def _headers_end(self) -> None:
        kind, options = _options(self._headers.get(b"content-disposition", b"").decode("latin-1"))
        if kind != b"form-data" or not options.get(b"name"):
            raise errors.Invalid("body", "has a part without a name")
        self._name = decode_text(options[b"name"], "body")
        filename = options.get(b"filename")
        self._filename = None if filename is None else filename.decode("utf-8", "replace").replace("\0", "")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        is_file = self._filename is not None
        self._left[is_file] -= end - start
        if self._left[is_file] < 0:
            raise errors.TooLarge(f"{self._name}: larger than allowed")
        self._data.append(data[start:end])
        self.held += end - start

    def _part_ends(self) -> None:
        if self._file is not None:
            self.spill()  # the rest, which is less than one piece of the body
        data, file = b"".join(self._data), self._file
        self._data, self._file, self.held = [], None, 0
        if self._filename is None:
            self._parts.append((self._name, decode_text(data, self._name)))
        elif self._filename or data or file:  # a browser sends an empty file for "none chosen"
            kind = self._headers.get(b"content-type", b"application/octet-stream").decode("latin-1").strip()
            self._parts.append((self._name, Upload(self._filename, kind, data, file)))

    def _ends(self) -> None:
        self._ended = True


def _options(header: str) -> tuple[bytes, dict[bytes, bytes]]:
    """A header's value and its parameters; never more of it than a header may hold, as its parser is not linear."""
    if len(header) > PART_HEADER_BYTES_MAX:
        raise errors.TooLarge("A header of the multipart body is too long")
    try:
        return parse_options_header(header)
    except UnicodeEncodeError as error:
        raise errors.Invalid("body", "has a header that is not text") from error
