"""Hands pictures to the child process that decodes them: one at a time, bounded in number, time and memory."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from pathlib import Path

import msgspec

import linnet
from linnet.domain.errors import Invalid, Unavailable
from linnet.media.messages import (
    PREFIX_BYTES,
    Answer,
    Kind,
    Limits,
    Processed,
    Refused,
    Request,
    answer_size,
    frame,
    read_answer,
)
from linnet.media.probe import check_bytes
from linnet.supervision import Tasks

GONE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a child may take: seconds by the clock and of processor for one picture, address space, idle seconds.

    ``waiting_max`` bounds the pictures that wait, each held in memory, counting the one in work.
    """

    wall_s: float = 30.0
    cpu_s: int = 20
    idle_s: float = 30.0
    memory_bytes: int = 1024 * 1024 * 1024
    waiting_max: int = 16


class ImageWorker:
    """Processes pictures in a child process, which is started when first needed and ended when idle.

    A picture that kills or stalls the child is refused; the next one gets a new child.
    """

    def __init__(self, tasks: Tasks, limits: Limits | None = None, bounds: Bounds | None = None) -> None:
        self._tasks = tasks
        self._limits = limits or Limits()
        self._bounds = bounds or Bounds()
        self._child: Process | None = None
        self._turn = asyncio.Lock()
        self._used = asyncio.Event()
        self._idle: asyncio.Task[None] | None = None
        self._waiting = 0
        self._closed = False

    @property
    def child_pid(self) -> int | None:
        """The process id of the living child; None where there is none at the moment."""
        return self._child.pid if self._child is not None and self._child.returncode is None else None

    async def process(self, data: bytes, kind: Kind) -> Processed:
        """The picture made safe. ``Invalid("file", …)`` where it cannot be; ``Unavailable`` where too many wait."""
        check_bytes(data, self._limits.bytes_max)
        if self._waiting >= self._bounds.waiting_max:
            raise Unavailable("Too many pictures are being processed at the moment")
        self._waiting += 1
        try:
            async with self._turn:
                answer = await self._ask(Request(kind, data, self._limits, self._bounds.cpu_s))
        finally:
            self._waiting -= 1
        if isinstance(answer, Refused):
            raise Invalid(answer.field, answer.why, answer.code)
        if not isinstance(answer, Processed):
            raise Invalid("file", "could not be processed")
        return answer

    async def close(self) -> None:
        """Ends the child. Pictures in work or waiting get ``Unavailable``."""
        self._closed = True
        if self._idle is not None:
            self._idle.cancel()
        await self._end()

    async def _ask(self, request: Request) -> Answer:
        child = await self._ready()
        answered = False
        try:
            async with asyncio.timeout(self._bounds.wall_s):
                answer = await _exchange(child, frame(request))
            answered = True
            return answer
        except TimeoutError:
            raise _too_slow() from None
        except (OSError, EOFError, ValueError, msgspec.DecodeError) as error:
            if isinstance(error, EOFError):
                await gone(child)
            await self._end()
            raise self._failure(child.returncode) from None
        finally:
            self._used.set()
            if not answered:
                # Also when the asker has gone (cancelled): its answer must not be read by the next one.
                await self._end()

    def _failure(self, code: int | None) -> Invalid | Unavailable:
        if self._closed:
            return Unavailable("The server is shutting down")
        if code == -signal.SIGXCPU:
            return _too_slow()
        return Invalid("file", "could not be processed")

    async def _ready(self) -> Process:
        if self._closed:
            raise Unavailable("The server is shutting down")
        if self.child_pid is None or self._child is None:
            self._child = await _start(self._bounds.memory_bytes)
        self._used.set()
        if self._idle is None or self._idle.done():
            self._idle = self._tasks.start("pictures: end the idle child", self._end_when_idle())
        return self._child

    async def _end_when_idle(self) -> None:
        """An idle child would keep tens of megabytes for nothing."""
        while True:
            self._used.clear()
            try:
                async with asyncio.timeout(self._bounds.idle_s):
                    await self._used.wait()
            except TimeoutError:
                if not self._turn.locked():
                    async with self._turn:
                        await self._end()
                    return

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
        await child.wait()


async def gone(child: Process) -> None:
    """Waits a moment for a child that has closed its end. ``kill`` would reap it, and how it ended be lost."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GONE_SECONDS):
            await child.wait()


def _too_slow() -> Invalid:
    return Invalid("file", "could not be processed in time")


async def _exchange(child: Process, request: bytes) -> Answer:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(request)
    await child.stdin.drain()
    size = answer_size(await child.stdout.readexactly(PREFIX_BYTES))
    return read_answer(await child.stdout.readexactly(size))


def environment(memory_bytes: int) -> dict[str, str]:
    """Of a child: none of the server's secrets are within reach of a hostile file."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(linnet.__file__).parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MALLOC_ARENA_MAX": "1",
        "VIPS_CONCURRENCY": "1",
        "VIPS_WARNING": "0",
        # It may not write files, and its memory is bounded: decoded pictures stay in memory, whatever their size.
        "VIPS_DISC_THRESHOLD": str(memory_bytes),
    }


async def _start(memory_bytes: int) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "linnet.media.child", str(memory_bytes), stdin=PIPE, stdout=PIPE,
        env=environment(memory_bytes),
    )  # fmt: skip
