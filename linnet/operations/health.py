"""``/healthz`` (the process answers) and ``/readyz`` (it can really serve: the database is there, no draining)."""

import asyncio
from collections.abc import Awaitable, Callable

from linnet.domain.errors import LinnetError
from linnet.http.request import Request
from linnet.http.response import TEXT, Response
from linnet.ports import Clock

TRUST_SECONDS = 1.0
"""How long a good answer is given again without looking: a probe must cost less than it protects."""
PROBE_SECONDS = 5.0

Probe = Callable[[], Awaitable[str]]
"""Says in words why the database cannot be used now, or ''."""


class Health:
    """``draining`` says whether this process is about to end; ``probe`` looks at the database."""

    def __init__(self, clock: Clock, draining: Callable[[], bool], probe: Probe) -> None:
        self._clock = clock
        self._draining = draining
        self._probe = probe
        self._good_until = 0.0
        self._looking: asyncio.Lock = asyncio.Lock()

    async def healthz(self, request: Request) -> Response:
        return _text("ok", 200)

    async def readyz(self, request: Request) -> Response:
        why = "this process is about to end" if self._draining() else await self._why_not()
        return _text(f"not ready: {why}", 503) if why else _text("ready", 200)

    async def _why_not(self) -> str:
        # Many probes at once look together: each would be a commit.
        async with self._looking:
            if self._clock.monotonic() < self._good_until:
                return ""
            try:
                async with asyncio.timeout(PROBE_SECONDS):
                    why = await self._probe()
            except TimeoutError:
                return f"the database did not answer within {PROBE_SECONDS:.0f} s"
            except LinnetError as error:
                return str(error)
            if not why:
                self._good_until = self._clock.monotonic() + TRUST_SECONDS
            return why


def _text(body: str, status: int) -> Response:
    return Response(f"{body}\n".encode(), status, ((b"cache-control", b"no-store"),), TEXT)
