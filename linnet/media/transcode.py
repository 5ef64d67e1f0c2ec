"""Makes films and sounds anew: streams that every browser plays are only packed again, others are encoded again.

Runs in the child only. What is made is MP4 (H.264, AAC) with its index in front, or MP3. Nothing but the chosen
picture and sound goes over: no tags, no places, no further streams, no attachments.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, cast

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from linnet.media import process
from linnet.media.frames import X264, picture_of
from linnet.media.handles import Handle
from linnet.media.messages import Measures, Processed, Recording
from linnet.media.recordings import (
    Patience,
    Source,
    check_frame,
    check_rate,
    check_seconds,
    damaged,
    damaged_if_unreadable,
    rate_of,
)

# What an encoder is asked for: full HD by area, sixty frames a second.
_PIXELS = 1920 * 1080
_RATE_MAX = 60
_CLOCK = Fraction(1, 90_000)
_RATES = (48_000, 44_100, 32_000)
_TURNS = {90: "cclock", -270: "cclock", -90: "clock", 270: "clock"}
# A recording that ends long before its headers say so has been cut off.
_MISSING_SHARE = 0.15
_MISSING_SECONDS = 2.0


def make(source: Source, target: Handle) -> Recording:
    """Raises ``Invalid("file", …)`` for what cannot be read to its end, or turns out to exceed the limits."""
    with damaged_if_unreadable():
        if source.video is None:
            return _sound(source, target)
        return _film(source, target)


def _film(source: Source, target: Handle) -> Recording:
    assert source.video is not None
    work = _Repack(source, target, "mp4") if source.passes else _Encode(source, target, "mp4")
    seconds = work.run()
    if work.first is None:
        raise damaged()
    first = picture_of(work.first, work.turn)
    width, height = (first.width, first.height) if source.passes else work.size
    measures = Measures(
        round(seconds, 3), _bitrate(target, seconds), width, height, str(work.frame_rate(seconds))
    )  # fmt: skip
    # As on Mastodon: what is silent is shown like an animated picture.
    kind: Any = "video" if source.audio is not None else "gifv"
    return Recording(kind, "video/mp4", "mp4", measures, process.preview(first))


def _sound(source: Source, target: Handle) -> Recording:
    work = _Repack(source, target, "mp3") if source.passes else _Encode(source, target, "mp3")
    seconds = work.run()
    return Recording("audio", "audio/mpeg", "mp3", Measures(round(seconds, 3), _bitrate(target, seconds)), work.cover)


def _bitrate(target: Handle, seconds: float) -> int:
    return round(target.size * 8 / seconds) if seconds > 0 else 0


class _Work(ABC):
    """One pass over the source's packets, in their order."""

    def __init__(self, source: Source, target: Handle, container: str) -> None:
        self.source = source
        self.first: VideoFrame | None = None
        self.turn = 0
        self.frames = 0
        self.size = (0, 0)
        self.cover: Processed | None = None
        self._patience = Patience()
        self._seconds = 0.0
        options = {"movflags": "faststart"} if container == "mp4" else {"id3v2_version": "0", "write_id3v1": "0"}
        self._target: OutputContainer = av.open(
            target, "w", format=container, options=options, io_open=target.again
        )  # fmt: skip

    def run(self) -> float:
        """The seconds that it lasts."""
        try:
            for packet in self._packets():
                self._take(packet)
            self._finish()
            self._check_end()
        finally:
            self._target.close()
        return self._seconds

    def frame_rate(self, seconds: float) -> Fraction:
        """What was declared, unless the frames that came are far from it."""
        assert self.source.video is not None
        declared = rate_of(self.source.video)
        counted = Fraction(self.frames / seconds).limit_denominator(1000) if seconds > 0 else declared
        return declared if abs(counted - declared) <= declared / 10 else counted

    def _packets(self) -> Iterator["Packet[Any]"]:
        wanted = [one for one in (self.source.video, self.source.audio, self.source.cover) if one is not None]
        for packet in self.source.container.demux(wanted):
            if packet.stream is self.source.cover:
                if packet.size and self.source.video is None and self.cover is None:
                    self.cover = process.cover(bytes(packet))
                continue
            yield packet

    @abstractmethod
    def _take(self, packet: "Packet[Any]") -> None:
        """The next one, of the film or the sound."""

    @abstractmethod
    def _finish(self) -> None:
        """There are no more: what is held back is written."""

    def _passed(self, seconds: float) -> None:
        """Something of the recording lies at this second: a file may go on longer than it says."""
        if seconds > self._seconds:
            self._seconds = seconds
            check_seconds(seconds, self.source)

    def _check_end(self) -> None:
        if self._seconds <= 0:
            raise damaged()
        missing = (self.source.seconds or 0.0) - self._seconds
        if missing > _MISSING_SECONDS and missing > _MISSING_SHARE * (self.source.seconds or 0.0):
            raise damaged()

    def _decode(self, packet: "Packet[Any]") -> list[Any]:
        try:
            return list(packet.decode())
        except av.FFmpegError:
            self._patience.spend()
            return []


