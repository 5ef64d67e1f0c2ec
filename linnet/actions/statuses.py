"""Posting: one function, one transaction, and the work that follows from it as a row in the same commit."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import msgspec

from linnet.actions import cards, polls, quotes
from linnet.domain import ids, times
from linnet.domain import polls as poll_rules
from linnet.domain import quotes as quote_rules
from linnet.domain import statuses as rules
from linnet.domain import text as words
from linnet.domain.cards import CardView
from linnet.domain.errors import IdTaken, Invalid, NotAllowed, NotFound
from linnet.domain.quotes import Policy
from linnet.domain.site import Site
from linnet.domain.statuses import Draft
from linnet.domain.views import MediaView, MentionView, More, StatusContent, StatusRow
from linnet.domain.visibility import Visibility
from linnet.storage import (
    accounts,
    aliases,
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
from linnet.storage.database import Database, Operation, Reader, WriteFunction, Writer
from linnet.storage.statements import Statement

_OWN = 32
"""The bit of ``StatusRow.done`` that says that the reader wrote it."""


class Parent(NamedTuple):
    """What a reply needs of the status that it answers."""

    id: int
    account_id: int
    thread_id: int
    in_reply_to_account_id: int | None
    visibility: int
    local_only: int


class Author(NamedTuple):
    """Who posts, and how that is fanned out: whether it is merged at reading, and to how many."""

    id: int
    followers: int
    merged: bool


class Written(NamedTuple):
    """A new status as it was stored, or will be, for whoever shows it next and need not read it again."""

    row: StatusRow
    content: StatusContent
    thread_id: int


class _Around(NamedTuple):
    """What a new status hangs on, and its draft as that lets it be."""

    draft: Draft
    parent: Parent | None
    quoted: quotes.Quoted | None


class Stored(NamedTuple):
    """A new status that is there, but nothing follows from it yet: that is ``announce``."""

    new: Written
    by: Author
    around: _Around


async def post(
    database: Database,
    site: Site,
    author: int,
    draft: Draft,
    operation: Operation,
    written: Callable[[Written], object] | None = None,
    *,
    id: int | None = None,
) -> int:
    """Posts; the new status's id: ``id`` where it was minted before, unless the operation was carried out already.

    Raises Invalid, NotFound (what it answers), NotAllowed (a suspended author) or IdTaken. ``written`` is told what is
    about to be committed: it counts only if it has the id that is returned.
    """
    write = writing(site, author, rules.check(draft, site.limits), id, written)
    return await database.write(write, operation, returns=int)


def writing(
    site: Site, author: int, checked: Draft, id: int | None, written: Callable[[Written], object] | None
) -> WriteFunction[int]:
    """What ``post`` does in its transaction."""

    async def write(tx: Writer) -> int:
        new = await write_status(tx, site, author, checked, id)
        if written is not None:
            written(new)
        return new.row.id

    return write


async def write_status(tx: Writer, site: Site, author: int, draft: Draft, id: int | None = None) -> Written:
    """A draft that was checked as a status, with all that follows from it.

    It is of the time that ``id`` was minted at, whenever it is stored. Raises NotFound, NotAllowed, Invalid, Conflict
    or IdTaken.
    """
    id = tx.ids.next() if id is None else id
    around = await _look_around(tx, author, draft, statuses.SQL.parent)
    found = await tx.one(statuses.SQL.poster, id=author)
    if found is None:
        raise _suspended()
    # The author's row, and that of what is answered, are what others want, too. Whoever counts at the end, the author
    # first, holds them for little longer than the commit takes: what is left for later comes in between, in as many
    # round trips as there are kinds of it at most.
    stored = await _store(tx, site, await as_author(tx, site, author, *found), around, id)
    await announce(tx, stored)
    await count_author(tx, site, author, counts=_counts(around), at=ids.milliseconds(id))
    await _count_reply(tx, stored.new.row)
    return stored.new


async def write_accepted(
    tx: Writer, site: Site, author: Author, draft: Draft, id: int, own: Written | None = None
) -> Stored:
    """``write_status`` for what was acknowledged before: nothing is refused any more. It is still to be announced.

    What has gone meanwhile (the answered or quoted status, media) is left out, and whoever is suspended has posted all
    the same, for nobody to see. No status has the ``id`` yet; the author's row is not taken, only counted up. ``own``
    is what it answers, where that was written a moment ago by the same author.
    """
    parent = _of_its_own(own) if own is not None else await _still_answered(tx, author.id, draft.in_reply_to_id)
    draft = await _as_far_as_possible(tx, site, author.id, replace(draft, in_reply_to_id=None), id)
    around = await _look_around(tx, author.id, draft, statuses.SQL.parent, parent)
    stored = await _store(tx, site, author, around, id)
    await tx.run(statuses.SQL.count, id=author.id, step=int(_counts(around)), at=ids.milliseconds(id))
    await _count_reply(tx, stored.new.row)
    return stored


async def compose(tx: Reader, site: Site, author: int, draft: Draft, id: int, parent: Parent | None = None) -> Written:
    """What ``write_status`` would store now under ``id``, found by reading alone, so that a standby can tell.

    The row has its author's version and counts, and is as the author is shown it. ``parent`` is what the draft answers
    where the database does not know that yet. Raises NotFound, NotAllowed, Invalid or Conflict.
    """
    around = await _look_around(tx, author, draft, statuses.SQL.answered, parent)
    draft, thread_id = around.draft, around.parent.thread_id if around.parent else id
    counts = int(draft.visibility != Visibility.DIRECT)
    found = await tx.one(statuses.SQL.author, id=author, status_id=id, step=counts, thread_id=thread_id)
    if found is None:
        raise _suspended()
    pictures = await media.attachable(tx, author, id, draft.media_ids)
    text = await render_text(tx, site, draft.text, draft.content_type)
    card = await cards.shown(tx, site, draft.text, bare=_bare(around))
    row, content, _ = _new(author, id, around, pictures, text, card)
    if around.quoted is not None:
        quotes.check(row, content, around.quoted)
    version, followers, following, count, username, muted = found
    shown = StatusRow(
        id, id, author, version, followers, following, count, ids.milliseconds(id),
        0, 0, 0, _OWN | muted, row.visibility, None, row.in_reply_to_id, row.in_reply_to_account_id, row.language,
        _more(around, content, tx.now),
    )  # fmt: skip
    return Written(shown, msgspec.structs.replace(content, username=username), thread_id)


def _more(around: _Around, content: StatusContent, now: int) -> str | None:
    """The row's column of that name."""
    poll = msgspec.Raw(b"null") if content.poll is None else msgspec.Raw(poll_rules.unvoted(content.poll, now).encode())
    quoted, policy = around.quoted, int(around.draft.quote_policy)
    if quoted is None:
        more = More(poll, quote_policy=policy)
    else:
        more = More(poll, quote_policy=policy, quote_of_id=quoted.id, quote_state=int(quote_rules.State.ACCEPTED))
    return None if more == More() else msgspec.json.encode(more).decode()


