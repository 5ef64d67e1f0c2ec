"""The instance as the client API's JSON, in both versions."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from linnet import __version__
from linnet.domain import times
from linnet.domain.files import UPLOAD_TYPES
from linnet.domain.languages import NAMES
from linnet.domain.site import Site
from linnet.domain.statuses import CONTENT_TYPES
from linnet.domain.tags import FEATURED_MAX
from linnet.domain.views import Text

SERVED = "4.5.0"
"""The Mastodon version whose API is served; clients compare with it, so it never says more than is true."""
API_VERSION = 7
"""The number of that version's API, with quotes."""
_OPEN = {"local": "public", "remote": "public"}


class Week(Protocol):
    """What happened in a week."""

    @property
    def start(self) -> int: ...
    @property
    def statuses(self) -> int: ...
    @property
    def logins(self) -> int: ...
    @property
    def registrations(self) -> int: ...


class Rule(Protocol):
    """One of the rules of the house."""

    @property
    def id(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def hint(self) -> str: ...


class About(Protocol):
    """Figures and rules."""

    @property
    def accounts(self) -> int: ...
    @property
    def statuses(self) -> int: ...
    @property
    def active_month(self) -> int: ...
    @property
    def rules(self) -> Sequence[Rule]: ...


def version() -> str:
    return f"{SERVED} (compatible; Linnet {__version__})"


def rules(found: Sequence[Rule]) -> list[dict[str, Any]]:
    return [{"id": str(rule.id), "text": rule.text, "hint": rule.hint, "translations": {}} for rule in found]


def streaming(site: Site) -> str:
    """Where open sockets are served: the same host."""
    return site.origin.replace("http", "ws", 1)


def configuration(site: Site) -> dict[str, Any]:
    """The limits, in the form that both versions share."""
    limits = site.limits
    return {
        "accounts": {
            "max_featured_tags": FEATURED_MAX,
            "max_pinned_statuses": limits.pins,
            "max_display_name_length": limits.display_name_chars,
            "max_note_length": limits.note_chars,
            "max_avatar_description_length": limits.description_chars,
            "max_header_description_length": limits.description_chars,
            "max_profile_fields": limits.fields,
            "profile_field_name_limit": limits.field_chars,
            "profile_field_value_limit": limits.field_chars,
        },
        "statuses": {
            "max_characters": limits.status_chars,
            "max_media_attachments": limits.media_per_status,
            "characters_reserved_per_url": 23,
            "supported_mime_types": list(CONTENT_TYPES),
        },
        "media_attachments": {
            "supported_mime_types": list(UPLOAD_TYPES),
            "description_limit": limits.description_chars,
            "image_size_limit": limits.image_bytes,
            "image_matrix_limit": limits.image_pixels,
            "video_size_limit": limits.film_bytes,
            "video_frame_rate_limit": limits.film_frame_rate,
            "video_matrix_limit": limits.film_pixels,
        },
        "reactions": {"max_reactions": limits.reactions},
        "polls": {
            "max_options": limits.poll_options,
            "max_characters_per_option": limits.poll_option_chars,
            "min_expiration": limits.poll_seconds_min,
            "max_expiration": limits.poll_seconds_max,
        },
    }


def v2(site: Site, about: About, contact: bytes | None, push_key: str) -> dict[str, Any]:
    """An Instance; ``contact`` is an Account as JSON, ``push_key`` that of Web Push in base64url."""
    picture = site.origin + "/static/card.png"
    return {
        "domain": site.domain,
        "title": site.title,
        "version": version(),
        "source_url": "https://github.com/linnet/linnet",
        "description": site.description,
        "usage": {"users": {"active_month": about.active_month}},
        "thumbnail": {"url": picture, "blurhash": None, "versions": {}},
        "icon": [{"src": site.origin + "/static/icon.png", "size": "192x192"}],
        "languages": list(site.languages),
        "configuration": {
            **configuration(site),
            "urls": {
                "streaming": streaming(site),
                "status": None,
                "about": site.origin + "/about",
                "privacy_policy": None,
                "terms_of_service": None,
            },
            "vapid": {"public_key": push_key},
            "translation": {"enabled": site.translates},
            "timelines_access": {"live_feeds": _OPEN, "hashtag_feeds": _OPEN, "trending_link_feeds": _OPEN},
            "limited_federation": True,
        },
        "registrations": {
            "enabled": site.registrations in ("open", "approval"),
            "approval_required": site.registrations == "approval",
            "reason_required": site.registrations == "approval",
            "message": None,
            "min_age": None,
            "url": site.origin + "/sign-up",
        },
        "api_versions": {"mastodon": API_VERSION},
        "contact": {"email": site.contact_email, "account": msgspec.Raw(contact) if contact else None},
        "rules": rules(about.rules),
        "wrapstodon": None,
    }


def v1(site: Site, about: About, contact: bytes | None) -> dict[str, Any]:
    """A V1Instance."""
    return {
        "uri": site.domain,
        "title": site.title,
        "short_description": site.description,
        "description": site.description,
        "email": site.contact_email,
        "version": version(),
        "urls": {"streaming_api": streaming(site)},
        "stats": {"user_count": about.accounts, "status_count": about.statuses, "domain_count": 0},
        "thumbnail": site.origin + "/static/card.png",
        "languages": list(site.languages),
        "registrations": site.registrations in ("open", "approval"),
        "approval_required": site.registrations == "approval",
        "invites_enabled": site.registrations == "invite",
        "configuration": configuration(site),
        "contact_account": msgspec.Raw(contact) if contact else None,
        "rules": rules(about.rules),
    }


def languages() -> list[dict[str, str]]:
    """Those that a post may be in; the interface of this server has one."""
    return [{"code": code, "name": name} for code, name in NAMES.items()]


def week(view: Week) -> dict[str, str]:
    """Of the instance's activity: all of it as text, the time in s since 1970."""
    return {
        "week": str(view.start // 1000),
        "statuses": str(view.statuses),
        "logins": str(view.logins),
        "registrations": str(view.registrations),
    }


def text(view: Text) -> dict[str, Any]:
    """An ExtendedDescription, and a PrivacyPolicy."""
    return {"updated_at": times.iso(view.updated_at), "content": view.html}


def terms(view: Text) -> dict[str, Any]:
    """TermsOfService: those that hold are the only ones that are kept."""
    return {
        "effective_date": times.iso_date(view.updated_at),
        "effective": True,
        "content": view.html,
        "succeeded_by": None,
    }
