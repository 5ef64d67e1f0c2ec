"""Texts that people write: cleaned, counted, searched for what they point at, and turned into HTML and back.

The one door to the text room; the rules are in its siblings ``text_characters``, ``text_entities``, ``text_html``,
``text_markdown`` and ``text_search``.
"""

import re

from linnet.domain.errors import Invalid
from linnet.domain.text_characters import graphemes
from linnet.domain.text_entities import (
    Link,
    Mention,
    Mentioned,
    entities,
    first_link,
    hashtag_key,
    hashtags,
    mentions,
    shortcodes,
)
from linnet.domain.text_html import MentionTarget, field_value_html, profile_html, sanitize_html, to_html, to_plain
from linnet.domain.text_markdown import linked, markdown_html, spoken
from linnet.domain.text_search import query_terms, search_terms

__all__ = [
    "CHARACTERS_PER_URL",
    "Mention",
    "MentionTarget",
    "clean",
    "count",
    "field_value_html",
    "first_link",
    "hashtag_key",
    "hashtags",
    "linked",
    "markdown_html",
    "mentions",
    "profile_html",
    "query_terms",
    "sanitize_html",
    "search_terms",
    "shortcodes",
    "spoken",
    "to_html",
    "to_plain",
]

CHARACTERS_PER_URL = 23
"""What every link counts, however long it is (the API's ``characters_reserved_per_url``)."""

_URL_PLACEHOLDER = "x" * CHARACTERS_PER_URL
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def clean(field: str, text: str, max_chars: int) -> str:
    """The text with its newlines as ``\\n``; nothing else is changed. ``max_chars`` is in code points.

    Raises Invalid, naming the field, for what no database or document can hold (NUL, lone surrogates), for other
    control characters than newline and tab, and for too long a text.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > max_chars:
        raise Invalid(field, f"is too long (maximum is {max_chars} characters)", "ERR_TOO_LONG")
    bad = _FORBIDDEN.search(text)
    if bad:
        raise Invalid(field, f"contains a character that is not allowed (U+{ord(bad.group()):04X})", "ERR_INVALID")
    return text


def count(text: str, spoiler: str = "") -> int:
    """The length of a post as Mastodon counts it, content warning included (its StatusLengthValidator).

    Characters that a person sees (grapheme clusters); a link is 23, a mention is without its domain; a blank text is 0.
    """
    if not text or text.isspace():
        return graphemes(spoiler)
    return graphemes(spoiler + _countable(text))


def _countable(text: str) -> str:
    if "://" not in text and "@" not in text:
        return text
    parts: list[str] = []
    end = 0
    for entity in entities(text):
        if isinstance(entity, Mentioned):
            short = "@" + entity.written.partition("@")[0]
        elif isinstance(entity, Link) and entity.has_host:
            short = _URL_PLACEHOLDER
        else:
            continue
        parts += text[end : entity.start], short
        end = entity.end
    parts.append(text[end:])
    return "".join(parts)
