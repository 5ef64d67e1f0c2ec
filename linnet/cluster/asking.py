"""Asks what is of the cluster over HTTP: other nodes, this node's Linnet. One request a connection, bounded."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from linnet.domain.errors import LinnetError, Unavailable

ANSWER_BYTES = 1 << 20
CONNECT_SECONDS = 3.0
SECONDS = 15.0
WORDS_MAX = 1_000

_PIECE = 65_536


class Unreachable(Unavailable):
    """There is no answer: nobody listens, it is too slow, or it is not of the cluster."""


class Refused(LinnetError):
    """It was understood, and is not done; says why. ``status`` is HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Answer(NamedTuple):
    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """Raises Unreachable for what is no object: whoever answers so is not whom we mean."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError):
            raise Unreachable(f"What was answered (with {self.status}) cannot be read") from None


async def exchange(
    url: str,
    path: str,
    context: ssl.SSLContext | None,
    *,
    method: str = "GET",
    body: Mapping[str, Any] | None = None,
    login: tuple[str, str] | None = None,
    seconds: float = SECONDS,
) -> Answer:
    """One request to ``https://HOST:PORT`` (``http://…`` without a context). Raises Unreachable."""
    try:
        async with asyncio.timeout(seconds), _asking(url, path, context, method, body, login) as reader:
            status = await _status_of(reader)
            return Answer(status, await _all_of(reader))
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
        raise Unreachable(f"{url} cannot be asked: {_why(error)}") from error


async def ask(
    url: str, path: str, body: Mapping[str, Any] | None, context: ssl.SSLContext, seconds: float = SECONDS
) -> dict[str, Any]:
    """Asks a node: a GET without a body, else a POST. Raises Refused or Unreachable."""
    method = "GET" if body is None else "POST"
    answer = await exchange(url, path, context, method=method, body=body, seconds=seconds)
    said = answer.json()
    if answer.status != 200:
        raise Refused(_words(said.get("error", answer.status)), answer.status)
    return said


async def lines(
    url: str, path: str, body: Mapping[str, Any], context: ssl.SSLContext, seconds: float = 60.0
) -> AsyncIterator[str]:
    """Asks a node for something that takes its time, and gives what is told meanwhile; ``seconds`` are for each line.

    Raises Refused, and Unreachable also where the node is gone before it was done.
    """
    try:
        async with _asking(url, path, context, "POST", body, None) as reader:
            async with asyncio.timeout(seconds):
                status = await _status_of(reader)
            if status != 200:
                async with asyncio.timeout(seconds):
                    said = Answer(status, await _all_of(reader)).json()
                raise Refused(_words(said.get("error", status)), status)
            while True:
                async with asyncio.timeout(seconds):
                    line = Answer(status, await reader.readuntil(b"\n")).json()
                if "says" in line:
                    yield _words(line["says"])
                elif "error" in line:
                    raise Refused(_words(line["error"]), int(line.get("status", 400)))
                else:
                    return
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
        raise Unreachable(f"{url} cannot be asked: {_why(error)}") from error


@contextlib.asynccontextmanager
async def _asking(
    url: str,
    path: str,
    context: ssl.SSLContext | None,
    method: str,
    body: Mapping[str, Any] | None,
    login: tuple[str, str] | None,
) -> AsyncIterator[asyncio.StreamReader]:
    parts = urlsplit(url)
    if parts.scheme != ("http" if context is None else "https") or not parts.hostname or not parts.port:
        raise ValueError("it is like https://192.0.2.1:7000")
    raw = b"" if body is None else msgspec.json.encode(body)
    head = f"{method} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(raw)}\r\nConnection: close\r\n"
    if login is not None:
        head += f"Authorization: Basic {base64.b64encode(':'.join(login).encode()).decode()}\r\n"
    async with asyncio.timeout(CONNECT_SECONDS):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=context, limit=ANSWER_BYTES)
    try:
        writer.write(head.encode("latin-1") + b"\r\n" + raw)
        yield reader
    finally:
        writer.transport.abort()


async def _status_of(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1])


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while piece := await reader.read(_PIECE):
        found += piece
        if len(found) > ANSWER_BYTES:
            raise ValueError("it answers without end")
    return found


def _words(said: object) -> str:
    """What is shown at a terminal, and may be of whoever answers instead of a node: nothing that a terminal obeys."""
    return "".join(letter if letter.isprintable() else " " for letter in str(said)[:WORDS_MAX])


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not of this cluster ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, asyncio.IncompleteReadError):
        return "it ended the connection"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)
