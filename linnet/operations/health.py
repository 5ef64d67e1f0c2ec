"""``/healthz`` (the process answers) and ``/readyz`` (it can really serve: the database is there, no draining)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from linnet.domain.errors import LinnetError
from linnet.http.request import Request
from linnet.http.response import TEXT, Response
from linnet.ports import Clock

TRUST_SECONDS = 1.0
"""How long a good answer is given again without looking: a probe must cost less than it protects."""
PROBE_SECONDS = 5.0
"""How long the database may take; for as long, while it is asked, the last good answer is given again: whoever is only
busy would be sent nobody at all, and the others, who are as busy, everybody."""
BUSY_SECONDS = 0.1
"""How long whoever has a good answer that is older waits for the next one."""

NOTES_BYTES = 4_096

Probe = Callable[[], Awaitable[str]]
"""Says in words why the database cannot be used now, or ''."""


class Health:
    """``draining`` says whether this process is about to end; ``probe`` looks at the database.

    In the folder ``told``, a node of a cluster leaves word: the file ``drained`` while it is to be sent nobody, and in
    ``notes`` what whoever asks should know. ``note`` is what is known without it.
    """

    def __init__(
        self, clock: Clock, draining: Callable[[], bool], probe: Probe, told: Path | None = None, note: str = ""
    ) -> None:
        self._clock = clock
        self._draining = draining
        self._probe = probe
        self._told = told
        self._note = note
        self._good_at: float | None = None
        self._looking: asyncio.Task[str] | None = None

    async def healthz(self, request: Request) -> Response:
        return _text("ok", 200)

    async def readyz(self, request: Request) -> Response:
        if self._draining():
            why = "this process is about to end"
        elif self._told is not None and (self._told / "drained").exists():
            why = "this node is drained"
        else:
            why = await self._why_not()
        if not request.from_here:
            # How many copies there are, and which host does not answer, is for the machines and those who keep them.
            return _text("not ready", 503) if why else _text("ready", 200)
        return _text(f"not ready: {why}", 503) if why else _text("\n".join(["ready", *self._notes()]), 200)

    def _notes(self) -> list[str]:
        """What a cluster's node says of the whole, as of the last second or so."""
        said = [self._note]
        if self._told is not None:
            with contextlib.suppress(OSError), (self._told / "notes").open("rb") as file:
                said += file.read(NOTES_BYTES).decode("utf-8", "replace").splitlines()
        return [sentence for sentence in said if sentence]

    async def _why_not(self) -> str:
        age = float("inf") if self._good_at is None else self._clock.monotonic() - self._good_at
        if age < TRUST_SECONDS:
            return ""
        # Many that ask at once look together: each would be a commit.
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look(), name="readyz")
        if age < PROBE_SECONDS and not self._looking.done():
            await asyncio.wait({self._looking}, timeout=BUSY_SECONDS)
            if not self._looking.done():
                return ""
        return await asyncio.shield(self._looking)

    async def _look(self) -> str:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                why = await self._probe()
        except TimeoutError:
            return f"the database did not answer within {PROBE_SECONDS:.0f} s"
        except LinnetError as error:
            return str(error)
        if not why:
            self._good_at = self._clock.monotonic()
        return why


def _text(body: str, status: int) -> Response:
    return Response(f"{body}\n".encode(), status, ((b"cache-control", b"no-store"),), TEXT)
