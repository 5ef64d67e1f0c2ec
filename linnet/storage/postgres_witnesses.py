"""Two small questions beside the pool: does the primary commit, and do the standbys know a receipt?"""

import asyncio

import msgspec

from linnet.domain.errors import Unavailable
from linnet.storage.postgres_connection import Connection, Lost, NotDone, TooSlow, label, start
from linnet.storage.postgres_primary import Finder, Primary

BEAT_SECONDS = 1.0
"""A primary that has not committed for so long is asked whether it still is one, and again each time."""
CONNECT_SECONDS = 2.0
BEAT = (
    "begin read write; set local statement_timeout = 0; insert into heartbeats (place, beats) values ({place}, 1) "
    "on conflict (place) do update set beats = heartbeats.beats + 1; commit"
)
"""Shows that a server commits: ``place`` tells this process from others, more or less."""

RECEIPT_SECONDS = 1.0
"""How long standbys are waited for of which none answers."""
_LOOK_SECONDS = 0.1
_DIAL_SECONDS = 0.5
_ANSWER_SECONDS = 0.4
_GRACE_SECONDS = 0.1
"""How long the others are waited for once one has answered: only one of them may have what was committed last."""
_AVOIDED_SECONDS = 0.3
"""So long, a host that could not be reached, or not in time, is not asked again, and each time twice as long: one that
hangs finds all who dialled meanwhile before its door when it goes on, and lets each of them in."""
_AVOIDED_SECONDS_MAX = 3.0
_RECEIPTS = "select key, result from receipts where key = any($1::text[]) and result is not null"


_Answer = int | NotDone | None


