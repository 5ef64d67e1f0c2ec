"""One event loop whose time is virtual, and processes in it that can be frozen, thawed and killed like real ones."""

import asyncio
import contextvars
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

START_MS = 1_780_000_000_000


class Stuck(Exception):
    """Nothing is left that could ever happen: whoever waits, waits for ever."""


class _Selector(selectors.BaseSelector):
    """Where a real loop would wait, time moves on."""

    def __init__(self, loop: "Loop") -> None:
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stuck
        self._loop.now += max(0.0, timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, 0, None)

    def get_map(self) -> Any:
        return {}


class _Handle(asyncio.Handle):
    __slots__ = ()

    def _run(self) -> None:
        process = self._context.get(_RUNNING)  # type: ignore[attr-defined]
        if process is None or process.lets(self):
            super()._run()


class _TimerHandle(asyncio.TimerHandle):
    __slots__ = ()

    def _run(self) -> None:
        process = self._context.get(_RUNNING)  # type: ignore[attr-defined]
        if process is None or process.lets(self):
            super()._run()


class _Task(asyncio.Task[Any]):
    """A task whose place in a set does not depend on where it stands in memory."""

    def __hash__(self) -> int:
        return self.number

    number = 0


class Loop(asyncio.SelectorEventLoop):
    """Time is ``now``, in seconds from 0. What belongs to a process runs only while that runs."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Selector(self))
        self._clock_resolution = 1e-9
        self._numbers = 0
        self.set_task_factory(self._new_task)

    def time(self) -> float:
        return self.now

    def _call_soon(self, callback: Any, args: Any, context: Any) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def call_at(  # type: ignore[override]  # its own is generic
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        # Two things are never due at quite the same time: which comes first does not depend on a heap's shape.
        self._numbers += 1
        real = super().call_at(when + self._numbers * 1e-12, callback, *args, context=context)
        real.__class__ = _TimerHandle
        return real

    def _new_task(self, _: Any, coroutine: Any, context: Any = None) -> _Task:
        self._numbers += 1
        task = _Task.__new__(_Task)
        task.number = self._numbers  # before it is put into the set of all tasks
        task.__init__(coroutine, loop=self, context=context)  # type: ignore[misc]
        process = _RUNNING.get() if context is None else context.get(_RUNNING)
        if process is not None:
            process.tasks.append(task)
        return task


class Story:
    """What has happened, in virtual time: for whoever must understand a seed that failed."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.lines: list[tuple[float, str, str]] = []

    def tell(self, who: str, what: str) -> None:
        self.lines.append((self._loop.now, who, what))

    def text(self, about: str = "") -> str:
        """All of it, or the lines that name ``about``."""
        return "\n".join(
            f"{at:9.3f}  {who:<10} {what}" for at, who, what in self.lines if about in what or about in who
        )


class Process:
    """Something that runs on a host: what is scheduled in it waits while it is frozen, and is gone once it is killed.

    ``generation`` counts its lives: whoever speaks with the one before is refused.
    """

    def __init__(self, world: "Machine", name: str, host: int) -> None:
        self.world = world
        self.name = name
        self.host = host
        self.frozen = False
        self.alive = True
        self.ending = False
        self.tasks: list[_Task] = []
        self._held: list[asyncio.Handle] = []
        self._context = contextvars.Context()
        self._context.run(_RUNNING.set, self)

    @property
    def running(self) -> bool:
        return self.alive and not self.frozen

    def lets(self, handle: asyncio.Handle) -> bool:
        """Whether a callback runs now; a frozen process's is kept for its thaw, a killed one's for the world's end."""
        if self.ending or (self.alive and not self.frozen):
            return True
        self._held.append(handle)
        return False

    def freeze(self) -> None:
        self.frozen = True

    def thaw(self) -> None:
        if self.frozen:
            self.frozen = False
            held, self._held = self._held, []
            self.world.loop._ready.extend(held)  # type: ignore[attr-defined]

    def kill(self) -> None:
        """As kill -9: no cleaning up runs."""
        self.alive = False
        self.world.buried.append(self)

    def later(self, seconds: float, do: Callable[..., object], *args: Any) -> None:
        """Does something in this process, where it lives and runs by then."""
        self.world.loop.call_at(self.world.loop.now + seconds, do, *args, context=self._context.copy())

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self.world.loop.create_task(coroutine, context=self._context.copy())

    async def end(self) -> None:
        """The world is over: whatever still waits here is cancelled, so that nothing of it comes after."""
        for turn in range(5):
            tasks = [task for task in self.tasks if not task.done()]
            for task in tasks:
                task.cancel()
            if not turn:
                self.ending, self.frozen = True, True
                self.thaw()
            if tasks:
                await asyncio.wait(tasks, timeout=5.0)
        self.tasks.clear()


_RUNNING: contextvars.ContextVar[Process | None] = contextvars.ContextVar("running", default=None)


def current() -> Process | None:
    """The process whose code runs now."""
    return _RUNNING.get()


class Clock:
    """A host's clock: ``offset_ms`` steps, ``drift`` runs fast (0.01: a hundredth); ``monotonic`` does neither."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.offset_ms = 0.0
        self.drift = 0.0

    def now_ms(self) -> int:
        return int(START_MS + self._loop.now * 1000 * (1 + self.drift) + self.offset_ms)

    @property
    def error_ms(self) -> float:
        """How far it is from the true time now."""
        return self.offset_ms + self._loop.now * 1000 * self.drift

    def monotonic(self) -> float:
        return self._loop.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Chance:
    """Randomness of a seed."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def secret(self, size: int) -> bytes:
        return self._dice.randbytes(size)

    def fraction(self) -> float:
        return self._dice.random()


class Machine:
    """The loop, the dice, the story, and what is left of processes that were killed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.loop = Loop()
        self.dice = random.Random(seed)
        self.story = Story(self.loop)
        self.buried: list[Process] = []
        self.failures: list[str] = []
        """What must never happen, whatever goes wrong."""
        self._nowhere = contextvars.Context()

    def later(self, seconds: float, do: Callable[..., object], *args: Any) -> None:
        """Does something that belongs to no process: the world's own doing."""
        self.loop.call_at(self.loop.now + seconds, do, *args, context=self._nowhere.copy())
