"""What moderators did, as rows that nothing deletes."""

from linnet.storage import statements
from linnet.storage.database import Writer

SQL = statements.load("moderation")


async def note(tx: Writer, moderator_id: int | None, action: str, target: str, reason: str = "") -> None:
    """``moderator_id`` is None for the operator at the command line."""
    await tx.run(
        SQL.note, id=tx.ids.next(), moderator_id=moderator_id, action=action, target=target, reason=reason
    )  # fmt: skip
