"""Takes due jobs under a lease and runs them: at least once, never lost, dead ones kept."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from linnet.domain.ids import place_of
from linnet.jobs import retry
from linnet.ports import Chance, Clock, Ids
from linnet.storage import jobs
from linnet.storage.database import Database, Writer
from linnet.storage.jobs import Job, LeaseLost
from linnet.supervision import Tasks
from linnet.telemetry import log

Handler = Callable[[Job], Awaitable[None]]
"""Does the work and finishes the job in the same commit (``jobs.finish`` or ``jobs.proceed``)."""

Together = Callable[[Writer, list[Job]], Awaitable[list[Job]]]
"""Does work that is short and touches nothing but rows, in the transaction that it is given; which of it is done."""

CONCURRENCY = 32
LEASE_MS = 30_000
TOGETHER = 128
"""So many jobs share a transaction at most, of the kinds that can."""
POLL_SECONDS = 0.200
GATHER_SECONDS = 0.015
"""After a commit, so long more jobs are waited for: a transaction for many of them costs little more than for one."""


class _NothingTaken(Exception):
    """Another process was sooner: there is nothing to commit."""


class Worker:
    """One process's worker. ``handlers`` are by kind; a job of an unknown kind waits for a newer version of us.

    The kinds in ``together`` are done many in one transaction, which needs no lease: a commit for all of them instead
    of two for each. What that leaves over, and all where it fails, is done by their handlers. What was added with
    ``ids``, those that this process makes, is done at once, and what others have added where they do not.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        chance: Chance,
        ids: Ids,
        tasks: Tasks,
        handlers: Mapping[str, Handler],
        together: Mapping[str, Together] = MappingProxyType({}),
    ) -> None:
        self._database = database
        self._clock = clock
        self._chance = chance
        self._tasks = tasks
        self._handlers = handlers
        self._together = together
        self._place = place_of(ids.next())
        self._wake = asyncio.Event()
        self._running: dict[int, Job] = {}
        self._stopped = False
        self._more = False
        self._commits = self._own = 0
        database.on_commit(self._committed)

    async def inherit(self) -> None:
        """Before ``start``: what our predecessor had begun when it died need not wait for its lease's end."""
        left = await self._database.write(jobs.inherit)
        if left:
            log.info("jobs_inherited", jobs=left, done="they are due at once")

    def start(self) -> None:
        self._tasks.start("jobs", self._tasks.forever("jobs", self._turn))
        self._tasks.start("leases", self._tasks.forever("leases", self._keep))

    async def stop(self) -> None:
        """Takes no more jobs, and waits for those that run; their leases would bring them back in any case."""
        self._stopped = True
        deadline = self._clock.monotonic() + 5
        while self._running and self._clock.monotonic() < deadline:
            await self._clock.sleep(0.01)

    def _committed(self) -> None:
        self._commits += 1
        self._wake.set()

    async def run_due(self) -> int:
        """Claims and runs what is due now, and waits for it; how many jobs that were."""
        done, begun = await self._take_due()
        await asyncio.gather(*begun)
        return done + len(begun)

    async def _take_due(self) -> tuple[int, list[asyncio.Task[None]]]:
        """Does what is done many at once, and begins the rest for which there is room: how many, and which."""
        self._more = False
        kinds = await self._database.read(lambda tx: jobs.due_kinds(tx, self._place, 2 * CONCURRENCY))
        if self._stopped or not kinds:
            return 0, []
        counts = {kind: await self._all_of(kind) for kind in kinds & self._together.keys()}
        total = sum(count or 0 for count in counts.values())
        done = {kind for kind, count in counts.items() if count is not None}
        room = CONCURRENCY - len(self._running)
        if kinds <= done or not room:
            return total, []
        claimed = await self._claimed(room, done)
        self._more = self._more or len(claimed) == room
        self._running |= {job.id: job for job in claimed}
        return total, [self._tasks.start(f"job {job.kind}", self._run(job)) for job in claimed]

    async def _claimed(self, room: int, but: set[str]) -> list[Job]:
        async def claim(tx: Writer) -> list[Job]:
            found = await jobs.claim(tx, room, LEASE_MS, but)
            if not found:
                raise _NothingTaken
            return found

        try:
            return await self._database.write(claim)
        except _NothingTaken:
            return []

    async def _all_of(self, kind: str) -> int | None:
        """Does jobs of a kind in one transaction: how many, or None where some are left to its handler."""

        async def work(tx: Writer) -> tuple[int, int]:
            taken = await jobs.take(tx, kind, TOGETHER)
            if not taken:
                raise _NothingTaken
            done = await self._together[kind](tx, taken)
            await jobs.done(tx, done)
            return len(taken), len(done)

        try:
            taken, done = await self._database.write(work)
            self._own += 1
            self._more = self._more or taken == TOGETHER
            return done if taken == done else None
        except _NothingTaken:
            return 0
        except Exception as error:  # boundary: which of them it was shows when each is done by itself
            log.warning("jobs_failed_together", kind=kind, error=repr(error)[:500], done="each is done by itself")
            return None

    async def _turn(self) -> None:
        self._wake.clear()
        self._commits = self._own = 0
        await self._take_due()
        if self._commits == self._own:
            # What we have done together is no reason to look at once; what it has added is found at the next look.
            self._wake.clear()
        if not self._more:
            await self._pause()

    async def _pause(self) -> None:
        """Until soon after the next commit of this process, or until other processes' commits are looked for."""
        try:
            # Not wait_for: it loses a cancellation that comes together with the wake, and nothing would end this loop.
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return
        await asyncio.sleep(GATHER_SECONDS)

    async def _run(self, job: Job) -> None:
        try:
            handler = self._handlers.get(job.kind)
            if handler is None:
                raise LookupError(f"no handler for jobs of kind {job.kind!r}")
            await handler(job)
        except LeaseLost:
            log.warning(
                "lease_lost", job=job.id, kind=job.kind, done="another worker has it; this one's work is undone"
            )
        except Exception as error:  # boundary: a job's failure is written into its row and tried again
            await self._failed(job, error)
        finally:
            del self._running[job.id]

    async def _keep(self) -> None:
        """The heartbeat: work that takes long keeps its lease for as long as this process lives."""
        await self._clock.sleep(LEASE_MS / 3000)
        held = list(self._running.values())
        if held:
            await self._database.write(lambda tx: jobs.extend(tx, held, LEASE_MS))

    async def _failed(self, job: Job, error: Exception) -> None:
        delay = retry.delay_ms(job.attempts, self._chance.fraction())
        text = f"{type(error).__name__}: {error}"[:500]
        if delay is None:
            log.error("job_dead", job=job.id, kind=job.kind, error=text, done="kept: see `linnet jobs dead`")
            await self._database.write(lambda tx: jobs.bury(tx, job, text))
            return
        log.warning("job_failed", job=job.id, kind=job.kind, error=text, done=f"trying again in {delay / 1000:.0f} s")
        await self._database.write(lambda tx: jobs.retry(tx, job, tx.now + delay, text))
