"""An account as its owner sees and changes it, as the client API's parameters and JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec

from linnet.domain.errors import Invalid
from linnet.domain.profiles import ProfileChanges
from linnet.domain.quotes import Policy
from linnet.domain.site import Site
from linnet.domain.views import Profile
from linnet.domain.visibility import Visibility
from linnet.mastodon import accounts, drafts, parsing, quotes
from linnet.mastodon.parsing import Params

_encode = msgspec.json.Encoder().encode

FIELDS_MAX = 50
_PERMISSIONS = {"owner": "1", "admin": "1", "moderator": "1308"}
"""Mastodon's bits: 1 is all; a moderator's are reports, users, and deleting of users' data."""
_EVERYONE = ("-99", "")
_EVERYONE_PERMISSIONS = "65536"


def changes(params: Params) -> ProfileChanges:
    """Of PATCH /api/v1/accounts/update_credentials. Raises Invalid."""
    source = params.get("source") or {}
    if not isinstance(source, Mapping):
        raise Invalid("source", "must be an object")
    return ProfileChanges(
        display_name=parsing.optional_text(params, "display_name"),
        note=parsing.optional_text(params, "note"),
        fields=_fields(params),
        avatar_description=parsing.optional_text(params, "avatar_description"),
        header_description=parsing.optional_text(params, "header_description"),
        locked=parsing.optional_flag(params, "locked"),
        bot=parsing.optional_flag(params, "bot"),
        discoverable=parsing.optional_flag(params, "discoverable"),
        indexable=parsing.optional_flag(params, "indexable"),
        hide_collections=parsing.optional_flag(params, "hide_collections"),
        visibility=_visibility(source),
        sensitive=parsing.optional_flag(source, "sensitive"),
        language=(drafts.language(source) or "") if "language" in source else None,
        quote_policy=quotes.policy(source, "quote_policy"),
        content_type=drafts.content_type(source),
        attribution_domains=_domains(params),
        show_media=parsing.optional_flag(params, "show_media"),
        show_media_replies=parsing.optional_flag(params, "show_media_replies"),
        show_featured=parsing.optional_flag(params, "show_featured"),
    )


def _visibility(source: Params) -> Visibility | None:
    word = parsing.text(source, "privacy")
    found = Visibility.parse(word) if word else None
    if word and found is None:
        raise Invalid("source[privacy]", "must be one of public, unlisted, private", "ERR_INCLUSION")
    return found


def _fields(params: Params) -> tuple[tuple[str, str], ...] | None:
    if params.get("fields_attributes") is None:
        return None
    found = []
    for item in parsing.items(params, "fields_attributes", FIELDS_MAX):
        if not isinstance(item, Mapping):
            raise Invalid("fields_attributes", "must be a list of names and values")
        found.append((parsing.text(item, "name"), parsing.text(item, "value")))
    return tuple(found)


def _domains(params: Params) -> tuple[str, ...] | None:
    """An empty list, or an empty text in it (which is how forms write one), takes all away."""
    given = params.get("attribution_domains")
    return None if given is None else parsing.text_list(params, "attribution_domains", FIELDS_MAX)


def role(word: str) -> dict[str, Any]:
    number, name = accounts.ROLES.get(word, _EVERYONE)
    return {
        "id": number,
        "name": name,
        "permissions": _PERMISSIONS.get(word, _EVERYONE_PERMISSIONS),
        "color": "",
        "highlighted": word in accounts.ROLES,
    }


def source(
    profile: Profile,
    *,
    visibility: str,
    sensitive: int,
    language: str | None,
    quote_policy: int,
    content_type: str,
    follow_requests: int,
) -> dict[str, Any]:
    """What the owner wrote, as it was written, and the defaults that were chosen."""
    return {
        "privacy": visibility,
        "sensitive": bool(sensitive),
        "language": language,
        "quote_policy": Policy(quote_policy).word,
        "content_type": content_type,
        "note": profile.note,
        "fields": [{**accounts.field(one), "value": one.value} for one in profile.fields],
        "follow_requests_count": follow_requests,
        "hide_collections": bool(profile.hide_collections),
        "discoverable": bool(profile.discoverable),
        "indexable": bool(profile.indexable),
        "attribution_domains": profile.attribution_domains,
    }


def credential_account(account: bytes, source: dict[str, Any], role: dict[str, Any]) -> bytes:
    """A rendered account as a CredentialAccount."""
    return b'%b,"source":%b,"role":%b}' % (account[:-1], _encode(source), _encode(role))


def profile(site: Site, view: Profile) -> dict[str, Any]:
    """As GET /api/v1/profile answers: raw texts, and null for a picture that is not there."""
    return {
        "id": str(view.id),
        "display_name": view.display_name,
        "note": view.note,
        "fields": [{**accounts.field(one), "value": one.value} for one in view.fields],
        "avatar": site.file_url(view.avatar_key) if view.avatar_key else None,
        "avatar_static": site.file_url(view.avatar_static_key) if view.avatar_static_key else None,
        "avatar_description": view.avatar_description,
        "header": site.file_url(view.header_key) if view.header_key else None,
        "header_static": site.file_url(view.header_static_key) if view.header_static_key else None,
        "header_description": view.header_description,
        "locked": bool(view.locked),
        "bot": bool(view.bot),
        "hide_collections": bool(view.hide_collections),
        "discoverable": bool(view.discoverable),
        "indexable": bool(view.indexable),
        "show_media": bool(view.show_media),
        "show_media_replies": bool(view.show_media_replies),
        "show_featured": bool(view.show_featured),
        "attribution_domains": view.attribution_domains,
    }
