"""What the server and its media children say to each other: requests, answers, limits and length-prefixed frames."""

from collections.abc import Callable
from typing import Literal

import msgspec

from linnet.media.containers import Demuxer

Kind = Literal["attachment", "thumbnail", "avatar", "header", "emoji"]

# Mastodon's MAX_MATRIX_LIMIT and image size limit (app/models/concerns/attachmentable.rb, media_attachment.rb).
PIXELS_MAX = 33_177_600
IMAGE_BYTES_MAX = 16 * 1024 * 1024
EMOJI_BYTES_MAX = 256 * 1024

PREFIX_BYTES = 4
# A child that was taken over by a hostile file must not be able to fill the server's memory.
ANSWER_BYTES_MAX = 128 * 1024 * 1024


class Limits(msgspec.Struct, frozen=True):
    """How much of a picture is taken. Bytes as uploaded; pixels and sides as declared, before anything is decoded.

    ``animation_pixels_max`` bounds width × height × frames.
    """

    bytes_max: int = IMAGE_BYTES_MAX
    pixels_max: int = PIXELS_MAX
    side_max: int = 16_384
    frames_max: int = 1_000
    animation_pixels_max: int = 10 * PIXELS_MAX


class RecordingLimits(msgspec.Struct, frozen=True):
    """How much of a film or a sound is taken: bytes as uploaded; the rest as declared, and as found while reading."""

    bytes_max: int = 99 * 1024 * 1024
    pixels_max: int = 8_294_400
    side_max: int = 8_192
    frame_rate_max: int = 120
    film_seconds_max: int = 15 * 60
    sound_seconds_max: int = 4 * 3600


class Details(msgspec.Struct, frozen=True):
    """One size of a picture, as in ``meta`` of the client API's MediaAttachment: pixels, "WxH", width / height."""

    width: int
    height: int
    size: str
    aspect: float


class Measures(msgspec.Struct, frozen=True, omit_defaults=True):
    """What ``meta.original`` of a film or a sound says: seconds, bits a second, pixels, frames a second."""

    duration: float
    bitrate: int
    width: int | None = None
    height: int | None = None
    frame_rate: str | None = None


class Processed(msgspec.Struct, frozen=True, tag="processed", tag_field="answer"):
    """A picture made safe. ``files`` maps file names (``original.jpeg``, ``small.webp``, ``static.png``) to bytes.

    ``original`` is there but for a thumbnail or a preview; ``small`` for attachments and those; ``static`` only where
    ``original`` moves. ``mime`` is that of ``original``; ``meta`` has one entry for each file, under its stem. A
    ``gifv`` is an animated picture that became a film, with its ``measures``.
    """

    files: dict[str, bytes]
    mime: str
    meta: dict[str, Details]
    blurhash: str | None = None
    type: Literal["image", "gifv"] = "image"
    measures: Measures | None = None

    def name(self, stem: str) -> str | None:
        """The full file name for ``original``, ``small`` or ``static``; None where there is none."""
        return next((name for name in self.files if name.partition(".")[0] == stem), None)


class Refused(msgspec.Struct, frozen=True, tag="refused", tag_field="answer"):
    """The picture cannot be taken; the three parts of ``Invalid``."""

    field: str
    why: str
    code: str


class Request(msgspec.Struct, frozen=True):
    """One picture to be processed, in at most ``cpu_s`` seconds of processor time."""

    kind: Kind
    data: bytes
    limits: Limits
    cpu_s: int


class RecordingRequest(msgspec.Struct, frozen=True):
    """One film or sound: read from the descriptor ``source``, made anew into ``target``, which stands empty."""

    demuxer: Demuxer
    source: int
    target: int
    limits: RecordingLimits
    cpu_s: int


class Recording(msgspec.Struct, frozen=True, tag="recording", tag_field="answer"):
    """A film or a sound that was made anew. ``type`` is the client API's; ``preview`` is a picture of it, if any."""

    type: Literal["video", "gifv", "audio"]
    mime: str
    extension: str
    measures: Measures
    preview: Processed | None = None


Answer = Processed | Recording | Refused

_decode_request = msgspec.msgpack.Decoder(Request)
_decode_recording_request = msgspec.msgpack.Decoder(RecordingRequest)
_decode_answer: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def frame(message: Request | RecordingRequest | Answer) -> bytes:
    """The message with its length (4 bytes, big endian) before it."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(PREFIX_BYTES, "big") + body


def read_request(read: Callable[[int], bytes]) -> Request | None:
    """The next request from a blocking ``read(size)``; None when the other side has closed, even in mid-message."""
    body = _read_body(read)
    return None if body is None else _decode_request.decode(body)


def read_recording_request(read: Callable[[int], bytes]) -> RecordingRequest | None:
    """The same for a child that makes recordings."""
    body = _read_body(read)
    return None if body is None else _decode_recording_request.decode(body)


def _read_body(read: Callable[[int], bytes]) -> bytes | None:
    prefix = read(PREFIX_BYTES)
    if len(prefix) < PREFIX_BYTES:
        return None
    size = int.from_bytes(prefix, "big")
    body = read(size)
    return body if len(body) == size else None


def answer_size(prefix: bytes) -> int:
    """How many bytes follow the prefix. ``ValueError`` where that is more than an honest child sends."""
    size = int.from_bytes(prefix, "big")
    if size > ANSWER_BYTES_MAX:
        raise ValueError(f"an answer of {size} bytes")
    return size


def read_answer(body: bytes) -> Answer:
    """``msgspec.DecodeError`` where it is not an answer."""
    return _decode_answer.decode(body)
