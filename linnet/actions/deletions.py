"""Deleting an account: gone for everybody at once, cleared away in batches, its name never given to anybody else."""

from collections.abc import Awaitable, Callable

from linnet.actions import edits, moving
from linnet.actions.drafts import remove as remove_draft
from linnet.actions.suspensions import subject
from linnet.domain.errors import NotFound
from linnet.storage import (
    access,
    accounts,
    changes,
    deletions,
    drafts,
    imports,
    interactions,
    jobs,
    moderation,
    polls,
    reactions,
    relations,
    statuses,
)
from linnet.storage.database import Database, Operation, Writer
from linnet.storage.jobs import Job

SQL = deletions.SQL

BATCH = 50
"""Statuses, follows or favourites in one transaction: small enough that no post waits behind it."""
ROWS = 500


async def delete(
    database: Database, moderator_id: int | None, account_id: int, operation: Operation, *, reason: str = ""
) -> None:
    """Ends the account and its sessions at once; the rest follows as a job.

    ``moderator_id`` is None for the operator, and the account's own id for whoever deletes their own. Raises NotFound
    or NotAllowed.
    """

    async def write(tx: Writer) -> None:
        await tx.all(relations.SQL.lock, ids=(account_id,))
        judge = None if moderator_id == account_id else moderator_id
        found = await subject(tx, judge, account_id)
        profile = (await accounts.profiles(tx, (account_id,))).get(account_id)
        if profile is None:
            raise NotFound
        pictures = (profile.avatar_key, profile.avatar_static_key, profile.header_key, profile.header_static_key)
        await _close(tx, account_id)
        await moderation.note(tx, moderator_id, "account.delete", found.username, reason)
        await jobs.add(tx, "files.delete", {"keys": sorted({key for key in pictures if key})})
        await jobs.add(tx, "account.deleted", {"account_id": account_id, "step": 0})
        await changes.append(tx, "account.deleted", account_id, account_id)

    await database.write(write, operation)


async def _close(tx: Writer, account_id: int) -> None:
    await tx.run(SQL.close, id=account_id, version=tx.ids.next(), now=tx.now)
    # One that is under way at this moment can commit nothing more, and so adds nothing behind the steps below.
    await tx.run(imports.SQL.give_up, account_id=account_id, before=tx.now + 1, now=tx.now)
    await tx.run(access.SQL.delete_sessions, account_id=account_id, kept="")
    for statement in (
        access.SQL.delete_tokens,
        access.SQL.delete_grants,
        access.SQL.delete_all_email_tokens,
        access.SQL.delete_profile,
        accounts.SQL.delete_terms,
        SQL.delete_user,
    ):
        await tx.run(statement, account_id=account_id)


async def clear_away(database: Database, job: Job) -> None:
    """Job ``account.deleted``: what the account had goes, a batch in each run; the counts of others stay right."""
    account_id, step = job.payload["account_id"], job.payload["step"]

    async def write(tx: Writer) -> None:
        if await STEPS[step](tx, account_id):
            return await jobs.proceed(tx, job, job.payload)
        if step + 1 < len(STEPS):
            return await jobs.proceed(tx, job, {**job.payload, "step": step + 1})
        return await jobs.finish(tx, job)

    await database.write(write, heavy=True)


async def _statuses(tx: Writer, account_id: int) -> bool:
    rows = await tx.all(SQL.statuses, account_id=account_id, limit=BATCH)
    for (status_id,) in rows:
        await edits.remove(tx, account_id, status_id)
    return len(rows) == BATCH


async def _follows(tx: Writer, account_id: int) -> bool:
    followed = [row[0] for row in await tx.all(SQL.followed, account_id=account_id, limit=BATCH)]
    followers = [row[0] for row in await tx.all(SQL.followers, account_id=account_id, limit=BATCH)]
    await tx.all(relations.SQL.lock, ids=sorted({account_id, *followed, *followers}))
    for other in followed:
        await relations.unfollow(tx, account_id, other)
    for other in followers:
        await relations.unfollow(tx, other, account_id)
    return BATCH in (len(followed), len(followers))


async def _favourites(tx: Writer, account_id: int) -> bool:
    rows = await tx.all(SQL.favourites, account_id=account_id, limit=BATCH)
    for (status_id,) in rows:
        if await tx.run(interactions.SQL.unfavourite, account_id=account_id, status_id=status_id):
            await tx.run(statuses.SQL.count_favourite, id=status_id, step=-1)
    return len(rows) == BATCH


async def _media(tx: Writer, account_id: int) -> bool:
    rows = await tx.all(SQL.files, account_id=account_id, limit=BATCH)
    await tx.run(SQL.delete_files, account_id=account_id, ids=[row[0] for row in rows])
    await jobs.add(tx, "files.delete", {"keys": [key for row in rows for key in row[1:] if key]})
    return len(rows) == BATCH


async def _notifications(tx: Writer, account_id: int) -> bool:
    return await tx.run(SQL.delete_notifications, account_id=account_id, limit=ROWS) == ROWS


async def _lists(tx: Writer, account_id: int) -> bool:
    for statement in (
        SQL.delete_requests,
        SQL.delete_blocks,
        SQL.delete_mutes,
        SQL.delete_notes,
        SQL.delete_pins,
        SQL.delete_thread_mutes,
        SQL.delete_home,
        SQL.delete_markers,
        SQL.delete_notification_requests,
        SQL.delete_push_subscriptions,
        SQL.delete_filters,
        SQL.delete_filter_keywords,
        SQL.delete_filter_statuses,
        SQL.delete_announcement_reads,
        SQL.delete_announcement_reactions,
        SQL.delete_lists,
        SQL.delete_list_members,
        SQL.delete_tag_follows,
        SQL.delete_featured_tags,
        SQL.delete_endorsements,
        SQL.delete_declined_suggestions,
        SQL.delete_domain_blocks,
    ):
        await tx.run(statement, account_id=account_id)
    many = (SQL.delete_bookmarks, SQL.delete_conversations, SQL.delete_conversation_statuses)
    gone = [await tx.run(statement, account_id=account_id, limit=ROWS) for statement in many]
    return ROWS in gone


async def _votes(tx: Writer, account_id: int) -> bool:
    return await polls.withdraw(tx, account_id, BATCH)


async def _reactions(tx: Writer, account_id: int) -> bool:
    return await reactions.withdraw(tx, account_id, BATCH)


async def _drafts(tx: Writer, account_id: int) -> bool:
    rows = await tx.all(drafts.SQL.of_account, account_id=account_id, limit=BATCH)
    for (draft_id,) in rows:
        await remove_draft(tx, draft_id)
    return len(rows) == BATCH


STEPS: tuple[Callable[[Writer, int], Awaitable[bool]], ...] = (
    _statuses,
    _follows,
    _favourites,
    _media,
    _notifications,
    _lists,
    _votes,
    _drafts,
    _reactions,
    moving.forget,
)
"""Each does a batch and says whether there is more. A waiting job holds a place in this: add at its end only."""
