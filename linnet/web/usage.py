"""When sessions were used last: written down about once an hour for each, and never while somebody waits for a page."""

from linnet.actions import sessions
from linnet.domain.errors import LinnetError
from linnet.storage.database import Database
from linnet.supervision import Tasks

WAITING_MAX = 10_000


class Usage:
    """Collects what ``Visit.stale`` says, and writes it one after another."""

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
