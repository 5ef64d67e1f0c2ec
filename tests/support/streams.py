"""Open streams of an ASGI application, in process: server-sent events and WebSockets, read event by event."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from tests.support.asgi import http_scope

PATIENCE_SECONDS = 10.0


def event_of(block: str) -> dict[str, Any]:
    """One event of an event stream: its name, its id and its data, read as JSON where it is.

    A heartbeat that carries a position is an event without a name.
    """
    fields: dict[str, Any] = {}
    for line in block.split("\n"):
        name, _, value = line.partition(": ")
        if line.startswith(":"):
            continue
        if name in fields:
            raise AssertionError(f"{name} is there twice: {block!r}")
        fields[name] = value
    if fields.get("data", "undefined") != "undefined":
        fields["data"] = json.loads(fields["data"])
    return fields


class Stream:
    """What was received so far, and what comes."""

    def __init__(self) -> None:
        self.status = 0
        self.received: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._text = ""
        self.begun = asyncio.Event()

    async def next(self) -> dict[str, Any]:
        """The next event; the end fails."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            event = await self.received.get()
        assert event is not None, "the stream has ended"
        return event

    async def names(self, count: int) -> list[tuple[str, str]]:
        """Of so many events: their names, and the id of what they are about."""
        return [about(await self.next()) for _ in range(count)]

    async def ended(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.received.get() is not None:
                pass

    def take(self, message: dict[str, Any]) -> None:
        """A message of the application's."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.begun.set()
        elif message["type"] == "http.response.body":
            self._text += message.get("body", b"").decode()
            *blocks, self._text = self._text.split("\n\n")
            for block in blocks:
                self.received.put_nowait(event_of(block))
        elif message["type"] == "websocket.send":
            self.received.put_nowait(json.loads(message["text"]))
        elif message["type"] == "websocket.accept":
            self.status = 101
            self.begun.set()
        elif message["type"] == "websocket.close":
            self.begun.set()
            self.received.put_nowait(None)


def about(event: dict[str, Any]) -> tuple[str, str]:
    """An event's name, and the id of what it is about."""
    data = event.get("data")
    if "payload" in event:
        data = json.loads(event["payload"])
    if isinstance(data, dict):
        return event["event"], str(data.get("id", ""))
    return event["event"], "" if data in (None, "undefined") else str(data)


@contextlib.asynccontextmanager
async def events(application: Any, target: str, token: str, **headers: str) -> AsyncIterator[Stream]:
    """``async with events(world.application, "/api/v1/streaming/user", alice.token) as stream``."""
    stream, gone = Stream(), asyncio.Event()
    given = [("authorization", f"Bearer {token}"), *((key.replace("_", "-"), value) for key, value in headers.items())]

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        stream.take(message)

    served = asyncio.get_running_loop().create_task(application(http_scope("GET", target, given), receive, send))
    served.add_done_callback(lambda _: stream.received.put_nowait(None))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await stream.begun.wait()
        yield stream
    finally:
        gone.set()
        await asyncio.wait_for(served, PATIENCE_SECONDS)


class Socket(Stream):
    """A WebSocket."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def say(self, message: Any) -> None:
        """A value as JSON, or text as it is."""
        text = message if isinstance(message, str) else json.dumps(message)
        self.messages.put_nowait({"type": "websocket.receive", "text": text})

    def subscribe(self, stream: str, **more: Any) -> None:
        self.say({"type": "subscribe", "stream": stream, **more})

    def unsubscribe(self, stream: str, **more: Any) -> None:
        self.say({"type": "unsubscribe", "stream": stream, **more})


@contextlib.asynccontextmanager
async def websocket(application: Any, query: str, protocol: str | None = None) -> AsyncIterator[Socket]:
    """``query`` has the token, or ``protocol`` is it."""
    socket = Socket()
    scope = http_scope("GET", f"/api/v1/streaming?{query}", [("sec-websocket-protocol", protocol)] if protocol else [])
    scope |= {"type": "websocket", "subprotocols": [protocol] if protocol else []}
    socket.messages.put_nowait({"type": "websocket.connect"})

    async def send(message: dict[str, Any]) -> None:
        socket.take(message)

    served = asyncio.get_running_loop().create_task(application(scope, socket.messages.get, send))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await socket.begun.wait()
        yield socket
    finally:
        socket.messages.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(served, PATIENCE_SECONDS)
