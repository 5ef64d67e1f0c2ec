"""Reads zip files that anybody may have made: entry by entry, without holding the list of them, and within bounds."""

import struct
import zlib
from collections.abc import Iterator

import msgspec

from linnet.archives.bounds import Bounds, Source, damaged

_END = struct.Struct("<4s4H2LH")
_END64_PLACE = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_COMMENT_MAX = 0xFFFF
_FULL32 = 0xFFFFFFFF
_PIECE = 64 << 10
STORED, DEFLATED = 0, 8
_ENCRYPTED, _UTF8 = 0x1, 0x800
_FILE_TYPE, _REGULAR = 0o170000, 0o100000


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where the bytes of an entry lie in its zip file."""

    offset: int
    packed: int
    size: int
    crc: int
    method: int


class ZipEntry(msgspec.Struct, frozen=True):
    """``why`` says why it cannot be taken; '' for one that can."""

    name: bytes
    place: Place
    why: str = ""


def is_zip(file: Source) -> bool:
    file.seek(0)
    return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def entries(file: Source, bounds: Bounds) -> Iterator[ZipEntry]:
    """All files, in the order of the central directory. Raises Invalid where that cannot be read."""
    at, size, count = _directory(file)
    if count > bounds.entries:
        raise damaged(f"has {count} entries; {bounds.entries} are read at most")
    for _ in range(count):
        file.seek(at)
        head = file.read(_CENTRAL.size)
        if len(head) < _CENTRAL.size or head[:4] != b"PK\x01\x02" or size < _CENTRAL.size:
            raise damaged("has a list of contents that is damaged")
        (_, made_by, _, flags, method, _, _, crc, packed, unpacked, name_size, extra_size, comment_size, _, _, outer,
         offset) = _CENTRAL.unpack(head)  # fmt: skip
        name, extra = file.read(name_size), file.read(extra_size)
        at += _CENTRAL.size + name_size + extra_size + comment_size
        unpacked, packed, offset = _large(extra, unpacked, packed, offset)
        if name.endswith(b"/") and not unpacked:
            continue
        place = Place(offset, packed, unpacked, crc, method)
        yield ZipEntry(name, place, _why(flags, method, made_by >> 8, outer >> 16, place, bounds))


def _why(flags: int, method: int, system: int, mode: int, place: Place, bounds: Bounds) -> str:
    if flags & _ENCRYPTED:
        return "is encrypted"
    if method not in (STORED, DEFLATED):
        return "is compressed in a way that is not read here"
    if system == 3 and mode & _FILE_TYPE not in (0, _REGULAR):
        return "is no file, but a link or a device"
    if place.size > bounds.ratio_from and place.size > place.packed * bounds.ratio:
        return "unpacks to far more than it is"
    return ""


def _directory(file: Source) -> tuple[int, int, int]:
    """Where the list of contents begins, its bytes, and how many entries it has."""
    total = file.seek(0, 2)
    start = max(0, total - _END.size - _COMMENT_MAX)
    file.seek(start)
    tail = file.read(_END.size + _COMMENT_MAX)
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) - found < _END.size:
        raise damaged("is no zip file, or its end is missing")
    _, _, _, _, count, size, at, _ = _END.unpack_from(tail, found)
    place = start + found - _END64_PLACE.size
    if (count == 0xFFFF or _FULL32 in (size, at)) and place >= 0:
        file.seek(place)
        mark, _, end64, _ = _END64_PLACE.unpack(file.read(_END64_PLACE.size))
        if mark == b"PK\x06\x07" and end64 < total:
            file.seek(end64)
            end = file.read(_END64.size)
            if len(end) == _END64.size and end[:4] == b"PK\x06\x06":
                _, _, _, _, _, _, _, count, size, at = _END64.unpack(end)
    if at + size > total:
        raise damaged("has a list of contents that is damaged")
    return at, size, count


def _large(extra: bytes, unpacked: int, packed: int, offset: int) -> tuple[int, int, int]:
    """The sizes of a zip64 entry, which stand in its extra field."""
    values = [unpacked, packed, offset]
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            body = extra[at + 4 : at + 4 + size]
            for index, value in enumerate(values):
                if value == _FULL32 and len(body) >= 8:
                    values[index], body = struct.unpack_from("<Q", body)[0], body[8:]
        at += 4 + size
    return values[0], values[1], values[2]


def read(file: Source, place: Place) -> Iterator[bytes]:
    """An entry's bytes, never more than it says that it has. Raises Invalid where they are not what they should be."""
    file.seek(place.offset)
    head = file.read(_LOCAL.size)
    if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
        raise damaged("names a file that is not in it")
    fields = _LOCAL.unpack(head)
    at, left = place.offset + _LOCAL.size + fields[9] + fields[10], place.packed
    unpacker = zlib.decompressobj(-15) if place.method == DEFLATED else None
    crc = size = 0
    for piece in _unpacked(file, at, left, unpacker):
        size += len(piece)
        if size > place.size:
            raise damaged("has a file that is larger than it says")
        crc = zlib.crc32(piece, crc)
        yield piece
    if size != place.size or crc != place.crc:
        raise damaged("has a file that is damaged")


def _unpacked(file: Source, at: int, left: int, unpacker: "zlib._Decompress | None") -> Iterator[bytes]:
    while left:
        # Whoever reads may have read elsewhere since the last piece.
        file.seek(at)
        packed = file.read(min(_PIECE, left))
        if not packed:
            raise damaged("ends within a file")
        at, left = at + len(packed), left - len(packed)
        if unpacker is None:
            yield packed
            continue
        try:
            yield from inflate(unpacker, packed)
        except zlib.error as error:
            raise damaged("has a file that is damaged") from error


def inflate(unpacker: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    """What the bytes unpack to, in pieces of 64 KiB."""
    while packed:
        piece = unpacker.decompress(packed, _PIECE)
        packed = unpacker.unconsumed_tail
        if piece:
            yield piece
        elif not packed or unpacker.eof:
            return
