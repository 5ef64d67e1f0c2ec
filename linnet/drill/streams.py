"""Who listens: sockets and event streams that go on at another endpoint from where they were, and keep every event."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import msgspec

from linnet.drill.client import CONNECT_SECONDS, Client
from linnet.drill.records import Heard, Person
from linnet.streaming.channels import BEGUN, PREFIX

SILENCE_SECONDS = 20.0
"""Nothing at all for so long, not even the heartbeat (15 s): whoever we listen to is gone, though nothing said so."""
OPEN_SECONDS = 5.0
PAUSE_SECONDS = 0.1


class Lost(Exception):
    """The stream cannot go on at this endpoint."""


class Listener:
    """Listens to the home of one person for as long as ``run`` runs. ``write`` is told every event, in its order."""

    def __init__(
        self, client: Client, person: Person, endpoint: str, kind: str, name: str, write: Callable[[Heard], None]
    ) -> None:
        self.name = name
        self.person = person
        self.begun = asyncio.Event()
        """Whether it has a position: from then on, nothing may be missing."""
        self.heard: set[str] = set()
        """The ids of the posts that it was told of."""
        self.resumed = 0
        self._client = client
        self._endpoint = endpoint
        self._socket = kind == "websocket"
        self._write = write
        self._position = ""

    async def run(self) -> None:
        while True:
            try:
                await (self._websocket() if self._socket else self._events())
            except (Lost, OSError, TimeoutError, ValueError, aiohttp.ClientError):
                await self._client.clock.sleep(PAUSE_SECONDS)
            self._endpoint = self._client.after(self._endpoint)
            self.resumed += 1

    # -- a WebSocket ------------------------------------------------------------------------------------------------

    async def _websocket(self) -> None:
        url = f"{self._endpoint.replace('http', 'ws', 1)}{PREFIX}"
        params = {"stream": "user", "position": self._position}
        async with asyncio.timeout(OPEN_SECONDS):
            socket = await self._client.session.ws_connect(url, params=params, headers=self._headers(), heartbeat=5)
        async with socket:
            while True:
                message = await socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise Lost(f"the socket ended with {message.type!r}")
                found = msgspec.json.decode(message.data)
                if "event" not in found:
                    raise Lost(str(found)[:200])
                self._take(found["event"], found.get("payload"), found.get("position", ""))

    # -- server-sent events -----------------------------------------------------------------------------------------

    async def _events(self) -> None:
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
        async with self._client.session.get(
            f"{self._endpoint}{PREFIX}/user",
            params={"position": self._position},
            headers=self._headers(),
            timeout=limits,
        ) as answer:
            if answer.status != 200:
                raise Lost(f"the stream was refused with {answer.status}")
            async for event, data, position in _blocks(answer.content):
                self._take(event, data, position)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.person.token}"}

    # -- what is told -----------------------------------------------------------------------------------------------

    def _take(self, event: str, data: str | None, position: str) -> None:
        if position:
            self._position = position
            self.begun.set()
        if not event or event == BEGUN:
            return
        about = _about(event, data)
        if event == "update":
            self.heard.add(about)
        now = self._client.clock.monotonic()
        self._write(Heard(now, self.name, event, about, position, self._endpoint))


async def _blocks(content: aiohttp.StreamReader) -> AsyncIterator[tuple[str, str, str]]:
    """Event, data and id of each block; a heartbeat has only an id."""
    fields: dict[str, str] = {}
    while line := await content.readline():
        name, colon, value = line.decode().rstrip("\r\n").partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif not colon:
            if fields:
                yield fields.get("event", ""), fields.get("data", ""), fields.get("id", "")
            fields = {}
    raise Lost("the event stream ended")


def _about(event: str, data: str | None) -> str:
    """The id of the post that an event is about; of anything else, nothing."""
    if event == "delete":
        return data or ""
    if event not in ("update", "status.update", "notification") or not data:
        return ""
    found: Any = msgspec.json.decode(data)
    if event == "notification":
        # Told apart by kind and by who did it: several people favourite the same post; its author alone mentions.
        about = f"{found['type']}:{(found.get('status') or {}).get('id', '')}"
        return about if found["type"] == "mention" else f"{about}:{(found.get('account') or {}).get('id', '')}"
    return str(found["id"])
