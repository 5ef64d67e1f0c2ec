"""Waiting for what happens elsewhere: asked again and again until a deadline, never slept through."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable


async def until(check: Callable[[], Awaitable[object] | object], seconds: float = 10.0) -> None:
    """Returns once ``check()`` (or what it awaits) is true; TimeoutError after ``seconds``."""
    async with asyncio.timeout(seconds):
        for _ in itertools.count():
            answer = check()
            if await answer if isinstance(answer, Awaitable) else answer:
                return
            await asyncio.sleep(0.005)
