"""What moderators do about people who want to join, and about posts; each leaves a line in the moderation log."""

from linnet.actions import edits, letters, suspensions
from linnet.domain.errors import NotFound
from linnet.domain.site import Site
from linnet.ports import Mail
from linnet.storage import access, accounts, changes, moderation, notifications
from linnet.storage.database import Database, Operation, Writer


async def approve(
    database: Database, site: Site, mail: Mail, moderator_id: int | None, account_id: int, operation: Operation
) -> None:
    """Lets somebody in who waits. ``moderator_id`` is None for the operator. Raises NotFound."""

    async def write(tx: Writer) -> None:
        known = await access.user(tx, account_id)
        if known is None or not await tx.run(access.SQL.approve, account_id=account_id, now=tx.now):
            raise NotFound("Nobody of this name waits for approval")
        await moderation.note(tx, moderator_id, "account.approve", known.user.username)
        await changes.append(tx, "account.changed", account_id, account_id)
        if known.user.confirmed_at is not None:
            await notifications.tell_staff(tx, account_id)
        if mail.configured:
            await letters.enqueue(tx, letters.approved(site, known.user.username, known.user.email))

    await database.write(write, operation, returns=None)


async def reject(
    database: Database, moderator_id: int | None, account_id: int, operation: Operation, *, reason: str = ""
) -> None:
    """Turns somebody away who waits: nothing of them is kept, and the name is free again. Raises NotFound."""

    async def write(tx: Writer) -> None:
        known = await access.user(tx, account_id)
        if known is None or not await tx.run(access.SQL.delete_pending, account_id=account_id):
            raise NotFound("Nobody of this name waits for approval")
        await tx.run(access.SQL.delete_sessions, account_id=account_id, kept="")
        await tx.run(access.SQL.delete_tokens, account_id=account_id)
        await tx.run(access.SQL.delete_grants, account_id=account_id)
        await tx.run(access.SQL.delete_all_email_tokens, account_id=account_id)
        await tx.run(access.SQL.delete_profile, account_id=account_id)
        await tx.run(accounts.SQL.delete_terms, account_id=account_id)
        await tx.run(access.SQL.delete_account, account_id=account_id)
        await moderation.note(tx, moderator_id, "account.reject", known.user.username, reason)

    await database.write(write, operation, returns=None)


async def delete_status(
    database: Database, moderator_id: int | None, status_id: int, operation: Operation, *, reason: str = ""
) -> None:
    """Takes a status away for good. ``moderator_id`` is None for the operator. Raises NotFound or NotAllowed."""

    async def write(tx: Writer) -> None:
        author = await tx.one(moderation.SQL.author, status_id=status_id)
        if author is None:
            raise NotFound("There is no status with this id")
        await suspensions.subject(tx, moderator_id, author[0])
        await edits.remove(tx, author[0], status_id)
        await moderation.note(tx, moderator_id, "status.delete", f"@{author[1]}/{status_id}", reason)

    await database.write(write, operation, returns=None)
