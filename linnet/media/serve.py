"""Serves pictures by their keys: cached for ever, never run, whole or in part."""

from linnet.domain import files
from linnet.domain.errors import NotFound
from linnet.domain.files import RangeNotSatisfiable
from linnet.http.request import Request
from linnet.http.response import FileBody, Response
from linnet.http.router import Handler
from linnet.ports import Blobs


def handler(blobs: Blobs) -> Handler:
    """GET /files/*key"""

    async def serve(request: Request) -> Response:
        key = request.segments["key"]
        if not files.is_key(key):
            raise NotFound
        found = await blobs.open(key)
        if found is None:
            raise NotFound
        path, size = found
        kind, headers = files.content_type(key).encode(), files.content_headers(key)
        try:
            part = files.parse_range(request.header("range"), size)
        except RangeNotSatisfiable:
            return Response(b"", 416, ((b"content-range", b"bytes */%d" % size),), kind)
        if part is None:
            return Response(FileBody(path), 200, headers, kind)
        first, last = part
        span = (b"content-range", b"bytes %d-%d/%d" % (first, last, size))
        return Response(FileBody(path, first, last + 1), 206, (*headers, span), kind)

    return serve
