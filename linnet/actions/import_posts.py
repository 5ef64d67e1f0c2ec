"""Posts of elsewhere as posts of ours: at their own time, each once, without anybody being told."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from linnet.actions.statuses import as_json, render_text
from linnet.archives.posts import Post
from linnet.domain import ids as layout
from linnet.domain import text as words
from linnet.domain.errors import Invalid
from linnet.domain.polls import PollView
from linnet.domain.site import Site
from linnet.domain.statuses import MARKDOWN, PLAIN, reply_audience
from linnet.domain.text_entities import Mentioned, entities
from linnet.domain.views import MediaView
from linnet.domain.visibility import Visibility
from linnet.storage import imports, media, search, statuses
from linnet.storage import tags as tag_rows
from linnet.storage.database import Reader, Writer

SQL = imports.SQL

TEXT_CHARS = 10_000
"""Longer than what may be posted here: what was said elsewhere is kept whole."""
OPTIONS = 20
OPTION_CHARS = 300
_TRIES = 1_000


class Origin(NamedTuple):
    """Whose posts they become and where they come from; ``home`` says that they come from this very server."""

    account_id: int
    host: str
    home: bool


class Known(NamedTuple):
    """A status of the account."""

    id: int
    thread_id: int
    in_reply_to_account_id: int | None


def check(post: Post, has_media: bool) -> tuple[str, str]:
    """The text and the warning, cleaned. Raises Invalid."""
    text = words.clean("text", post.text, TEXT_CHARS).strip()
    spoiler = words.clean("spoiler_text", post.spoiler, TEXT_CHARS).strip()
    if not text and not has_media:
        text, spoiler = spoiler, ""
    if not text and not has_media:
        raise Invalid("text", "is empty")
    if post.content_type == MARKDOWN:
        words.markdown_html(text)
    _poll(post)
    return text, spoiler


async def known(tx: Reader, site: Site, account_id: int, source: str) -> Known | None:
    """Which status of the account that is, if it is here: by its own address, or as something that was taken in."""
    own = own_id(site, source)
    if own is not None:
        row = await tx.one(SQL.own_status, id=own, account_id=account_id)
        if row is not None:
            return Known(*row)
    row = await tx.one(SQL.status_of, account_id=account_id, source=source)
    return Known(*row[1:]) if row is not None and row[1] is not None else None


def own_id(site: Site, address: str) -> int | None:
    """The id in the address of a status of this server."""
    if not address.startswith((f"{site.origin}/@", f"{site.origin}/users/")):
        return None
    return layout.parse(address.rpartition("/")[2])


async def take(tx: Writer, site: Site, origin: Origin, post: Post, media_ids: Sequence[int]) -> int | None:
    """The new status's id; None where it is here already. Raises Invalid."""
    if await known(tx, site, origin.account_id, post.source) is not None:
        return None
    text, spoiler = check(post, bool(media_ids))
    # One that was taken in and deleted since is taken in anew.
    await tx.run(SQL.forget_source, account_id=origin.account_id, source=post.source)
    status_id = await _claim(tx, origin.account_id, post)
    parent = await known(tx, site, origin.account_id, post.parent) if post.parent else None
    if not origin.home and origin.host:
        text = named_in_full(text, origin.host)
    kind = post.content_type or PLAIN
    html, tags = await _rendered(tx, site, text, kind, home=origin.home)
    version = tx.ids.next()
    attached = await media.attach(tx, origin.account_id, status_id, tuple(media_ids))
    poll = _poll(post) if not attached else None
    await tx.run(
        SQL.insert_status,
        id=status_id,
        account_id=origin.account_id,
        version=version,
        visibility=int(post.visibility),
        in_reply_to_id=parent.id if parent else None,
        in_reply_to_account_id=_answered(origin.account_id, parent),
        thread_id=parent.thread_id if parent else status_id,
        language=post.language,
        has_media=int(bool(attached)),
        has_poll=int(poll is not None),
        local_only=int(post.local_only),
    )
    written = (text, spoiler, html, kind)
    await _insert_content(tx, origin.account_id, status_id, version, post, written, tags, attached, poll)
    if poll is not None and post.poll is not None:
        votes = [*post.poll.votes, *([0] * len(poll.options))][: len(poll.options)]
        counts = msgspec.json.encode(votes).decode()
        await tx.run(
            SQL.insert_poll, status_id=status_id, account_id=origin.account_id, expires_at=poll.expires_at,
            voters=post.poll.voters, counts=counts,
        )  # fmt: skip
    await _count(tx, origin.account_id, status_id, post, tags, parent)
    return status_id


