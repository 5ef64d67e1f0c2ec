"""Invites: codes that let people sign up."""

from linnet.domain import secrets
from linnet.domain.errors import Invalid, NotFound
from linnet.domain.times import DAY_MS
from linnet.ports import Guards
from linnet.storage import access, moderation
from linnet.storage.database import Database, Operation, Writer

USES_MOST = 10_000


async def create(
    database: Database, guards: Guards, moderator_id: int | None, operation: Operation, *,
    max_uses: int | None = None, lasts_ms: int | None = None,
) -> str:  # fmt: skip
    """A new code. ``moderator_id`` is None for the operator; ``lasts_ms`` from now, None for ever. Raises Invalid."""
    if max_uses is not None and not 1 <= max_uses <= USES_MOST:
        raise Invalid("max_uses", f"must be between 1 and {USES_MOST}")
    if lasts_ms is not None and not 0 < lasts_ms <= 366 * DAY_MS:
        raise Invalid("expires_in", "must be a year at most")
    code = secrets.as_text(guards.chance.secret(12))

    async def write(tx: Writer) -> None:
        expires_at = tx.now + lasts_ms if lasts_ms is not None else None
        await tx.run(
            access.SQL.insert_invite, code=code, created_by=moderator_id, max_uses=max_uses, expires_at=expires_at,
            now=tx.now,
        )  # fmt: skip
        await moderation.note(tx, moderator_id, "invite.create", code)

    await database.write(write, operation, returns=None)
    return code


async def revoke(database: Database, moderator_id: int | None, code: str, operation: Operation) -> None:
    """Raises NotFound."""

    async def write(tx: Writer) -> None:
        if not await tx.run(access.SQL.delete_invite, code=code):
            raise NotFound
        await moderation.note(tx, moderator_id, "invite.revoke", code)

    await database.write(write, operation, returns=None)
