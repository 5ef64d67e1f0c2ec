"""When tokens were used last: written down about once a day for each, and never while somebody waits for an answer."""

from linnet.actions import tokens
from linnet.domain.errors import LinnetError
from linnet.domain.views import Identity
from linnet.storage.database import Database
from linnet.supervision import Tasks

WAITING_MAX = 10_000


class Usage:
    """Collects what ``Identity.stale`` says; all that comes while one commit is under way is in the next one."""

    def __init__(self, database: Database, tasks: Tasks) -> None:
        self._database = database
        self._tasks = tasks
        self._waiting: set[str] = set()
        self._writing = False

    def note(self, reader: Identity) -> None:
        if len(self._waiting) < WAITING_MAX:
            self._waiting.add(reader.key)
        if not self._writing:
            self._writing = True
            self._tasks.start("token usage", self._write())

    async def _write(self) -> None:
        try:
            while self._waiting:
                keys, self._waiting = self._waiting, set()
                await tokens.mark_used(self._database, sorted(keys))
        except LinnetError:
            # No harm: each token asks for it again at its next request.
            self._waiting.clear()
        finally:
            self._writing = False
