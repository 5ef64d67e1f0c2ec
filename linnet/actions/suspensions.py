"""Suspending and silencing: an account is hidden, or kept out of what strangers see, and nothing of it is lost."""

from typing import NamedTuple

from linnet.domain import roles
from linnet.domain.errors import NotFound
from linnet.storage import changes, deletions, moderation
from linnet.storage.database import Database, Operation, Writer
from linnet.storage.statements import Statement

SQL = deletions.SQL


class Subject(NamedTuple):
    """Whom a moderator decides on."""

    id: int
    username: str
    role: str


async def subject(tx: Writer, moderator_id: int | None, account_id: int) -> Subject:
    """Raises NotFound, or NotAllowed for a moderator who is not above the account. None is the operator."""
    row = await tx.one(SQL.subject, id=account_id)
    if row is None:
        raise NotFound
    found = Subject(*row)
    if moderator_id is not None:
        role = await tx.one(SQL.role, account_id=moderator_id)
        roles.check_over(role[0] if role else "user", found.role)
    return found


async def suspend(
    database: Database, moderator_id: int | None, account_id: int, operation: Operation, *, reason: str = ""
) -> None:
    """Nobody sees the account and it may do nothing, until it is let back. Raises NotFound or NotAllowed."""
    await _decide(database, SQL.suspend, "account.suspend", moderator_id, account_id, operation, reason)


async def unsuspend(
    database: Database, moderator_id: int | None, account_id: int, operation: Operation, *, reason: str = ""
) -> None:
    """Lets an account back with all that it had. Raises NotFound (deleted ones, too) or NotAllowed."""
    await _decide(database, SQL.unsuspend, "account.unsuspend", moderator_id, account_id, operation, reason)


async def silence(
    database: Database, moderator_id: int | None, account_id: int, operation: Operation, *, reason: str = ""
) -> None:
    """Only those who follow the account meet it from now on. Raises NotFound or NotAllowed."""
    await _decide(database, SQL.silence, "account.silence", moderator_id, account_id, operation, reason)


async def unsilence(
    database: Database, moderator_id: int | None, account_id: int, operation: Operation, *, reason: str = ""
) -> None:
    await _decide(database, SQL.unsilence, "account.unsilence", moderator_id, account_id, operation, reason)


async def _decide(
    database: Database,
    statement: Statement,
    word: str,
    moderator_id: int | None,
    account_id: int,
    operation: Operation,
    reason: str,
) -> None:
    async def write(tx: Writer) -> None:
        found = await subject(tx, moderator_id, account_id)
        given = {"id": account_id, "version": tx.ids.next(), "now": tx.now}
        if await tx.run(statement, **{name: given[name] for name in statement.params}):
            await moderation.note(tx, moderator_id, word, found.username, reason)
            await changes.append(tx, "account.changed", account_id, account_id)

    await database.write(write, operation)
