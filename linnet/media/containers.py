"""Says from a file's first bytes whether it is a picture or a recording, and which reader it is given to. PURE."""

from typing import Literal

from linnet.domain.errors import Invalid

Demuxer = Literal["mov", "matroska", "ogg", "flac", "wav", "mp3", "aac"]

_PICTURE_BRANDS = frozenset((b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
# What an old QuickTime film may begin with instead of `ftyp`.
_FILM_BOXES = frozenset((b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"))


def demuxer(head: bytes) -> Demuxer | None:
    """The one reader that a film or a sound is opened with; None for what is none (a picture, or anything else).

    No other reader is ever tried: those of playlists and scripts would open further files.
    """
    if head[4:8] == b"ftyp":
        return None if _brands(head) & _PICTURE_BRANDS else "mov"
    if head[4:8] in _FILM_BOXES:
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head.startswith(b"OggS"):
        return "ogg"
    if head.startswith(b"fLaC"):
        return "flac"
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return "wav"
    return "mp3" if head.startswith(b"ID3") else _frames(head)


def check_length(size: int, bytes_max: int) -> None:
    """``Invalid`` where a file of ``size`` bytes is empty or larger than ``bytes_max``."""
    if not size:
        raise Invalid("file", "is empty")
    if size > bytes_max:
        raise Invalid("file", f"is larger than {bytes_max / 1024 / 1024:g} MiB")


def _frames(head: bytes) -> Demuxer | None:
    """MPEG sound without a container: eleven bits of ones, then version and layer (ISO 11172-3, 13818-7)."""
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "aac"
    return "mp3" if head[1] & 0x06 == 0x02 and head[1] & 0x18 != 0x08 else None


def _brands(head: bytes) -> set[bytes]:
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[at : at + 4] for at in range(8, end, 4)}
