"""Deeds on what posts carry, each with something to do: polls, drafts, scheduled statuses, reactions."""

from functools import partial

from linnet.actions import drafts, reactions, scheduled, votes
from linnet.domain.polls import PollDraft
from linnet.domain.statuses import Draft
from tests.support.stage import Call, Stage, deed

POLL = PollDraft(("tea", "coffee", "water"), 300)


@deed("votes.vote")
async def vote(stage: Stage) -> Call:
    author, actor = await stage.pair()
    status = await stage.status(author, poll=POLL)
    return lambda operation: votes.vote(stage.database, actor, status, (1,), operation)


async def _held(stage: Stage) -> tuple[int, Draft]:
    """Somebody, and a draft of theirs with an upload."""
    author = await stage.person()
    return author, Draft("later #tag", media_ids=(await stage.upload(author),))


async def _drafted(stage: Stage) -> tuple[int, int]:
    author, draft = await _held(stage)
    return author, int(await stage.do(drafts.save, stage.site, author, draft))


async def _scheduled(stage: Stage) -> tuple[int, int]:
    author, draft = await _held(stage)
    return author, int(await stage.do(scheduled.schedule, stage.site, author, draft, _soon(stage)))


def _soon(stage: Stage) -> int:
    return int(stage.world.clock.now_ms()) + 6 * 60_000


@deed("drafts.save")
async def save(stage: Stage) -> Call:
    author, draft = await _held(stage)
    return lambda operation: drafts.save(stage.database, stage.site, author, draft, operation)


@deed("drafts.change")
async def change(stage: Stage) -> Call:
    author, draft_id = await _drafted(stage)
    other = Draft("other words", media_ids=(await stage.upload(author),))
    return lambda operation: drafts.change(stage.database, stage.site, author, draft_id, other, operation)


@deed("drafts.delete")
async def delete(stage: Stage) -> Call:
    return partial(drafts.delete, stage.database, *await _drafted(stage))


@deed("drafts.publish")
async def publish(stage: Stage) -> Call:
    return partial(drafts.publish, stage.database, stage.site, *await _drafted(stage))


@deed("scheduled.schedule")
async def schedule(stage: Stage) -> Call:
    author, draft = await _held(stage)
    return partial(scheduled.schedule, stage.database, stage.site, author, draft, _soon(stage))


@deed("scheduled.reschedule")
async def reschedule(stage: Stage) -> Call:
    author, scheduled_id = await _scheduled(stage)
    return partial(scheduled.reschedule, stage.database, stage.site, author, scheduled_id, _soon(stage) + 60_000)


@deed("scheduled.cancel")
async def cancel(stage: Stage) -> Call:
    return partial(scheduled.cancel, stage.database, *await _scheduled(stage))


@deed("reactions.react")
async def react(stage: Stage) -> Call:
    author, actor = await stage.pair()
    return partial(reactions.react, stage.database, stage.site, actor, await stage.status(author), "\U0001f44d")


@deed("reactions.unreact")
async def unreact(stage: Stage) -> Call:
    author, actor = await stage.pair()
    status = await stage.status(author)
    await stage.do(reactions.react, stage.site, actor, status, "\U0001f44d")
    return partial(reactions.unreact, stage.database, actor, status, "\U0001f44d")
