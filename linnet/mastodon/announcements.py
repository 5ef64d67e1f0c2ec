"""Announcements as the client API's JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from linnet.domain import text as words
from linnet.domain import times
from linnet.domain.announcements import Announcement, Reaction
from linnet.domain.site import Site
from linnet.domain.views import EmojiView
from linnet.mastodon import accounts, statuses


def shortcodes(one: Announcement, reactions: Sequence[Reaction]) -> tuple[str, ...]:
    """The custom emojis that it may name, and that it may have been given."""
    return (*words.shortcodes(one.text), *(reaction.name for reaction in reactions))


def announcement(
    site: Site, one: Announcement, reactions: Sequence[Reaction], emojis: Mapping[str, EmojiView], *, read: bool
) -> dict[str, Any]:
    """An Announcement."""
    named = [emojis[code] for code in words.shortcodes(one.text) if code in emojis]
    return {
        "id": str(one.id),
        "content": one.html,
        "starts_at": _time(one.starts_at),
        "ends_at": _time(one.ends_at),
        "all_day": bool(one.all_day),
        "published_at": _time(one.published_at),
        "updated_at": times.iso(one.updated_at),
        "read": read,
        "mentions": [statuses.mention(site, view) for view in one.mentions],
        "statuses": [{"id": str(view.id), "url": view.url} for view in one.statuses],
        "tags": [statuses.tag(site, name) for name in one.tags],
        "emojis": [accounts.emoji(site, view) for view in named],
        "reactions": [_reaction(site, each, emojis.get(each.name)) for each in reactions],
    }


def _reaction(site: Site, each: Reaction, emoji: EmojiView | None) -> dict[str, Any]:
    body: dict[str, Any] = {"name": each.name, "count": each.times, "me": each.me}
    if emoji is not None:
        body |= {"url": site.file_url(emoji.file_key), "static_url": site.file_url(emoji.static_key)}
    return body


def _time(ms: int | None) -> str | None:
    return times.iso(ms) if ms is not None else None
