"""Deeds on what posts carry, each with something to do: polls, drafts, scheduled statuses, reactions."""

from linnet.actions import votes
from linnet.domain.polls import PollDraft
from tests.support.stage import Call, Stage, deed

POLL = PollDraft(("tea", "coffee", "water"), 300)


@deed("votes.vote")
async def vote(stage: Stage) -> Call:
    author, actor = await stage.pair()
    status = await stage.status(author, poll=POLL)
    return lambda operation: votes.vote(stage.database, actor, status, (1,), operation)
