"""What somebody does to one of its conversations; posting and deleting keep them up."""

from linnet.domain.errors import NotFound
from linnet.storage import changes, conversations
from linnet.storage.database import Database, Operation, Writer

SQL = conversations.SQL


async def read(database: Database, actor: int, conversation_id: int, operation: Operation) -> int:
    """Marks it as read. Raises NotFound."""
    return await _mark(database, actor, conversation_id, operation, unread=False)


async def unread(database: Database, actor: int, conversation_id: int, operation: Operation) -> int:
    """Marks it as not read yet. Raises NotFound."""
    return await _mark(database, actor, conversation_id, operation, unread=True)


async def _mark(database: Database, actor: int, conversation_id: int, operation: Operation, *, unread: bool) -> int:
    async def write(tx: Writer) -> int:
        if not await tx.run(SQL.mark, id=conversation_id, account_id=actor, unread=int(unread)):
            raise NotFound
        await changes.append(tx, "conversation.updated", actor, conversation_id)
        return conversation_id

    return await database.write(write, operation, returns=int)


async def delete(database: Database, actor: int, conversation_id: int, operation: Operation) -> int:
    """Puts it away; the statuses stay, and the next one begins it anew. Raises NotFound."""

    async def write(tx: Writer) -> int:
        if not await tx.run(SQL.delete, id=conversation_id, account_id=actor):
            raise NotFound
        await tx.run(SQL.delete_statuses, id=conversation_id)
        return conversation_id

    return await database.write(write, operation, returns=int)
