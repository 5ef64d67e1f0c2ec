"""Posting: one function, one transaction, and the work that follows from it as a row in the same commit."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import msgspec

from linnet.actions import cards, polls, quotes
from linnet.domain import polls as poll_rules
from linnet.domain import quotes as quote_rules
from linnet.domain import statuses as rules
from linnet.domain import text as words
from linnet.domain import times
from linnet.domain.errors import NotAllowed, NotFound
from linnet.domain.quotes import Policy
from linnet.domain.site import Site
from linnet.domain.statuses import Draft
from linnet.domain.views import MediaView, MentionView, StatusContent, StatusRow
from linnet.domain.visibility import Visibility
from linnet.storage import (
    accounts,
    changes,
    conversations,
    jobs,
    media,
    notifications,
    search,
    statuses,
    tags,
    timelines,
)
from linnet.storage import polls as poll_rows
from linnet.storage.database import Database, Operation, Writer


class Parent(NamedTuple):
    """What a reply needs of the status that it answers."""

    id: int
    account_id: int
    thread_id: int
    in_reply_to_account_id: int | None
    visibility: int
    local_only: int


class Written(NamedTuple):
    """A new status as it was stored, for whoever shows it next and need not read it again."""

    row: StatusRow
    content: StatusContent


async def post(
    database: Database,
    site: Site,
    author: int,
    draft: Draft,
    operation: Operation,
    written: Callable[[Written], object] | None = None,
) -> int:
    """Posts; the new status's id. Raises Invalid, NotFound (what it answers) or NotAllowed (a suspended author).

    ``written`` is told what is about to be committed: it counts only if it has the id that is returned.
    """
    checked = rules.check(draft, site.limits)

    async def write(tx: Writer) -> int:
        new = await write_status(tx, site, author, checked)
        if written is not None:
            written(new)
        return new.row.id

    return await database.write(write, operation, returns=int)


async def write_status(tx: Writer, site: Site, author: int, draft: Draft) -> Written:
    """A draft that was checked as a status, with all that follows from it. Raises NotFound, NotAllowed or Invalid."""
    status_id = tx.ids.next()
    quoted = await quotes.quoted(tx, author, draft.quoted_status_id) if draft.quoted_status_id else None
    if quoted is not None:
        draft = replace(draft, visibility=quote_rules.visibility_of(draft.visibility, quoted.visibility))
    parent = await parent_of(tx, author, draft.in_reply_to_id)
    merged, followers = await count_author(tx, site, author, counts=draft.visibility != Visibility.DIRECT)
    media_views = await media.attach(tx, author, status_id, draft.media_ids)
    html, mentioned, hashtags = await render_text(tx, site, draft.text, draft.content_type)
    local_only = bool(parent and parent.local_only) if draft.local_only is None else draft.local_only
    card_id, card = await cards.attach(
        tx, site, author, draft.text, bare=not (draft.media_ids or draft.poll or quoted),
        public=draft.visibility == Visibility.PUBLIC and not local_only,
    )  # fmt: skip
    content = StatusContent(
        status_id, status_id, author, draft.text, draft.spoiler, html,
        int(draft.sensitive or bool(draft.spoiler and media_views)), mentioned, hashtags, media_views, draft.app_name,
        draft.app_website, None, "", poll_rules.opened(draft.poll, tx.now) if draft.poll else None, card,
        draft.content_type, int(local_only),
    )  # fmt: skip
    answered = rules.reply_audience(author, parent.account_id, parent.in_reply_to_account_id) if parent else None
    row = _new_row(status_id, author, draft, parent.id if parent else None, answered)
    thread_id = parent.thread_id if parent else status_id
    await _insert(tx, row, content, thread_id, card_id, merged=merged and draft.visibility != Visibility.DIRECT)
    await _tell(tx, row, content, thread_id)
    if quoted is not None:
        await quotes.add(tx, row, content, thread_id, quoted)
    if draft.quote_policy != Policy.PUBLIC:
        await quotes.keep_policy(tx, row, draft.quote_policy)
    # The author's own timeline has it with the answer; everybody else's has it a moment later.
    await tx.run(timelines.SQL.add_home, account_id=author, status_id=status_id)
    await jobs.add(
        tx, "status.posted", {"status_id": status_id, "author_id": author, "after": 0, "followers": followers}
    )
    await changes.append(tx, "status.posted", author, status_id)
    return Written(row, content)


async def _insert(
    tx: Writer, row: StatusRow, content: StatusContent, thread_id: int, card_id: int | None, *, merged: bool
) -> None:
    await tx.run(
        statuses.SQL.insert,
        id=row.id,
        account_id=row.account_id,
        visibility=row.visibility,
        reblog_of_id=None,
        in_reply_to_id=row.in_reply_to_id,
        in_reply_to_account_id=row.in_reply_to_account_id,
        thread_id=thread_id,
        language=row.language,
        has_media=int(bool(content.media)),
        has_mentions=int(bool(content.mentions)),
        has_poll=int(content.poll is not None),
        local_only=content.local_only,
        merged=int(merged),
    )
    await tx.run(
        statuses.SQL.insert_content,
        id=row.id,
        account_id=row.account_id,
        text=content.text,
        spoiler=content.spoiler,
        html=content.html,
        sensitive=content.sensitive,
        mentions=as_json(content.mentions),
        tags=as_json(content.tags),
        media=as_json(content.media),
        app_name=content.app_name,
        app_website=content.app_website,
        poll=poll_rows.as_json(content.poll),
        card_id=card_id,
        content_type=content.content_type,
    )
    if content.poll is not None:
        await polls.open_(tx, row.id, row.account_id, content.poll)


async def _tell(tx: Writer, row: StatusRow, content: StatusContent, thread_id: int) -> None:
    """What a status answers counts it, its hashtags find it, and those whom it names are told."""
    if row.in_reply_to_id and row.visibility <= Visibility.UNLISTED:
        await tx.run(statuses.SQL.count_reply, id=row.in_reply_to_id, step=1)
    if content.tags:
        await file_tags(tx, row.id, row.account_id, content.tags, row.visibility)
    for target in content.mentions:
        await tx.run(statuses.SQL.insert_mention, status_id=row.id, account_id=target.id)
        await notifications.add(tx, "mention", target.id, row.account_id, row.id, thread_id)
    if row.visibility == Visibility.DIRECT:
        await conversations.add(tx, row.id, thread_id, row.account_id, (target.id for target in content.mentions))


def _new_row(id: int, author: int, draft: Draft, parent: int | None, answered: int | None) -> StatusRow:
    """Without the author's version and counts."""
    return StatusRow(
        id, id, author, 0, 0, 0, 0, None, 0, 0, 0, 0, int(draft.visibility), None, parent, answered, draft.language
    )


