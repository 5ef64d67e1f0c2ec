"""Accounts as the client API's JSON: a fragment that only changes with the account's version, and the counts."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from linnet.domain import ids, times
from linnet.domain import text as words
from linnet.domain.site import Site
from linnet.domain.views import EmojiView, Field, Profile

DEFAULT_AVATAR = "/static/avatar.png"
DEFAULT_HEADER = "/static/header.png"
ROLES = {"moderator": ("1", "Moderator"), "admin": ("2", "Admin"), "owner": ("3", "Owner")}
"""Their ids and names; everybody else has none that is shown."""

_encode = msgspec.json.Encoder().encode


def emoji(site: Site, view: EmojiView) -> dict[str, Any]:
    return {
        "shortcode": view.shortcode,
        "url": site.file_url(view.file_key),
        "static_url": site.file_url(view.static_key),
        "visible_in_picker": bool(view.visible_in_picker),
        "category": view.category,
    }


def field(view: Field) -> dict[str, Any]:
    verified = times.iso(view.verified_at) if view.verified_at else None
    return {"name": view.name, "value": words.field_value_html(view.value), "verified_at": verified}


def picture(site: Site, key: str | None, default: str) -> str:
    return site.file_url(key) if key else site.origin + default


def shortcodes(profile: Profile) -> tuple[str, ...]:
    """The custom emojis that this profile may name."""
    parts = (profile.display_name, profile.note, *(f"{one.name} {one.value}" for one in profile.fields))
    return words.shortcodes("\n".join(parts))


def static(site: Site, profile: Profile, emojis: Mapping[str, EmojiView]) -> dict[str, Any]:
    """All of an Account that changes with its version only; a suspended one keeps its name and nothing else."""
    suspended = profile.suspended_at is not None
    used = [emojis[code] for code in shortcodes(profile) if code in emojis]
    body: dict[str, Any] = {
        "id": str(profile.id),
        "username": profile.username,
        "acct": profile.acct,
        "display_name": "" if suspended else profile.display_name,
        "locked": bool(profile.locked),
        "bot": bool(profile.bot),
        "discoverable": bool(profile.discoverable),
        "indexable": bool(profile.indexable),
        "hide_collections": bool(profile.hide_collections),
        "group": False,
        "noindex": not profile.indexable,
        "created_at": times.iso_midnight(ids.milliseconds(profile.id)),
        "note": "" if suspended else profile.note_html,
        "url": site.account_url(profile.username),
        "uri": site.account_uri(profile.username),
        "avatar": picture(site, None if suspended else profile.avatar_key, DEFAULT_AVATAR),
        "avatar_static": picture(site, None if suspended else profile.avatar_static_key, DEFAULT_AVATAR),
        "avatar_description": profile.avatar_description,
        "header": picture(site, None if suspended else profile.header_key, DEFAULT_HEADER),
        "header_static": picture(site, None if suspended else profile.header_static_key, DEFAULT_HEADER),
        "header_description": profile.header_description,
        "show_media": bool(profile.show_media),
        "show_media_replies": bool(profile.show_media_replies),
        "show_featured": bool(profile.show_featured),
        "emojis": [] if suspended else [emoji(site, view) for view in used],
        "roles": _roles(profile.role),
        "fields": [] if suspended else [field(one) for one in profile.fields],
    }
    if suspended:
        body["suspended"] = True
    if profile.silenced_at is not None:
        body["limited"] = True
    return body


def _roles(role: str | None) -> list[dict[str, str]]:
    if role not in ROLES:
        return []
    number, name = ROLES[role]
    return [{"id": number, "name": name, "color": ""}]


def fragment(site: Site, profile: Profile, emojis: Mapping[str, EmojiView]) -> bytes:
    """``static`` as JSON without its closing brace."""
    return _encode(static(site, profile, emojis))[:-1]


def tail(followers: int, following: int, statuses: int, last_status_at: int | None) -> bytes:
    """What closes a fragment: the counts."""
    return b',"followers_count":%d,"following_count":%d,"statuses_count":%d,"last_status_at":%b}' % (
        followers,
        following,
        statuses,
        day(last_status_at),
    )


def day(at: int | None) -> bytes:
    """``last_status_at`` as JSON: a date, or null."""
    return b"null" if at is None else _day(at // times.DAY_MS)


@lru_cache(2_000)
def _day(number: int) -> bytes:
    return b'"%b"' % times.iso_date(number * times.DAY_MS).encode()


def suggestion(account: bytes, *, friends: bool) -> bytes:
    """A rendered account as a Suggestion: ``friends`` of the reader's follow it, or else many do."""
    source, old = (b"friends_of_friends", b"past_interactions") if friends else (b"most_followed", b"global")
    return b'{"account":%b,"source":"%b","sources":["%b"]}' % (account, old, source)
