"""Conversations as rows: direct statuses, for each local account by thread and by who else takes part."""

from collections.abc import Iterable

import msgspec

from linnet.domain.secrets import fingerprint
from linnet.storage import changes, statements, statuses
from linnet.storage.database import Writer

SQL = statements.load("conversations")


async def add(tx: Writer, status_id: int, thread_id: int, author_id: int, mentioned: Iterable[int]) -> None:
    """Files a direct status, whose mentions were told of it before, with everybody here who takes part."""
    everybody = {author_id, *mentioned}
    for account_id in sorted(everybody):
        if await tx.one(SQL.takes_part, account_id=account_id, author_id=author_id, status_id=status_id) is not None:
            await _file(tx, account_id, status_id, thread_id, everybody - {account_id}, unread=account_id != author_id)


async def bring_in(tx: Writer, account_id: int, author_id: int, limit: int) -> int:
    """Files with ``account_id`` what waited of somebody whom it lets through; how many, ``limit`` at most."""
    found = await tx.all(SQL.let_through, account_id=account_id, author_id=author_id, limit=limit)
    for status_id, thread_id in found:
        mentioned = {row[0] for row in await tx.all(statuses.SQL.mentioned, id=status_id)}
        await _file(tx, account_id, status_id, thread_id, {author_id, *mentioned} - {account_id}, unread=True)
    return len(found)


async def _file(tx: Writer, account_id: int, status_id: int, thread_id: int, others: set[int], *, unread: bool) -> None:
    people = msgspec.json.encode(sorted(others)).decode()
    row = await tx.one(
        SQL.put, id=tx.ids.next(), account_id=account_id, thread_id=thread_id, people_hash=fingerprint(people),
        people=people, status_id=status_id, unread=int(unread),
    )  # fmt: skip
    assert row is not None
    await tx.run(SQL.put_status, account_id=account_id, status_id=status_id, conversation_id=row[0])
    await changes.append(tx, "conversation.updated", account_id, row[0])


async def remove(tx: Writer, status_id: int) -> None:
    """Takes a direct status out of all conversations; one that holds no other ends."""
    found = await tx.all(SQL.holding, status_id=status_id)
    await tx.run(SQL.delete_status, status_id=status_id)
    for conversation_id, account_id in found:
        latest = await tx.one(SQL.latest, id=conversation_id)
        if latest is not None and latest[0] is not None:
            await tx.run(SQL.set_latest, id=conversation_id, status_id=latest[0])
        else:
            await tx.run(SQL.delete, id=conversation_id, account_id=account_id)
