"""Planned work says so beforehand: breakers open, posts go into the journal, and no write is caught in the middle."""

import contextlib
import json
from collections.abc import AsyncIterator

from linnet.domain.errors import LinnetError
from linnet.domain.journal import PLANNED
from linnet.domain.majority import Compare, Delete, Put
from linnet.ports import Clock, Majority

HEARD_SECONDS = 1.0
"""Every Linnet looks for plans several times in this time."""


@contextlib.asynccontextmanager
async def announced(majority: Majority, clock: Clock, why: str, seconds: float) -> AsyncIterator[None]:
    """Until it is over; a plan ends by itself after ``seconds``, should whoever made it die meanwhile.

    Raises Unavailable where it cannot be announced.
    """
    plan = json.dumps({"until": clock.now_ms() + round(seconds * 1000), "why": why}).encode()
    await majority.transact([], [Put(PLANNED, plan)])
    try:
        await clock.sleep(HEARD_SECONDS)
        yield
    finally:
        # Somebody else's plan, which came later, is not over yet.
        with contextlib.suppress(LinnetError):
            await majority.transact([Compare(PLANNED, "value", plan)], [Delete(PLANNED)])
