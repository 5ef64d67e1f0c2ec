"""What an owner may say of an account, and how long it may be."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from linnet.domain import servers
from linnet.domain import text as words
from linnet.domain.errors import Invalid
from linnet.domain.quotes import Policy
from linnet.domain.site import Limits
from linnet.domain.visibility import Visibility

ATTRIBUTION_DOMAINS_MAX = 10
RAW_CHARS = 10_000
"""A bound on raw text, before anything counts it: links count less than they are long."""


@dataclass(frozen=True, slots=True)
class ProfileChanges:
    """What is to be changed; None stays as it is. ``fields`` are all of them, as name and value."""

    display_name: str | None = None
    note: str | None = None
    fields: tuple[tuple[str, str], ...] | None = None
    avatar_description: str | None = None
    header_description: str | None = None
    locked: bool | None = None
    bot: bool | None = None
    discoverable: bool | None = None
    indexable: bool | None = None
    hide_collections: bool | None = None
    visibility: Visibility | None = None
    sensitive: bool | None = None
    language: str | None = None
    quote_policy: Policy | None = None
    content_type: str | None = None
    attribution_domains: tuple[str, ...] | None = None
    show_media: bool | None = None
    show_media_replies: bool | None = None
    show_featured: bool | None = None


class PictureKeys(NamedTuple):
    """The blob keys of a new avatar or header, both None where the picture is taken away."""

    original: str | None
    static: str | None


def check(changes: ProfileChanges, limits: Limits) -> ProfileChanges:
    """The changes with their texts cleaned. Raises Invalid for what is too long or not text."""
    return replace(
        changes,
        display_name=_short("display_name", changes.display_name, limits.display_name_chars),
        note=_note(changes.note, limits),
        fields=_fields(changes.fields, limits),
        avatar_description=_short("avatar_description", changes.avatar_description, limits.description_chars),
        header_description=_short("header_description", changes.header_description, limits.description_chars),
        visibility=_visibility(changes.visibility),
        attribution_domains=_attribution_domains(changes.attribution_domains),
    )


def _short(name: str, text: str | None, most: int) -> str | None:
    if text is None:
        return None
    cleaned = words.clean(name, text, RAW_CHARS).strip()
    if len(cleaned) > most:
        raise Invalid(name, f"is too long (maximum is {most} characters)", "ERR_TOO_LONG")
    return cleaned


def _note(text: str | None, limits: Limits) -> str | None:
    if text is None:
        return None
    cleaned = words.clean("note", text, RAW_CHARS).strip()
    if words.count(cleaned) > limits.note_chars:
        raise Invalid("note", f"is too long (maximum is {limits.note_chars} characters)", "ERR_TOO_LONG")
    return cleaned


def _fields(fields: tuple[tuple[str, str], ...] | None, limits: Limits) -> tuple[tuple[str, str], ...] | None:
    if fields is None:
        return None
    kept = []
    for name, value in fields:
        cleaned = (_short("fields", name, limits.field_chars) or "", _short("fields", value, limits.field_chars) or "")
        if not any(cleaned):
            continue
        if not cleaned[0]:
            raise Invalid("fields", "contain values with missing labels", "ERR_BLANK")
        kept.append(cleaned)
    if len(kept) > limits.fields:
        raise Invalid("fields", f"are too many (maximum is {limits.fields})", "ERR_TOO_MANY")
    return tuple(kept)


def _visibility(chosen: Visibility | None) -> Visibility | None:
    if chosen == Visibility.DIRECT:
        raise Invalid("source[privacy]", "must be one of public, unlisted, private", "ERR_INCLUSION")
    return chosen


def _attribution_domains(given: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """As people write them: with a scheme, or ``*.`` before them; each domain is meant with all below it."""
    if given is None:
        return None
    bare = [
        one.strip().lower().removeprefix("https://").removeprefix("http://").removeprefix("*.").rstrip("/")
        for one in given
    ]
    try:
        kept = [servers.domain(one, "") for one in bare if one]
    except Invalid:
        raise Invalid("attribution_domains", "holds something that is not a domain name") from None
    if len(kept) > ATTRIBUTION_DOMAINS_MAX:
        raise Invalid("attribution_domains", f"takes {ATTRIBUTION_DOMAINS_MAX} domains at most", "ERR_TOO_MANY")
    return tuple(dict.fromkeys(kept))
