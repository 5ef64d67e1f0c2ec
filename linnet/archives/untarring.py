"""Reads tar files, packed with gzip or not, that anybody may have made: in one pass, within bounds, files only."""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from linnet.archives.bounds import Bounds, Source, damaged
from linnet.archives.unzipping import inflate

BLOCK = 512
_LONG_NAME_MAX = 4 << 10
_PAX_MAX = 64 << 10
# Archives have a handful of them; thousands of empty ones would only take our time.
_PAX_RECORDS = 100
_PIECE = 64 << 10


class TarEntry(NamedTuple):
    """``chunks`` must be read, or left, before the next entry is asked for. ``why`` as with zip entries."""

    name: bytes
    size: int
    chunks: Iterator[bytes]
    why: str = ""


class _Stream:
    """The unpacked bytes, one after another."""

    def __init__(self, file: Source, bounds: Bounds) -> None:
        file.seek(0)
        self._pieces = _gunzipped(file, bounds) if file.read(2) == b"\x1f\x8b" else _plain(file)
        self._buffer = b""

    def take(self, size: int) -> bytes:
        """At most so many bytes, and fewer only at the end."""
        parts = [self._buffer]
        have = len(self._buffer)
        while have < size and (piece := next(self._pieces, b"")):
            parts.append(piece)
            have += len(piece)
        joined = b"".join(parts)
        self._buffer = joined[size:]
        return joined[:size]

    def pieces(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.take(min(_PIECE, size))
            if not piece:
                raise damaged("ends within a file")
            size -= len(piece)
            yield piece


def entries(file: Source, bounds: Bounds) -> Iterator[TarEntry]:
    """Raises Invalid where the archive cannot be read any further."""
    stream = _Stream(file, bounds)
    name, larger = b"", -1
    count = 0
    while True:
        head = stream.take(BLOCK)
        if len(head) < BLOCK or not head.strip(b"\0"):
            return
        size, kind = _size(head), head[156:157]
        _check(head)
        if kind in (b"L", b"x", b"X", b"g"):
            text = _header(stream, size, _LONG_NAME_MAX if kind == b"L" else _PAX_MAX)
            if kind == b"L":
                name = text.rstrip(b"\0")
            elif kind in b"xX":
                found = _pax(text)
                name, larger = found.get(b"path", name), int(found.get(b"size", b"%d" % larger))
            continue
        count += 1
        if count > bounds.entries:
            raise damaged(f"has more than {bounds.entries} entries")
        regular = kind in (b"0", b"\0", b"7")
        size = (larger if larger >= 0 else size) if regular else 0
        body = stream.pieces(size)
        if kind != b"5":
            yield TarEntry(name or _name(head), size, body, "" if regular else "is no file, but a link or a device")
        for _ in body:
            pass
        stream.take(-size % BLOCK)
        name, larger = b"", -1


def is_tar(file: Source) -> bool:
    file.seek(0)
    head = file.read(BLOCK)
    return head[:2] == b"\x1f\x8b" or (len(head) == BLOCK and head[257:262] == b"ustar")


def _check(head: bytes) -> None:
    try:
        told = int(head[148:156].strip(b" \0") or b"-1", 8)
    except ValueError:
        told = -1
    if told != sum(head[:148]) + 256 + sum(head[156:]):
        raise damaged("is damaged, or no tar archive")


def _size(head: bytes) -> int:
    field = head[124:136]
    if field[0] & 0x80:
        return int.from_bytes(field, "big") & ((1 << 62) - 1)
    try:
        return max(0, int(field.strip(b" \0") or b"0", 8))
    except ValueError as error:
        raise damaged("is damaged, or no tar archive") from error


def _name(head: bytes) -> bytes:
    name, prefix = head[:100].split(b"\0")[0], head[345:500].split(b"\0")[0]
    return prefix + b"/" + name if prefix and head[257:263] == b"ustar\0" else name


def _header(stream: _Stream, size: int, most: int) -> bytes:
    """A header's text with what fills its last block."""
    if size > most:
        raise damaged("has a header that is too long")
    text = stream.take(size)
    stream.take(-size % BLOCK)
    return text


def _pax(text: bytes) -> dict[bytes, bytes]:
    """``LENGTH KEY=VALUE`` lines: those that matter here."""
    found: dict[bytes, bytes] = {}
    for _ in range(_PAX_RECORDS):
        length, _, _ = text.partition(b" ")
        if not length.isdigit() or len(length) > 6 or not 0 < int(length) <= len(text):
            break
        key, _, value = text[len(length) + 1 : int(length)].rstrip(b"\n").partition(b"=")
        if key == b"path" or (key == b"size" and value.isdigit() and len(value) < 19):
            found[key] = value
        text = text[int(length) :]
    return found


def _plain(file: Source) -> Iterator[bytes]:
    at = 0
    while True:
        file.seek(at)
        piece = file.read(_PIECE)
        if not piece:
            return
        at += len(piece)
        yield piece


def _gunzipped(file: Source, bounds: Bounds) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(31)
    packed = unpacked = 0
    for piece in _plain(file):
        packed += len(piece)
        try:
            for made in inflate(unpacker, piece):
                unpacked += len(made)
                if unpacked > bounds.ratio_from and unpacked > packed * bounds.ratio:
                    raise damaged("unpacks to far more than it is")
                yield made
        except zlib.error as error:
            raise damaged("is damaged") from error
        if unpacker.eof:
            return
    raise damaged("ends in the middle")
