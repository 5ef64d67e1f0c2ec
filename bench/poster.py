"""Posts as fast as it is answered, or at a steady rate; run as ``python -m bench.poster PORT CONNECTIONS SECONDS RATE
FIRST BEYOND [HOST]`` (the authors' numbers), prints what came of it as JSON."""

import asyncio
import json
import sys
import time
from collections import deque
from typing import cast

import uvloop

from bench.seeding import WORDS, token

TEXTS = [" ".join(WORDS[(n * 7 + k * (n + 1)) % len(WORDS)] for k in range(22)) for n in range(97)]


class Connection(asyncio.Protocol):
    """One kept connection: one post at a time."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._buffer = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._load.idle.append(self)

    def post(self, request: bytes, since: float) -> None:
        self._began = since
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        at = lower.index(b"content-length: ") + 16
        if len(body) >= int(lower[at:].split(b"\r\n", 1)[0]):
            self._buffer = b""
            self._load.answered(self, head.startswith(b"HTTP/1.1 200"), time.perf_counter() - self._began)

    def connection_lost(self, error: Exception | None) -> None:
        self._load.lost += not self._load.ending


class Load:
    """The posts of one run. With a rate, a post that could not be sent in time counts from when it was due."""

    def __init__(self, port: int, rate: float, authors: range) -> None:
        self.idle: deque[Connection] = deque()
        self.latencies: list[float] = []
        self.refused = self.lost = 0
        self.ending = False
        self._rate = rate
        self._turn = 0
        self._authors = authors
        self._heads = [
            f"POST /api/v1/statuses HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token(author)}\r\n"
            "Content-Type: application/json\r\nContent-Length: ".encode()
            for author in authors
        ]

    def request(self) -> bytes:
        turn = self._turn = self._turn + 1
        body = json.dumps({"status": f"{TEXTS[turn % len(TEXTS)]} {turn}"}).encode()
        return self._heads[turn % len(self._heads)] + b"%d\r\n\r\n" % len(body) + body

    def answered(self, connection: Connection, good: bool, seconds: float) -> None:
        if good:
            self.latencies.append(seconds)
        else:
            self.refused += 1
        if self._rate or self.ending:
            self.idle.append(connection)
        else:
            connection.post(self.request(), time.perf_counter())

    async def run(self, seconds: float) -> float:
        began = time.perf_counter()
        if self._rate:
            await self._paced(began, seconds)
        else:
            for connection in [self.idle.popleft() for _ in range(len(self.idle))]:
                connection.post(self.request(), time.perf_counter())
            await asyncio.sleep(seconds)
        self.ending = True
        return time.perf_counter() - began

    async def _paced(self, began: float, seconds: float) -> None:
        sent = 0
        while (now := time.perf_counter()) - began < seconds:
            while self.idle and began + sent / self._rate <= now:
                self.idle.popleft().post(self.request(), began + sent / self._rate)
                sent += 1
            await asyncio.sleep(min(0.02, max(0.0005, began + sent / self._rate - time.perf_counter())))


async def main(
    port: int, connections: int, seconds: float, rate: float, authors: range, host: str = "127.0.0.1"
) -> None:
    loop = asyncio.get_running_loop()
    load = Load(port, rate, authors)
    for _ in range(connections):
        await loop.create_connection(lambda: Connection(load), host, port)
    took = await load.run(seconds)
    found = sorted(load.latencies)
    if load.refused or load.lost or not found:
        sys.exit(f"{load.refused} posts were refused, {load.lost} connections lost, {len(found)} posts acknowledged")
    places = {"p50": found[len(found) // 2], "p99": found[int(len(found) * 0.99)], "most": found[-1]}
    print(json.dumps({"posts": len(found), "seconds": took, **{name: ms * 1e3 for name, ms in places.items()}}))


if __name__ == "__main__":
    port, connections, *rest = sys.argv[1:]
    authors = range(int(rest[2]), int(rest[3]))
    uvloop.run(main(int(port), int(connections), float(rest[0]), float(rest[1]), authors, *rest[4:]))
