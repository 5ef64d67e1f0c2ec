"""Statuses as the client API's JSON: a fragment that changes with the version only, and what changes at each read."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from linnet.domain import ids, times
from linnet.domain import text as words
from linnet.domain.polls import PollView
from linnet.domain.site import Site
from linnet.domain.views import NOBODY, EmojiView, MediaView, MentionView, Profile, StatusContent, StatusRow
from linnet.domain.visibility import Visibility
from linnet.mastodon import accounts, cards, polls, quotes
from linnet.mastodon.reactions import NONE as NO_REACTIONS

_encode = msgspec.json.Encoder().encode


def media(site: Site, view: MediaView) -> dict[str, Any]:
    return {
        "id": str(view.id),
        "type": view.type,
        "url": site.file_url(view.file_key) if view.file_key else None,
        "preview_url": site.file_url(view.preview_key) if view.preview_key else None,
        "remote_url": None,
        "preview_remote_url": None,
        "text_url": None,
        "meta": view.meta,
        "description": view.description,
        "blurhash": view.blurhash,
    }


def mention(site: Site, view: MentionView) -> dict[str, str]:
    return {
        "id": str(view.id),
        "username": view.username,
        "url": site.account_url(view.username),
        "acct": view.acct,
    }


def tag(site: Site, name: str) -> dict[str, str]:
    return {"name": name, "url": site.tag_url(name)}


def application(content: StatusContent) -> dict[str, str | None] | None:
    return {"name": content.app_name, "website": content.app_website} if content.app_name else None


class Worded(Protocol):
    """What has a status's words: it as it is, or as it was."""

    @property
    def spoiler(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def poll(self) -> PollView | None: ...


def shortcodes(content: Worded) -> tuple[str, ...]:
    """The custom emojis that a status may name, in its poll, too."""
    options = "\n".join(content.poll.options) if content.poll else ""
    return words.shortcodes(f"{content.spoiler}\n{content.text}\n{options}")


def static(site: Site, row: StatusRow, content: StatusContent, emojis: Mapping[str, EmojiView]) -> dict[str, Any]:
    """All of a Status that changes with its version only."""
    body = _frame(site, row, content.username)
    used = [emojis[code] for code in shortcodes(content) if code in emojis]
    if content.poll is not None:
        # It stands behind the fragment, because it changes with every vote.
        del body["poll"]
    body |= {
        "sensitive": bool(content.sensitive),
        "local_only": bool(content.local_only),
        "spoiler_text": content.spoiler,
        "content": content.html,
        "reblog": None,
        "media_attachments": [media(site, view) for view in content.media],
        "mentions": [mention(site, view) for view in content.mentions],
        "tags": [tag(site, name) for name in content.tags],
        "emojis": [accounts.emoji(site, view) for view in used],
        "edited_at": times.iso(content.edited_at) if content.edited_at else None,
        "card": cards.card(site, content.card) if content.card else None,
    }
    if app := application(content):
        body["application"] = app
    return body


class State(Worded, Protocol):
    """One state that a status was in."""

    @property
    def html(self) -> str: ...
    @property
    def sensitive(self) -> int: ...
    @property
    def media(self) -> tuple[MediaView, ...]: ...
    @property
    def created_at(self) -> int: ...


def edit(site: Site, state: State, author: msgspec.Raw, emojis: Mapping[str, EmojiView]) -> dict[str, Any]:
    """A StatusEdit."""
    codes = shortcodes(state)
    body = {
        "content": state.html,
        "spoiler_text": state.spoiler,
        "sensitive": bool(state.sensitive),
        "created_at": times.iso(state.created_at),
        "account": author,
        "media_attachments": [media(site, view) for view in state.media],
        "emojis": [accounts.emoji(site, emojis[code]) for code in codes if code in emojis],
        "quote": None,
    }
    if state.poll is not None:
        body["poll"] = {"options": [{"title": title} for title in state.poll.options]}
    return body


def _frame(site: Site, row: StatusRow, username: str) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "created_at": times.iso(ids.milliseconds(row.id)),
        "in_reply_to_id": str(row.in_reply_to_id) if row.in_reply_to_id else None,
        "in_reply_to_account_id": str(row.in_reply_to_account_id) if row.in_reply_to_account_id else None,
        "visibility": Visibility(row.visibility).word,
        "language": row.language,
        "uri": site.status_uri(username, row.id),
        "url": site.status_url(username, row.id),
        "card": None,
        "poll": None,
    }


def fragment(site: Site, row: StatusRow, content: StatusContent, emojis: Mapping[str, EmojiView]) -> bytes:
    """``static`` as JSON without its closing brace."""
    return _encode(static(site, row, content, emojis))[:-1]


def reblog_fragment(site: Site, row: StatusRow, author: Profile) -> bytes:
    """What is a reblog's own: it has no words; its original is written in at each read."""
    frame = _frame(site, row, author.username)
    frame |= {
        "sensitive": False,
        "spoiler_text": "",
        "content": "",
        "media_attachments": [],
        "mentions": [],
        "tags": [],
        "emojis": [],
        "edited_at": None,
    }
    return _encode(frame)[:-1]


def poll_frame(site: Site, content: StatusContent, emojis: Mapping[str, EmojiView]) -> polls.Frame | None:
    """What ``with_poll`` makes the poll of."""
    return polls.frame(site, content.id, content.poll, emojis) if content.poll is not None else None


def with_poll(fragment: bytes, frame: polls.Frame | None, row: StatusRow, reader: int) -> bytes:
    """The fragment of a status with its poll as it stands now; one without a poll as it is."""
    if frame is None:
        return fragment
    return fragment + b',"poll":' + polls.rendered(frame, row, reader)


def joined(fragment: bytes, author: bytes, tail: bytes, reblog: bytes = b"") -> bytes:
    """A whole Status of its fragment, its author's whole JSON, its ``tail`` and the whole Status that it reblogs."""
    before = (fragment, b',"reblog":', reblog) if reblog else (fragment,)
    return b"".join((*before, b',"account":', author, tail))


def tail(
    row: StatusRow, shown: StatusRow, reader: int, filtered: bytes = b"", quote: bytes = b"null",
    reactions: bytes = NO_REACTIONS,
) -> bytes:  # fmt: skip
    """What closes a status: its counts, and what the reader has done to what is ``shown`` (a reblog's original).

    ``filtered`` are the FilterResults, as JSON with commas between them; ``quote`` is the Quote; ``reactions``
    are what ``reactions.of_status`` makes of the row's.
    """
    text = b',"replies_count":%d,"reblogs_count":%d,"favourites_count":%d,"quotes_count":%d,"quote":%b,%b' % (
        row.replies, row.reblogs, row.favourites, row.quotes, quote, quotes.approval(row, reader),
    )  # fmt: skip
    if reader != NOBODY:
        text += b',"favourited":%b,"reblogged":%b,"bookmarked":%b,"muted":%b' % tuple(
            _flag(done) for done in (shown.favourited, shown.reblogged, shown.bookmarked, shown.muted)
        )
        text += b',"filtered":[%b]' % filtered
        if row.own:
            text += b',"pinned":' + _flag(row.pinned)
    return text + reactions + b"}"


def _flag(value: bool) -> bytes:
    return b"true" if value else b"false"