async def render_text(
    tx: Writer, site: Site, text: str, content_type: str = rules.PLAIN
) -> tuple[str, tuple[MentionView, ...], tuple[str, ...]]:
    """The HTML of a text, the accounts that it names (each of which exists), and its hashtags. Raises Invalid."""
    body = words.markdown_html(text) if content_type == rules.MARKDOWN else None
    if body is not None:
        text = words.spoken(body)
    named = {
        mention.username.lower()
        for mention in words.mentions(text)
        if mention.domain is None or mention.domain == site.domain
    }
    found = await tx.all(accounts.SQL.by_names, names=sorted(named)) if named else []
    known = {row[2]: MentionView(row[0], row[1]) for row in found}

    def resolve(mention: words.Mention) -> words.MentionTarget | None:
        if mention.domain is not None and mention.domain != site.domain:
            return None
        account = known.get(mention.username.lower())
        return words.MentionTarget(site.account_url(account.username), account.username) if account else None

    rendered = words.to_html(text, resolve, site.tag_url) if body is None else words.linked(body, resolve, site.tag_url)
    return rendered, tuple(known.values()), words.hashtags(text)


async def file_tags(
    tx: Writer, status_id: int, author: int, names: tuple[str, ...], visibility: int, *, anew: bool = False
) -> None:
    """Makes the status findable under its hashtags; only public statuses count as uses of the tag.

    ``anew`` takes those off that it had before.
    """
    if anew:
        await tags.uncount(tx, status_id, author, visibility)
        await tx.run(statuses.SQL.delete_tags, id=status_id)
    public = visibility == Visibility.PUBLIC
    for name in names:
        key = words.hashtag_key(name)
        await tx.run(statuses.SQL.insert_status_tag, tag=key, status_id=status_id, account_id=author)
        if public:
            await tx.run(statuses.SQL.insert_tag, key=key, name=name, now=tx.now)
            await tx.run(search.SQL.count_use, tag=key, day=tx.now // times.DAY_MS, account_id=author)
    if names:
        await tags.count(tx, status_id, author, names, visibility)


async def parent_of(tx: Writer, author: int, in_reply_to_id: int | None) -> Parent | None:
    """What a reply answers, or None. Raises NotFound."""
    if in_reply_to_id is None:
        return None
    row = await tx.one(statuses.SQL.parent, id=in_reply_to_id, reader=author)
    if row is None:
        raise NotFound("The status that this replies to is not there")
    return Parent(*row)


async def count_author(tx: Writer, site: Site, author: int, *, counts: bool) -> tuple[bool, int]:
    """Takes the author's row: whether its posts are merged at reading now, and its followers. Raises NotAllowed."""
    row = await tx.one(statuses.SQL.count_author, id=author, step=int(counts), at=tx.now)
    if row is None:
        raise NotAllowed("Your account is suspended: it cannot post")
    followers, merged = row
    if not merged and followers >= site.limits.merge_followers:
        await tx.run(statuses.SQL.set_merged, id=author)
        merged = 1
    return bool(merged), int(followers)


def as_json(value: tuple[MediaView, ...] | tuple[MentionView, ...] | tuple[str, ...]) -> str:
    return msgspec.json.encode(value).decode()
