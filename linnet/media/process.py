"""Decodes a picture and makes it anew, smaller and without metadata. Runs in the child only: it meets hostile bytes.

What is made (``original`` is never the uploaded file: nothing hidden in it, GPS or program, survives):

- *attachment*: ``original`` of at most 8.3 megapixels, ``small`` of at most 230,400 pixels, a blurhash;
- *thumbnail*: of a film or a sound, only such a ``small`` and its blurhash;
- *avatar*: the middle square, at most 400x400; *header*: the middle 3:1, at most 1500x500; *emoji*: within 128x128;
- whatever moves (GIF, WebP) goes on moving, and its first frame stands beside it (``small`` or ``static``). As an
  attachment it becomes a silent film that loops (``gifv``), unless parts of it are transparent: a film has none.

Kinds of file: JPEG stays JPEG and WebP stays WebP; AVIF and HEIC become JPEG (WebP where transparent), since not every
client reads them. PNG and unmoving GIF become PNG while that is a drawing (at most one byte a pixel), else, as a
photograph, JPEG, or WebP where transparent. A moving GIF that stays a picture is GIF up to 4 million pixels over all
frames; a larger one becomes a moving WebP, because making a GIF palette takes ten times the time and the result five
times the bytes.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import pyvips

# The package itself only offers a form that takes Pillow images.
from blurhash_rs._lib import encode_rgb

from linnet.domain.errors import Invalid
from linnet.media.messages import EMOJI_BYTES_MAX, Details, Kind, Limits, Measures, Processed
from linnet.media.probe import Probe, check_bytes, check_size, probe

# Mastodon's sizes (app/models/media_attachment.rb, concerns/account/avatar.rb, header.rb).
ORIGINAL_PIXELS = 3840 * 2160
SMALL_PIXELS = 640 * 360
AVATAR_SIZE = (400, 400)
HEADER_SIZE = (1500, 500)
EMOJI_SIDE = 128

_GIF_PIXELS = 4_000_000
_ANIMATION_PIXELS = 48_000_000
_DRAWING_BYTES = 64 * 1024
_BLURHASH_SIDE = 64
_DELAY_MS_MAX = 10_000
# To be handed to the decoder: the `fail_on` of libvips' thumbnailer itself never reaches it.
_STRICT = "fail_on=error"
_LOADERS = {
    "image/jpeg": "jpegload_buffer",
    "image/png": "pngload_buffer",
    "image/gif": "gifload_buffer",
    "image/webp": "webpload_buffer",
    "image/avif": "heifload_buffer",
    "image/heic": "pngload_buffer",
}
_LOADER_CLASSES = (
    "VipsForeignLoadJpegBuffer",
    "VipsForeignLoadPngBuffer",
    "VipsForeignLoadNsgifBuffer",
    "VipsForeignLoadWebpBuffer",
    "VipsForeignLoadHeifBuffer",
)
_MIMES = {"jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp", "mp4": "video/mp4"}


@dataclass(frozen=True, slots=True)
class _Source:
    """The upload with what its headers say. Sizes are those after rotation; ``colours`` are thumbnail options."""

    data: bytes
    found: Probe
    width: int
    height: int
    colours: dict[str, str]

    @property
    def moves(self) -> bool:
        return self.found.frames > 1


@dataclass(frozen=True, slots=True)
class _Made:
    extension: str
    data: bytes
    width: int
    height: int


def lock_decoders() -> None:
    """Leaves the five decoders that are wanted, blocks all others; one thread, no cache. Once, at start."""
    pyvips.concurrency_set(1)
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for name in _LOADER_CLASSES:
        pyvips.operation_block_set(name, False)


def process(data: bytes, kind: Kind, limits: Limits) -> Processed:
    """Raises ``Invalid("file", reason)`` for whatever is refused by ``probe`` or cannot be decoded to its end."""
    if kind == "emoji":
        check_bytes(data, min(EMOJI_BYTES_MAX, limits.bytes_max))
    found = probe(data, limits)
    if kind == "emoji" and found.mime not in ("image/png", "image/gif", "image/webp"):
        raise Invalid("file", "must be PNG, GIF or WebP for an emoji")
    try:
        source = _open(data, found, limits)
        if kind == "thumbnail":
            return preview(_still(source, within(source.width, source.height, SMALL_PIXELS)))
        return _attachment(source) if kind == "attachment" else _likeness(source, kind)
    except pyvips.Error:
        raise Invalid("file", "is incomplete or damaged") from None
    except MemoryError:
        raise Invalid("file", "needs too much memory to be processed") from None


def _open(data: bytes, found: Probe, limits: Limits) -> _Source:
    """Reads the header by libvips too: what it is going to decode counts, not only what we have read in the bytes."""
    if found.mime == "image/heic":
        # libvips is built without its decoder. From here on it is a picture without any loss.
        from linnet.media.frames import heic

        data = bytes(heic(data, limits.pixels_max).pngsave_buffer(compression=0))
    header = pyvips.Image.new_from_buffer(data, "", access="sequential")
    if header.get("vips-loader") != _LOADERS[found.mime]:
        raise Invalid("file", "is two kinds of file at once")
    frames = header.get("n-pages") if found.mime in ("image/gif", "image/webp") and found.frames > 1 else 1
    found = Probe(found.mime, header.width, header.height, frames)
    check_size(found, limits)
    upright = header.autorot()
    # Where there is no profile the transform would only cost its time (seconds), except from CMYK.
    profiled = header.get_typeof("icc-profile-data") != 0 or header.interpretation == "cmyk"
    colours = {"output_profile": "srgb"} if profiled else {}
    return _Source(data, found, upright.width, upright.height, colours)


# --- attachments -------------------------------------------------------------------------------------------------


def _attachment(source: _Source) -> Processed:
    first = _still(source, within(source.width, source.height, ORIGINAL_PIXELS))
    width, height = within(first.width, first.height, SMALL_PIXELS)
    small = first.thumbnail_image(width, height=height, size="down").copy_memory()
    if source.moves:
        return _animation(source, small)
    return _processed({"original": _encode(first, source.found.mime), "small": _encode_small(small)}, blurhash(small))


def _animation(source: _Source, small: pyvips.Image) -> Processed:
    strip, tall = _strip(source, source.width, source.height, None)
    made = {"small": _encode_small(small)}
    if strip.hasalpha() and strip[strip.bands - 1].min() < 255:
        return _processed({"original": _encode_strip(strip, tall, source.found.mime), **made}, blurhash(small))
    data, ms = _film(strip, tall)
    width, height, seconds = strip.width // 2 * 2, tall // 2 * 2, max(1, ms) / 1000
    done = _processed({"original": _Made("mp4", data, width, height), **made}, blurhash(small))
    rate = Fraction(source.found.frames * 1000, max(1, ms)).limit_denominator(1000)
    measures = Measures(round(seconds, 3), round(len(data) * 8 / seconds), width, height, str(rate))
    return Processed(done.files, done.mime, done.meta, done.blurhash, "gifv", measures)


def _film(strip: pyvips.Image, tall: int) -> tuple[bytes, int]:
    # Only here: the library takes memory and time that most pictures do not need.
    from linnet.media.frames import looping

    delays = strip.get("delay") if strip.get_typeof("delay") else []
    plain = (strip.extract_band(0, n=3) if strip.bands > 3 else strip).copy_memory()

    def frames() -> Iterator[tuple[bytes, int]]:
        for number, top in enumerate(range(0, plain.height, tall)):
            frame = plain.crop(0, top, plain.width, tall)
            delay = delays[number] if number < len(delays) else 0
            # Browsers, too, show what claims to be faster than 20 ms a frame at 100 ms.
            yield bytes(frame.write_to_memory()), min(delay, _DELAY_MS_MAX) if delay >= 20 else 100

    return looping(frames(), plain.width, tall)


def preview(image: pyvips.Image) -> Processed:
    """``small`` and blurhash alone: what stands for a film or a sound. The picture is upright, 8-bit sRGB."""
    width, height = within(image.width, image.height, SMALL_PIXELS)
    small = image.thumbnail_image(width, height=height, size="down").copy_memory()
    made = _encode_small(small)
    return Processed(
        {f"small.{made.extension}": made.data}, _MIMES[made.extension], {"small": details(made.width, made.height)},
        blurhash(small),
    )  # fmt: skip


def cover(data: bytes) -> Processed | None:
    """The picture that a sound brings along; None for one that cannot be shown, without which it still plays."""
    try:
        return process(data, "thumbnail", Limits())
    except Invalid:
        return None


def within(width: int, height: int, pixels_max: int) -> tuple[int, int]:
    """The size scaled down, where need be, to ``pixels_max``: by area, as Mastodon does, so panoramas stay legible."""
    scale = min(1.0, math.sqrt(pixels_max / (width * height)))
    return max(1, int(width * scale)), max(1, int(height * scale))


def blurhash(image: pyvips.Image) -> str:
    """The blurhash (4x3 components) of an 8-bit sRGB picture, transparent parts on white."""
    tiny = image.thumbnail_image(_BLURHASH_SIDE, height=_BLURHASH_SIDE, size="down")
    if tiny.hasalpha():
        tiny = tiny.flatten(background=[255, 255, 255])
    tiny = tiny.cast("uchar")
    return encode_rgb(bytes(tiny.write_to_memory()), tiny.width, tiny.height, 4, 3)


# --- avatars, headers, emoji -------------------------------------------------------------------------------------


def _likeness(source: _Source, kind: Kind) -> Processed:
    if kind == "emoji":
        scale = min(1.0, EMOJI_SIDE / max(source.width, source.height))
        scaled = max(1, round(source.width * scale)), max(1, round(source.height * scale))
        crop = None
    else:
        wanted = AVATAR_SIZE if kind == "avatar" else HEADER_SIZE
        scaled, crop = _cover(source.width, source.height, *wanted)
    first = _still(source, scaled)
    if crop is not None:
        first = _middle(first, *crop).copy_memory()
    still = _png(first) if kind == "emoji" or source.moves else _encode(first, source.found.mime)
    if not source.moves:
        return _processed({"original": still}, None)
    return _processed({"original": _moving(source, *scaled, crop), "static": still}, None)


def _cover(width: int, height: int, most_x: int, most_y: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """How to fill a shape: (size to scale to, size to crop from its middle). Never scales up."""
    scale = min(1.0, max(most_x / width, most_y / height))
    scaled = max(1, round(width * scale)), max(1, round(height * scale))
    fit = min(1.0, scaled[0] / most_x, scaled[1] / most_y)
    return scaled, (max(1, min(scaled[0], round(most_x * fit))), max(1, min(scaled[1], round(most_y * fit))))


def _middle(image: pyvips.Image, width: int, height: int) -> pyvips.Image:
    width, height = min(width, image.width), min(height, image.height)
    return image.crop((image.width - width) // 2, (image.height - height) // 2, width, height)


# --- decoding ----------------------------------------------------------------------------------------------------


def _still(source: _Source, size: tuple[int, int]) -> pyvips.Image:
    """The first frame in memory: upright, 8-bit sRGB, without alpha where nothing is transparent."""
    image = pyvips.Image.thumbnail_buffer(
        source.data, size[0], height=size[1], size="down", option_string=_STRICT, **source.colours
    )
    image = image.colourspace("srgb").cast("uchar").copy_memory()
    if image.hasalpha() and image[image.bands - 1].min() == 255:
        image = image.extract_band(0, n=image.bands - 1).copy_memory()
    return image


def _moving(source: _Source, width: int, height: int, crop: tuple[int, int] | None) -> _Made:
    return _encode_strip(*_strip(source, width, height, crop), source.found.mime)


def _strip(source: _Source, width: int, height: int, crop: tuple[int, int] | None) -> tuple[pyvips.Image, int]:
    """All frames one below the other, and how tall each is: at ``width`` x ``height``, less where they are many.

    Of each, ``crop`` is kept of its middle.
    """
    pixels_max = min(ORIGINAL_PIXELS, _ANIMATION_PIXELS // source.found.frames)
    scaled = within(width, height, pixels_max)
    strip = pyvips.Image.thumbnail_buffer(
        source.data, scaled[0], height=scaled[1], size="force", option_string=f"{_STRICT},n=-1", **source.colours
    )
    strip = strip.colourspace("srgb").cast("uchar")
    tall = strip.get("page-height")
    if crop is not None:
        ratio = scaled[0] / width
        strip, tall = _crop_frames(strip, tall, max(1, int(crop[0] * ratio)), max(1, int(crop[1] * ratio)))
    return strip, tall


def _encode_strip(strip: pyvips.Image, tall: int, mime: str) -> _Made:
    extension, data = _encode_moving(strip, mime)
    return _Made(extension, data, strip.width, tall)


def _crop_frames(strip: pyvips.Image, tall: int, width: int, height: int) -> tuple[pyvips.Image, int]:
    width, height = min(width, strip.width), min(height, tall)
    left, top = (strip.width - width) // 2, (tall - height) // 2
    frames = [strip.crop(left, at + top, width, height) for at in range(0, strip.height, tall)]
    # `arrayjoin` keeps the first picture's fields (delays, loop), and with them the old height of a frame.
    joined = pyvips.Image.arrayjoin(frames, across=1).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", height)
    return joined, height


# --- encoding ----------------------------------------------------------------------------------------------------


def _encode(image: pyvips.Image, mime: str) -> _Made:
    if mime in ("image/png", "image/gif"):
        drawing = _png(image)
        if len(drawing.data) <= max(_DRAWING_BYTES, image.width * image.height):
            return drawing
    if mime == "image/webp" or image.hasalpha():
        return _made(image, "webp", image.webpsave_buffer(Q=90, effort=2, keep="none"))
    return _made(image, "jpeg", image.jpegsave_buffer(Q=90, optimize_coding=True, keep="none"))


def _encode_small(image: pyvips.Image) -> _Made:
    if image.hasalpha():
        return _made(image, "webp", image.webpsave_buffer(Q=80, effort=4, keep="none"))
    return _made(image, "jpeg", image.jpegsave_buffer(Q=80, optimize_coding=True, keep="none"))


def _png(image: pyvips.Image) -> _Made:
    return _made(image, "png", image.pngsave_buffer(compression=6, keep="none"))


def _encode_moving(strip: pyvips.Image, mime: str) -> tuple[str, bytes]:
    if mime == "image/gif" and strip.width * strip.height <= _GIF_PIXELS:
        return "gif", strip.gifsave_buffer(effort=1, dither=0, keep="none")
    return "webp", strip.webpsave_buffer(Q=80, effort=1, keep="none")


def _made(image: pyvips.Image, extension: str, data: bytes) -> _Made:
    return _Made(extension, bytes(data), image.width, image.height)


def _processed(made: dict[str, _Made], hash_text: str | None) -> Processed:
    return Processed(
        files={f"{stem}.{one.extension}": one.data for stem, one in made.items()},
        mime=_MIMES[made["original"].extension],
        meta={stem: details(one.width, one.height) for stem, one in made.items()},
        blurhash=hash_text,
    )


def details(width: int, height: int) -> Details:
    return Details(width, height, f"{width}x{height}", width / height)
