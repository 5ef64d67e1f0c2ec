"""Says from magic bytes and headers what a picture is and how large it will be, or refuses it. PURE."""

from collections.abc import Iterator
from dataclasses import dataclass

from linnet.domain.errors import Invalid
from linnet.media import heif
from linnet.media.messages import Limits

_PNG = b"\x89PNG\r\n\x1a\n"
_ACCEPTED_WORDS = "send JPEG, PNG, GIF, WebP, AVIF or HEIC"
# Recognised only so that the error can name them: (offset, magic bytes, name).
_OTHERS = (
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"BM", "BMP"),
    (0, b"%PDF", "PDF"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (0, b"8BPS", "Photoshop"),
    (0, b"\x00\x00\x01\x00", "icon"),
    (0, b"\x1a\x45\xdf\xa3", "WebM film"),
    (0, b"OggS", "Ogg"),
    (0, b"ID3", "MP3"),
)
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"))


@dataclass(frozen=True, slots=True)
class Probe:
    """What the headers declare: media type, size in pixels before any rotation, number of frames (1 = still)."""

    mime: str
    width: int
    height: int
    frames: int


def probe(data: bytes, limits: Limits | None = None) -> Probe:
    """What ``data`` is, whatever its name or declared type say. Takes time linear in its length.

    Raises ``Invalid("file", reason)`` for unknown kinds, truncated files and whatever exceeds ``limits``.
    """
    limits = limits or Limits()
    check_bytes(data, limits.bytes_max)
    try:
        found = _read(data, limits)
    except IndexError:
        raise _truncated() from None
    if found.width < 1 or found.height < 1:
        raise Invalid("file", "has no width or no height")
    check_size(found, limits)
    return found


def check_bytes(data: bytes, bytes_max: int) -> None:
    """``Invalid`` where the file is empty or larger than ``bytes_max``."""
    if not data:
        raise Invalid("file", "is empty")
    if len(data) > bytes_max:
        raise Invalid("file", f"is larger than {bytes_max / 1024 / 1024:g} MiB")


def check_size(found: Probe, limits: Limits) -> None:
    """``Invalid`` where sides, pixels or frames exceed the limits."""
    if max(found.width, found.height) > limits.side_max:
        raise Invalid("file", f"is {found.width}x{found.height}: no side may exceed {limits.side_max} pixels")
    if found.width * found.height > limits.pixels_max:
        raise Invalid("file", f"is {found.width}x{found.height}: at most {limits.pixels_max} pixels are supported")
    if found.frames > limits.frames_max:
        raise _too_many_frames(limits)
    if found.width * found.height * found.frames > limits.animation_pixels_max:
        raise Invalid("file", f"has too many pixels in its {found.frames} frames")


def _read(data: bytes, limits: Limits) -> Probe:
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(_PNG):
        return _png(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _gif(data, limits)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    if data[4:8] == b"ftyp":
        return _boxes(data)
    raise _unknown(data)


def _unknown(data: bytes) -> Invalid:
    for offset, magic, name in _OTHERS:
        if data.startswith(magic, offset):
            return _not_yet(name)
    # SVG is a program as much as a picture: scripts, foreign files, unbounded work.
    if b"<svg" in data[:4096].lower():
        return Invalid("file", f"SVG is not accepted; {_ACCEPTED_WORDS}")
    if any(magic.startswith(data) for magic in (b"\xff\xd8\xff", _PNG, b"GIF87a", b"GIF89a", b"RIFF")):
        return _truncated()
    return Invalid("file", f"is of an unknown kind; {_ACCEPTED_WORDS}")


def _not_yet(name: str) -> Invalid:
    return Invalid("file", f"{name} is not accepted yet; {_ACCEPTED_WORDS}")


def _truncated() -> Invalid:
    return Invalid("file", "is incomplete or damaged")


def _too_many_frames(limits: Limits) -> Invalid:
    return Invalid("file", f"has more than {limits.frames_max} frames")


def _number(data: bytes, at: int, size: int, order: str = "big") -> int:
    """Like ``int.from_bytes`` over a slice, but a number that is cut off is an ``IndexError``, not a smaller number."""
    if at + size > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + size], "little" if order == "little" else "big")


# --- JPEG: ITU T.81, annex B -------------------------------------------------------------------------------------

_STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))
_FRAME_STARTS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _jpeg(data: bytes) -> Probe:
    size: tuple[int, int] | None = None
    at = 2
    while True:
        if data[at] != 0xFF:
            raise _truncated()
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _STANDALONE:
            at += 2
        elif marker == 0xDA:
            break
        else:
            if marker in _FRAME_STARTS:
                size = _number(data, at + 7, 2), _number(data, at + 5, 2)
            at += 2 + max(2, _number(data, at + 2, 2))
    # Bytes after the end of the picture are allowed (cameras put things there); they are not kept.
    if size is None or data.rfind(b"\xff\xd9", at) < 0:
        raise _truncated()
    return Probe("image/jpeg", *size, 1)


