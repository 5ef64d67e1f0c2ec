"""Hands films and sounds to a child process each: one at a time on a machine, bounded in time, memory and bytes."""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from linnet.domain.errors import Invalid, Unavailable
from linnet.domain.files import HEAD_BYTES
from linnet.media.containers import check_length, demuxer
from linnet.media.messages import (
    PREFIX_BYTES,
    Answer,
    Recording,
    RecordingLimits,
    RecordingRequest,
    Refused,
    answer_size,
    frame,
    read_answer,
)
from linnet.media.pool import environment, gone


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a child may take for one recording: seconds by the clock and of processor, address space, bytes written.

    ``waiting_max`` recordings wait for their turn in one process, counting the one in work: jobs that wait hold up
    others.
    """

    wall_s: float = 3600.0
    cpu_s: int = 1800
    memory_bytes: int = 2 * 1024 * 1024 * 1024
    file_bytes: int = 1024 * 1024 * 1024
    waiting_max: int = 4


class RecordingWorker:
    """Makes films and sounds anew. ``lock`` is a file that the workers of this machine share."""

    def __init__(self, limits: RecordingLimits, lock: Path, bounds: Bounds | None = None) -> None:
        self._limits = limits
        self._lock = lock
        self._bounds = bounds or Bounds()
        self._child: Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._closed = False

    @property
    def child_pid(self) -> int | None:
        """The process id of the living child; None where there is none at the moment."""
        return self._child.pid if self._child is not None and self._child.returncode is None else None

    def guess(self, head: bytes) -> Literal["video", "audio"] | None:
        """What a file that begins so seems to be; None for what is no recording."""
        reader = demuxer(head[:HEAD_BYTES])
        return None if reader is None else "video" if reader in ("mov", "matroska") else "audio"

    async def process(self, source: BinaryIO, target: BinaryIO) -> Recording:
        """Reads ``source`` and writes ``target``, both open files of this machine.

        ``Invalid("file", …)`` where it cannot be made; ``Unavailable`` while another one is, or when we end.
        """
        reader = demuxer(os.pread(source.fileno(), HEAD_BYTES, 0))
        if reader is None:
            raise Invalid("file", "is not a film or a sound that could be played")
        check_length(os.fstat(source.fileno()).st_size, self._limits.bytes_max)
        async with self._alone():
            request = RecordingRequest(reader, source.fileno(), target.fileno(), self._limits, self._bounds.cpu_s)
            answer = await self._ask(request)
        if isinstance(answer, Refused):
            raise Invalid(answer.field, answer.why, answer.code)
        if not isinstance(answer, Recording):
            raise Invalid("file", "could not be processed")
        return answer

    async def close(self) -> None:
        """Ends the child; whoever waits for it gets ``Unavailable``."""
        self._closed = True
        await self._end()

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """One recording at a time: each takes a processor and much memory."""
        if self._waiting >= self._bounds.waiting_max:
            raise _busy()
        self._waiting += 1
        try:
            async with self._turn:
                if self._closed:
                    raise Unavailable("The server is shutting down")
                with self._lock.open("w") as file:
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        raise _busy() from None
                    yield
        finally:
            self._waiting -= 1

    async def _ask(self, request: RecordingRequest) -> Answer:
        bounds = self._bounds
        child = self._child = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "linnet.media.recording_child", str(bounds.memory_bytes),
            str(bounds.file_bytes), stdin=PIPE, stdout=PIPE, env=environment(bounds.memory_bytes),
            pass_fds=(request.source, request.target),
        )  # fmt: skip
        try:
            async with asyncio.timeout(bounds.wall_s):
                assert child.stdin is not None
                assert child.stdout is not None
                child.stdin.write(frame(request))
                await child.stdin.drain()
                size = answer_size(await child.stdout.readexactly(PREFIX_BYTES))
                return read_answer(await child.stdout.readexactly(size))
        except TimeoutError:
            raise _too_slow() from None
        except (OSError, EOFError, ValueError, msgspec.DecodeError) as error:
            if isinstance(error, EOFError):
                await gone(child)
            await self._end()
            raise self._failure(child.returncode) from None
        finally:
            await self._end()

    def _failure(self, code: int | None) -> Exception:
        if self._closed:
            return Unavailable("The server is shutting down")
        return _too_slow() if code == -signal.SIGXCPU else Invalid("file", "could not be processed")

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
        await child.wait()


def _busy() -> Unavailable:
    return Unavailable("Other films and sounds are being processed at the moment")


def _too_slow() -> Invalid:
    return Invalid("file", "could not be processed in time")
