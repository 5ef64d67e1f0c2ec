"""Changing and deleting a status that is posted, and the work that follows from it."""

from collections.abc import Iterable
from typing import Any

from linnet.actions import cards, polls, quotes
from linnet.actions import media as uploads
from linnet.actions import statuses as posting
from linnet.domain import edits as rules
from linnet.domain import ids
from linnet.domain import statuses as status_rules
from linnet.domain.errors import Invalid, NotFound
from linnet.domain.polls import PollView
from linnet.domain.site import Site
from linnet.domain.views import MediaView, MentionView, StatusContent
from linnet.domain.visibility import Visibility
from linnet.storage import (
    aliases,
    changes,
    conversations,
    filters,
    interactions,
    jobs,
    media,
    notifications,
    reactions,
    search,
    statuses,
    tags,
)
from linnet.storage import polls as poll_rows
from linnet.storage import quotes as quote_rows
from linnet.storage.database import Database, Operation, Writer
from linnet.storage.jobs import Job
from linnet.storage.statements import Row

BATCH = 200
LATEST = 199
"""So many states of a status are kept, and its first."""


async def edit(
    database: Database, site: Site, author: int, status_id: int, revision: rules.Revision, operation: Operation
) -> int:
    """Raises NotFound for what is not the author's own, Invalid for what may not be posted."""
    for change in revision.media_changes:
        uploads.check_description(site, change.description)

    async def write(tx: Writer) -> int:
        row = await tx.one(statuses.SQL.own, id=status_id, account_id=author)
        before = (await statuses.contents(tx, (status_id,))).get(status_id)
        if row is None or before is None:
            raise NotFound
        version = tx.ids.next()
        pictures = await _pictures(tx, author, before, revision)
        status_rules.check_media(tuple(view.id for view in pictures), site.limits)
        text, spoiler = status_rules.check_text(revision.text, revision.spoiler, site.limits, has_media=bool(pictures))
        poll = await _poll(tx, site, before, revision, has_media=bool(pictures))
        kind = revision.content_type or before.content_type
        html, mentioned, hashtags = await posting.render_text(tx, site, text, kind)
        card_id, _ = await cards.attach(tx, site, author, text, bare=not (pictures or poll), public=False)
        await _keep_history(tx, before)
        words = {
            "text": text,
            "spoiler": spoiler,
            "html": html,
            "sensitive": int(revision.sensitive or bool(spoiler and pictures)),
            "media": posting.as_json(pictures),
            "poll": poll_rows.as_json(poll),
        }
        await tx.run(
            statuses.SQL.update_content,
            status_id=status_id,
            version=version,
            mentions=posting.as_json(mentioned),
            tags=posting.as_json(hashtags),
            card_id=card_id,
            content_type=kind,
            now=tx.now,
            **words,
        )
        await _keep_state(tx, status_id, version, words)
        await tx.run(
            statuses.SQL.set_version,
            id=status_id,
            version=version,
            language=revision.language,
            has_media=int(bool(pictures)),
            has_mentions=int(bool(mentioned)),
            has_poll=int(poll is not None),
        )
        await posting.refile_tags(tx, status_id, author, hashtags, row[3])
        await _tell(tx, author, row, mentioned)
        if revision.quote_policy is not None:
            await tx.run(quote_rows.SQL.set_policy, id=status_id, account_id=author, policy=int(revision.quote_policy))
        await jobs.add(tx, "status.edited", {"status_id": status_id, "author_id": author, "after": 0})
        await quotes.edited(tx, author, status_id)
        await changes.append(tx, "status.edited", author, status_id)
        return status_id

    return await database.write(write, operation, returns=int)


async def _tell(tx: Writer, author: int, row: Row, mentioned: Iterable[MentionView]) -> None:
    """Those whom the status names now and did not name before."""
    status_id, thread_id, visibility = row[0], row[2], row[3]
    new = [
        target.id
        for target in mentioned
        if await tx.run(statuses.SQL.insert_mention, status_id=status_id, account_id=target.id)
    ]
    for target_id in new:
        await notifications.add(tx, "mention", target_id, author, status_id, thread_id)
    if new and visibility == Visibility.DIRECT:
        named = [each[0] for each in await tx.all(statuses.SQL.mentioned, id=status_id)]
        await conversations.remove(tx, status_id)
        await conversations.add(tx, status_id, thread_id, author, named)


async def _pictures(tx: Writer, author: int, before: StatusContent, revision: rules.Revision) -> tuple[MediaView, ...]:
    """The attachments that the status has from now on, with their new descriptions."""
    wanted = tuple(view.id for view in before.media) if revision.media_ids is None else revision.media_ids
    for change in revision.media_changes:
        # That of another status would get new words there, too, which nobody who reads it would be shown.
        if change.id not in wanted or not await media.describe(tx, author, change.id, change.description, change.focus):
            raise Invalid("media_attributes", "names an attachment that this status has not")
    for view in before.media:
        if view.id not in wanted:
            await tx.run(media.SQL.detach, id=view.id, account_id=author)
    return await media.attach(tx, author, before.id, wanted)


async def _poll(
    tx: Writer, site: Site, before: StatusContent, revision: rules.Revision, *, has_media: bool
) -> PollView | None:
    """The poll that the status has from now on."""
    if revision.keeps_poll:
        return before.poll
    wanted = status_rules.check_poll(revision.poll, site.limits, has_media=has_media)
    return await polls.revise(tx, before.id, before.account_id, before.poll, wanted)


