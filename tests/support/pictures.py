"""Makes pictures of every kind for tests, honest and hostile, so that no binary file lies in the repository."""

import struct
import zlib
from typing import Any

import pyvips

from tests.support.heic import heic

NOISE_SEED = 7


def drawing(width: int = 300, height: int = 200) -> pyvips.Image:
    """Flat colours: a red disc on blue, white in the upper left corner."""
    image = pyvips.Image.black(width, height, bands=3).linear([1, 1, 1], [20, 40, 200])
    image = image.draw_circle([220, 30, 30], width // 2, height // 2, max(1, min(width, height) // 4), fill=True)
    image = image.draw_rect([255, 255, 255], 0, 0, max(1, width // 4), max(1, height // 4), fill=True)
    return image.cast("uchar").copy(interpretation="srgb")


def photo(width: int = 300, height: int = 200) -> pyvips.Image:
    """Noise: compresses as badly as a photograph."""
    bands = [pyvips.Image.gaussnoise(width, height, sigma=60, mean=120, seed=NOISE_SEED + n) for n in range(3)]
    return bands[0].bandjoin(bands[1:]).cast("uchar").copy(interpretation="srgb")


def transparent(width: int = 300, height: int = 200) -> pyvips.Image:
    alpha = pyvips.Image.black(width, height).draw_rect([255], 0, 0, max(1, width // 2), height, fill=True)
    return drawing(width, height).bandjoin(alpha.cast("uchar"))


def jpeg(image: pyvips.Image | None = None, **options: Any) -> bytes:
    return bytes((image or drawing()).jpegsave_buffer(**options))


def png(image: pyvips.Image | None = None, **options: Any) -> bytes:
    return bytes((image or drawing()).pngsave_buffer(**options))


def webp(image: pyvips.Image | None = None, **options: Any) -> bytes:
    return bytes((image or drawing()).webpsave_buffer(**options))


def avif(image: pyvips.Image | None = None, **options: Any) -> bytes:
    return bytes((image or drawing()).heifsave_buffer(compression="av1", effort=0, **options))


def gif(image: pyvips.Image | None = None) -> bytes:
    return bytes((image or drawing()).gifsave_buffer())


def strip(frames: int = 4, width: int = 60, height: int = 40, delay_ms: int = 70) -> pyvips.Image:
    """An animation: the drawing, growing brighter from frame to frame, and a white bar that grows along its foot."""
    pages = [
        (drawing(width, height) * (0.5 + 0.5 * n / frames))
        .cast("uchar")
        .draw_rect([255, 255, 255], 0, height - 3, 1 + n * width // frames, 3, fill=True)
        for n in range(frames)
    ]
    joined = pyvips.Image.arrayjoin(pages, across=1).copy(interpretation="srgb")
    joined.set_type(pyvips.GValue.gint_type, "page-height", height)
    joined.set_type(pyvips.GValue.array_int_type, "delay", [delay_ms] * frames)
    joined.set_type(pyvips.GValue.gint_type, "loop", 0)
    return joined


def moving_gif(frames: int = 4, width: int = 60, height: int = 40) -> bytes:
    return bytes(strip(frames, width, height).gifsave_buffer())


def moving_webp(frames: int = 4, width: int = 60, height: int = 40) -> bytes:
    return bytes(strip(frames, width, height).webpsave_buffer())


def every_kind() -> dict[str, bytes]:
    return {
        "image/jpeg": jpeg(),
        "image/png": png(),
        "image/gif": gif(),
        "image/webp": webp(),
        "image/avif": avif(),
        "image/heic": heic(drawing(304, 200).crop(0, 0, 300, 200).copy_memory()),
    }


def with_exif(image: pyvips.Image, orientation: int = 1) -> bytes:
    """A JPEG as a telephone makes it: position, camera, comment, orientation."""
    tagged = image.copy()
    for name, value in {
        "exif-ifd3-GPSLatitude": "52/1 31/1 12/1",
        "exif-ifd3-GPSLatitudeRef": "N",
        "exif-ifd0-Make": "SecretCamera",
        "exif-ifd0-ImageDescription": "SecretPlace",
    }.items():
        tagged.set_type(pyvips.GValue.gstr_type, name, value)
    tagged.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    tagged.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x:xmpmeta>SecretXmp</x:xmpmeta>")
    tagged.set_type(pyvips.GValue.blob_type, "iptc-data", b"SecretIptc")
    return bytes(tagged.jpegsave_buffer())


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_bomb(width: int, height: int) -> bytes:
    """A small file that declares a huge picture; its rows are all zero, one bit a pixel."""
    rows = zlib.compressobj(9)
    body = b"".join(rows.compress(bytes(1 + (width + 7) // 8)) for _ in range(height)) + rows.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def gif_of_frames(count: int, width: int = 1, height: int = 1) -> bytes:
    """A GIF of ``count`` frames, each of which paints the upper left pixel, black and white by turns."""
    head = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\x00\x00" + b"\x00\x00\x00\xff\xff\xff"
    place = b"\x2c" + struct.pack("<HHHH", 0, 0, 1, 1) + b"\x00"
    pair = place + b"\x02\x02\x44\x01\x00" + place + b"\x02\x02\x4c\x01\x00"
    return head + pair * (count // 2) + b"\x3b"


def opened(data: bytes, options: str = "") -> pyvips.Image:
    return pyvips.Image.new_from_buffer(data, options)
