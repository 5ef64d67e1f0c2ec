"""Moves posts from the journal into the database, as soon as that has a primary; one process of all does it."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from itertools import takewhile
from typing import Any

import msgspec

from linnet.domain.errors import Unavailable
from linnet.domain.journal import Entry
from linnet.domain.majority import MajorityFull, MajorityRefused, NoMajority
from linnet.ports import Clock, Majority
from linnet.storage.journal import LOCK_SECONDS, Lock, MajorityJournal, TooLate
from linnet.supervision import Tasks
from linnet.telemetry import log

Drain = Callable[[Sequence[Entry], int], Coroutine[Any, Any, None]]
"""Stores entries in one transaction that opens with the fence of that revision. Raises TooLate."""

BATCH = 50
BATCH_FIRST = 8
"""So many posts a transaction at most, and to begin with: when a primary is new, everything is slow there."""
BATCH_SECONDS = 2.0
"""A transaction should take no longer: whatever else concerns its authors waits for it. Where each answer takes long,
it is not the number of posts that costs: in smaller ones, more would come in meanwhile than is brought in."""
DRAIN_SECONDS = 5.0
KEPT_SECONDS = 600.0
"""So long after the drain, at least, an operation is known by its key: whoever asks again is told of the same post."""
SAFE_SECONDS = 60.0
"""What keys were so long ago, nobody looks at any more."""
DEFRAGMENTED_BYTES = 64 << 20
"""Less free room than that is not worth the moment for which a member answers nothing."""

_HURRIED_SECONDS = 0.1
_IDLE_SECONDS = 0.5
"""Who sees nothing wrong looks so often for posts that others had to put there: theirs came before ours."""
_AGAIN_SECONDS_MAX = 1.0
_PARKED_SECONDS = 60.0


class _Refers(msgspec.Struct):
    """What of a draft names other posts."""

    in_reply_to_id: int | None = None
    quoted_status_id: int | None = None


class Drainer:
    """One process's part in it. ``ready`` says whether the primary commits, ``hurried`` whether posts may wait."""

    def __init__(
        self,
        journal: MajorityJournal,
        majority: Majority,
        lock: Lock,
        drain: Drain,
        clock: Clock,
        tasks: Tasks,
        *,
        ready: Callable[[], bool],
        hurried: Callable[[], bool],
    ) -> None:
        self._journal = journal
        self._majority = majority
        self._lock = lock
        self._drain = drain
        self._clock = clock
        self._tasks = tasks
        self._ready = ready
        self._hurried = hurried
        self._batch = BATCH_FIRST
        self._singly = 0
        self._drained = 0
        self._failed = 0
        self._empty = False
        self._tried_parked_at: float | None = None
        self._aside: set[int] = set()
        self._knows_aside = False
        self._marks: deque[tuple[float, int]] = deque()
        self._compacted = 0

    def start(self) -> None:
        self._tasks.start("drainer", self._tasks.forever("drainer", self._turn, _HURRIED_SECONDS))
        self._tasks.start("drain lock", self._tasks.forever("drain lock", self._keep, _HURRIED_SECONDS))

    async def stop(self) -> None:
        await self._lock.let_go()

    async def _turn(self) -> None:
        try:
            pause = await self.turn()
        except NoMajority:
            pause = _HURRIED_SECONDS
        except MajorityFull:
            pause = 1.0  # The node with etcd's leader makes room.
        if pause:
            await self._clock.sleep(pause)

    async def _keep(self) -> None:
        await self._clock.sleep(LOCK_SECONDS / 4)
        if self._lock.revision:
            try:
                await self._lock.keep()
            except NoMajority as error:
                log.info("lock_not_kept", error=str(error), done="asked again until it has ended by our own clock")

    async def turn(self) -> float:
        """Does what there is to do; how many seconds to wait before the next turn. Raises NoMajority."""
        if not self._ready():
            # Somebody else may see the primary.
            if self._lock.revision:
                await self._lock.let_go()
            return _HURRIED_SECONDS
        if not self._lock.held:
            idle = _HURRIED_SECONDS * 2 if self._hurried() else _IDLE_SECONDS
            if not await self._journal.wants_drainer() or not await self._lock.take():
                return idle
            self._empty, self._tried_parked_at, self._drained = False, None, 0
            self._knows_aside = False
            self._marks.clear()
        if not self._knows_aside:
            self._aside = {entry.id for entry in await self._journal.parked()}
            self._knows_aside = True
        entries = await self._journal.first(1 if self._singly else self._batch)
        if entries:
            self._empty = False
            return await self._move(entries)
        await self._try_parked()
        await self._tidy()
        return _HURRIED_SECONDS if self._hurried() else 1.0

    async def _move(self, waiting: Sequence[Entry]) -> float:
        revision = self._lock.revision
        entries = list(takewhile(lambda entry: not self._waits_for_another(entry), waiting))
        if not entries:
            return await self._park(waiting[0])
        self._singly = max(0, self._singly - 1)
        began = self._clock.monotonic()
        try:
            await self._while_ready(self._drain(entries, revision))
        except TooLate:
            return await self._lost()
        except (Unavailable, TimeoutError) as error:
            self._batch = max(1, self._batch // 2)
            self._failed += 1
            log.info("drain_waits", posts=len(entries), error=str(error), done="tried again, fewer at once")
            return min(_AGAIN_SECONDS_MAX, _HURRIED_SECONDS * 2.0 ** min(self._failed - 1, 9))
        except Exception as error:  # boundary: a post that the database does not take must not hold up the others
            return await self._refused(entries, error)
        took = self._clock.monotonic() - began
        # Only now: what is durable in the database need not be so in the journal.
        if not await self._journal.drained(entries, revision):
            return await self._lost()
        self._batch = max(1, self._batch // 2) if took > BATCH_SECONDS else min(BATCH, self._batch * 2)
        self._drained += len(entries)
        self._failed = 0
        return 0.0

    async def _while_ready(self, work: Coroutine[Any, Any, None]) -> None:
        """Gives up a drain when the primary is lost from sight here: whoever sees it must not wait for our lock."""
        drain = asyncio.get_running_loop().create_task(work, name="drain")
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not drain.done() and self._ready():
                    await asyncio.wait({drain}, timeout=_HURRIED_SECONDS)
            if not drain.done():
                raise Unavailable("The primary is not seen any more")
            await drain
        finally:
            drain.cancel()

    async def _lost(self) -> float:
        log.info("drain_lock_lost", done="another process drains")
        await self._lock.let_go()
        return _HURRIED_SECONDS

    async def _refused(self, entries: Sequence[Entry], error: Exception) -> float:
        """Which of them it is shows when each is stored by itself; that one is put aside, and tried again later."""
        if len(entries) > 1:
            self._singly = len(entries)
            return 0.0
        log.error(
            "post_not_stored", id=entries[0].id, account=entries[0].account_id, error=repr(error)[:500],
            done="it is kept in the journal and tried again every minute",
        )  # fmt: skip
        return await self._park(entries[0])

    async def _park(self, entry: Entry) -> float:
        # It may be done though nobody tells us so: then what waits aside is asked for anew.
        self._knows_aside = False
        if not await self._journal.park(entry, self._lock.revision):
            return await self._lost()
        self._aside.add(entry.id)
        self._knows_aside = True
        return 0.0

    def _waits_for_another(self, entry: Entry) -> bool:
        """Whether it answers or quotes what was put aside: it would be stored as if that had never been."""
        if not self._aside:
            return False
        try:
            refers = msgspec.json.decode(entry.draft, type=_Refers)
        except msgspec.MsgspecError:
            return False  # The database's side says what is the matter with it.
        return not self._aside.isdisjoint({refers.in_reply_to_id, refers.quoted_status_id})

    async def _try_parked(self) -> None:
        now = self._clock.monotonic()
        if self._tried_parked_at is not None and now - self._tried_parked_at < _PARKED_SECONDS:
            return
        self._tried_parked_at = now
        # The oldest first, so that what others refer to is there before them.
        for entry in await self._journal.parked():
            if self._waits_for_another(entry):
                continue
            try:
                await self._while_ready(self._drain([entry], self._lock.revision))
            except TooLate:
                await self._lost()
                return
            except (Unavailable, TimeoutError) as error:
                log.info("post_waits", id=entry.id, error=str(error), done="tried again later, with the others")
                return
            except Exception as error:  # boundary: it was told of when it was put aside, and stays where it is
                log.warning("post_still_not_stored", id=entry.id, error=repr(error)[:500], done="tried again later")
            else:
                await self._journal.unparked(entry, self._lock.revision)
                self._aside.discard(entry.id)

    # -- when nothing waits -----------------------------------------------------------------------------------------

    async def _tidy(self) -> None:
        now = self._clock.monotonic()
        if not self._empty:
            if not await self._journal.raise_epoch(self._lock.revision):
                await self._lost()
                return
            self._empty = True
            if self._drained:
                log.info("journal_drained", posts=self._drained, done="all that waited is in the database")
            self._drained = 0
            await self._mark(now)
        elif not self._marks or now - self._marks[-1][0] >= SAFE_SECONDS:
            await self._mark(now)
        await self._sweep(now)

    async def _mark(self, now: float) -> None:
        """Remembers a moment at which nothing waited."""
        backlog = await self._journal.backlog()
        if not backlog.count:
            self._marks.append((now, backlog.revision))

    async def _sweep(self, now: float) -> None:
        """What was put before a moment at which nothing waited was drained by then, whatever anybody's clock says."""
        safe = [revision for at, revision in self._marks if now - at >= SAFE_SECONDS]
        if safe and safe[-1] > self._compacted:
            self._compacted = safe[-1]
            await self._make_room(safe[-1])
        swept = False
        while self._marks and now - self._marks[0][0] >= KEPT_SECONDS:
            if await self._journal.sweep(self._marks.popleft()[1], self._lock.revision) is None:
                await self._lost()
                return
            swept = True
        if swept and not await self._journal.keys() and not await self._journal.parked():
            await self._lock.let_go()

    async def _make_room(self, revision: int) -> None:
        """A full majority refuses every put, a failover's too: what the journal took is given back."""
        try:
            await self._majority.compact(revision)
            wanting = [
                url
                for member in await self._majority.members()
                for url in member.client_urls[:1]
                if not member.learner and await self._wants_room(url)
            ]
            for url in wanting:
                await self._majority.defragment(url)
            if await self._majority.alarms():
                await self._majority.disarm()
        except (NoMajority, MajorityRefused) as error:
            log.info("journal_room", error=str(error), done="given back at another time")

    async def _wants_room(self, url: str) -> bool:
        """One that is away gives it back another time."""
        try:
            status = await self._majority.status(url)
        except NoMajority:
            return False
        return status.size - status.used >= DEFRAGMENTED_BYTES