def _answered(account_id: int, parent: Known | None) -> int | None:
    return None if parent is None else reply_audience(account_id, account_id, parent.in_reply_to_account_id)


async def _claim(tx: Writer, account_id: int, post: Post) -> int:
    """An id of the post's own time that nobody else has: see decision 0020."""
    at = max(layout.EPOCH_MS, min(post.at, tx.now))
    for _ in range(_TRIES):
        first, last = layout.imported(at)
        row = await tx.one(SQL.latest_between, first=first, last=last)
        status_id = first if row is None or row[0] is None else int(row[0]) + 1
        if status_id > last:
            at += 1
        elif await tx.run(SQL.claim, account_id=account_id, source=post.source, status_id=status_id):
            return status_id
    raise Invalid("id", "there are too many posts of this very moment")


async def _rendered(tx: Writer, site: Site, text: str, kind: str, *, home: bool) -> tuple[str, tuple[str, ...]]:
    """Names are linked only where they can mean somebody here; nobody counts as mentioned."""
    if home or kind == MARKDOWN:
        html, _, tags = await render_text(tx, site, text, kind)
        return html, tags
    return words.to_html(text, lambda _mention: None, site.tag_url), words.hashtags(text)


def named_in_full(text: str, host: str) -> str:
    """@bob of another server is @bob@host here."""
    parts: list[str] = []
    end = 0
    for found in entities(text):
        if isinstance(found, Mentioned) and "@" not in found.written:
            parts += text[end : found.end], f"@{host}"
            end = found.end
    return "".join((*parts, text[end:]))


async def _insert_content(
    tx: Writer, account_id: int, status_id: int, version: int, post: Post, written: tuple[str, str, str, str],
    tags: tuple[str, ...], attached: tuple[MediaView, ...], poll: PollView | None,
) -> None:  # fmt: skip
    text, spoiler, html, kind = written
    await tx.run(
        SQL.insert_content,
        id=status_id,
        account_id=account_id,
        version=version,
        text=text,
        spoiler=spoiler,
        html=html,
        sensitive=int(post.sensitive or bool(spoiler and attached)),
        tags=as_json(tags),
        media=as_json(attached),
        poll=None if poll is None else msgspec.json.encode(poll).decode(),
        content_type=kind,
        edited_at=post.edited_at if post.edited_at and post.edited_at >= post.at else None,
    )


async def _count(
    tx: Writer, account_id: int, status_id: int, post: Post, tags: tuple[str, ...], parent: Known | None
) -> None:
    """What counts posts counts this one; hashtags and words find it."""
    counts = int(post.visibility != Visibility.DIRECT)
    await tx.run(SQL.count_author, id=account_id, step=counts, at=min(post.at, tx.now))
    if parent is not None and post.visibility <= Visibility.UNLISTED:
        await tx.run(statuses.SQL.count_reply, id=parent.id, step=1)
    for name in tags:
        key = words.hashtag_key(name)
        await tx.run(statuses.SQL.insert_status_tag, tag=key, status_id=status_id, account_id=account_id)
        if post.visibility == Visibility.PUBLIC:
            await tx.run(SQL.insert_tag, key=key, name=name, at=min(post.at, tx.now))
    if tags and post.visibility <= Visibility.UNLISTED:
        keys = sorted({words.hashtag_key(name) for name in tags})
        await tx.run(tag_rows.SQL.count_featured, account_id=account_id, keys=keys, at=min(post.at, tx.now))
    await search.index(tx, (status_id,))


def _poll(post: Post) -> PollView | None:
    """A poll as it ended: nobody votes in it here."""
    poll = post.poll
    if poll is None or not 2 <= len(poll.options) <= OPTIONS:
        return None
    options = tuple(words.clean("poll", one, OPTION_CHARS).strip() or "…" for one in poll.options)
    return PollView(options, int(poll.multiple), 0, min(poll.expires_at or post.at, post.at + 1))


def places(name: str) -> Mapping[str, None]:
    """Under which names a medium may lie in its archive."""
    return dict.fromkeys(name.split("|"))
