"""Open streams: what an idle one costs in memory, and how soon a post has reached thousands of them."""

import asyncio
import contextlib
import http.client
import resource
import shutil
import sqlite3
import time
from pathlib import Path

from bench import machine
from bench.machine import Running
from bench.posting import posted
from bench.report import Row, judged
from bench.seeding import Plan, account_id, token
from bench.setting import Setting, drained

AUTHOR = 0
POSTS = 10
AT_ONCE = 50
PING, PONG = b"\x89", b"\x8a\x80\0\0\0\0"
HANDSHAKE = (
    "GET /api/v1/streaming?stream=user&access_token={token} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Listener(asyncio.Protocol):
    """One socket. ``arrived`` is called for each whole message; pings are answered."""

    def __init__(self, crowd: "Crowd", reader: int) -> None:
        self._crowd = crowd
        self._reader = reader
        self._received = b""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(HANDSHAKE.format(token=token(self._reader)).encode())

    def connection_lost(self, error: Exception | None) -> None:
        self._crowd.lost += 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._open:
            head, end, self._received = self._received.partition(b"\r\n\r\n")
            if not end:
                self._received = head
                return
            assert head.startswith(b"HTTP/1.1 101 "), head
            self._open = True
            self._crowd.opened.release()
        while self._frame():
            pass

    def _frame(self) -> bool:
        if len(self._received) < 2:
            return False
        size, start = self._received[1], 2
        if size == 126:
            size, start = int.from_bytes(self._received[2:4]), 4
        if len(self._received) < start + size:
            return False
        if self._received[:1] == PING:
            self._transport.write(PONG)
        else:
            self._crowd.arrived()
        self._received = self._received[start + size :]
        return True


class Crowd:
    """All sockets of the load, in one event loop."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.lost = 0
        self.opened = asyncio.Semaphore(0)
        self._missing = 0
        self._all = asyncio.Event()

    async def open(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        for first in range(0, self.size, AT_ONCE):
            some = range(first, min(first + AT_ONCE, self.size))
            for reader in some:
                await loop.create_connection(lambda reader=reader: Listener(self, reader), "127.0.0.1", port)  # type: ignore[misc]
            for _ in some:
                await self.opened.acquire()

    def expect(self) -> None:
        self._missing = self.size
        self._all.clear()

    def arrived(self) -> None:
        self._missing -= 1
        if self._missing == 0:
            self._all.set()

    async def everybody(self) -> None:
        await asyncio.wait_for(self._all.wait(), 30)


def listeners(setting: Setting) -> Plan:
    return Plan("listeners", 4_000, readers=200 if setting.quick else 2_000, follows=50)


def everybody_follows(data: Path, plan: Plan) -> None:
    """Each reader follows the author and keeps nothing against it, so that each has the post on its home timeline."""
    with contextlib.closing(sqlite3.connect(data / "linnet.db")) as db, db:
        (last,) = db.execute("select max(id) from follows").fetchone()
        rows = [(account_id(reader), account_id(AUTHOR), last + 1 + reader) for reader in range(1, plan.readers)]
        db.executemany("insert or ignore into follows (account_id, target_id, id) values (?, ?, ?)", rows)
        for walls in ("blocks", "mutes"):
            db.execute(f"delete from {walls} where ? in (account_id, target_id)", (account_id(AUTHOR),))
        db.execute(
            "update accounts set followers = (select count(*) from follows where target_id = accounts.id) where id = ?",
            (account_id(AUTHOR),),
        )


def streams(setting: Setting) -> list[Row]:
    """WebSockets on ``--streaming-bind``, each of another account that follows whoever posts."""
    plan = listeners(setting)
    data, port = setting.data(plan), machine.free_port()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        everybody_follows(data, plan)
        with machine.linnet(data, "--streaming-bind", f"127.0.0.1:{port}") as running:
            growth, times, cpu = asyncio.run(_measured(running, data, port, plan.readers))
    finally:
        shutil.rmtree(data, ignore_errors=True)
    setting.say(f"{growth:.1f} kB a stream; a post reached {plan.readers:,} in {sorted(times)[len(times) // 2]:.0f} ms")
    figures = f"{plan.readers:,} WebSockets of as many accounts with 50 followees, idle; PSS of all processes"
    reach = f"{plan.readers:,} home streams, from sending the post; {cpu * 1000:.0f} ms of CPU a post, jobs included"
    return [
        judged("streams-memory", "an idle stream", [growth], 30, figures, unit="kB"),
        judged("streams-reach", "a post at the last of all streams", times, 250, reach, unit="ms"),
    ]


async def _measured(running: Running, data: Path, port: int, size: int) -> tuple[float, list[float], float]:
    """kB a stream, ms of each post, and CPU seconds a post."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    posted(connection, AUTHOR, "warming up")
    warm, crowd = Crowd(20), Crowd(size)
    await warm.open(port)
    drained(data)
    await asyncio.sleep(1)
    before = running.pss_mib()
    await crowd.open(port)
    await asyncio.sleep(2)
    growth = (running.pss_mib() - before) * 1024 * 1.024 / size
    times: list[float] = []
    used = running.cpu_seconds()
    for number in range(POSTS):
        crowd.expect()
        began = time.perf_counter()
        posting = asyncio.get_running_loop().run_in_executor(
            None, posted, connection, AUTHOR, f"Who hears this first? {number}"
        )
        await crowd.everybody()
        times.append((time.perf_counter() - began) * 1000)
        await posting
        drained(data)
    if crowd.lost or warm.lost:
        raise RuntimeError(f"{crowd.lost + warm.lost} streams were lost")
    return growth, times, (running.cpu_seconds() - used) / POSTS
