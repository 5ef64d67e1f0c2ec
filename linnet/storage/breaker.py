"""The breaker: whether posts go to the database now, or to the journal because there is no primary."""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from math import inf
from typing import Any, Protocol

import msgspec

from linnet.domain.errors import Unavailable
from linnet.domain.journal import PLANNED, Backlog
from linnet.domain.majority import NoMajority
from linnet.ports import Clock, Majority
from linnet.storage.database import Generation
from linnet.supervision import Tasks
from linnet.telemetry import log

SILENCE_SECONDS = 0.5
"""The primary that commits nothing for so long, though somebody waits for it, is taken for lost."""
SILENCE_SECONDS_MAX = 2.0
USUAL_TIMES = 3.0
"""Where writes usually take long, because everything is slow, only silence that is so many times as long means much."""
SUSPICION_SECONDS = 0.15
"""After so long without a commit, the primary is asked for one."""
ASKING_SECONDS = 0.2
"""It has at least so long to answer, however late we were ourselves."""
ON_ITS_WAY_SECONDS = 0.05
"""What is acknowledged so soon after a machine was lost may have been committed before."""
YOUNG_SECONDS = 0.7
"""Posting goes back to the database while entries wait that are younger: under load there always are some."""
OVERDUE_SECONDS = 6.0
"""How long the primary may commit while more comes into the journal than is brought in, as where machines are too busy
for both: then posts go to the database past what waits, or they all would be seen by nobody else for ever."""
FULL_SECONDS = 5.0
"""So long after a write that found no room on its disk, posting does not go back to the primary, though it commits:
what is small fits in somewhere. Whoever brings in what waits meets it again; who does not, at his first post
after that, and then stays away twice as long."""
FULL_SECONDS_MAX = 60.0
CAUTION_SECONDS = 10.0
"""So long after going back, an operation may still be found in the journal alone, unless nothing is seen to wait there:
to look for each would cost more than all else does, at a time when what was missed is made up for."""
EMPTY_LOOKS = 2
"""So often in a row nothing waits, until nothing does: others may have gone back a moment later."""
PLANNED_SECONDS = 60.0
"""Planned work that is not over by then is not believed any more, whatever its clock says."""
BEAT_SECONDS = 1.0

_PLANS_EVERY_SECONDS = 0.4
_PROBE_SECONDS = 0.1
_PROBE_AGAIN_SECONDS = 0.3
"""While what waits is brought in: each look of each process is one more commit for a primary that has enough to do."""
_MEASURE_SECONDS = 3.0


class Heart(Protocol):
    """The database, as far as the breaker knows it."""

    def on_commit(self, listener: Callable[[], None]) -> None: ...

    def on_broken(self, listener: Callable[[str], None]) -> None:
        """``listener`` is told, in words, of each connection to the primary that a write has lost or did not get."""
        ...

    def on_full(self, listener: Callable[[str], None]) -> None:
        """``listener`` is told, in words, of each write that the primary had no room for, whatever else it commits."""
        ...

    def on_host_lost(self, listener: Callable[[str], None]) -> None:
        """``listener`` is told, in words, of each host that may have gone: also of one that commits wait for."""
        ...

    def doubt(self) -> None:
        """The primary does not answer: reads need not wait for it."""
        ...

    async def beat(self) -> None:
        """Commits one row on the primary, over a connection of its own. Raises Unavailable.

        Whoever is cancelled leaves it under way, for who asks next, as long as that one is the primary.
        """
        ...


class Backlogged(Protocol):
    """The journal, as far as the breaker knows it. ``full``: it has no room for posts, as far as was measured."""

    @property
    def full(self) -> bool: ...

    async def backlog(self) -> Backlog: ...

    async def measure(self) -> None: ...


class _Plan(msgspec.Struct):
    until: int
    why: str = ""


