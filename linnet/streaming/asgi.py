"""The same sockets on the main port, for proxies that know only one: behind ASGI, with a task and a queue for each."""

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from linnet.domain.errors import Invalid, LinnetError, NotFound
from linnet.domain.views import Identity
from linnet.http.params import parse_query
from linnet.http.proxies import Proxies
from linnet.http.request import Receive, Request, Scope, Send
from linnet.http.response import TEXT, Response, StreamBody
from linnet.http.router import Route
from linnet.streaming import answers, channels
from linnet.streaming.channels import Asked
from linnet.streaming.connection import MESSAGE_BYTES, TOO_LARGE, Connection, Still
from linnet.streaming.door import Door, Knock
from linnet.telemetry import log


class Outbox:
    """What waits for a socket whose server takes one piece after another (``connection.Carrier``)."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._more = asyncio.Event()
        self._taken = 0
        self.waiting = 0
        self.closed: tuple[int, str] | None = None
        self.stop: Callable[[], object] = lambda: None
        """Ends whoever sends, in the middle of a piece that is not taken."""

    def write(self, data: bytes) -> None:
        self._pieces.append(data)
        self.waiting += len(data)
        self._more.set()

    def ping(self) -> bool:
        return False  # ASGI has no frame for it

    def close(self, code: int, why: str) -> None:
        self.closed = self.closed or (code, why)
        self._more.set()

    def abort(self) -> None:
        self._pieces.clear()
        self.close(1006, "")
        self.stop()

    async def next(self) -> bytes | None:
        """What is to be sent next; None at the end. It counts as waiting until the one after it is asked for."""
        self.waiting -= self._taken
        self._taken = 0
        while not self._pieces:
            if self.closed is not None:
                return None
            self._more.clear()
            await self._more.wait()
        data = self._pieces.popleft()
        self._taken = len(data)
        return data


class Pieces:
    """An event stream's body, which ends its socket even if it was never begun to be read (a generator would not)."""

    def __init__(self, outbox: Outbox, connection: Connection) -> None:
        self._outbox = outbox
        self._connection = connection

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> bytes:
        task = asyncio.current_task()
        if task is not None:
            self._outbox.stop = task.cancel
        data = await self._outbox.next()
        if data is None:
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        self._connection.end()


