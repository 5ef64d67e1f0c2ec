"""Frames of films as pictures, and pictures as the frames of a film. Runs in the children only."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import pyvips
from av.container import OutputContainer
from av.video.frame import VideoFrame

from linnet.domain.errors import Invalid
from linnet.media import heif
from linnet.media.handles import MemoryHandle

X264 = {"preset": "veryfast", "crf": "23", "maxrate": "5M", "bufsize": "10M", "threads": "1"}
"""What the encoder is asked for: full HD at a quality that is hard to tell from the source's, on one processor."""


def picture_of(frame: VideoFrame, turn: int) -> pyvips.Image:
    """A frame as it is to be seen."""
    plain = frame.reformat(format="rgb24")
    plane = plain.planes[0]
    whole, line, row = bytes(plane), plane.line_size, 3 * plain.width
    data = b"".join(whole[at : at + row] for at in range(0, line * plain.height, line))
    image = pyvips.Image.new_from_memory(data, plain.width, plain.height, 3, "uchar").copy(interpretation="srgb")
    turned = {90: image.rot270, -90: image.rot90, 270: image.rot90, -270: image.rot270}.get(turn)
    if turned is not None:
        image = turned()
    elif turn:
        image = image.rot180()
    return image.copy_memory()


def heic(data: bytes, pixels_max: int) -> pyvips.Image:
    """The picture in a HEIC file, upright. Raises ``Invalid("file", …)`` where it cannot be decoded."""
    found = heif.read(data)
    # Tiles may reach beyond the picture's edges, but not by as much again.
    tiles, left = [], 2 * pixels_max
    for configuration, coded in found.tiles:
        tiles.append(_tile(configuration, coded, left))
        left -= tiles[-1].width * tiles[-1].height
    joined = pyvips.Image.arrayjoin(tiles, across=found.columns) if len(tiles) > 1 else tiles[0]
    if found.width > joined.width or found.height > joined.height:
        raise Invalid("file", "is incomplete or damaged")
    image = joined.crop(0, 0, found.width, found.height)
    for _ in range(found.quarters):
        image = image.rot270()
    if found.mirror:
        image = image.flip(found.mirror)
    return image.copy_memory()


def _tile(configuration: bytes, coded: bytes, pixels_max: int) -> pyvips.Image:
    decoder: Any = av.CodecContext.create("hevc", "r")
    decoder.extradata = configuration
    decoder.thread_count = 1
    try:
        frames = [*decoder.decode(av.Packet(coded)), *decoder.decode(None)]
    except (av.FFmpegError, ValueError):
        frames = []
    if not frames or frames[0].width * frames[0].height > pixels_max:
        raise Invalid("file", "is incomplete or damaged")
    return picture_of(frames[0], 0)


def looping(frames: Iterator[tuple[bytes, int]], width: int, height: int) -> tuple[bytes, int]:
    """A silent MP4 of RGB frames, each with the ms that it stands; and how long it lasts, in ms."""
    target = MemoryHandle()
    container: OutputContainer = av.open(
        target, "w", format="mp4", options={"movflags": "faststart"}, io_open=target.again
    )  # fmt: skip
    stream: Any = container.add_stream("libx264", rate=25, options={**X264, "crf": "20"})
    stream.width, stream.height, stream.pix_fmt = width // 2 * 2, height // 2 * 2, "yuv420p"
    stream.codec_context.time_base = Fraction(1, 1000)
    stream.codec_context.thread_count = 1
    at = 0
    for data, delay_ms in frames:
        frame = VideoFrame(width, height, "rgb24")
        _fill(frame, data, width * 3)
        shown = frame.reformat(stream.width, stream.height, format="yuv420p")
        shown.pts, shown.time_base = at, Fraction(1, 1000)
        container.mux(stream.encode(shown))
        at += delay_ms
    for packet in stream.encode(None):
        container.mux(packet)
    container.close()
    return target.getvalue(), at


def _fill(frame: VideoFrame, data: bytes, row: int) -> None:
    plane = frame.planes[0]
    if plane.line_size == row:
        plane.update(data)
        return
    spare = bytes(plane.line_size - row)
    plane.update(b"".join(data[at : at + row] + spare for at in range(0, len(data), row)))
