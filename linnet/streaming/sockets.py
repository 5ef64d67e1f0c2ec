"""The server of ``--streaming-bind``: made for thousands of sockets that are silent most of the time.

No task and no queue belongs to a socket here: what is told goes into the kernel, or waits in the transport's buffer,
whose size decides who reads too slowly.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from linnet.domain.errors import Invalid, LinnetError
from linnet.http import cors
from linnet.http.params import parse_query
from linnet.http.proxies import Proxies, network_of
from linnet.streaming import answers, channels
from linnet.streaming.connection import MESSAGE_BYTES, QUEUE_BYTES, TOO_LARGE, Connection
from linnet.streaming.door import Door, Knock
from linnet.supervision import Tasks
from linnet.telemetry import log

HEAD_BYTES = 16_384
HEAD_SECONDS = 10.0
CLOSE_SECONDS = 5.0


class Head(NamedTuple):
    """A request's line and headers; names in lower case, repeated headers joined by ", "."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]


def parse(raw: bytes) -> Head | None:
    """None for what is no request of HTTP/1.1."""
    line, *rest = raw.decode("latin-1").split("\r\n")
    parts = line.split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0") or not parts[1].startswith("/"):
        return None
    headers: dict[str, str] = {}
    for header in rest:
        name, colon, value = header.partition(":")
        if not colon or not name or name != name.strip():
            return None
        key, text = name.lower(), value.strip()
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    path, _, query = parts[1].partition("?")
    return Head(parts[0], path, query.encode("latin-1"), headers)


