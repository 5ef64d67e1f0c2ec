"""HTTP servers in this process, on loopback ports of their own, which answer as a test says."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def serving(answer: Answering) -> AsyncIterator[str]:
    """``async with serving(answer) as url``: every request is answered by it."""

    async def answering(request: web.Request) -> web.StreamResponse:
        return await answer(request)

    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", answering)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class HastyClock:
    """A clock on which whoever sleeps has slept at once; ``slept`` is how long each time."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def now_ms(self) -> int:
        return int(self.now * 1000)

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
