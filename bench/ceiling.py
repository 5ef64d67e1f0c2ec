"""The least that can be served: the same Granian, the same settings, the same bytes, and nothing thought about.

``python -m bench.ceiling PORT FILE`` answers every request with FILE: a head (``status``, then header lines), an empty
line, and a body, as linnet sent them.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvloop

from linnet.cli.embedding import Server

Message = MutableMapping[str, Any]


def application(answer: bytes) -> Callable[[Message, Any, Callable[[Message], Awaitable[None]]], Awaitable[None]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    start = {"type": "http.response.start", "status": int(status), "headers": headers}
    rest = {"type": "http.response.body", "body": body}

    async def answered(scope: Message, receive: Any, send: Callable[[Message], Awaitable[None]]) -> None:
        await send(start)
        await send(rest)

    return answered


async def serve(port: int, answer: bytes) -> None:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(1024)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = Server(application(answer), listening.detach())
    server.start()
    await ended.wait()
    await server.stop(2.0)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()))