class Streams:
    """The routes of server-sent events, and what answers a WebSocket."""

    def __init__(self, door: Door, proxies: Proxies) -> None:
        self._door = door
        self._proxies = proxies

    def routes(self) -> list[Route]:
        return [
            Route("GET", f"{channels.PREFIX}/health", self._health),
            Route("GET", channels.PREFIX, self._not_upgraded),
            Route("GET", f"{channels.PREFIX}/*stream", self._events),
        ]

    # -- server-sent events -----------------------------------------------------------------------------------------

    async def _health(self, request: Request) -> Response:
        return Response(b"OK", content_type=TEXT)

    async def _not_upgraded(self, request: Request) -> Response:
        raise Invalid("upgrade", "must be websocket here")

    async def _events(self, request: Request) -> Response:
        knock = _knock(request, request.client_network)
        asked = self._door.wanted(knock)
        if request.method == "HEAD":
            return Response(headers=answers.EVENT_STREAM[1:], content_type=answers.EVENT_STREAM[0][1])
        outbox = Outbox()
        connection = await self._door.admit(knock, outbox, server_sent=True)
        try:
            await self._door.check(connection.identity, asked.channel)
        except BaseException:  # boundary: whatever ends this, nobody is left who would close the socket
            connection.end()
            raise
        return _stream(outbox, connection, asked, knock.position)

    async def position(self) -> str:
        """Where the log ends now."""
        return await self._door.position()

    async def for_page(self, request: Request, reader: Identity, still: Still) -> Response:
        """The home stream of somebody who is signed in to the pages."""
        outbox = Outbox()
        connection = await self._door.enter(outbox, reader, request.client_network, still, server_sent=True)
        position = request.header("last-event-id") or request.query().get("position")
        return _stream(outbox, connection, channels.HOME, position if isinstance(position, str) else "")

    # -- WebSockets -------------------------------------------------------------------------------------------------

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The whole life of one."""
        request = Request({**scope, "method": "GET"}, receive, self._proxies)
        await receive()  # websocket.connect
        outbox = Outbox()
        try:
            connection, asked = await self._admit(request, outbox)
        except LinnetError as error:
            await _refuse(scope, send, error)
            return
        try:
            offered = scope.get("subprotocols") or [None]
            await send({"type": "websocket.accept", "subprotocol": offered[0]})
            knock = _knock(request, connection.network)
            connection.open(asked, knock.position)
            await _carry(connection, outbox, receive, send)
        except asyncio.CancelledError:
            # How the server ends one whose other side has gone; handed on, it would be logged as a failure of ours.
            log.debug("stream_lost", why="cancelled by the server")
        finally:
            connection.end()

    async def _admit(self, request: Request, outbox: Outbox) -> tuple[Connection, Asked | None]:
        if request.path.rstrip("/") != channels.PREFIX:
            raise NotFound
        knock = _knock(request, request.client_network)
        name = knock.query.get("stream")
        asked = channels.asked(name, knock.query) if isinstance(name, str) and name else None
        connection = await self._door.admit(knock, outbox, server_sent=False)
        try:
            if asked is not None:
                await self._door.check(connection.identity, asked.channel)
        except BaseException:  # boundary: whatever ends this, nobody is left who would close the socket
            connection.end()
            raise
        return connection, asked


async def _carry(connection: Connection, outbox: Outbox, receive: Receive, send: Send) -> None:
    """Both ways, until either side has had enough."""
    try:
        async with asyncio.TaskGroup() as group:
            hearing = group.create_task(_hear(connection, receive))
            telling = group.create_task(_tell(outbox, send))
            outbox.stop = telling.cancel
            hearing.add_done_callback(lambda _: telling.cancel())
            telling.add_done_callback(lambda _: hearing.cancel())
    except* (OSError, RuntimeError) as error:  # how servers say that a socket is gone
        log.debug("stream_lost", why=repr(error.exceptions[0]))


async def _hear(connection: Connection, receive: Receive) -> None:
    while (message := await receive())["type"] != "websocket.disconnect":
        said = message.get("text") or message.get("bytes") or ""
        if len(said) > MESSAGE_BYTES:
            connection.close(TOO_LARGE, "This message is too large")
        elif not connection.ended:
            connection.hear(said)


async def _tell(outbox: Outbox, send: Send) -> None:
    while (data := await outbox.next()) is not None:
        await send({"type": "websocket.send", "text": data.decode()})
    code, why = outbox.closed or (1000, "")
    await send({"type": "websocket.close", "code": code, "reason": why})


async def _refuse(scope: Scope, send: Send, error: LinnetError) -> None:
    """Before a WebSocket is accepted; with a status and a body where the server can send them."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    status, body, headers = answers.refusal(error)
    given = [(b"content-type", b"application/json; charset=utf-8"), *headers]
    await send({"type": "websocket.http.response.start", "status": status, "headers": given})
    await send({"type": "websocket.http.response.body", "body": msgspec.json.encode(body)})


def _knock(request: Request, network: str) -> Knock:
    return Knock(
        request.path,
        parse_query(request.scope["query_string"], "query"),
        request.header("authorization"),
        request.header("sec-websocket-protocol"),
        request.header("last-event-id"),
        network,
    )


def _stream(outbox: Outbox, connection: Connection, asked: Asked, position: str | None) -> Response:
    connection.open(asked, position)
    body = StreamBody(Pieces(outbox, connection), endless=True)
    return Response(body, headers=answers.EVENT_STREAM[1:], content_type=answers.EVENT_STREAM[0][1])