# --- PNG: W3C PNG (third edition) §5, §11. APNG counts as its first picture: the decoder reads no other frame ------


def _png(data: bytes) -> Probe:
    if data[12:16] != b"IHDR":
        raise _truncated()
    width, height = _number(data, 16, 4), _number(data, 20, 4)
    at, painted = len(_PNG), False
    while True:
        length, name = _number(data, at, 4), data[at + 4 : at + 8]
        painted = painted or name == b"IDAT"
        at += 12 + length
        if at > len(data):
            raise _truncated()
        if name == b"IEND":
            break
    if not painted:
        raise _truncated()
    return Probe("image/png", width, height, 1)


# --- GIF: CompuServe GIF89a --------------------------------------------------------------------------------------


def _gif(data: bytes, limits: Limits) -> Probe:
    width, height = _number(data, 6, 2, "little"), _number(data, 8, 2, "little")
    at = 13 + _palette_bytes(data[10])
    frames = 0
    while (introducer := data[at]) != 0x3B:
        if introducer == 0x2C:
            frames += 1
            if frames > limits.frames_max:
                raise _too_many_frames(limits)
            at = _after_blocks(data, at + 11 + _palette_bytes(data[at + 9]))
        elif introducer == 0x21:
            at = _after_blocks(data, at + 2)
        else:
            raise _truncated()
    if not frames:
        raise _truncated()
    return Probe("image/gif", width, height, frames)


def _palette_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while length := data[at]:
        at += 1 + length
    return at + 1


# --- WebP: RFC 9649 ----------------------------------------------------------------------------------------------


def _webp(data: bytes) -> Probe:
    end = 8 + _number(data, 4, 4, "little")
    if end > len(data):
        raise _truncated()
    size: tuple[int, int] | None = None
    frames, painted = 0, False
    for name, at in _riff_chunks(data, end):
        if name == b"VP8X":
            size = 1 + _number(data, at + 4, 3, "little"), 1 + _number(data, at + 7, 3, "little")
        elif name == b"ANMF":
            frames += 1
        elif name in (b"VP8 ", b"VP8L"):
            painted = True
            size = size or (_vp8_size(data, at) if name == b"VP8 " else _vp8l_size(data, at))
    if size is None or not (frames or painted):
        raise _truncated()
    return Probe("image/webp", *size, max(1, frames))


def _riff_chunks(data: bytes, end: int) -> Iterator[tuple[bytes, int]]:
    at = 12
    while at + 8 <= end:
        length = _number(data, at + 4, 4, "little")
        if at + 8 + length > end:
            raise _truncated()
        yield data[at : at + 4], at + 8
        at += 8 + length + length % 2


def _vp8_size(data: bytes, at: int) -> tuple[int, int]:
    if data[at + 3 : at + 6] != b"\x9d\x01\x2a":
        raise _truncated()
    return _number(data, at + 6, 2, "little") & 0x3FFF, _number(data, at + 8, 2, "little") & 0x3FFF


def _vp8l_size(data: bytes, at: int) -> tuple[int, int]:
    bits = _number(data, at + 1, 4, "little")
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)


# --- AVIF and HEIC: ISO 14496-12 boxes, ISO 23008-12 `ispe` ---------------------------------------------------------

_ISPE_PATH = (b"meta", b"iprp", b"ipco", b"ispe")


def _boxes(data: bytes) -> Probe:
    brands = {data[at : at + 4] for at in range(8, min(_number(data, 0, 4), 256), 4)}
    if not brands & _AVIF_BRANDS:
        if not brands & _HEIC_BRANDS:
            raise _not_yet("film")
        found = heif.read(data)
        return Probe("image/heic", found.width, found.height, 1)
    sizes = list(_ispe(data, 0, len(data), 0))
    if not sizes:
        raise _truncated()
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return Probe("image/avif", width, height, 1)


def _ispe(data: bytes, at: int, end: int, depth: int) -> Iterator[tuple[int, int]]:
    """Every declared size, found by walking down ``_ISPE_PATH``; at depth 0 also proves that no box is cut off."""
    wanted = _ISPE_PATH[depth]
    while at + 8 <= end:
        length, head = _number(data, at, 4), 8
        if length == 1:
            length, head = _number(data, at + 8, 8), 16
        length = length or end - at
        if length < head or at + length > end:
            raise _truncated()
        if data[at + 4 : at + 8] == wanted:
            if wanted == b"ispe":
                yield _number(data, at + 12, 4), _number(data, at + 16, 4)
            else:
                # `meta` is a full box: four bytes of version and flags stand before its children.
                yield from _ispe(data, at + head + (4 if wanted == b"meta" else 0), at + length, depth + 1)
        at += length
    if at < end:
        raise _truncated()
