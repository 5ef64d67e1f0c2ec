"""A PostgreSQL whose disk fails: whoever meets it tells all machines, so that its own gives the primary away."""

import contextlib

import msgspec

from linnet.domain.errors import LinnetError
from linnet.domain.journal import FAILING, Failing
from linnet.domain.majority import Put
from linnet.ports import Clock, Majority
from linnet.supervision import Tasks
from linnet.telemetry import log

TOLD_SECONDS = 60
"""How long it stands there; whoever meets it again says it again."""
AGAIN_SECONDS = 20.0
AFTER_FAILURE_SECONDS = 2.0


class Teller:
    """Tells of each, and not all the time."""

    def __init__(self, majority: Majority, clock: Clock, tasks: Tasks) -> None:
        self._majority = majority
        self._clock = clock
        self._tasks = tasks
        self._next_at: dict[str, float] = {}

    def tell(self, host: str, why: str) -> None:
        """``host`` is HOST:PORT, as it stands in the database's URL."""
        now = self._clock.monotonic()
        if now >= self._next_at.get(host, now):
            self._next_at[host] = now + AGAIN_SECONDS
            self._tasks.start("failing-disk", self._put(Failing(host, why)))

    async def _put(self, failing: Failing) -> None:
        lease = 0
        try:
            lease = await self._majority.grant(TOLD_SECONDS)
            await self._majority.transact([], [Put(FAILING, msgspec.json.encode(failing), lease)])
        except LinnetError as error:
            self._next_at[failing.host] = self._clock.monotonic() + AFTER_FAILURE_SECONDS
            log.warning("failing_disk_not_told", host=failing.host, error=str(error), done="told when it is met again")
            if lease:
                with contextlib.suppress(LinnetError):
                    await self._majority.revoke(lease)
