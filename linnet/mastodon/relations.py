"""How accounts stand to each other, as the client API's parameters and JSON."""

from typing import Any

from linnet.domain import times
from linnet.domain.relations import MUTE_MS_MAX, FollowOptions, Mute
from linnet.domain.views import Relationship
from linnet.mastodon import drafts, parsing
from linnet.mastodon.parsing import Params

LANGUAGES_MAX = 100


def relationship(view: Relationship) -> dict[str, Any]:
    return {
        "id": str(view.id),
        "following": bool(view.following),
        "showing_reblogs": bool(view.showing_reblogs),
        "notifying": bool(view.notifying),
        "languages": list(view.languages) if view.languages is not None else None,
        "followed_by": bool(view.followed_by),
        "blocking": bool(view.blocking),
        "blocked_by": bool(view.blocked_by),
        "muting": bool(view.muting),
        "muting_notifications": bool(view.muting_notifications),
        "muting_expires_at": times.iso(view.muting_expires_at) if view.muting_expires_at else None,
        "requested": bool(view.requested),
        "requested_by": bool(view.requested_by),
        "domain_blocking": bool(view.domain_blocking),
        "endorsed": bool(view.endorsed),
        "note": view.note,
    }


def follow_options(params: Params) -> FollowOptions:
    """Of POST /api/v1/accounts/:id/follow. ``languages`` that are null or empty are all of them. Raises Invalid."""
    languages = None
    if "languages" in params:
        codes = parsing.text_list(params, "languages", LANGUAGES_MAX)
        found = (drafts.language({"languages": code}, "languages") for code in codes)
        languages = tuple(dict.fromkeys(code for code in found if code))
    return FollowOptions(parsing.optional_flag(params, "reblogs"), parsing.optional_flag(params, "notify"), languages)


def mute(params: Params) -> Mute:
    """Of POST /api/v1/accounts/:id/mute; ``duration`` is in seconds, 0 for no end. Raises Invalid."""
    seconds = parsing.number(params, "duration", 0, MUTE_MS_MAX // 1000)
    return Mute(parsing.flag(params, "notifications", True), seconds * 1000 or None)


def muted(account: bytes, ends: int | None) -> bytes:
    """A rendered account as a MutedAccount."""
    at = b'"%b"' % times.iso(ends).encode() if ends is not None else b"null"
    return b'%b,"mute_expires_at":%b}' % (account[:-1], at)
