"""One worker process of ``linnet serve``: HTTP, the writer and the job worker, until its supervisor says stop.

Run by linnet/cli/serve.py as ``python -m linnet.cli.worker SOCKETS CHANNEL ORIGIN FIRST OPTIONS…``: a fresh
interpreter, so that a replaced worker runs the code that is installed now and reads its configuration anew.
"""

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable
from pathlib import Path

import uvloop

from linnet import app, telemetry
from linnet.actions import setup
from linnet.app import Parts, Place
from linnet.cli.arguments import configuration
from linnet.cli.data_directory import DataDirectory
from linnet.cli.embedding import Lifespan, Server
from linnet.cli.ending import OUR_FAULT, Ending
from linnet.cli.opening import open_majority, opened
from linnet.config import Config
from linnet.http.request import Receive, Scope, Send
from linnet.http.server import Application
from linnet.mastodon.cache import FragmentCache
from linnet.supervision import Tasks

QUIET_SECONDS = 0.3
LINGER_SECONDS = 3.0
"""While draining, a worker answers on until nothing has been asked for QUIET_SECONDS, but no longer than this; and so
once more when it takes no new connections."""


class Channel:
    """The worker's end of the socket to its supervisor. Its closing means that the supervisor is gone."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)

    def say(self, **message: object) -> None:
        with contextlib.suppress(OSError):  # whoever would have read it is gone, which `closed` tells
            self._socket.send(json.dumps(message).encode() + b"\n")

    async def closed(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while await loop.sock_recv(self._socket, 1):
                continue


class Stopping(asyncio.Event):
    """That this process is to end: by SIGINT where it is ``replaced``, by SIGTERM with the whole server."""

    replaced = False

    def heed(self, number: int) -> None:
        self.replaced = number == signal.SIGINT
        self.set()


class Door:
    """Stands before the application and counts who comes in."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.requests = 0

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        self.requests += 1
        return self._application(scope, receive, send)


async def drain(application: Application, door: Door, server: Server, seconds: float, others: Stopping) -> None:
    """Goes on answering, with ``Connection: close``, until nobody asks any more: so no client loses a request to us.

    At first whoever comes is let in. Those who never stop coming are then left to the other workers, where this one is
    only replaced; where the whole server ends, nobody but us would tell them so.
    """
    application.draining = True
    await _quiet(application, door)
    if others.replaced:
        server.stop_accepting()
        await _quiet(application, door)
    await application.drain(seconds)


async def _quiet(application: Application, door: Door) -> None:
    loop = asyncio.get_running_loop()
    now = loop.time()
    until, seen, quiet_since = now + LINGER_SECONDS, door.requests, now
    while now < until and now - quiet_since < QUIET_SECONDS:
        await asyncio.sleep(0.02)
        now = loop.time()
        if application.in_flight or door.requests != seen:
            seen, quiet_since = door.requests, now


async def welcome(parts: Parts) -> list[str]:
    """What the operator is told at the start, until there is an owner."""
    token = await setup.owner_link(parts.database, parts.guards)
    waiting = app.waiting_posts(parts.config)
    known = [f"{waiting}."] if waiting else []
    if token is None:
        return known
    return [
        *known,
        "Nobody owns this server yet. Whoever opens this link first creates the owner's account (it works once):",
        f"  {parts.site.origin}{setup.PATH}?token={token}",
    ]


def spare_the_collector() -> None:
    """What is there now stays for ever and need not be looked at again; and requests leave few cycles behind, so that
    looking for them after every 700 new objects found next to nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


LITTER = "drill-caches"
"""A file in DIR/run: only where it is, SIGUSR2 fills the caches with rubbish."""


def obey(run: Path, cache: FragmentCache) -> None:
    """SIGUSR1 empties the caches, which costs time and nothing else. SIGUSR2 is for drills."""

    def litter() -> None:
        if (run / LITTER).exists():
            cache.litter()
            telemetry.log.warning("caches_littered", bytes=cache.size, done="going on with what the database says")

    def clear() -> None:
        telemetry.log.info("caches_emptied", bytes=cache.size)
        cache.clear()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, clear)
    loop.add_signal_handler(signal.SIGUSR2, litter)


async def serve(config: Config, listening: list[int], channel: Channel, origin: str, *, first: bool) -> None:
    """Until SIGTERM, SIGINT, or the supervisor's end. Raises Ending where it cannot begin.

    ``listening`` are the sockets of the main port and, where there is one, of ``--streaming-bind``.
    """
    stopping = Stopping()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.heed, number)
    async with opened(config, serving=True, origin=origin) as found:
        directory, tasks = DataDirectory(config.data), Tasks()
        obey(directory.run, cache := FragmentCache(app.CACHE_BYTES))
        streaming = socket.socket(fileno=listening[1]) if len(listening) > 1 else None
        parts = Parts(
            *found[:-1],
            place=Place(found.worker, directory.run, directory.files(), streaming),
            majority=open_majority(config),
            cache=cache,
        )
        application = app.build(parts)
        lifespan = Lifespan(application)
        if not await lifespan.startup():
            raise Ending(OUR_FAULT, "The worker could not start; the line before this one says why.")
        spare_the_collector()
        door = Door(application)
        server = Server(door, listening[0])
        server.start()
        channel.say(ready=True, origin=parts.site.origin, lines=await welcome(parts) if first else [])
        waits = [tasks.start("supervisor", channel.closed()), tasks.start("stop", stopping.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if stopping.is_set():
            await drain(application, door, server, config.drain / 1000, stopping)
        else:
            # The supervisor was killed, and its successor wants the ports: whoever comes now, comes to that one.
            server.give_port_away()
            await application.drain(config.drain / 1000)
            await _quiet(application, door)
        await server.stop(5.0)
        await lifespan.shutdown()
        await tasks.close()


def main(arguments: list[str]) -> int:
    """The process's exit code."""
    listening, channel = [int(one) for one in arguments[0].split(",")], Channel(int(arguments[1]))
    origin, first = arguments[2], arguments[3] == "1"
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        config = configuration(arguments[4:])
        telemetry.set_up_logs(config.log_level, config.log_format)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config, listening, channel, origin, first=first))
    except Ending as ending:
        channel.say(code=ending.code, sentence=str(ending))
        return ending.code
    except Exception as error:  # boundary: the supervisor is told, and the log has the traceback
        telemetry.log.error("worker_failed", exc_info=error, done="this process ends")
        channel.say(code=OUR_FAULT, sentence=f"This should not have happened: {error!r}.")
        return OUR_FAULT
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    # Everything that must be kept is on the disk by now; a thread or a client that still hangs must not keep us here.
    os._exit(code)