async def _store(tx: Writer, site: Site, by: Author, around: _Around, id: int) -> Stored:
    """Its own rows: nobody is told, and nothing is counted, but of its hashtags."""
    author, draft, at, local_only = by.id, around.draft, ids.milliseconds(id), _local_only(around)
    pictures = await media.attach(tx, author, id, draft.media_ids)
    text = await render_text(tx, site, draft.text, draft.content_type)
    public = draft.visibility == Visibility.PUBLIC and not local_only
    card_id, card = await cards.attach(tx, site, author, draft.text, bare=_bare(around), public=public, at=at)
    new = _new(author, id, around, pictures, text, card)
    await _insert(tx, new, card_id, merged=by.merged and draft.visibility != Visibility.DIRECT)
    for target in new.content.mentions:
        await tx.run(statuses.SQL.insert_mention, status_id=id, account_id=target.id)
    await _insert_tags(tx, id, author, new.content.tags, draft.visibility, at)
    return Stored(new, by, around)


async def announce(tx: Writer, stored: Stored) -> None:
    """What follows from it for others: whom it names or quotes, who follows its author or hashtags, and the streams."""
    (row, content, thread_id), (author, followers, _), around = stored
    await tags.count(tx, row.id, author, content.tags, row.visibility)
    for target in content.mentions:
        await notifications.add(tx, "mention", target.id, author, row.id, thread_id)
    if row.visibility == Visibility.DIRECT:
        await conversations.add(tx, row.id, thread_id, author, (target.id for target in content.mentions))
    if around.quoted is not None:
        await quotes.add(tx, row, content, thread_id, around.quoted)
    if around.draft.quote_policy != Policy.PUBLIC:
        await quotes.keep_policy(tx, row, around.draft.quote_policy)
    # The author's own timeline has it with the answer; everybody else's has it a moment later.
    await tx.later(timelines.SQL.add_home, account_id=author, status_id=row.id)
    await jobs.add(tx, "status.posted", {"status_id": row.id, "author_id": author, "after": 0, "followers": followers})
    await changes.append(tx, "status.posted", author, row.id)


