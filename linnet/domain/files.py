"""Under which keys and addresses files are kept, with which headers they are served, and which part is wanted. PURE."""

import base64
import re
from typing import Literal

from linnet.domain.errors import LinnetError

Room = Literal["media", "avatars", "headers", "emoji", "cards", "uploads", "exports", "imports"]

_CLOSED = ("uploads/", "exports/", "imports/")

# 22 characters of base32 are 110 bits: nobody finds a private picture by trying.
SECRET_BYTES = 15
_SECRET_CHARACTERS = 22

PICTURE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/heic")
FILM_TYPES = ("video/mp4", "video/webm", "video/quicktime", "video/x-matroska", "video/ogg")
SOUND_TYPES = (
    "audio/mpeg", "audio/mp3", "audio/ogg", "audio/vorbis", "audio/opus", "audio/flac", "audio/x-flac", "audio/wav",
    "audio/wave", "audio/x-wav", "audio/x-pn-wave", "audio/vnd.wave", "audio/aac", "audio/m4a", "audio/x-m4a",
    "audio/mp4", "audio/webm",
)  # fmt: skip
UPLOAD_TYPES = (*PICTURE_TYPES, "image/heif", *FILM_TYPES, *SOUND_TYPES)
"""What may be uploaded, under every name that apps have for it; what it really is, its bytes say."""

_TYPES = {
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
}
_KEY = re.compile(r"[a-z0-9_-][a-z0-9_.-]*(?:/[a-z0-9_-][a-z0-9_.-]*)*")
_KEY_LENGTH_MAX = 200
_RANGE = re.compile(r"bytes=[ \t]*(\d*)-(\d*)[ \t]*", re.ASCII | re.IGNORECASE)
# Longer numbers are no positions in a file of ours, and Python refuses to read very long ones.
_DIGITS_MAX = 18


HEAD_BYTES = 64
"""So many of a file's first bytes say what it seems to be."""


class RangeNotSatisfiable(LinnetError):
    """The part asked for lies wholly behind the end of the file, which is ``size`` bytes long."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The file has {size} bytes")
        self.size = size


def folder(room: Room, owner: int, secret: bytes) -> str:
    """Where the files of one upload stand: ``media/{id}/{22 random characters}``.

    ``owner`` is the id of the attachment, account or emoji; ``secret`` is ``SECRET_BYTES`` bytes of chance. A new
    upload gets a new folder, so that a file under an address never changes and may be cached for ever.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"{SECRET_BYTES} bytes of chance are needed, not {len(secret)}")
    return f"{room}/{owner}/{base64.b32encode(secret).decode().lower()[:_SECRET_CHARACTERS]}"


def key(folder_of_upload: str, name: str) -> str:
    """The blob key of one file (``original.jpeg``) in a folder made by ``folder``."""
    return f"{folder_of_upload}/{name}"


def is_key(text: str) -> bool:
    """Whether a text can be a blob key: no way up, no hidden names, nothing that a file system could read otherwise."""
    return len(text) <= _KEY_LENGTH_MAX and _KEY.fullmatch(text) is not None


def is_served(blob_key: str) -> bool:
    """Whether a file has an address: what was uploaded and has not been made safe yet has none."""
    return is_key(blob_key) and not blob_key.startswith(_CLOSED)


def etag(blob_key: str) -> str:
    """What names the file's content, which never changes under its key."""
    return '"' + blob_key.replace("/", "-") + '"'


def matches(header: str | None, tag: str) -> bool:
    """Whether ``If-None-Match`` names this content (RFC 9110 §13.1.2: weak marks count as well)."""
    if not header:
        return False
    return header.strip() == "*" or tag in (part.strip().removeprefix("W/") for part in header.split(","))


def content_type(blob_key: str) -> str:
    """By the extension that *we* gave; what is not in the table is only bytes."""
    return _TYPES.get(blob_key.rpartition(".")[2], "application/octet-stream")


def content_headers(blob_key: str) -> tuple[tuple[bytes, bytes], ...]:
    """The headers under which a file is served: it may be shown, embedded and cached, but never run.

    Only files of the table's types are shown in place; others are offered for saving. What every answer has (the type
    that must not be guessed at, access from other sites) is not among them.
    """
    known = content_type(blob_key) != "application/octet-stream"
    return (
        (b"content-disposition", b"inline" if known else b"attachment"),
        (b"content-security-policy", b"default-src 'none'; form-action 'none'"),
        (b"cache-control", b"public, max-age=31536000, immutable"),
        (b"accept-ranges", b"bytes"),
        (b"etag", etag(blob_key).encode()),
    )


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first and last byte wanted (both counted in) of a file of ``size`` bytes, by RFC 9110 §14.

    None means: send all of it. That is so without a header, and for what a server may ignore: other units, several
    ranges, wrong syntax. Raises ``RangeNotSatisfiable`` where nothing of the file lies within the range.
    """
    match = _RANGE.fullmatch(header) if header else None
    if match is None:
        return None
    first, last = match[1], match[2]
    if max(len(first), len(last)) > _DIGITS_MAX or not (first or last):
        return None
    if not first:
        return _last_bytes(int(last), size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise RangeNotSatisfiable(size)
    return int(first), min(int(last), size - 1) if last else size - 1


def _last_bytes(count: int, size: int) -> tuple[int, int]:
    if count == 0 or size == 0:
        raise RangeNotSatisfiable(size)
    return max(0, size - count), size - 1
