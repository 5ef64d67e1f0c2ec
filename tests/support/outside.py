"""The world outside, as one small web server on loopback: it answers what a test wrote for a path, byte by byte."""

import asyncio
import contextlib
import gzip
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

NAME = "outside.example"


def lookup(host: str, port: int, *rest: Any) -> list[tuple[Any, ...]]:
    """As getaddrinfo, but for the name of the server outside."""
    return list(socket.getaddrinfo("127.0.0.1" if host == NAME else host, port, *rest))


@dataclass
class Asked:
    """A request as it came in; names of ``headers`` are lower-case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Outside:
    """``pages`` maps paths (queries left off) to whole answers; None is a server that never says anything."""

    port: int = 0
    pages: dict[str, bytes | None] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def site(self) -> str:
        """The same under a name, which ``lookup`` knows."""
        return f"http://{NAME}:{self.port}"

    def put(self, path: str, body: bytes | str, kind: str = "text/html; charset=utf-8", status: str = "200 OK") -> str:
        """Puts a page there; its address by name."""
        data = body.encode() if isinstance(body, str) else body
        self.pages[path] = answer(data, status, f"Content-Type: {kind}")
        return f"{self.site}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                while await self._answer(reader, writer):
                    continue
        finally:
            self.at_once -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.asked.append(Asked(method, path, headers, body))
        said = self.pages.get(path.partition("?")[0], answer(b"not here", "404 Not Found"))
        if said is None:
            await self.ended.wait()
            return False
        writer.write(said)
        await writer.drain()
        return b"connection: close" not in said.partition(b"\r\n\r\n")[0].lower()


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join((*lines, "", "")).encode() + body


def packed(body: bytes) -> bytes:
    return answer(gzip.compress(body), "200 OK", "Content-Encoding: gzip", "Content-Type: text/html")


@contextlib.asynccontextmanager
async def outside_at(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[Outside]:
    """A server until the end of the block."""
    outside = Outside()
    server = await asyncio.start_server(outside.serve, host, 0, ssl=tls)
    outside.port = server.sockets[0].getsockname()[1]
    try:
        yield outside
    finally:
        outside.ended.set()
        server.close()


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    """A server of somebody else's."""
    async with outside_at() as found:
        yield found
