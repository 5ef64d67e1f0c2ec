"""Puts a response on the wire: its head, and its body from memory, from a file or as it comes."""

import asyncio
import os
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

from linnet.domain import errors
from linnet.http import cors
from linnet.http.request import Disconnected, Request, Send
from linnet.http.response import FileBody, Response, StreamBody

Head = list[tuple[bytes, bytes]]

_NOSNIFF = (b"x-content-type-options", b"nosniff")
_REFERRER = (b"referrer-policy", b"same-origin")
_BODILESS = frozenset({204, 304})
_PIECE = 256 << 10


def head(request: Request, response: Response, length: int | None) -> Head:
    """All headers of a response; ``length`` in bytes, None if unknown. ValueError for a value that ends its line."""
    if response.status in _BODILESS:
        headers: Head = [_NOSNIFF]
    elif length is None:
        headers = [(b"content-type", response.content_type), _NOSNIFF]
    else:
        headers = [(b"content-type", response.content_type), (b"content-length", b"%d" % length), _NOSNIFF]
    if request.raw_path.startswith(cors.PREFIXES):
        headers += cors.GRANTS
    referrer = True
    for header in response.headers:
        name, value = header
        if b"\n" in value or b"\r" in value or b"\0" in value:
            raise ValueError(f"The value of {name.decode('latin-1')} would end its line")
        if name == b"referrer-policy":
            referrer = False
        headers.append(header)
    if referrer:
        headers.append(_REFERRER)
    return headers


async def send(request: Request, response: Response, wire: Send) -> None:
    """Sends it all. Whatever is wrong with the response is raised before its first byte: OSError for a file that
    cannot be read (NotFound if there is none), ValueError for a header or a range that cannot be."""
    body = response.body
    if type(body) is bytes:
        headers = head(request, response, len(body))
        await wire({"type": "http.response.start", "status": response.status, "headers": headers})
        request.answered = True
        if request.method == "HEAD" or response.status in _BODILESS:
            body = b""
        await wire({"type": "http.response.body", "body": body})
    elif isinstance(body, FileBody):
        await _send_file(request, response, body, wire)
    else:
        await _send_stream(request, response, cast(StreamBody, body), wire)


async def _send_file(request: Request, response: Response, body: FileBody, wire: Send) -> None:
    loop = asyncio.get_running_loop()
    descriptor, end, first = await loop.run_in_executor(None, _open, body, request.method != "HEAD")
    try:
        headers = head(request, response, end - body.start)
        await wire({"type": "http.response.start", "status": response.status, "headers": headers})
        request.answered = True
        at = body.start + len(first)
        while at < end and request.method != "HEAD":
            await wire({"type": "http.response.body", "body": first, "more_body": True})
            first = await loop.run_in_executor(None, os.pread, descriptor, min(_PIECE, end - at), at)
            if not first:  # the file was cut meanwhile: the missing bytes tell the client, no other way is left
                break
            at += len(first)
        await wire({"type": "http.response.body", "body": first})
    finally:
        os.close(descriptor)


def _open(body: FileBody, read: bool) -> tuple[int, int, bytes]:
    """In a thread: the open file, where to end, and its first piece, so that a small file costs one hop only."""
    descriptor = _open_file(body.path)
    try:
        size = os.fstat(descriptor).st_size
        end = size if body.end is None else min(body.end, size)
        if not 0 <= body.start <= end:
            raise ValueError(f"{body.path} has no bytes {body.start} to {end}")
        first = os.pread(descriptor, min(_PIECE, end - body.start), body.start) if read else b""
    except BaseException:  # boundary: whatever ends this, the file is closed
        os.close(descriptor)
        raise
    return descriptor, end, first


def _open_file(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise errors.NotFound from error
    if not path.is_file():
        os.close(descriptor)
        raise errors.NotFound
    return descriptor


async def _send_stream(request: Request, response: Response, body: StreamBody, wire: Send) -> None:
    # An abandoned generator would keep what it holds (a place in a hub, a file) until it is collected.
    async with aclosing(cast(Any, body.chunks)) as chunks:
        headers = head(request, response, body.length)
        await wire({"type": "http.response.start", "status": response.status, "headers": headers})
        request.answered = True
        if request.method != "HEAD":
            gone = False
            try:
                async with asyncio.TaskGroup() as group:
                    watch = group.create_task(request.wait_until_gone())
                    async for chunk in chunks:
                        await wire({"type": "http.response.body", "body": chunk, "more_body": True})
                    watch.cancel()
            except* Disconnected:  # asked for, as the server goes on taking pieces for a client that has left
                gone = True
            if gone:
                raise Disconnected
    await wire({"type": "http.response.body", "body": b""})
