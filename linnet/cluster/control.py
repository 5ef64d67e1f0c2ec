"""How nodes speak to each other, and commands to a node: one small request a TLS connection, bounded in size and time.

Not meant for people or browsers, but a request of curl is answered. A client is known by its certificate, and every
holder of one of this cluster is let in; what is ``open`` to others says for itself whom it believes.
"""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from linnet.domain.errors import (
    Conflict,
    Invalid,
    LinnetError,
    NotAllowed,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from linnet.telemetry import log

HEAD_BYTES = 4_096
BODY_BYTES = 65_536
SHAKE_SECONDS = 5.0
READ_SECONDS = 5.0
WRITE_SECONDS = 5.0
WORK_SECONDS = 15.0
"""For one answer. What takes longer is told in lines, each of which has this time."""
CONNECTIONS_MAX = 128
OF_ONE_ADDRESS_MAX = 32

_STATUS: tuple[tuple[type[LinnetError], int], ...] = (
    (Unauthenticated, 401),
    (NotAllowed, 403),
    (NotFound, 404),
    (Conflict, 409),
    (TooLarge, 413),
    (Invalid, 422),
    (TooMany, 429),
    (Unavailable, 503),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """``peer`` is the name in the client's certificate; '' for whoever has none, which only an ``open`` route sees."""

    peer: str
    address: str
    body: Mapping[str, Any]


Answer = Mapping[str, Any] | AsyncIterator[str]
"""An object, or sentences that are told as they come."""


class Route(NamedTuple):
    answer: Callable[[Asked], Awaitable[Answer]]
    open: bool = False


# -- the server ------------------------------------------------------------------------------------------------------


class Server:
    """``routes`` are by ``METHOD /path``."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self._routes = routes
        self._server: asyncio.Server | None = None
        self._context: ssl.SSLContext | None = None
        self._open: Counter[str] = Counter()

    async def start(self, address: str, port: int, context: ssl.SSLContext) -> None:
        """Raises OSError where it cannot listen. What the context is told later holds for later connections."""
        self._context = context
        self._server = await asyncio.start_server(self._serve, address, port, limit=HEAD_BYTES)

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many are open, those among them that have said nothing yet."""
        return self._open.total()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = str((writer.get_extra_info("peername") or ("",))[0])
        if self.connections >= CONNECTIONS_MAX or self._open[address] >= OF_ONE_ADDRESS_MAX:
            writer.transport.abort()
            return
        self._open[address] += 1
        try:
            # Only now: a handshake takes a third of a mebibyte, and whoever says nothing at all must be counted, too.
            assert self._context is not None
            await writer.start_tls(self._context, ssl_handshake_timeout=SHAKE_SECONDS)
            await self._exchange(reader, writer, address)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ssl.SSLError):
            pass  # whoever asked has gone, or was too slow to be waited for
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]
            with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
                writer.close()
                async with asyncio.timeout(WRITE_SECONDS):
                    await writer.wait_closed()
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                route, body = await self._read(reader)
            peer = _name_in(writer)
            if not peer and not route.open:
                raise Unauthenticated("Only a node of this cluster may ask that: it shows its certificate")
            async with asyncio.timeout(WORK_SECONDS):
                answer = await route.answer(Asked(peer, address, body))
        except LinnetError as error:
            await _send(writer, _status(error), {"error": str(error)})
        except TimeoutError:
            await _send(writer, 503, {"error": "That took too long"})
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            raise  # whoever asked has gone
        except Exception as error:  # boundary: a request that meets a mistake of ours does not end the node
            log.error("control_failed", error=repr(error))
            await _send(writer, 500, {"error": "This should not have happened; the node's log says more"})
        else:
            if isinstance(answer, Mapping):
                await _send(writer, 200, answer)
            else:
                await _tell(writer, answer)

    async def _read(self, reader: asyncio.StreamReader) -> tuple[Route, Mapping[str, Any]]:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise TooLarge(f"A request has {HEAD_BYTES} bytes of headers at most") from None
        method, path, size = _parse(head)
        if size > BODY_BYTES:
            raise TooLarge(f"A request has {BODY_BYTES} bytes at most")
        route = self._routes.get(f"{method} {path}")
        if route is None:
            raise NotFound("There is no such request")
        raw = await reader.readexactly(size)
        try:
            return route, msgspec.json.decode(raw, type=dict[str, Any]) if raw else {}
        except (msgspec.MsgspecError, RecursionError):
            raise Invalid("body", "must be one JSON object") from None


def _parse(head: bytes) -> tuple[str, str, int]:
    """Method, path and the body's size. Raises Invalid."""
    line, *rest = head.decode("latin-1").split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Invalid("request", "is no HTTP/1.1")
    size = "0"
    for header in rest:
        name, _, value = header.partition(":")
        if name.lower() == "content-length":
            size = value.strip()
        elif name.lower() == "transfer-encoding":
            raise Invalid("transfer-encoding", "is not taken; send Content-Length")
    if not (size.isascii() and size.isdecimal() and len(size) < 10):
        raise Invalid("content-length", "is no number")
    return words[0], words[1], int(size)


def _name_in(writer: asyncio.StreamWriter) -> str:
    shown = writer.get_extra_info("peercert") or {}
    return next((value for part in shown.get("subject", ()) for key, value in part if key == "commonName"), "")


def _status(error: LinnetError) -> int:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


async def _send(writer: asyncio.StreamWriter, status: int, answer: Mapping[str, Any]) -> None:
    body = msgspec.json.encode(answer)
    await _put(writer, _head(status, f"Content-Length: {len(body)}\r\n") + body)


async def _tell(writer: asyncio.StreamWriter, sentences: AsyncIterator[str]) -> None:
    """Each sentence is a line; the last line says how it went."""
    await _put(writer, _head(200, ""))
    last: Mapping[str, Any] = {"done": True}
    try:
        async for sentence in sentences:
            await _put(writer, msgspec.json.encode({"says": sentence}) + b"\n")
    except LinnetError as error:
        last = {"error": str(error), "status": _status(error)}
    except OSError:
        raise
    except Exception as error:  # boundary: whoever waits for the last line is told that there is none better
        log.error("control_failed", error=repr(error))
        last = {"error": "This should not have happened; the node's log says more", "status": 500}
    await _put(writer, msgspec.json.encode(last) + b"\n")


def _head(status: int, more: str) -> bytes:
    kind = "application/json"
    line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    return f"{line}\r\nContent-Type: {kind}\r\nConnection: close\r\n{more}\r\n".encode("ascii")


async def _put(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    async with asyncio.timeout(WRITE_SECONDS):
        await writer.drain()
