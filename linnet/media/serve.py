"""Serves pictures, films and sounds by their keys: cached for ever, never run, whole or in part."""

from pathlib import Path

from linnet.domain import files
from linnet.domain.errors import NotFound
from linnet.domain.files import RangeNotSatisfiable
from linnet.http.request import Request
from linnet.http.response import FileBody, Response, StreamBody
from linnet.http.router import Handler
from linnet.ports import Blobs


def handler(blobs: Blobs) -> Handler:
    """GET /files/*key"""

    def body(path: Path | None, key: str, start: int, end: int) -> FileBody | StreamBody:
        if path is None:
            return StreamBody(blobs.stream(key, start, end), end - start)
        return FileBody(path, start, end)

    async def serve(request: Request) -> Response:
        key = request.segments["key"]
        if not files.is_served(key):
            raise NotFound
        kind, headers, tag = files.content_type(key).encode(), files.content_headers(key), files.etag(key)
        found = await blobs.open(key)
        if found is None:
            raise NotFound
        path, size = found
        if files.matches(request.header("if-none-match"), tag):
            return Response(b"", 304, headers, kind)
        try:
            # A part of what the client has in another version would not fit to the rest that it has.
            same = request.header("if-range") in (None, tag)
            part = files.parse_range(request.header("range") if same else None, size)
        except RangeNotSatisfiable:
            return Response(b"", 416, ((b"content-range", b"bytes */%d" % size),), kind)
        if part is None:
            return Response(body(path, key, 0, size), 200, headers, kind)
        first, last = part
        span = (b"content-range", b"bytes %d-%d/%d" % (first, last, size))
        return Response(body(path, key, first, last + 1), 206, (*headers, span), kind)

    return serve
