"""Every kind of job done twice: whoever has lost the lease to another worker changes nothing any more."""

from contextlib import suppress
from typing import Any

import pytest

from linnet import app
from linnet.storage import jobs
from linnet.storage.jobs import LeaseLost
from tests.support import deeds, deeds_access, deeds_lists, deeds_moving, deeds_posts, deeds_quotes, deeds_safety  # noqa: F401  # they fill DEEDS
from tests.support.access import Letters
from tests.support.client import VirtualClock
from tests.support.stage import DEEDS, Stage
from tests.support.tables import differences, dump

EVERY_MS = 60_000
"""How long a lease is, and more than any job waits that is due at all."""


@pytest.fixture
async def stage(open_any_world: Any) -> Stage:
    return Stage(await open_any_world(mail=Letters(), clock=VirtualClock()))


class Twice:
    """Runs what is due, each job twice, and keeps what the second time has changed."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.handlers = app.job_handlers(stage.world.parts, stage.world.images, stage.world.recordings)
        self.problems: list[str] = []
        self.seen: set[str] = set()

    async def run(self) -> None:
        database = self.stage.database
        # PostgreSQL's marks of writes without a receipt tell only that somebody tried.
        while found := await database.write(lambda tx: jobs.claim(tx, 1, EVERY_MS)):
            job = found[0]
            self.seen.add(job.kind)
            await self.handlers[job.kind](job)
            after = await dump(database, without=("receipts",))
            with suppress(LeaseLost):
                await self.handlers[job.kind](job)
            again = await dump(database, without=("receipts",))
            self.problems += [f"{job.kind} again: {words}" for words in differences(after, again)]


async def test_a_job_that_is_done_twice_is_done_once(stage: Stage):
    twice = Twice(stage)
    for prepare in DEEDS.values():
        await (await prepare(stage))(stage.operation())
        await twice.run()
    _, author = await deeds.following(stage)
    await stage.status(author)
    await stage.database.write(_schedule)
    await twice.run()
    stage.world.clock.advance(10 * EVERY_MS)
    await twice.run()
    assert not twice.problems, "\n".join(twice.problems[:20])
    assert twice.seen == twice.handlers.keys(), "a kind of job that no scenario leads to"


async def _schedule(tx: Any) -> None:
    for kind in app.SCHEDULES:
        await jobs.add(tx, kind, {}, once=f"schedule:{kind}")
