"""Writes a zip file in pieces that are kept one by one: of what was written, only a list is needed again."""

import struct
import zlib
from datetime import UTC, datetime

import msgspec

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_PLACE = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")
_FULL32, _FULL16 = 0xFFFFFFFF, 0xFFFF
_STREAMED, _UTF8 = 0x8, 0x800


class Made(msgspec.Struct, array_like=True):
    """An entry as the list of contents has it."""

    name: str
    offset: int
    method: int
    crc: int = 0
    packed: int = 0
    size: int = 0


def stored(name: str, data: bytes, offset: int, at: int) -> tuple[bytes, Made]:
    """A file as it is: pictures and films are packed already. ``at`` in ms since 1970."""
    made = Made(name, offset, 0, zlib.crc32(data), len(data), len(data))
    return _local(made, at, 0) + data, made


def begin(name: str, offset: int, at: int) -> tuple[bytes, Made]:
    """A text that comes in several pieces, over several runs: nothing of its compression is kept between them."""
    made = Made(name, offset, 8)
    return _local(made, at, _STREAMED), made


def more(made: Made, data: bytes) -> bytes:
    """Packs a piece so that the next one can follow it whoever packs that: its blocks end at a byte."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)
    made.crc, made.size, made.packed = zlib.crc32(data, made.crc), made.size + len(data), made.packed + len(packed)
    return packed


def end(made: Made) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    last = packer.flush(zlib.Z_FINISH)
    made.packed += len(last)
    return last + struct.pack("<4s3L", b"PK\x07\x08", made.crc, made.packed, made.size)


def _local(made: Made, at: int, flags: int) -> bytes:
    name = made.name.encode()
    time, day = _dos(at)
    head = (b"PK\x03\x04", 20, _UTF8 | flags, made.method, time, day, made.crc, made.packed, made.size, len(name), 0)
    return _LOCAL.pack(*head) + name


def listed(made: Made, at: int) -> bytes:
    """The entry in the list of contents."""
    name, (time, day) = made.name.encode(), _dos(at)
    large = made.offset >= _FULL32
    extra = struct.pack("<2HQ", 1, 8, made.offset) if large else b""
    flags = _UTF8 | (_STREAMED if made.method else 0)
    return (
        _CENTRAL.pack(
            b"PK\x01\x02", 0x0300 | 45, 45 if large else 20, flags, made.method, time, day, made.crc, made.packed,
            made.size, len(name), len(extra), 0, 0, 0, 0o100644 << 16, _FULL32 if large else made.offset,
        )
        + name
        + extra
    )  # fmt: skip


def closing(count: int, size: int, offset: int) -> bytes:
    """What ends the file, after a list of ``count`` entries and ``size`` bytes that begins at ``offset``."""
    large = count >= _FULL16 or offset >= _FULL32 or size >= _FULL32
    more = b""
    if large:
        more = _END64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
        more += _END64_PLACE.pack(b"PK\x06\x07", 0, offset + size, 1)
    short = min(count, _FULL16)
    return more + _END.pack(b"PK\x05\x06", 0, 0, short, short, min(size, _FULL32), min(offset, _FULL32), 0)


def _dos(at: int) -> tuple[int, int]:
    moment = datetime.fromtimestamp(at / 1000, UTC)
    day = max(0, moment.year - 1980) << 9 | moment.month << 5 | moment.day
    return moment.hour << 11 | moment.minute << 5 | moment.second // 2, day