class _Repack(_Work):
    """The streams as they are, in a new container. The first frame is decoded, for the preview."""

    def __init__(self, source: Source, target: Handle, container: str) -> None:
        super().__init__(source, target, container)
        kept = [one for one in (source.video, source.audio) if one is not None]
        self._streams = {one.index: self._target.add_stream_from_template(one) for one in kept}
        self._heard = False
        for stream in self._streams.values():
            stream.metadata.clear()

    def _take(self, packet: "Packet[Any]") -> None:
        if packet.dts is None:
            if packet.stream is self.source.video and self.first is None:
                self._look(packet)
            return
        at, time_base = (packet.pts if packet.pts is not None else packet.dts), packet.time_base
        start = float((at + (packet.duration or 0)) * time_base)
        if packet.stream is self.source.video:
            self.frames += 1
            if self.first is None:
                self._look(packet)
        elif not self._heard:
            self._heard = bool(self._decode(packet))
        self._passed(start)
        packet.stream = self._streams[packet.stream.index]
        self._target.mux(packet)

    def _look(self, packet: "Packet[Any]") -> None:
        for frame in self._decode(packet)[:1]:
            check_frame(frame.width, frame.height, self.source.limits)
            self.first, self.turn, self.size = frame, frame.rotation, (frame.width, frame.height)

    def _finish(self) -> None:
        if self.source.video is None and not self._heard:
            raise damaged()
        if self.source.video is not None and self._seconds >= 1:
            check_rate(self.frames / self._seconds / 1.1, self.source.limits)


class _Encode(_Work):
    """Every frame decoded and encoded again, within what an encoder is asked for."""

    def __init__(self, source: Source, target: Handle, container: str) -> None:
        super().__init__(source, target, container)
        self._video: Any = None
        self._audio: Any = None
        self._graph: av.filter.Graph | None = None
        self._last = -1
        self._gap = 0.9 / _RATE_MAX
        self._start: float | None = None
        self._waiting: list[Any] = []
        # All streams of the target stand before its first packet is written.
        if source.audio is not None:
            self._audio = self._sound_stream(container)

    def _sound_stream(self, container: str) -> Any:
        assert self.source.audio is not None
        found = self.source.audio.codec_context
        rate = found.sample_rate if found.sample_rate in _RATES else _RATES[0]
        stream: Any = self._target.add_stream("aac" if container == "mp4" else "libmp3lame", rate=rate)
        stream.layout = "mono" if found.channels == 1 else "stereo"
        stream.bit_rate = 96_000 if found.channels == 1 else 160_000
        return stream

    def _take(self, packet: "Packet[Any]") -> None:
        for frame in self._decode(packet):
            if isinstance(frame, VideoFrame):
                self._see(frame)
            else:
                self._hear(frame)

    def _see(self, frame: VideoFrame) -> None:
        check_frame(frame.width, frame.height, self.source.limits)
        at = self._time(frame)
        self._passed(at + 1 / float(rate_of(self.source.video)) if self.source.video else at)
        self.frames += 1
        if self._video is None:
            self._begin(frame)
        ticks = round(at / _CLOCK)
        if self._last >= 0 and ticks - self._last < self._gap / float(_CLOCK):
            return
        self._last = ticks
        shown = self._upright(frame)
        shown.pts, shown.time_base = ticks, _CLOCK
        self._target.mux(self._video.encode(shown))

    def _begin(self, frame: VideoFrame) -> None:
        """The first frame says how large the film is; frames of other sizes are fitted to it."""
        self.first, self.turn = frame, frame.rotation
        width, height = process.within(frame.width, frame.height, _PIXELS)
        self._inner = max(2, width // 2 * 2), max(2, height // 2 * 2)
        self.size = self._inner[::-1] if self.turn in _TURNS else self._inner
        assert self.source.video is not None
        rate = min(rate_of(self.source.video), Fraction(_RATE_MAX))
        self._video = self._target.add_stream("libx264", rate=rate, options=dict(X264))
        self._video.width, self._video.height = self.size
        self._video.pix_fmt = "yuv420p"
        self._video.codec_context.time_base = _CLOCK
        self._video.codec_context.thread_count = 1
        self._video.codec_context.gop_size = 250
        waiting, self._waiting = self._waiting, []
        for early in waiting:
            self._target.mux(self._audio.encode(early))

    def _upright(self, frame: VideoFrame) -> VideoFrame:
        plain = frame.reformat(*self._inner, format="yuv420p")
        if not self.turn:
            return plain
        if self._graph is None:
            self._graph = _turning(self.turn, *self._inner)
        plain.pts, plain.time_base = self.frames, _CLOCK
        self._graph.push(plain)
        return cast(VideoFrame, self._graph.pull())

    def _hear(self, frame: Any) -> None:
        at = self._time(frame)
        self._passed(at + frame.samples / max(1, frame.sample_rate))
        # The film's picture comes first, or the sound would stand in a file without it.
        if self.source.video is not None and self._video is None:
            self._waiting.append(frame)
            if len(self._waiting) > 2_000:
                raise damaged()
            return
        self._target.mux(self._audio.encode(frame))

    def _time(self, frame: Any) -> float:
        """In seconds from the recording's beginning, which need not lie at 0."""
        if frame.pts is None:
            rate = rate_of(self.source.video) if isinstance(frame, VideoFrame) and self.source.video else None
            return float(self.frames / rate) if rate else self._seconds
        at = float(frame.pts * frame.time_base)
        if self._start is None:
            self._start = (self.source.container.start_time or 0) / 1_000_000
        return max(0.0, at - self._start)

    def _finish(self) -> None:
        if self.source.video is not None and self._video is None:
            raise damaged()
        if self.source.video is not None and self._seconds >= 1:
            check_rate(self.frames / self._seconds / 1.1, self.source.limits)
        for stream in (self._video, self._audio):
            if stream is not None:
                self._target.mux(stream.encode(None))


def _turning(turn: int, width: int, height: int) -> "av.filter.Graph":
    graph = av.filter.Graph()
    begin = graph.add_buffer(width=width, height=height, format=VideoFormat("yuv420p"), time_base=_CLOCK)
    if turn in _TURNS:
        steps = [graph.add("transpose", _TURNS[turn])]
    else:
        steps = [graph.add("hflip"), graph.add("vflip")]
    graph.link_nodes(begin, *steps, graph.add("buffersink")).configure()
    return graph
