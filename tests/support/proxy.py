"""A wire between a client and PostgreSQL that a test can cut or hold at a chosen word."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

_CANCEL = 80877102
"""The code by which a connection says that it only wants to cancel another one's statement."""


class Wire:
    """Forwards connections. ``cancels`` counts those that asked the server to cancel a statement."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task] = set()
        self._cut_at: list[tuple[bytes, bool]] = []
        self._open = asyncio.Event()
        self._open.set()
        self.cancels = 0
        self.cuts = 0

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    def cut_at(self, word: bytes, *, answer_only: bool) -> None:
        """Cuts the connection that sends ``word`` next: before the server hears it, or before its answer is heard."""
        self._cut_at.append((word, answer_only))

    def hold(self) -> None:
        """From now on nothing arrives on either side; nobody is told."""
        self._open.clear()

    def go_on(self) -> None:
        self._open.set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        deaf = asyncio.Event()
        first = await reader.read(65_536)
        if len(first) >= 8 and struct.unpack("!I", first[4:8])[0] == _CANCEL:
            self.cancels += 1
        back.write(first)
        up = asyncio.ensure_future(self._up(reader, back, deaf))
        down = asyncio.ensure_future(self._down(there, writer, deaf))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            back.close()

    async def _up(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter, deaf: asyncio.Event) -> None:
        while data := await reader.read(65_536):
            await self._open.wait()
            for word, answer_only in self._cut_at:
                if word in data:
                    self._cut_at.remove((word, answer_only))
                    self.cuts += 1
                    if not answer_only:
                        return
                    deaf.set()
                    break
            back.write(data)
            await back.drain()

    async def _down(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, deaf: asyncio.Event) -> None:
        while data := await there.read(65_536):
            await self._open.wait()
            if deaf.is_set():
                return
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    made = Wire("127.0.0.1", port)
    await made.start()
    try:
        yield made
    finally:
        await made.close()
