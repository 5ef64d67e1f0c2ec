"""Who listens goes on at another endpoint from where it was, whatever ends the connection, and keeps every event."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from linnet.drill.client import Client
from linnet.drill.records import Heard, Person
from linnet.drill.streams import Listener
from tests.support.loopback import HastyClock, serving
from tests.support.waiting import until

ADA = Person("1", "ada", "token-ada")
Event = tuple[str, object]


class Node:
    """Tells some events from a position on; then ends the connection, or stays silent."""

    def __init__(self, events: Sequence[Event], first: int, *, stays: bool, refuses: bool = False) -> None:
        self.events = events
        self.first = first
        self.stays = stays
        self.refuses = refuses
        self.positions: list[str] = []
        self.tokens: list[str] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.positions.append(request.query["position"])
        self.tokens.append(request.headers["Authorization"])
        if self.refuses:
            return web.json_response({"error": "draining"}, status=503)
        if request.path.endswith("/user"):
            return await self._events(request)
        return await self._socket(request)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for number, (name, data) in enumerate(self.events, self.first):
            text = data if isinstance(data, str) else json.dumps(data)
            await answer.write(f"event: {name}\nid: p{number}\ndata: {text}\n\n".encode())
        await answer.write(b":thump\nid: p99\n\n")
        await self._after(request)
        return answer

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        assert request.query["stream"] == "user"
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for number, (name, data) in enumerate(self.events, self.first):
            text = data if isinstance(data, str) else json.dumps(data)
            await socket.send_json({"stream": ["user"], "event": name, "payload": text, "position": f"p{number}"})
        if self.stays:
            await socket.receive()
        await self._after(request)
        return socket

    async def _after(self, request: web.Request) -> None:
        if self.stays:
            await asyncio.Event().wait()
        assert request.transport is not None
        request.transport.abort()


@asynccontextmanager
async def _listening(kind: str, *nodes: Node) -> AsyncIterator[tuple[Listener, list[Heard]]]:
    heard: list[Heard] = []
    async with serving(nodes[0]) as a, serving(nodes[1]) as b, Client([a, b], HastyClock()) as client:
        listener = Listener(client, ADA, a, kind, "ada", heard.append)
        task = asyncio.create_task(listener.run())
        try:
            yield listener, heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


BEGUN: Event = ("stream.begun", {})
MENTION: Event = ("notification", {"id": "5", "type": "mention", "status": {"id": "11"}})


@pytest.mark.parametrize("kind", ["websocket", "events"])
async def test_it_goes_on_elsewhere_from_where_it_was(kind: str) -> None:
    first = Node([BEGUN, ("update", {"id": "10"}), ("update", {"id": "11"})], 1, stays=False)
    second = Node([MENTION, ("update", {"id": "12"}), ("delete", "10")], 4, stays=True)
    async with _listening(kind, first, second) as (listener, heard):
        await until(lambda: len(heard) == 5)
        assert listener.begun.is_set()
        assert listener.heard == {"10", "11", "12"}
        assert [(one.event, one.about) for one in heard] == [
            ("update", "10"), ("update", "11"), ("notification", "mention:11"), ("update", "12"), ("delete", "10"),
        ]  # fmt: skip
        assert first.positions == [""]
        # A heartbeat's position counts as well: only event streams have one.
        assert second.positions == ["p3" if kind == "websocket" else "p99"]
        assert second.tokens == ["Bearer token-ada"]
        assert heard[0].endpoint != heard[-1].endpoint


async def test_favourites_of_one_post_by_several_people_are_several() -> None:
    told = [
        ("notification", {"id": who, "type": "favourite", "status": {"id": "11"}, "account": {"id": who}})
        for who in ("5", "6")
    ]
    first, second = Node([BEGUN, *told], 1, stays=True), Node([], 1, stays=True)
    async with _listening("websocket", first, second) as (_, heard):
        await until(lambda: len(heard) == 2)
        assert [one.about for one in heard] == ["favourite:11:5", "favourite:11:6"]


@pytest.mark.parametrize("kind", ["websocket", "events"])
async def test_a_node_that_refuses_is_passed_over(kind: str) -> None:
    first = Node([], 0, stays=False, refuses=True)
    second = Node([BEGUN], 1, stays=True)
    async with _listening(kind, first, second) as (listener, heard):
        await until(listener.begun.is_set)
        assert listener.resumed == 1
        assert heard == []


async def test_it_has_no_position_before_it_was_told_one() -> None:
    first, second = Node([], 0, stays=False, refuses=True), Node([], 0, stays=False, refuses=True)
    async with _listening("websocket", first, second) as (listener, _):
        await until(lambda: listener.resumed > 3)
        assert not listener.begun.is_set()
        assert set(first.positions + second.positions) == {""}