class Breaker:
    """Open: posts go to the journal. It is asked for in ``is_open``; ``generation`` is what its opening ends."""

    def __init__(self, heart: Heart, journal: Backlogged, majority: Majority, clock: Clock, tasks: Tasks) -> None:
        self._heart = heart
        self._journal = journal
        self._majority = majority
        self._clock = clock
        self._tasks = tasks
        self._committed_at = clock.monotonic()
        self._asking = False
        self._usual = 0.0
        self._tickets = itertools.count()
        self._waiting: dict[int, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._planned_until = 0.0
        self._full_until = -inf
        self._full_seconds = FULL_SECONDS
        self._plan: bytes = b""
        # What a process does not remember from before its start, it takes for possible.
        self._cautious_until = clock.monotonic() + CAUTION_SECONDS
        self._samples: deque[tuple[float, int]] = deque()
        self._changed = asyncio.Event()
        self.is_open = False
        self.commits = True
        """Whether the primary has committed when it was asked last: then what waits can be brought in."""
        self.opened = 0
        """How often it has opened."""
        self.generation = Generation()
        heart.on_commit(self._on_commit)
        heart.on_broken(self._broken)
        heart.on_full(self._full)
        heart.on_host_lost(self._host_lost)

    def start(self) -> None:
        self._tasks.start("plans", self._tasks.forever("plans", self._look_for_plans))
        self._tasks.start("rest", self._see_to_the_rest())

    @property
    def is_cautious(self) -> bool:
        """Whether a post that the database does not know may be in the journal."""
        return self.is_open or self._clock.monotonic() < self._cautious_until

    async def closed(self) -> None:
        """Returns as soon as it is closed."""
        while self.is_open:
            await self._changed.wait()

    # -- opening --------------------------------------------------------------------------------------------------

    def open(self, why: str) -> None:
        if self.is_open:
            return
        self.is_open, self.commits = True, False
        self.opened += 1
        log.warning("breaker_opened", why=why, done="posts are accepted into the journal")
        self._samples.clear()
        ended, self.generation = self.generation, Generation()
        ended.end()
        self._tell()
        self._tasks.start("probe", self._probe())

    def _broken(self, why: str) -> None:
        """Whoever is the primary next has a disk of its own."""
        self._full_until = -inf
        self.open(why)

    def _full(self, why: str) -> None:
        now = self._clock.monotonic()
        if not self.is_open:
            again = now < self._full_until + FULL_SECONDS_MAX
            self._full_seconds = min(FULL_SECONDS_MAX, self._full_seconds * 2) if again else FULL_SECONDS
        self._full_until = now + self._full_seconds
        self.open(why)

    def _on_commit(self) -> None:
        self._committed_at = self._clock.monotonic()

    async def watched(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Awaits a write, and sees to it meanwhile that the primary commits anything at all.

        One slow statement opens nothing: what others commit, or the primary when it is asked, shows that it is alive.
        """
        ticket, began = next(self._tickets), self._clock.monotonic()
        self._waiting[ticket] = began
        self._arm()
        try:
            result = await work
        finally:
            del self._waiting[ticket]
        self._usual += (self._clock.monotonic() - began - self._usual) / 8
        return result

    @property
    def _silence(self) -> float:
        return min(SILENCE_SECONDS_MAX, max(SILENCE_SECONDS, USUAL_TIMES * self._usual))

    def _arm(self) -> None:
        if self._timer is None and self._waiting:
            self._timer = asyncio.get_running_loop().call_later(SUSPICION_SECONDS, self._suspect)

    def _suspect(self) -> None:
        """Of all that wait, the first tells how long the primary has had to commit something."""
        self._timer = None
        self._arm()
        since = max(self._committed_at, min(self._waiting.values(), default=self._committed_at))
        late = self._clock.monotonic() - since >= SUSPICION_SECONDS
        if self._waiting and late:
            left = max(ASKING_SECONDS, since + self._silence - self._clock.monotonic())
            self._look(since, left, f"the primary has committed nothing for {self._silence * 1000:.0f} ms")

    def _host_lost(self, why: str) -> None:
        """Where commits wait for that machine, they do until the others are told to do without it, or it is back: that
        takes seconds, and nobody need wait for the first of them to have been silent."""
        left = self._silence
        if self._usual:
            left = min(left, max(ASKING_SECONDS, USUAL_TIMES * self._usual))
        since = self._clock.monotonic() + ON_ITS_WAY_SECONDS
        self._look(since, left, f"{why}, and the primary has committed nothing for {left * 1000:.0f} ms")

    def _look(self, since: float, left: float, why: str) -> None:
        if not self._asking and not self.is_open:
            self._asking = True
            self._tasks.start("heartbeat", self._ask(since, left, why))

    async def _ask(self, since: float, left: float, why: str) -> None:
        """Opens, and says why, where nothing is committed for so long."""
        try:
            async with asyncio.timeout(left):
                await self._heart.beat()
            self._on_commit()
        except TimeoutError:
            if self._committed_at <= since:
                self._heart.doubt()
                self.open(why)
        except Unavailable as error:
            self.open(str(error))
        finally:
            self._asking = False

    async def _look_for_plans(self) -> None:
        await self._clock.sleep(_PLANS_EVERY_SECONDS)
        try:
            found = await self._majority.get(PLANNED, local=True)
        except NoMajority:
            return
        if found is None:
            self._planned_until, self._plan = 0.0, b""
        elif found.value != self._plan:
            self._plan = found.value
            self._announced(found.value)

    def _announced(self, value: bytes) -> None:
        try:
            plan = msgspec.json.decode(value, type=_Plan)
        except msgspec.MsgspecError as error:
            log.warning("plan_unreadable", error=str(error), done="it is not heeded")
            return
        left = min(PLANNED_SECONDS, (plan.until - self._clock.now_ms()) / 1000)
        if left > 0:
            self._planned_until = self._clock.monotonic() + left
            self.open(f"planned work: {plan.why or 'no reason given'}")

    # -- closing --------------------------------------------------------------------------------------------------

    async def _probe(self) -> None:
        """Goes on until the primary commits again and hardly anything waits."""
        measuring: asyncio.Task[None] | None = None
        commits_since: float | None = None
        while self.is_open:
            if measuring is None or measuring.done():
                measuring = self._tasks.start("measure", self._measure())
            self.commits = await self._beats()
            if not self.commits:
                # Nothing is brought in until it does: what waits is not looked at either.
                self._samples.clear()
                commits_since = None
                await self._clock.sleep(_PROBE_SECONDS)
                continue
            young = await self._waits_little()
            now = self._clock.monotonic()
            commits_since = now if commits_since is None else commits_since
            late = now - commits_since >= OVERDUE_SECONDS
            if (young or late) and now >= max(self._planned_until, self._full_until):
                if not young:
                    log.warning("posts_pass_the_journal", done="what waits there is brought in beside them")
                self._close()
                return
            await self._clock.sleep(_PROBE_AGAIN_SECONDS)

    async def _beats(self) -> bool:
        if self._clock.monotonic() < self._planned_until:
            return False
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                await self._heart.beat()
        except TimeoutError:
            return False  # The beat goes on, and sees to it that it is not waited for in the wrong place.
        except Unavailable:
            self._heart.doubt()
            return False
        except Exception as error:  # boundary: a server that is ill may say anything, and nobody else looks again
            log.warning("heartbeat_failed", error=repr(error)[:500], done="asked again")
            self._heart.doubt()
            return False
        return True

    async def _waits_little(self) -> bool:
        """By our own clock alone, since others' may differ: what was there 0.7 s ago has gone.

        Where nobody tells, what waits is not waited for: the receipts keep all apart, and only the order suffers.
        """
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                backlog = await self._journal.backlog()
        except (NoMajority, TimeoutError):
            return True
        except Exception as error:  # boundary: as above
            log.warning("journal_not_counted", error=repr(error)[:500], done="what waits there is not waited for")
            return True
        now = self._clock.monotonic()
        self._samples.append((now, backlog.revision))
        while len(self._samples) > 1 and self._samples[1][0] <= now - YOUNG_SECONDS:
            self._samples.popleft()
        at, revision = self._samples[0]
        return backlog.oldest is None or (at <= now - YOUNG_SECONDS and backlog.oldest > revision)

    async def _measure(self) -> None:
        await self._clock.sleep(_MEASURE_SECONDS)
        try:
            await self._journal.measure()
        except NoMajority as error:
            log.info("journal_not_measured", error=str(error), done="what was known of its room stands")

    def _close(self) -> None:
        self.is_open = False
        self._cautious_until = self._clock.monotonic() + CAUTION_SECONDS
        self._on_commit()
        log.info("breaker_closed", done="posts go to the database again")
        self._tell()
        self._tasks.start("rest", self._see_to_the_rest())
        self._tasks.start("room", self._see_to_the_room())

    async def _see_to_the_room(self) -> None:
        """It is given back a while after all has gone; who does not know would refuse the first posts of next time."""
        while self._journal.full and not self.is_open:
            await self._measure()

    async def _see_to_the_rest(self) -> None:
        """As long as something waits, it is looked for there."""
        empty, opened = 0, self.opened
        while self.opened == opened and self._clock.monotonic() < self._cautious_until:
            await self._clock.sleep(YOUNG_SECONDS)
            try:
                backlog = await self._journal.backlog()
            except NoMajority as error:
                log.info("journal_not_seen", error=str(error), done="asked again")
                continue
            if self.opened != opened:
                return
            empty = 0 if backlog.oldest is not None else empty + 1
            if empty == 0:
                self._cautious_until = self._clock.monotonic() + CAUTION_SECONDS
            elif empty >= EMPTY_LOOKS:
                self._cautious_until = self._clock.monotonic()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
