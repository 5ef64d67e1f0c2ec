"""Voting in polls: once, for one option or for several at once."""

from linnet.actions.interactions import target
from linnet.domain import polls as rules
from linnet.domain.errors import Invalid, NotFound
from linnet.storage import changes, polls, statuses
from linnet.storage.database import Database, Operation, Writer


async def vote(database: Database, actor: int, status_id: int, choices: tuple[int, ...], operation: Operation) -> int:
    """Votes once for all; the poll's id. Raises NotFound where ``actor`` may not see it, or Invalid."""

    async def write(tx: Writer) -> int:
        found = await target(tx, status_id, actor)
        counted = await polls.taken(tx, found.id)
        # The options are read under the poll's row: an edit that changes them comes before or after.
        content = (await statuses.contents(tx, (found.id,))).get(found.id)
        if counted is None or content is None or content.poll is None:
            raise NotFound
        chosen = rules.check_vote(choices, len(content.poll.options), multiple=bool(content.poll.multiple))
        if counted.account_id == actor:
            raise Invalid("base", "You cannot vote in your own polls")
        if counted.expires_at is not None and counted.expires_at <= tx.now:
            raise Invalid("base", "The poll has already ended")
        values = {"status_id": found.id, "account_id": actor, "id": tx.ids.next(), "choices": polls.as_json(chosen)}
        if not await tx.run(polls.SQL.vote, **values):
            raise Invalid("base", "You have already voted on this poll", "ERR_TAKEN")
        await polls.count(tx, found.id, counted, chosen, 1)
        await changes.append(tx, "status.voted", actor, found.id)
        return found.id

    return await database.write(write, operation, returns=int)
