"""Plain text to the HTML that Mastodon's clients expect, and HTML back to plain text."""

import html
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import nh3

from linnet.domain.text_entities import WEB_SCHEMES, Link, Mention, Mentioned, Tagged, entities, mention_of

_REL = "nofollow noopener"
_SHOWN_CHARS = 30


@dataclass(frozen=True, slots=True)
class MentionTarget:
    """Where a mention leads: the address of the profile; ``acct`` is ``name`` here, ``name@domain`` elsewhere."""

    url: str
    acct: str


ResolveMention = Callable[[Mention], MentionTarget | None]
TagUrl = Callable[[str], str]

_LINK_PREFIX = re.compile(r"https?://(?:www\.)?|xmpp:", re.IGNORECASE)
_PARAGRAPH = re.compile(r"\n\n+")


def to_html(text: str, resolve_mention: ResolveMention, tag_url: TagUrl) -> str:
    """A post as HTML: paragraphs, line breaks, links, hashtags, mentions that resolve; all else is escaped.

    Well-formed and safe whatever the text is; a blank one gives nothing. Expects newlines as ``clean`` leaves them.
    """
    inline = _inline(text, resolve_mention, tag_url, _REL, with_domains=False).strip("\n")
    if not inline or inline.isspace():
        return ""
    if "\n" not in inline:
        return f"<p>{inline}</p>"
    body = _PARAGRAPH.sub("</p><p>", inline).replace("\n", "<br />")
    return f"<p>{body}</p>"


def profile_html(text: str, resolve_mention: ResolveMention, tag_url: TagUrl) -> str:
    """The note of a profile as HTML: the same as a post."""
    return to_html(text, resolve_mention, tag_url)


def inline_html(text: str, resolve_mention: ResolveMention, tag_url: TagUrl) -> str:
    """A piece of a post as HTML that may stand inside of any element, safe whatever the text is."""
    return _inline(text, resolve_mention, tag_url, _REL, with_domains=False)


def field_value_html(value: str, resolve_mention: ResolveMention | None = None, tag_url: TagUrl | None = None) -> str:
    """The value of a profile field as HTML, on one line. Links say ``rel="me"``, so that other sites can verify them.

    Mentions show their domain. Without ``resolve_mention`` or ``tag_url``, mentions or hashtags stay text.
    """
    return _inline(value, resolve_mention, tag_url, f"{_REL} me", with_domains=True)


def _inline(
    text: str, resolve_mention: ResolveMention | None, tag_url: TagUrl | None, rel: str, *, with_domains: bool
) -> str:
    parts: list[str] = []
    # Mentions are filled in last: whether a name needs its domain depends on the others.
    mentioned: list[tuple[int, MentionTarget]] = []
    end = 0
    for entity in entities(text):
        start = entity.start
        if start > end:
            parts.append(_escape(text[end:start]))
        end = entity.end
        if isinstance(entity, Link):
            parts.append(_link_html(entity, rel))
        elif isinstance(entity, Tagged) and tag_url is not None:
            parts.append(_tag_html(entity.name, tag_url(entity.name)))
        elif isinstance(entity, Mentioned) and (target := _target(entity.written, resolve_mention)) is not None:
            mentioned.append((len(parts), target))
            parts.append("")
        else:
            parts.append(_escape(text[start:end]))
    parts.append(_escape(text[end:]))
    if mentioned:
        _fill_in(parts, mentioned, with_domains=with_domains)
    return "".join(parts)


def _target(written: str, resolve_mention: ResolveMention | None) -> MentionTarget | None:
    """Who is mentioned, if there is such a profile and its address (another server's word) is one for a browser."""
    target = resolve_mention(mention_of(written)) if resolve_mention is not None else None
    if target is None or not target.url.startswith(("https://", "http://")):
        return None
    return target


def _fill_in(parts: list[str], mentioned: list[tuple[int, MentionTarget]], *, with_domains: bool) -> None:
    """Puts the mentions' HTML into its places: a name shows its domain if the text names another person with it."""
    accts = {target.acct.lower() for _, target in mentioned}
    names = [acct.partition("@")[0] for acct in accts]
    # Nearly always nobody shares a name, and counting them costs as much as a link.
    namesakes = {name for name, times in Counter(names).items() if times > 1} if len(set(names)) < len(names) else ()
    for index, target in mentioned:
        acct = target.acct
        username = acct.partition("@")[0]
        shown = acct if with_domains or username.lower() in namesakes else username
        parts[index] = (
            f'<span class="h-card" translate="no"><a href="{_escape(target.url)}" class="u-url mention">'
            f"@<span>{_escape(shown)}</span></a></span>"
        )


def _tag_html(name: str, url: str) -> str:
    # The name needs no escaping: it is letters, marks, digits and separators.
    return f'<a href="{_escape(url)}" class="mention hashtag" rel="tag">#<span>{name}</span></a>'