async def _look_around(
    tx: Reader, author: int, draft: Draft, statement: Statement, parent: Parent | None = None
) -> _Around:
    quoted = await quotes.quoted(tx, author, draft.quoted_status_id) if draft.quoted_status_id else None
    if quoted is not None:
        draft = replace(draft, visibility=quote_rules.visibility_of(draft.visibility, quoted.visibility))
    return _Around(draft, parent or await parent_of(tx, author, draft.in_reply_to_id, statement), quoted)


async def _as_far_as_possible(tx: Writer, site: Site, author: int, draft: Draft, id: int) -> Draft:
    """Without what it cannot have any more; who may see it was settled when it was accepted, and stays."""
    if draft.quoted_status_id:
        draft = replace(draft, quoted_status_id=await _still_quotable(tx, site, author, draft))
    return replace(draft, media_ids=await media.still_attachable(tx, author, id, draft.media_ids))


async def _still_answered(tx: Writer, author: int, id: int | None) -> Parent | None:
    """It may have got another id when it was stored, if it was accepted like this one."""
    if id is None:
        return None
    try:
        return await parent_of(tx, author, id)
    except NotFound:
        meant = await aliases.of(tx, (id,))
    with suppress(NotFound):
        return await parent_of(tx, author, meant.get(id))
    return None


def _of_its_own(written: Written) -> Parent:
    row, content, thread_id = written
    local_only = int(bool(content.local_only))
    return Parent(row.id, row.account_id, thread_id, row.in_reply_to_account_id, row.visibility, local_only)


async def _still_quotable(tx: Writer, site: Site, author: int, draft: Draft) -> int | None:
    try:
        quoted = await quotes.quoted(tx, author, draft.quoted_status_id)
        if quoted is not None and draft.visibility == Visibility.DIRECT:
            _, mentioned, _ = await render_text(tx, site, draft.text, draft.content_type)
            named = any(one.id == quoted.account_id for one in mentioned)
            quote_rules.check_addressed(draft.visibility, own=quoted.account_id == author, mentioned=named)
    except (Invalid, NotFound):
        return None
    return draft.quoted_status_id


Rendered = tuple[str, tuple[MentionView, ...], tuple[str, ...]]
"""The HTML of a text, the accounts that it names, and its hashtags."""


def _new(
    author: int, id: int, around: _Around, pictures: tuple[MediaView, ...], text: Rendered, card: CardView | None
) -> Written:
    """Of what was found. The row is without its author's version and counts."""
    draft, parent, _ = around
    html, mentioned, hashtags = text
    at = ids.milliseconds(id)
    content = StatusContent(
        id, id, author, draft.text, draft.spoiler, html, int(draft.sensitive or bool(draft.spoiler and pictures)),
        mentioned, hashtags, pictures, draft.app_name, draft.app_website, None, "",
        poll_rules.opened(draft.poll, at) if draft.poll else None, card, draft.content_type, int(_local_only(around)),
    )  # fmt: skip
    answered = rules.reply_audience(author, parent.account_id, parent.in_reply_to_account_id) if parent else None
    row = StatusRow(
        id, id, author, 0, 0, 0, 0, None, 0, 0, 0, 0, int(draft.visibility), None, parent.id if parent else None,
        answered, draft.language,
    )  # fmt: skip
    return Written(row, content, parent.thread_id if parent else id)


def _local_only(around: _Around) -> bool:
    draft, parent = around.draft, around.parent
    return bool(parent and parent.local_only) if draft.local_only is None else draft.local_only


def _counts(around: _Around) -> bool:
    """Whether it is one of its author's number of posts."""
    return around.draft.visibility != Visibility.DIRECT


def _bare(around: _Around) -> bool:
    """Whether nothing stands beside the words: a card is shown only then."""
    return not (around.draft.media_ids or around.draft.poll or around.quoted)