async def _keep_state(tx: Writer, status_id: int, version: int, words: dict[str, Any]) -> None:
    await tx.run(statuses.SQL.insert_edit, status_id=status_id, version=version, created_at=tx.now, **words)
    await tx.run(statuses.SQL.trim_edits, status_id=status_id, latest=LATEST)


async def _keep_history(tx: Writer, before: StatusContent) -> None:
    """The first edit also keeps what was there before it; later ones find it kept."""
    await tx.run(
        statuses.SQL.insert_edit,
        status_id=before.id,
        version=before.version,
        text=before.text,
        spoiler=before.spoiler,
        html=before.html,
        sensitive=int(before.sensitive),
        media=posting.as_json(before.media),
        poll=poll_rows.as_json(before.poll),
        created_at=before.edited_at or ids.milliseconds(before.id),
    )


async def delete(database: Database, actor: int, status_id: int, operation: Operation) -> int:
    """Deletes one of ``actor``'s own statuses. Raises NotFound."""

    async def write(tx: Writer) -> int:
        await remove(tx, actor, status_id)
        return status_id

    return await database.write(write, operation, returns=int)


async def remove(tx: Writer, author: int, status_id: int) -> None:
    """Takes ``author``'s status out of everything that is read; what hangs on it follows as a job."""
    row = await tx.one(statuses.SQL.own, id=status_id, account_id=author)
    if row is not None:
        await quotes.remove(tx, status_id)
    if row is None or not await tx.run(statuses.SQL.delete, id=status_id, account_id=author):
        raise NotFound
    _, _, _, visibility, reblog_of_id, in_reply_to_id = row
    if visibility != Visibility.DIRECT:
        await tx.run(statuses.SQL.uncount_author, id=author)
    else:
        await conversations.remove(tx, status_id)
    if reblog_of_id is not None:
        await tx.run(statuses.SQL.count_reblog, id=reblog_of_id, step=-1)
    if in_reply_to_id is not None and visibility <= Visibility.UNLISTED:
        await tx.run(statuses.SQL.count_reply, id=in_reply_to_id, step=-1)
    await tags.uncount(tx, status_id, author, visibility)
    for statement in (
        statuses.SQL.delete_content,
        statuses.SQL.delete_mentions,
        statuses.SQL.delete_tags,
        statuses.SQL.delete_edits,
        statuses.SQL.delete_notifications,
    ):
        await tx.run(statement, id=status_id)
    await tx.run(media.SQL.detach_all, status_id=status_id)
    await tx.run(interactions.SQL.unpin, account_id=author, status_id=status_id)
    await jobs.add(tx, "status.deleted", {"status_id": status_id})
    await changes.append(tx, _ended(visibility, reblog_of_id), author, status_id)


def _ended(visibility: int, reblog_of_id: int | None) -> str:
    """What its end is called, so that streams know who may hear of it: everybody, those at home, or only the named."""
    if visibility == Visibility.DIRECT:
        return "status.unsent"
    return "status.deleted" if visibility == Visibility.PUBLIC and reblog_of_id is None else "status.withdrawn"


async def clean_up(database: Database, job: Job) -> None:
    """Job ``status.deleted``: reblogs of it go too, and replies to it stand alone; a batch at a time."""
    status_id = job.payload["status_id"]

    async def write(tx: Writer) -> None:
        reblogs = await tx.all(statuses.SQL.orphans, id=status_id, limit=BATCH)
        for reblog_id, account_id in reblogs:
            await tx.run(statuses.SQL.delete, id=reblog_id, account_id=account_id)
            await tx.run(statuses.SQL.uncount_author, id=account_id)
            await changes.append(tx, "status.withdrawn", account_id, reblog_id)
        replies = await tx.all(statuses.SQL.replies_to, id=status_id, limit=BATCH)
        for (reply_id,) in replies:
            version = tx.ids.next()
            await tx.run(statuses.SQL.forget_parent, id=reply_id, version=version)
            await tx.run(statuses.SQL.touch_content, id=reply_id, version=version)
        if len(reblogs) == BATCH or len(replies) == BATCH:
            return await jobs.proceed(tx, job, job.payload)
        await tx.run(statuses.SQL.delete_favourites, id=status_id)
        await tx.run(reactions.SQL.forget_status, status_id=status_id)
        await tx.run(poll_rows.SQL.delete_votes, status_id=status_id)
        await tx.run(poll_rows.SQL.delete, status_id=status_id)
        await tx.run(filters.SQL.forget_status, status_id=status_id)
        await tx.run(search.SQL.forget_status, id=status_id)
        await tx.run(aliases.SQL.forget, status_id=status_id)
        return await jobs.finish(tx, job)

    await database.write(write, heavy=True)


async def tell_rebloggers(database: Database, job: Job) -> None:
    """Job ``status.edited``: found by its new words, and those who reblogged it are told; a batch at a time."""
    status_id, author, after = job.payload["status_id"], job.payload["author_id"], job.payload["after"]

    async def write(tx: Writer) -> None:
        if after == 0:
            await search.index(tx, (status_id,))
        rows = await tx.all(statuses.SQL.rebloggers, status_id=status_id, after=after, limit=BATCH)
        for account_id, _ in rows:
            await notifications.remove(tx, "update", account_id, author, status_id)
            await notifications.add(tx, "update", account_id, author, status_id)
        if len(rows) == BATCH:
            return await jobs.proceed(tx, job, {**job.payload, "after": rows[-1][1]})
        return await jobs.finish(tx, job)

    await database.write(write, heavy=True)
