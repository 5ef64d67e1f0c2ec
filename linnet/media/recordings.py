"""Opens a film or a sound that a stranger made, and says what is in it. Runs in the child only: it meets hostile bytes.

The reader is the one that the file's first bytes chose (``containers``); whatever the file names besides itself is not
opened. What its headers declare is checked here, what turns out while it is read in ``transcode``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from linnet.domain.errors import Invalid
from linnet.media.containers import Demuxer
from linnet.media.handles import Handle, refuse
from linnet.media.messages import RecordingLimits

_STREAMS_MAX = 32
# Bytes and microseconds after which the reader stops guessing what streams there are.
_PROBE = {"probesize": "5000000", "analyzeduration": "10000000", "protocol_whitelist": "", "enable_drefs": "0"}
_PLAIN = frozenset(("yuv420p", "yuvj420p"))
_CHANNELS_MAX = 6
_ERRORS_MAX = 20


@dataclass(frozen=True, slots=True)
class Source:
    """An open recording with the streams that are kept: at least one of ``video`` and ``audio``."""

    container: InputContainer
    demuxer: Demuxer
    video: VideoStream | None
    audio: AudioStream | None
    cover: VideoStream | None
    limits: RecordingLimits

    @property
    def seconds_max(self) -> int:
        return self.limits.film_seconds_max if self.video else self.limits.sound_seconds_max

    @property
    def seconds(self) -> float | None:
        """As declared; None where the file does not say it."""
        duration = self.container.duration
        return None if duration is None or duration <= 0 else duration / 1_000_000

    @property
    def passes(self) -> bool:
        """Whether every browser plays the streams as they are, so that they need no new encoding."""
        if self.video is None:
            return self.demuxer == "mp3" and self.audio is not None and self.audio.codec_context.name in _MP3_DECODERS
        if self.demuxer != "mov" or self.video.codec_context.name != "h264":
            return False
        sound = self.audio.codec_context if self.audio else None
        fits = sound is None or (sound.name == "aac" and sound.channels <= _CHANNELS_MAX)
        return fits and self.video.codec_context.pix_fmt in _PLAIN


_MP3_DECODERS = frozenset(("mp3", "mp3float"))


@contextmanager
def opened(source: Handle, demuxer: Demuxer, limits: RecordingLimits) -> Iterator[Source]:
    """``Invalid("file", …)`` for what the reader cannot read, and for whatever exceeds ``limits``."""
    with damaged_if_unreadable():
        container = av.open(
            source, "r", format=demuxer, options=dict(_PROBE), io_open=refuse, metadata_errors="ignore"
        )  # fmt: skip
    try:
        with damaged_if_unreadable():
            yield _chosen(container, demuxer, limits)
    finally:
        container.close()


@contextmanager
def damaged_if_unreadable() -> Iterator[None]:
    """Whatever the library says of a file is the file's fault, and said in our own words."""
    try:
        yield
    except MemoryError:
        raise Invalid("file", "needs too much memory to be processed") from None
    except (av.FFmpegError, EOFError, OSError, ValueError, OverflowError, ZeroDivisionError):
        raise damaged() from None


def damaged() -> Invalid:
    return Invalid("file", "is incomplete or damaged")


class Patience:
    """Counts what could not be decoded: a spoilt frame is left out, many of them are a spoilt file."""

    def __init__(self) -> None:
        self._errors = 0

    def spend(self) -> None:
        self._errors += 1
        if self._errors > _ERRORS_MAX:
            raise damaged()


def check_seconds(seconds: float, source: Source) -> None:
    if seconds > source.seconds_max:
        raise Invalid("file", f"is longer than {_spelled(source.seconds_max)}")


def check_frame(width: int, height: int, limits: RecordingLimits) -> None:
    if width < 1 or height < 1:
        raise Invalid("file", "has no width or no height")
    if width * height > limits.pixels_max or max(width, height) > limits.side_max:
        raise Invalid("file", f"is {width}x{height}: at most {limits.pixels_max} pixels are supported")


def check_rate(rate: float, limits: RecordingLimits) -> None:
    if rate > limits.frame_rate_max:
        raise Invalid("file", f"has more than {limits.frame_rate_max} frames a second")


def _chosen(container: InputContainer, demuxer: Demuxer, limits: RecordingLimits) -> Source:
    streams = container.streams
    if len(streams) > _STREAMS_MAX:
        raise Invalid("file", f"has more than {_STREAMS_MAX} streams")
    covers = [one for one in streams.video if one.disposition & Disposition.attached_pic]
    moving = [one for one in streams.video if not one.disposition & Disposition.attached_pic and _is_readable(one)]
    heard = [one for one in streams.audio if _is_readable(one)]
    video = max(moving, key=lambda one: one.codec_context.width * one.codec_context.height, default=None)
    audio = max(heard, key=lambda one: one.codec_context.channels, default=None)
    if video is None and audio is None:
        raise Invalid("file", "has neither a picture nor a sound that could be played")
    for stream in streams:
        # What nobody decodes must not cost its bytes' time.
        if stream not in (video, audio) and stream not in covers:
            stream.discard = Discard.all
    found = Source(container, demuxer, video, audio, covers[0] if covers else None, limits)
    if found.seconds is not None:
        check_seconds(found.seconds, found)
    if video is not None:
        video.codec_context.thread_count = 1
        check_frame(video.codec_context.width, video.codec_context.height, limits)
        if video.average_rate is not None and video.average_rate > 0:
            check_rate(float(video.average_rate), limits)
    return found


def _is_readable(stream: VideoStream | AudioStream) -> bool:
    try:
        return bool(stream.codec_context.name)
    except (AttributeError, ValueError):
        return False  # a codec that this build does not know


def rate_of(video: VideoStream) -> Fraction:
    """Frames a second as declared; 30 where that is nothing."""
    for rate in (video.average_rate, video.guessed_rate, video.base_rate):
        if rate is not None and 0 < rate <= 1000:
            return Fraction(rate)
    return Fraction(30)


def _spelled(seconds: int) -> str:
    return f"{seconds // 60} minutes" if seconds >= 120 else f"{seconds} seconds"
