"""Static files from memory, under addresses that change with their content, so that browsers may keep them for ever."""

import gzip
from hashlib import sha256
from importlib.resources.abc import Traversable
from typing import NamedTuple

from linnet.domain import errors
from linnet.http.request import Request
from linnet.http.response import Response
from linnet.http.router import Route

_TYPES = {
    "avif": b"image/avif",
    "css": b"text/css; charset=utf-8",
    "gif": b"image/gif",
    "html": b"text/html; charset=utf-8",
    "ico": b"image/x-icon",
    "jpg": b"image/jpeg",
    "js": b"text/javascript; charset=utf-8",
    "json": b"application/json",
    "png": b"image/png",
    "svg": b"image/svg+xml",
    "txt": b"text/plain; charset=utf-8",
    "webmanifest": b"application/manifest+json",
    "webp": b"image/webp",
    "woff2": b"font/woff2",
}
_FOR_EVER = (b"cache-control", b"public, max-age=31536000, immutable")
_ASK_AGAIN = (b"cache-control", b"no-cache")
_VARY = (b"vary", b"Accept-Encoding")
_GZIP = (b"content-encoding", b"gzip")


class _File(NamedTuple):
    content_type: bytes
    etag: bytes
    plain: bytes
    packed: bytes | None  # gzip, where that saves at least a tenth


class StaticFiles:
    """All files of ``folder`` (a path or a package's resources), read once.

    The hash in an address is that of the whole folder: a style sheet may then name its pictures and fonts relative to
    itself. An address with another hash, from a page made by an older or newer version of us, gets the present
    file, not to be kept.
    """

    def __init__(self, folder: Traversable) -> None:
        self._files = {name: _load(name, data) for name, data in sorted(_read(folder, "").items())}
        whole = sha256()
        for name, file in self._files.items():
            whole.update(f"{name}\0".encode() + file.etag)
        self._version = whole.hexdigest()[:16]

    def url(self, name: str) -> str:
        """The address of a file such as ``style.css`` or ``icons/star.svg``; KeyError if there is none."""
        if name not in self._files:
            raise KeyError(f"There is no static file {name}")
        return f"/static/{self._version}/{name}"

    def routes(self) -> list[Route]:
        return [Route("GET", "/static/:hash/*name", self.serve)]

    async def serve(self, request: Request) -> Response:
        """Raises NotFound for an unknown name."""
        file = self._files.get(request.segments["name"])
        if file is None:
            raise errors.NotFound
        keep = _FOR_EVER if request.segments["hash"] == self._version else _ASK_AGAIN
        headers = [keep, _VARY, (b"etag", file.etag)]
        if file.etag.decode() in (request.header("if-none-match") or ""):
            return Response(b"", 304, headers)
        body = file.plain
        if file.packed is not None and _takes_gzip(request.header("accept-encoding") or ""):
            body = file.packed
            headers.append(_GZIP)
        return Response(body, 200, headers, file.content_type)


def _read(folder: Traversable, prefix: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        if entry.name.startswith((".", "__")) or entry.name.endswith((".py", ".pyc")):
            continue
        if entry.is_dir():
            found.update(_read(entry, f"{prefix}{entry.name}/"))
        else:
            found[prefix + entry.name] = entry.read_bytes()
    return found


def _load(name: str, data: bytes) -> _File:
    # No time in the gzip header: each start, and each machine, makes the same bytes.
    packed = gzip.compress(data, 9, mtime=0)
    content_type = _TYPES.get(name.rpartition(".")[2].lower(), b"application/octet-stream")
    etag = b'W/"' + sha256(data).hexdigest()[:16].encode() + b'"'
    return _File(content_type, etag, data, packed if len(packed) < len(data) * 0.9 else None)


def _takes_gzip(accepted: str) -> bool:
    for element in accepted.lower().split(","):
        coding, _, weight = element.partition(";")
        if coding.strip() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
