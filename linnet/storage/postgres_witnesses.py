"""Two small questions beside the pool: does the primary commit, and do the standbys know a receipt?"""

import asyncio
from collections import defaultdict, deque

import msgspec

from linnet.domain.errors import Unavailable
from linnet.storage.postgres_connection import Connection, Lost, NotDone
from linnet.storage.postgres_primary import Finder, Primary

BEAT_SECONDS = 2.0
BEAT = (
    "begin read write; set local statement_timeout = 0; insert into heartbeats (place, beats) values ({place}, 1) "
    "on conflict (place) do update set beats = heartbeats.beats + 1; commit"
)
"""Shows that a server commits: ``place`` tells this process from others, more or less."""

RECEIPT_SECONDS = 1.0
"""How long standbys are waited for of which none answers."""
_DIAL_SECONDS = 0.5
_ANSWER_SECONDS = 0.4
_GRACE_SECONDS = 0.1
"""How long the others are waited for once one has answered: only one of them may have what was committed last."""
_AVOIDED_SECONDS = 0.3
"""So long, a host that could not be reached, or not in time, is not asked again."""
_PER_HOST = 4
_RECEIPT = "select result from receipts where key = $1 and result is not null"


class Pulse:
    """Commits a row, as durably as any, to see that the primary does over a connection of its own."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._opened: tuple[Connection, Primary] | None = None
        self._turn = asyncio.Lock()

    async def beat(self, place: int) -> None:
        """``place`` tells this process from others, more or less. Raises Unavailable."""
        async with self._turn:
            try:
                connection = await self._connection()
                await connection.script(BEAT.format(place=place), BEAT_SECONDS)
            except (Lost, NotDone) as error:
                self.close()
                raise Unavailable(f"The primary does not commit: {error}") from error
            except BaseException:  # boundary: a connection in an unknown state is never used again
                self.close()
                raise

    async def _connection(self) -> Connection:
        if self._opened is not None:
            connection, primary = self._opened
            if not connection.closed and self._finder.primary in (primary, None):
                return connection
            connection.terminate()
        self._opened = await self._finder.connect(asyncio.get_running_loop().time() + BEAT_SECONDS)
        return self._opened[0]

    def close(self) -> None:
        if self._opened is not None:
            self._opened[0].terminate()
            self._opened = None


class Witnesses:
    """Asks every host for receipts: a write that was never acknowledged may have reached any of the standbys."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._idle: defaultdict[str, deque[Connection]] = defaultdict(deque)
        self._places: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_PER_HOST))
        self._avoided: dict[str, float] = {}
        self._late: set[asyncio.Task[int | NotDone | None]] = set()

    async def receipt(self, key: str) -> int | None:
        """The answer that was filed under ``key``, or None: none is known, or in a second nobody answered.

        A host that is the primary still, or was, is asked too: what it alone knows does no harm.
        """
        if not self._finder.has_standbys:
            return None
        loop = asyncio.get_running_loop()
        deadline = loop.time() + RECEIPT_SECONDS
        while True:
            now = loop.time()
            urls = [url for url in self._finder.urls if self._avoided.get(url, 0.0) <= now]
            answered, found = await self._ask_all(urls, key)
            if found is not None or answered or loop.time() >= deadline:
                return found
            await asyncio.sleep(0.03)

    async def _ask_all(self, urls: list[str], key: str) -> tuple[bool, int | None]:
        """Whether any host answered, and what it found."""
        loop = asyncio.get_running_loop()
        asked = {loop.create_task(self._ask(url, key), name="witness"): url for url in urls}
        pending = set(asked)
        answered, patience = False, _DIAL_SECONDS + _ANSWER_SECONDS
        try:
            while pending:
                done, pending = await asyncio.wait(pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    answer = task.result()
                    if isinstance(answer, int):
                        return True, answer
                    answered = answered or answer is None
                if not done:
                    break
                patience = _GRACE_SECONDS if answered else patience
            return answered, None
        finally:
            # Those that nobody waits for any more finish: cancelled, each would cost a connection, and a busy machine
            # would spend its time on new ones. The next question goes without hosts that are so much slower.
            for task in pending:
                self._avoided[asked[task]] = loop.time() + _AVOIDED_SECONDS
                self._late.add(task)
                task.add_done_callback(self._late.discard)

    async def _ask(self, url: str, key: str) -> int | NotDone | None:
        """What one host has: a number, None for nothing, or why it did not answer."""
        async with self._places[url]:
            connection: Connection | None = None
            try:
                connection = await self._connection(url)
                rows = await connection.rows(_RECEIPT, (key,), _ANSWER_SECONDS)
                answer = msgspec.json.decode(rows[0][0], type=int) if rows else None
            except (Lost, NotDone, Unavailable) as error:
                self._avoided[url] = asyncio.get_running_loop().time() + _AVOIDED_SECONDS
                if connection is not None:
                    connection.terminate()
                return NotDone(str(error), primary=False)
            except BaseException:  # boundary: a connection in an unknown state is never used again
                if connection is not None:
                    connection.terminate()
                raise
            self._idle[url].append(connection)
            return answer

    async def _connection(self, url: str) -> Connection:
        kept = self._kept(url)
        if kept is not None:
            return kept
        async with self._finder.gate(url):
            return self._kept(url) or await self._finder.dial(url, _DIAL_SECONDS)

    def _kept(self, url: str) -> Connection | None:
        idle = self._idle[url]
        while idle:
            connection = idle.pop()
            if not connection.closed:
                return connection
        return None

    def close(self) -> None:
        for task in self._late:
            task.cancel()
        for idle in self._idle.values():
            while idle:
                idle.pop().terminate()