def _link_html(link: Link, rel: str) -> str:
    """The whole address stands in the text, so that copying gives it; clients hide what is ``invisible``."""
    match = _LINK_PREFIX.match(link.shown)
    prefix = match.group() if match else ""
    shown, rest = link.shown[len(prefix) :], ""
    # One character more takes no more room than the ellipsis would.
    if len(shown) > _SHOWN_CHARS + 1:
        shown, rest = shown[:_SHOWN_CHARS], shown[_SHOWN_CHARS:]
    return (
        f'<a href="{_escape(link.href)}" rel="{rel}" target="_blank" translate="no">'
        f'<span class="invisible">{prefix}</span>'
        f'<span class="{"ellipsis" if rest else ""}">{_escape(shown)}</span>'
        f'<span class="invisible">{_escape(rest) if rest else ""}</span></a>'
    )


def _escape(text: str) -> str:
    # Most pieces hold none of the five, and looking is quicker than replacing.
    if "&" in text or "<" in text or ">" in text or '"' in text or "'" in text:
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        text = text.replace('"', "&quot;").replace("'", "&#39;")
    return text


# --- back to text ----------------------------------------------------------------------------------------------------

_BREAK = re.compile(r"<(?:br\s*/?|/(?:div|li|blockquote|pre|h[1-6]|tr|dt|dd))\s*>", re.IGNORECASE)
_PARAGRAPH_END = re.compile(r"</(?:p|ul|ol)\s*>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<![^<>]*>")
_MANY_NEWLINES = re.compile(r"\n{3,}")
# A number too long for int() to read would raise; beyond seven digits none is a character anyway.
_ABSURD_REFERENCE = re.compile(r"&#[0-9]{8,}+;?")


def to_plain(content: str) -> str:
    """HTML, our own or sanitised, as plain text: breaks become newlines, paragraphs are a blank line apart.

    For previews, notifications, titles and the search index. The result is text: it has to be escaped to be shown.
    """
    if "<" in content:
        content = _PARAGRAPH_END.sub("\n\n", _BREAK.sub("\n", content))
        content = _MANY_NEWLINES.sub("\n\n", _TAG.sub("", content))
    if "&" in content:
        content = html.unescape(_ABSURD_REFERENCE.sub("\ufffd", content))
    return content.strip("\n")


# --- other people's HTML ---------------------------------------------------------------------------------------------

_ELEMENTS = {
    *("p", "br", "span", "a", "del", "s", "pre", "blockquote", "code", "b", "strong", "u", "i", "em"),
    *("ul", "ol", "li", "ruby", "rt", "rp"),
}
_ATTRIBUTES = {
    "*": {"lang"},
    "a": {"href", "class", "translate"},
    "span": {"class", "translate"},
    "p": {"class"},
    "ol": {"start", "reversed"},
    "li": {"value"},
}
_LINKED_SCHEMES = {*WEB_SCHEMES, "xmpp", "magnet"}
_CLASSES = re.compile(r"(?:h|p|u|dt|e)-\S*|mention|hashtag|ellipsis|invisible|quote-inline")
_HEADING = re.compile(r"<(/?)h[1-6](?:[\s/][^<>]*)?>", re.IGNORECASE)
_ANCHOR = re.compile(r"<(/?)a(?: [^<>]*)?>")


def sanitize_html(content: str) -> str:
    """HTML from elsewhere, cut down to what Mastodon allows: its elements, attributes, classes and link schemes.

    Headings become bold paragraphs; a link that leads nowhere allowed becomes its text; scripts and styles vanish.
    """
    content = _HEADING.sub(lambda match: "</strong></p>" if match[1] else "<p><strong>", content)
    cleaned = nh3.clean(
        content,
        tags=_ELEMENTS,
        clean_content_tags={"script", "style"},
        attributes=_ATTRIBUTES,
        attribute_filter=_allowed_value,
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel=_REL,
        url_schemes=_LINKED_SCHEMES,
        url_relative="deny",
    )
    return _without_dead_anchors(cleaned)


def _allowed_value(_element: str, attribute: str, value: str) -> str | None:
    if attribute == "class":
        return " ".join(filter(_CLASSES.fullmatch, value.split())) or None
    if attribute == "translate":
        return value if value == "no" else None
    return value


def _without_dead_anchors(cleaned: str) -> str:
    """Sanitised HTML without anchors that have lost their address. Anchors never nest there, and ``>`` is escaped."""
    if cleaned.count("<a ") == cleaned.count(" href="):
        return cleaned
    alive = True

    def keep(match: re.Match[str]) -> str:
        nonlocal alive
        if not match[1]:
            alive = ' href="' in match[0]
        return match[0] if alive else ""

    return _ANCHOR.sub(keep, cleaned)
