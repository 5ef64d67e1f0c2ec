"""Makes HEIC pictures for tests: one coded picture or a grid of tiles, turned or not."""

import io
import struct
from fractions import Fraction
from typing import Any

import av
import pyvips


def heic(image: pyvips.Image, *, columns: int = 1, rows: int = 1, quarters: int = 0) -> bytes:
    """``image`` in ``columns`` x ``rows`` tiles of the same size, with the note to turn it ``quarters`` to the left."""
    wide, high = image.width // columns, image.height // rows
    coded = [
        _coded(image.crop(x * wide, y * high, wide, high).copy_memory()) for y in range(rows) for x in range(columns)
    ]
    items = len(coded)
    grid = items > 1
    primary = items + 1 if grid else 1
    kinds = [b"hvc1"] * items + [b"grid"] * grid
    entries = b"".join(_full(b"infe", struct.pack(">HH", n, 0) + kind + b"\0", 2) for n, kind in enumerate(kinds, 1))
    sizes = [_full(b"ispe", struct.pack(">II", *size)) for size in ((wide, high), (image.width, image.height))]
    properties = [_box(b"hvcC", coded[0][0]), *sizes, _box(b"irot", bytes((quarters,)))]
    owned = b"".join(struct.pack(">HB", n, 2) + bytes((1, 2)) for n in range(1, items + 1) if n != primary)
    mine = (3, 4) if grid else (1, 2, 4)
    owned += struct.pack(">HB", primary, len(mine)) + bytes(mine)
    count = items if grid else 1
    ipma = _full(b"ipma", struct.pack(">I", count + grid) + owned)
    layout = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, image.width, image.height)
    references = _full(b"iref", _box(b"dimg", struct.pack(f">HH{items}H", primary, items, *range(1, items + 1))))

    def meta(start: int) -> bytes:
        places, at = b"", start
        for number, (_, data) in enumerate(coded, 1):
            places += struct.pack(">HHHHII", number, 0, 0, 1, at, len(data))
            at += len(data)
        if grid:
            places += struct.pack(">HHHHII", primary, 1, 0, 1, 0, len(layout))
        return _full(
            b"meta",
            _full(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + _full(b"pitm", struct.pack(">H", primary))
            + _full(b"iinf", struct.pack(">H", items + grid) + entries)
            + (references if grid else b"")
            + _box(b"iprp", _box(b"ipco", b"".join(properties)) + ipma)
            + (_box(b"idat", layout) if grid else b"")
            + _full(b"iloc", struct.pack(">BBH", 0x44, 0, items + grid) + places, 1),
        )

    head = _box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    before = len(head) + len(meta(0)) + 8
    return head + meta(before) + _box(b"mdat", b"".join(data for _, data in coded))


def _coded(image: pyvips.Image) -> tuple[bytes, bytes]:
    """The configuration and the coded bytes of one picture, as an MP4 has them."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as made:
        options = {"x265-params": "log-level=none:keyint=1", "preset": "ultrafast", "crf": "10"}
        stream: Any = made.add_stream("libx265", rate=1, options=options)
        stream.width, stream.height, stream.pix_fmt = image.width, image.height, "yuv420p"
        frame = av.VideoFrame(image.width, image.height, "rgb24")
        line, row, data = frame.planes[0].line_size, image.width * 3, bytes(image.write_to_memory())
        spare = bytes(line - row)
        frame.planes[0].update(b"".join(data[at : at + row] + spare for at in range(0, len(data), row)))
        frame = frame.reformat(format="yuv420p")
        frame.pts, frame.time_base = 0, Fraction(1)
        made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    whole = out.getvalue()
    at = whole.index(b"hvcC") - 4
    configuration = whole[at + 8 : at + int.from_bytes(whole[at : at + 4], "big")]
    packet = next(packet for packet in av.open(io.BytesIO(whole), "r").demux(video=0) if packet.size)
    return configuration, bytes(packet)


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + name + body


def _full(name: bytes, body: bytes, version: int = 0) -> bytes:
    return _box(name, bytes((version, 0, 0, 0)) + body)
