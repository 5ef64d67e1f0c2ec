"""Makes films and sounds of every kind for tests, honest and hostile, so that no binary file lies in the repository."""

import array
import io
import math
import os
import struct
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av

from tests.support import pictures

RATE = 48_000


def film(
    container: str = "mp4", video: str = "libx264", audio: str | None = "aac", *, width: int = 64, height: int = 48,
    frames: int = 24, rate: int = 24, tags: Mapping[str, str] | None = None, turn: int = 0,
    options: Mapping[str, str] | None = None, pix_fmt: str = "yuv420p",
) -> bytes:  # fmt: skip
    """A film whose picture grows redder, with a tone; ``frames`` / ``rate`` seconds long."""
    out = io.BytesIO()
    with av.open(out, "w", format=container, options=dict(options or {})) as made:
        made.metadata.update(tags or {})
        picture: Any = made.add_stream(video, rate=rate)
        picture.width, picture.height, picture.pix_fmt = width, height, pix_fmt
        if turn:
            picture.set_display_rotation(turn)
        sound: Any = made.add_stream(audio, rate=RATE) if audio else None
        for number in range(frames):
            made.mux(picture.encode(_frame(width, height, number, rate, pix_fmt)))
        made.mux(picture.encode(None))
        if sound is not None:
            _sing(made, sound, frames / rate)
    return out.getvalue()


def sound(
    container: str = "mp3", codec: str = "libmp3lame", *, seconds: float = 1.0, tags: Mapping[str, str] | None = None,
    cover: bytes | None = None,
) -> bytes:  # fmt: skip
    """A tone, with tags and the picture of its sleeve."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as made:
        made.metadata.update(tags or {})
        stream = made.add_stream(codec, rate=RATE)
        if cover is not None:
            sleeve: Any = made.add_stream("mjpeg", rate=1)
            sleeve.width, sleeve.height, sleeve.pix_fmt = 40, 30, "yuvj420p"
            sleeve.disposition = av.stream.Disposition.attached_pic
            packet = av.Packet(cover)
            packet.stream, packet.pts, packet.dts, packet.time_base = sleeve, 0, 0, Fraction(1, 90_000)
            made.mux(packet)
        _sing(made, stream, seconds)
    return out.getvalue()


def with_cover() -> bytes:
    """An MP3 with a sleeve (ID3v2.3 APIC) and tags that tell where it was made."""
    picture = pictures.jpeg(pictures.drawing(120, 120))
    sleeve = _tag(b"APIC", b"\0image/jpeg\0\x03\0" + picture)
    body = _tag(b"TIT2", b"\0SecretTitle") + _tag(b"TXXX", b"\0place\0SecretPlace") + sleeve
    size = len(body)
    head = b"ID3\x03\0\0" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return head + body + sound()


def _tag(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">IH", len(body), 0) + body


KINDS: dict[str, tuple[str, str, str | None]] = {
    "mp4": ("mp4", "libx264", "aac"),
    "mov": ("mov", "libx264", "aac"),
    "webm": ("webm", "libvpx", "libopus"),
    "mpeg4": ("mp4", "mpeg4", "aac"),
}
SOUNDS = {
    "mp3": ("mp3", "libmp3lame"), "ogg": ("ogg", "flac"), "opus": ("ogg", "libopus"), "flac": ("flac", "flac"),
    "wav": ("wav", "pcm_s16le"), "m4a": ("ipod", "aac"), "aac": ("adts", "aac"),
}  # fmt: skip
PLACED = {"location": "+52.5163+013.3777/", "comment": "SecretPlace", "title": "SecretTitle"}


def opened(data: bytes, container: str | None = None) -> Any:
    return av.open(io.BytesIO(data), "r", format=container)


def on_disk(folder: Path, data: bytes) -> BinaryIO:
    """An open file of ``folder`` with these bytes."""
    path = folder / f"upload-{os.urandom(4).hex()}"
    path.write_bytes(data)
    return path.open("r+b")


def _frame(width: int, height: int, number: int, rate: int, pix_fmt: str) -> Any:
    frame = av.VideoFrame(width, height, "rgb24")
    plane = frame.planes[0]
    row = bytes((min(255, 40 + number * 4), 60, 120)) * width
    plane.update((row + bytes(plane.line_size - len(row))) * height)
    frame = frame.reformat(format=pix_fmt)
    frame.pts, frame.time_base = number, Fraction(1, rate)
    return frame


def _sing(made: Any, stream: Any, seconds: float) -> None:
    step = 1024
    for start in range(0, int(RATE * seconds), step):
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=step)
        tone = array.array("f", (0.3 * math.sin((start + n) * 0.05) for n in range(step))).tobytes()
        for plane in frame.planes:
            plane.update(tone + bytes(plane.buffer_size - len(tone)))
        frame.pts, frame.sample_rate, frame.time_base = start, RATE, Fraction(1, RATE)
        made.mux(stream.encode(frame))
    made.mux(stream.encode(None))


def with_attachment(words: str) -> bytes:
    """A film that brings a file along, as a stream of its own."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as made:
        picture: Any = made.add_stream("libx264", rate=24)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        made.add_attachment("where.txt", "text/plain", words.encode())
        for number in range(24):
            made.mux(picture.encode(_frame(64, 48, number, 24, "yuv420p")))
        made.mux(picture.encode(None))
    return out.getvalue()
