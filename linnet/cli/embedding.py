"""Granian, embedded: the one place that knows its inside, of which the exact version is pinned."""

import asyncio
import contextlib
import os
import select
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from granian import _futures, _granian, asgi
from granian.http import HTTP1Settings

BACKLOG = 4_096
"""How many connections the kernel keeps waiting."""
CONNECTIONS = 8_192
"""How many connections a worker keeps open; more wait in the kernel's queue."""
HEADER_BYTES = 65_536
"""A request's line and headers, all together."""
HEADER_SECONDS = 30.0
"""How long a client may take to send them."""

# Its type stubs are behind its code; the tests run all that is used here.
_asgi: Any = asgi
_native: Any = _granian
_scheduling: Any = _futures

Application = Callable[[Any, Any, Any], Awaitable[None]]


class Server:
    """Accepts on a listening socket that all workers share: a connection that waits belongs to none of them, so none
    is lost when one ends. (Granian itself would give each worker a queue of its own.)"""

    def __init__(self, application: Application, listening: int) -> None:
        self._application = application
        self._listening = listening
        self._signal = _native.WorkerSignal()
        self._ended = asyncio.Event()

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._signal.add_cb(lambda: loop.call_soon_threadsafe(self._ended.set))
        worker = _native.ASGIWorker(
            1,
            (None, _native.SocketHolder(self._listening, False, BACKLOG)),
            None,
            backpressure=CONNECTIONS,
            http_mode="1",
            http1_opts=HTTP1Settings(header_read_timeout=int(HEADER_SECONDS * 1000), max_buffer_size=HEADER_BYTES),
            websockets_enabled=True,
            ssl_crl=[],
            metrics=(None, None),
        )
        callback = _scheduling._future_watcher_wrapper(_asgi._callback_wrapper(self._application, {}, {}))
        worker.serve_str(_scheduling._new_cbscheduler(loop, callback, impl_asyncio=True), loop, self._signal)

    def stop_accepting(self) -> None:
        """Leaves new connections to the other workers, and goes on answering on those that it has.

        Granian cannot; but its epoll, which wakes it for them, can be told to look for them no more.
        """
        for descriptor in _descriptors(lambda entry: os.readlink(entry) == "anon_inode:[eventpoll]"):
            with select.epoll.fromfd(os.dup(descriptor)) as poll:
                for each in self._copies():
                    with contextlib.suppress(OSError):
                        poll.unregister(each)

    def give_port_away(self) -> None:
        """As ``stop_accepting``; and once all workers have done it, another process may listen there."""
        self.stop_accepting()
        # Granian keeps its copy to its end, and closes it then: by that time it is another socket.
        with socket.socket() as nowhere:
            for each in self._copies():
                os.dup2(nowhere.fileno(), each, inheritable=False)

    def _copies(self) -> list[int]:
        """The listening socket's descriptors: Granian has one of its own."""
        shared = os.fstat(self._listening)
        return _descriptors(lambda entry: os.path.samestat(entry.stat(), shared))

    async def stop(self, seconds: float) -> None:
        """Takes no more connections, and waits for those that are open, at most so long."""
        self._signal.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()


def _descriptors(wanted: Callable[[Path], bool]) -> list[int]:
    """Those of this process that are ``wanted``; none where there is no /proc."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):  # the one by which the folder is read has gone
                if wanted(entry):
                    found.append(int(entry.name))
    return found


class Lifespan:
    """Tells an ASGI application that it starts and ends."""

    def __init__(self, application: Application) -> None:
        self._protocol = _asgi.LifespanProtocol(application)

    async def startup(self) -> bool:
        """False where the application could not start."""
        await self._protocol.startup()
        return not self._protocol.interrupt

    async def shutdown(self) -> None:
        await self._protocol.shutdown()
