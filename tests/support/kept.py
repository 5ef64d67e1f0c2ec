"""An HTTP/1.1 client that keeps its connections and forgives nothing: each request is sent once, answered or lost."""

import asyncio
from typing import NamedTuple


class Reply(NamedTuple):
    """``kept`` says whether the server will take another request on the same connection."""

    status: int
    headers: dict[str, str]
    body: bytes
    kept: bool


class Lost(Exception):
    """A request that got no whole answer. ``answered_before`` says whether its connection had carried another one."""

    def __init__(self, why: str, answered_before: bool) -> None:
        super().__init__(why)
        self.answered_before = answered_before


class Kept:
    """One connection at a time; a new one only where the last answer said ``Connection: close``."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self._port = port
        self._token = token
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._answers = 0
        self.connections = 0

    async def ask(self, method: str, path: str, body: bytes = b"", content_type: str = "application/json") -> Reply:
        """Raises Lost."""
        try:
            if self._streams is None:
                self.connections += 1
                self._answers = 0
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", f"Content-Length: {len(body)}"]
            if self._token:
                lines.append(f"Authorization: Bearer {self._token}")
            if body:
                lines.append(f"Content-Type: {content_type}")
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await writer.drain()
            return await self._read(reader)
        except (OSError, EOFError, asyncio.IncompleteReadError) as error:
            raise Lost(f"{method} {path}: {error!r}", self._answers > 0) from error

    async def _read(self, reader: asyncio.StreamReader) -> Reply:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self._answers += 1
        kept = headers.get("connection", "").lower() != "close"
        if not kept:
            await self.close()
        return Reply(int(head[0].split()[1]), headers, body, kept)

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