async def _insert(tx: Writer, new: Written, card_id: int | None, *, merged: bool) -> None:
    row, content, thread_id = new
    inserted = await tx.run(
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
    if not inserted:
        raise IdTaken("Another status has this id")
    await tx.later(
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


async def _count_reply(tx: Writer, row: StatusRow) -> None:
    if row.in_reply_to_id and row.visibility <= Visibility.UNLISTED:
        await tx.run(statuses.SQL.count_reply, id=row.in_reply_to_id, step=1)


def _spoken(text: str, content_type: str) -> tuple[str, str | None]:
    """The words of a text, and its HTML where it has any of its own."""
    body = words.markdown_html(text) if content_type == rules.MARKDOWN else None
    return (text if body is None else words.spoken(body)), body


def names_in(site: Site, text: str, content_type: str = rules.PLAIN) -> set[str]:
    """Whom of this server a text may name, in lower case. Raises Invalid."""
    return _named(site, _spoken(text, content_type)[0])


def _named(site: Site, spoken: str) -> set[str]:
    return {
        mention.username.lower()
        for mention in words.mentions(spoken)
        if mention.domain is None or mention.domain == site.domain
    }


async def render_text(
    tx: Reader, site: Site, text: str, content_type: str = rules.PLAIN
) -> tuple[str, tuple[MentionView, ...], tuple[str, ...]]:
    """The HTML of a text, the accounts that it names (each of which exists), and its hashtags. Raises Invalid."""
    text, body = _spoken(text, content_type)
    named = _named(site, text)
    found = await tx.all(accounts.SQL.by_names, names=sorted(named)) if named else []
    known = {row[2]: MentionView(row[0], row[1]) for row in found}

    def resolve(mention: words.Mention) -> words.MentionTarget | None:
        if mention.domain is not None and mention.domain != site.domain:
            return None
        account = known.get(mention.username.lower())
        return words.MentionTarget(site.account_url(account.username), account.username) if account else None

    rendered = words.to_html(text, resolve, site.tag_url) if body is None else words.linked(body, resolve, site.tag_url)
    return rendered, tuple(known.values()), words.hashtags(text)


async def refile_tags(tx: Writer, status_id: int, author: int, names: tuple[str, ...], visibility: int) -> None:
    """Files a status that was changed under the hashtags that it has now, and no longer under those that it had."""
    await tags.uncount(tx, status_id, author, visibility)
    await tx.run(statuses.SQL.delete_tags, id=status_id)
    await _insert_tags(tx, status_id, author, names, visibility, tx.now)
    await tags.count(tx, status_id, author, names, visibility)


async def _insert_tags(
    tx: Writer, status_id: int, author: int, names: tuple[str, ...], visibility: int, at: int
) -> None:
    """Makes the status findable under its hashtags; only public statuses count as uses of them, at the time ``at``."""
    public = visibility == Visibility.PUBLIC
    for name in names:
        key = words.hashtag_key(name)
        await tx.run(statuses.SQL.insert_status_tag, tag=key, status_id=status_id, account_id=author)
        if public:
            await tx.run(statuses.SQL.insert_tag, key=key, name=name, now=at)
            await tx.run(search.SQL.count_use, tag=key, day=at // times.DAY_MS, account_id=author)


async def parent_of(
    tx: Reader, author: int, in_reply_to_id: int | None, statement: Statement = statuses.SQL.parent
) -> Parent | None:
    """What a reply answers, or None. Raises NotFound."""
    if in_reply_to_id is None:
        return None
    row = await tx.one(statement, id=in_reply_to_id, reader=author)
    if row is None:
        raise NotFound("The status that this replies to is not there")
    return Parent(*row)


async def count_author(tx: Writer, site: Site, author: int, *, counts: bool, at: int | None = None) -> Author:
    """Takes the author's row. Raises NotAllowed for somebody suspended. ``at`` is in ms since 1970 (None: now)."""
    row = await tx.one(statuses.SQL.count_author, id=author, step=int(counts), at=tx.now if at is None else at)
    if row is None:
        raise _suspended()
    return await as_author(tx, site, author, *row)


async def as_author(tx: Writer, site: Site, id: int, followers: int, merged: int) -> Author:
    """Whoever has too many followers to be fanned out to is merged at reading from now on."""
    if not merged and followers >= site.limits.merge_followers:
        await tx.run(statuses.SQL.set_merged, id=id)
        merged = 1
    return Author(id, int(followers), bool(merged))


def _suspended() -> NotAllowed:
    return NotAllowed("Your account is suspended: it cannot post")


def as_json(value: tuple[MediaView, ...] | tuple[MentionView, ...] | tuple[str, ...]) -> str:
    return msgspec.json.encode(value).decode()
