"""Emoji reactions as the Pleroma and glitch-soc families write them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from linnet.domain import reactions as rules
from linnet.domain.site import Site
from linnet.domain.views import EmojiView, StatusRow

_encode = msgspec.json.Encoder().encode

NONE = b',"reactions":[]'


def custom(row: StatusRow) -> bool:
    """Whether custom emojis are among them, whose pictures may have changed since."""
    return row.reactions is not None and '":' in row.reactions


def shortcodes(row: StatusRow) -> tuple[str, ...]:
    """Of the custom emojis among them."""
    return tuple(code for one in rules.counts(row.reactions) if (code := rules.shortcode(one.emoji)))


def of_status(site: Site, row: StatusRow, emojis: Mapping[str, EmojiView]) -> bytes:
    """What a Status has of them, under both families' names."""
    if row.reactions is None:
        return NONE
    own = row.reacted.split()
    found = _encode(
        [one(site, each.emoji, each.times, each.emoji in own, emojis) for each in rules.counts(row.reactions)]
    )
    return b',"reactions":%b,"pleroma":{"emoji_reactions":%b}' % (found, found)


def one(site: Site, emoji: str, count: int, me: bool, emojis: Mapping[str, EmojiView]) -> dict[str, Any]:
    body: dict[str, Any] = {"name": rules.shortcode(emoji) or emoji, "count": count, "me": me}
    return body | _picture(site, emoji, emojis)


def with_accounts(
    site: Site, row: StatusRow, who: Mapping[str, Sequence[bytes]], emojis: Mapping[str, EmojiView]
) -> list[dict[str, Any]]:
    """With accounts that are rendered already, as Pleroma lists them."""
    own = row.reacted.split()
    return [
        one(site, each.emoji, each.times, each.emoji in own, emojis)
        | {"accounts": [msgspec.Raw(account) for account in who[each.emoji]]}
        for each in rules.counts(row.reactions)
        if each.emoji in who
    ]


def told(site: Site, emoji: str, emojis: Mapping[str, EmojiView]) -> bytes:
    """What a notification of one has of it."""
    url = _picture(site, emoji, emojis).get("url")
    return b',"emoji":%b,"emoji_url":%b' % (_encode(emoji), _encode(url))


def _picture(site: Site, emoji: str, emojis: Mapping[str, EmojiView]) -> dict[str, str]:
    view = emojis.get(rules.shortcode(emoji) or "")
    if view is None:
        return {}
    return {"url": site.file_url(view.file_key), "static_url": site.file_url(view.static_key)}
