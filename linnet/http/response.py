"""One HTTP response: a status, headers, and bytes at once, from a file, or as they come."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

Headers = Sequence[tuple[bytes, bytes]]

JSON = b"application/json; charset=utf-8"
HTML = b"text/html; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"

_encode = msgspec.json.Encoder().encode


class FileBody(NamedTuple):
    """The bytes ``start`` to ``end`` (exclusive; None: the end of the file) of a file, read in a thread.

    For a 206 give the range here and set status and ``Content-Range`` on the response.
    """

    path: Path
    start: int = 0
    end: int | None = None


class StreamBody(NamedTuple):
    """Bytes as they come; ``length`` of them, or nobody knows how many. The iterator is closed when the client leaves.

    ``endless`` is one that ends only when somebody leaves: it is not waited for when the server stops.
    """

    chunks: AsyncIterator[bytes]
    length: int | None = None
    endless: bool = False


Body = bytes | FileBody | StreamBody


class Response:
    """What is answered. ``headers`` are added to content type, length and the defaults; give names in lower case."""

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self,
        body: Body = b"",
        status: int = 200,
        headers: Headers = (),
        content_type: bytes = JSON,
    ) -> None:
        self.body = body
        self.status = status
        self.headers = headers
        self.content_type = content_type

    def add(self, name: bytes, value: bytes) -> None:
        """Adds a header. Whoever was handed the same header sequence elsewhere does not see it."""
        self.headers = (*self.headers, (name, value))


def json(value: Any, status: int = 200, headers: Headers = ()) -> Response:
    """``value`` (anything that msgspec encodes) as JSON."""
    return Response(_encode(value), status, headers)


def html(text: str, status: int = 200, headers: Headers = ()) -> Response:
    return Response(text.encode(), status, headers, HTML)


def redirect(location: str, status: int = 303, headers: Headers = ()) -> Response:
    """Sends the client to ``location``; raises ValueError where that could end the header line."""
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in location):
        raise ValueError("A location with control characters would let its author write headers")
    return Response(b"", status, ((b"location", _ascii(location)), *headers), TEXT)


def _ascii(location: str) -> bytes:
    from urllib.parse import quote

    return location.encode() if location.isascii() else quote(location, safe="%/:=&?~#+!$,;'@()*[]").encode()
