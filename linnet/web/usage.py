"""What pages write that were only to be read: when sessions were used, what was seen. No page waits long for it."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from linnet.actions import sessions
from linnet.domain.errors import LinnetError
from linnet.storage.database import Database
from linnet.supervision import Tasks

WAITING_MAX = 10_000
BRIEF_SECONDS = 0.5


class Usage:
    """Collects what ``Visit.stale`` says, and writes it one after another: about once an hour for each session."""

    def __init__(self, database: Database, tasks: Tasks) -> None:
        self._database = database
        self._tasks = tasks
        self._waiting: dict[str, str] = {}
        self._writing = False

    def note(self, secret: str, address: str) -> None:
        if len(self._waiting) < WAITING_MAX:
            self._waiting[secret] = address
        if not self._writing:
            self._writing = True
            self._tasks.start("session usage", self._write())

    async def briefly(self, write: Coroutine[Any, Any, object]) -> None:
        """Does a write that the page can be shown without; where there is no primary, it is not waited for."""
        task = self._tasks.start("page write", self._harmless(write))
        await asyncio.wait({task}, timeout=BRIEF_SECONDS)

    async def _harmless(self, write: Coroutine[Any, Any, object]) -> None:
        with contextlib.suppress(LinnetError):  # it is asked for again at the next page
            await write

    async def _write(self) -> None:
        try:
            while self._waiting:
                secret, address = self._waiting.popitem()
                await sessions.touch(self._database, secret, address)
        except LinnetError:
            # No harm: each session asks for it again at its next page.
            self._waiting.clear()
        finally:
            self._writing = False