class Pulse:
    """Commits a row, as durably as any, to see that the primary does over a connection of its own.

    A primary that is new commits nothing until its standbys follow it, which takes seconds. The beat that waits for
    them goes on when nobody waits for it any more, and whoever asks next waits for the same one: another one would
    stand behind it at its row, and be answered after it.
    """

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._opened: tuple[Connection, Primary] | None = None
        self._turn = asyncio.Lock()
        self._beating: asyncio.Task[Primary] | None = None

    async def beat(self, place: int) -> Primary:
        """Who has committed it. ``place`` tells this process from others, more or less. Raises Unavailable."""
        if self._beating is None or self._beating.done():
            self._beating = start(self._beat(place), "beat")
        return await asyncio.shield(self._beating)

    async def confirm(self, primary: Primary, place: int, deadline: float) -> None:
        """Returns when ``primary`` has committed what was begun from now on. Raises NotDone where it has not by
        ``deadline``, in the loop's time, or is another one."""
        try:
            async with asyncio.timeout_at(deadline):
                if self._beating is not None:
                    await asyncio.wait({self._beating})
                committed = await self.beat(place)
        except (TimeoutError, Unavailable) as error:
            raise NotDone(f"{label(primary.url)} did not commit: {error}") from error
        if committed != primary:
            raise NotDone(f"{label(primary.url)} is the primary no longer")

    async def _beat(self, place: int) -> Primary:
        async with self._turn:
            kept = self._opened
            try:
                try:
                    return await self._commit(place)
                except Lost as error:
                    if isinstance(error, TooSlow) or self._opened is not kept:
                        raise
                    # It may have ended long ago, which nobody has told us.
                    self._drop()
                    return await self._commit(place)
            except (Lost, NotDone) as error:
                self._drop()
                raise Unavailable(f"The primary does not commit: {error}") from error
            except BaseException:  # boundary: a connection in an unknown state is never used again
                self._drop()
                raise

    async def ready(self) -> None:
        """Sees to it that there is a connection: to make one takes longer than an answer. Raises Lost or NotDone."""
        if not self._turn.locked():
            async with self._turn:
                await self._connection()

    async def _commit(self, place: int) -> Primary:
        connection, primary = await self._connection()
        loop = asyncio.get_running_loop()
        committing = loop.create_task(connection.script(BEAT.format(place=place), None), name="commit")
        asked_at = loop.time()
        try:
            while not (await asyncio.wait({committing}, timeout=_LOOK_SECONDS))[0]:
                late = loop.time() - asked_at >= BEAT_SECONDS
                if self._finder.primary not in (primary, None) or (late and not await self._finder.stands(primary)):
                    raise TooSlow(f"{label(primary.url)} is the primary no longer, or does not answer")
                asked_at = loop.time() if late else asked_at
            await committing
            return primary
        finally:
            committing.cancel()

    async def _connection(self) -> tuple[Connection, Primary]:
        if self._opened is not None:
            connection, primary = self._opened
            if not connection.closed and self._finder.primary in (primary, None):
                return self._opened
            connection.terminate()
        self._opened = await self._finder.connect(asyncio.get_running_loop().time() + CONNECT_SECONDS)
        return self._opened

    def close(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
        self._drop()

    def _drop(self) -> None:
        if self._opened is not None:
            self._opened[0].terminate()
            self._opened = None


class _Witness:
    """One host, asked over one connection: whoever comes while it is being asked is asked for together, next."""

    def __init__(self, finder: Finder, url: str) -> None:
        self._finder = finder
        self._url = url
        self._connection: Connection | None = None
        self._wanted: dict[str, asyncio.Future[_Answer]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._failures = 0
        self.avoided_until = 0.0

    def ask(self, key: str) -> "asyncio.Future[_Answer]":
        """What it has: a number, None for nothing, or why it did not answer. Others wait for it, too."""
        loop = asyncio.get_running_loop()
        if key not in self._wanted:
            self._wanted[key] = loop.create_future()
        wanted = self._wanted[key]
        if self._asking is None or self._asking.done():
            self._asking = loop.create_task(self._ask(), name="witness")
        return wanted

    async def _ask(self) -> None:
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            try:
                found: dict[str, int] | NotDone = await self._answers(list(wanted))
                self._failures = 0
            except (Lost, NotDone, Unavailable) as error:
                avoided = min(_AVOIDED_SECONDS_MAX, _AVOIDED_SECONDS * 2 ** min(self._failures, 10))
                self.avoided_until = asyncio.get_running_loop().time() + avoided
                self._failures += 1
                found = NotDone(str(error), primary=False)
                self.close()
            except BaseException:  # boundary: a connection in an unknown state is never used again
                self.close()
                for answer in wanted.values():
                    answer.cancel()
                raise
            for key, answer in wanted.items():
                if not answer.done():
                    answer.set_result(found if isinstance(found, NotDone) else found.get(key))

    async def _answers(self, keys: list[str]) -> dict[str, int]:
        if self._connection is None or self._connection.closed:
            async with self._finder.gate(self._url):
                self._connection = await self._finder.dial(self._url, _DIAL_SECONDS)
        rows = await self._connection.rows(_RECEIPTS, (keys,), _ANSWER_SECONDS)
        return {key: msgspec.json.decode(result, type=int) for key, result in rows}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def stop(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        self.close()


class Witnesses:
    """Asks every host for receipts: a write that was never acknowledged may have reached any of the standbys."""

    def __init__(self, finder: Finder) -> None:
        self._several = finder.has_standbys
        self._hosts = [_Witness(finder, url) for url in finder.urls]

    async def receipt(self, key: str) -> int | None:
        """The answer that was filed under ``key``, or None: none is known, or in a second nobody answered.

        A host that is the primary still, or was, is asked too: what it alone knows does no harm.
        """
        if not self._several:
            return None
        loop = asyncio.get_running_loop()
        deadline = loop.time() + RECEIPT_SECONDS
        while True:
            now = loop.time()
            hosts = [host for host in self._hosts if host.avoided_until <= now]
            answered, found = await self._ask_all(hosts, key)
            if found is not None or answered or loop.time() >= deadline:
                return found
            await asyncio.sleep(0.03)

    async def ready(self) -> None:
        """Sees to it that each host has been asked for something a moment ago, so that there is a connection to it."""
        await self._ask_all(self._hosts, "")

    async def _ask_all(self, hosts: list[_Witness], key: str) -> tuple[bool, int | None]:
        """Whether any host answered, and what it found."""
        asked = {host.ask(key): host for host in hosts}
        pending = set(asked)
        answered, patience = False, _DIAL_SECONDS + _ANSWER_SECONDS
        while pending:
            done, pending = await asyncio.wait(pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                answer = NotDone("it was stopped") if one.cancelled() else one.result()
                if isinstance(answer, int):
                    return True, answer
                answered = answered or answer is None
            if not done:
                break
            patience = _GRACE_SECONDS if answered else patience
        # What nobody waits for any more is finished: cancelled, it would cost a connection, and a busy machine would
        # spend its time on new ones. The next question goes without hosts that are so much slower.
        for one in pending:
            asked[one].avoided_until = asyncio.get_running_loop().time() + _AVOIDED_SECONDS
        return answered, None

    def close(self) -> None:
        for host in self._hosts:
            host.stop()
