"""Keeping somebody away: blocks, mutes with and without an end, and the note that one keeps about an account."""

from linnet.actions import follows
from linnet.domain import relations as rules
from linnet.domain import text as words
from linnet.domain.errors import NotAllowed, NotFound
from linnet.domain.relations import Mute
from linnet.storage import changes, notifications, relations
from linnet.storage.database import Database, Operation, Writer

SQL = relations.SQL


async def block(database: Database, actor: int, target: int, operation: Operation) -> None:
    """Ends every follow and request between the two, and takes away what ``target`` has notified ``actor`` of.

    Raises NotFound, or NotAllowed for oneself.
    """

    async def write(tx: Writer) -> None:
        _not_oneself(actor, target)
        await follows.parties(tx, actor, target)
        if not await tx.run(SQL.block, account_id=actor, target_id=target, id=tx.ids.next()):
            return
        for one, other in ((actor, target), (target, actor)):
            await follows.end(tx, one, other)
            if await relations.unrequest(tx, one, other):
                await changes.append(tx, "follow.unrequested", one, other)
        await notifications.remove_from(tx, actor, target)
        await changes.append(tx, "account.blocked", actor, target)

    await database.write(write, operation)


async def unblock(database: Database, actor: int, target: int, operation: Operation) -> None:
    async def write(tx: Writer) -> None:
        await follows.parties(tx, actor, target)
        if await tx.run(SQL.unblock, account_id=actor, target_id=target):
            await changes.append(tx, "account.unblocked", actor, target)

    await database.write(write, operation)


async def mute(database: Database, actor: int, target: int, terms: Mute, operation: Operation) -> None:
    """Mutes, or gives a mute new terms. Raises NotFound, or NotAllowed for oneself."""

    async def write(tx: Writer) -> None:
        _not_oneself(actor, target)
        await follows.parties(tx, actor, target)
        ends = None if terms.duration_ms is None else tx.now + terms.duration_ms
        await tx.run(
            SQL.mute,
            account_id=actor,
            target_id=target,
            id=tx.ids.next(),
            notifications=int(terms.notifications),
            expires_at=ends,
        )
        await changes.append(tx, "account.muted", actor, target)

    await database.write(write, operation)


async def unmute(database: Database, actor: int, target: int, operation: Operation) -> None:
    async def write(tx: Writer) -> None:
        await follows.parties(tx, actor, target)
        if await tx.run(SQL.unmute, account_id=actor, target_id=target):
            await changes.append(tx, "account.unmuted", actor, target)

    await database.write(write, operation)


async def note(database: Database, actor: int, target: int, comment: str, operation: Operation) -> None:
    """Keeps a private note about ``target``; an empty one is taken away. Raises NotFound or Invalid."""
    text = rules.check_note(words.clean("comment", comment, rules.NOTE_CHARS).strip())

    async def write(tx: Writer) -> None:
        if not await tx.all(SQL.lock, ids=(target,)):
            raise NotFound
        if text:
            await tx.run(SQL.note, account_id=actor, target_id=target, comment=text)
        else:
            await tx.run(SQL.remove_note, account_id=actor, target_id=target)

    await database.write(write, operation)


def _not_oneself(actor: int, target: int) -> None:
    if actor == target:
        raise NotAllowed("You cannot do that to yourself")