class Server:
    """Accepts on a listening socket that all workers share."""

    def __init__(self, door: Door, tasks: Tasks, proxies: Proxies) -> None:
        self._door = door
        self._tasks = tasks
        self._proxies = proxies
        self._server: asyncio.Server | None = None

    async def start(self, listening: Any) -> None:
        """``listening`` is the socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Socket(self._door, self._tasks, self._proxies), sock=listening, backlog=4_096
        )

    def stop(self) -> None:
        """Takes no more sockets; those that are open stay."""
        if self._server is not None:
            self._server.close()
            self._server = None


class Socket(asyncio.Protocol):
    """One connection: first its request's head, then an event stream or a WebSocket (``connection.Carrier``)."""

    __slots__ = (
        "_connection",
        "_door",
        "_late",
        "_pieces",
        "_protocol",
        "_proxies",
        "_received",
        "_tasks",
        "_transport",
    )

    def __init__(self, door: Door, tasks: Tasks, proxies: Proxies) -> None:
        self._door = door
        self._tasks = tasks
        self._proxies = proxies
        self._transport: Any = None
        self._late: asyncio.TimerHandle | None = None
        self._received: bytes | None = b""
        self._connection: Connection | None = None
        self._protocol: ServerProtocol | None = None
        self._pieces = b""

    # -- asyncio.Protocol -------------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._late = asyncio.get_running_loop().call_later(HEAD_SECONDS, self.abort)

    def connection_lost(self, error: Exception | None) -> None:
        self._in_time()
        if self._connection is not None:
            self._connection.end()

    def data_received(self, data: bytes) -> None:
        if self._received is not None:
            self._received += data
            end = self._received.find(b"\r\n\r\n")
            if end >= 0:
                head, early, self._received = self._received[: end + 4], self._received[end + 4 :], None
                self._in_time()
                # What comes before we know who it is from stays with the kernel.
                self._transport.pause_reading()
                self._tasks.start("stream-open", self._answer(head, early))
            elif len(self._received) > HEAD_BYTES:
                self._refuse(431, {"error": "The request is too large"})
        elif self._protocol is not None and self._connection is not None:
            self._protocol.receive_data(data)
            self._exchange(self._protocol, self._connection)

    def eof_received(self) -> bool:
        return False

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    # -- the request ------------------------------------------------------------------------------------------------

    async def _answer(self, raw: bytes, early: bytes) -> None:
        head = parse(raw[:-4])
        try:
            if head is None:
                self._refuse(400, {"error": "This is not HTTP/1.1"})
            elif head.method == "OPTIONS":
                self._finish(200, _granted(head), b"")
            elif head.method != "GET":
                self._refuse(405, {"error": "This address does not take that method"})
            elif head.path.rstrip("/") == f"{channels.PREFIX}/health":
                self._finish(200, ((b"content-type", b"text/plain; charset=utf-8"),), b"OK")
            elif head.path.rstrip("/") == channels.PREFIX:
                await self._websocket(head, raw, early)
            else:
                await self._events(head)
        except LinnetError as error:
            status, body, headers = answers.refusal(error)
            self._refuse(status, body, headers)
        except Exception as error:  # boundary: whatever goes wrong with one socket must not reach another
            log.error("stream_failed", exc_info=error, done="answered 500")
            self._refuse(500, {"error": "Something went wrong on our side. It has been logged."})
        else:
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def _knock(self, head: Head) -> Knock:
        peer = self._transport.get_extra_info("peername")
        address = self._proxies.client(peer[0] if peer else "", head.headers.get("x-forwarded-for"))
        return Knock(
            head.path,
            parse_query(head.query, "query"),
            head.headers.get("authorization"),
            head.headers.get("sec-websocket-protocol"),
            head.headers.get("last-event-id"),
            network_of(address.removeprefix("::ffff:") if "." in address else address),
        )

    async def _events(self, head: Head) -> None:
        knock = self._knock(head)
        asked = self._door.wanted(knock)
        connection = await self._door.admit(knock, self, server_sent=True)
        self._connection = connection
        await self._door.check(connection.identity, asked.channel)
        if self._transport.is_closing():
            connection.end()
            return
        self._head(200, answers.EVENT_STREAM)
        connection.open(asked, knock.position)

    async def _websocket(self, head: Head, raw: bytes, early: bytes) -> None:
        """``early`` is what came behind the request without waiting for its answer."""
        if head.headers.get("upgrade", "").lower() != "websocket":
            raise Invalid("upgrade", "must be websocket here")
        knock = self._knock(head)
        name = knock.query.get("stream")
        asked = channels.asked(name, knock.query) if isinstance(name, str) and name else None
        connection = await self._door.admit(knock, self, server_sent=False)
        self._connection = connection
        if asked is not None:
            await self._door.check(connection.identity, asked.channel)
        protocol = ServerProtocol(max_size=MESSAGE_BYTES, select_subprotocol=_first)
        protocol.receive_data(raw)
        request = next((event for event in protocol.events_received() if isinstance(event, Request)), None)
        if request is None or protocol.handshake_exc is not None:
            raise Invalid("upgrade", "is not a WebSocket's handshake")
        response = protocol.accept(request)
        if response.status_code != 101:
            raise Invalid("upgrade", "is not a WebSocket's handshake")
        if self._transport.is_closing():
            connection.end()
            return
        protocol.send_response(response)
        self._protocol = protocol
        self._flush(protocol)
        connection.open(asked, knock.position)
        if early:
            self.data_received(early)

    def _head(self, status: int, headers: Any) -> None:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()]
        lines += [b"%b: %b\r\n" % header for header in (*headers, *cors.GRANTS, (b"connection", b"close"))]
        self._transport.write(b"".join((*lines, b"\r\n")))

    def _refuse(self, status: int, body: dict[str, Any], headers: Any = ()) -> None:
        self._finish(
            status, ((b"content-type", b"application/json; charset=utf-8"), *headers), msgspec.json.encode(body)
        )

    def _finish(self, status: int, headers: Any, body: bytes) -> None:
        self._received = None
        if self._connection is not None:
            self._connection.end()
        if not self._transport.is_closing():
            self._head(status, (*headers, (b"content-length", b"%d" % len(body))))
            self._transport.write(body)
            self._transport.close()

    # -- a WebSocket's frames ---------------------------------------------------------------------------------------

    def _exchange(self, protocol: ServerProtocol, connection: Connection) -> None:
        for frame in protocol.events_received():
            connection.alive()
            if isinstance(frame, Frame) and frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._pieces += frame.data
                if len(self._pieces) > MESSAGE_BYTES:
                    connection.close(TOO_LARGE, "This message is too large")
                elif frame.fin:
                    message, self._pieces = self._pieces, b""
                    connection.hear(message)
            if connection.ended:
                break
        self._flush(protocol)
        # Pings are answered whether or not the answers are read.
        if self.waiting > QUEUE_BYTES:
            connection.give_up()

    def _flush(self, protocol: ServerProtocol) -> None:
        for data in protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:  # websockets' sign for "close your side"
                self._transport.close()
        if protocol.close_expected():
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.abort)

    # -- connection.Carrier -----------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        size: int = self._transport.get_write_buffer_size()
        return size

    def write(self, data: bytes) -> None:
        if self._protocol is None:
            self._transport.write(data)
        elif self._protocol.state is OPEN:
            # Written past the protocol, which would copy it once more: a whole, unmasked frame changes no state.
            self._transport.write(Frame(Opcode.TEXT, data).serialize(mask=False))

    def ping(self) -> bool:
        if self._protocol is None or self._protocol.state is not OPEN:
            return False
        self._protocol.send_ping(b"")
        self._flush(self._protocol)
        return True

    def close(self, code: int, why: str) -> None:
        if self._protocol is not None:
            with contextlib.suppress(InvalidState):
                self._protocol.send_close(code, why)
            self._flush(self._protocol)
        else:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _first(_protocol: ServerProtocol, offered: Any) -> Subprotocol | None:
    """Browsers end a socket whose server takes none of what they offered; the first is the token."""
    return offered[0] if offered else None


def _granted(head: Head) -> tuple[tuple[bytes, bytes], ...]:
    wanted = head.headers.get("access-control-request-headers", "")
    allowed = wanted.encode("latin-1", "replace") if wanted.isprintable() and wanted else b"authorization"
    return ((b"access-control-allow-headers", allowed), (b"vary", b"Access-Control-Request-Headers"))
