"""What a plain text points at, found in one pass: links, mentions and hashtags; and the shortcodes of custom emoji.

The rules are Mastodon's (its TextFormatter, Extractor, Account::MENTION_RE, Tag::HASHTAG_RE and CustomEmoji::SCAN_RE),
with one difference: it knows a list of top-level domains, we take any that looks like one (two letters or more).
"""

import re
import string
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import idna

from linnet.domain.text_characters import MARKS, TAG_SEPARATORS, WORD, normalized

MAX_DOMAIN_CHARS = 253
MAX_URL_CHARS = 4096


@dataclass(frozen=True, slots=True)
class Mention:
    """``@username`` or ``@username@domain``: the name as it was written, the domain in lower-case ASCII (punycode)."""

    username: str
    domain: str | None


class Link(NamedTuple):
    """A link at ``text[start:end]``: ``shown`` as it was written, ``href`` with its host in ASCII."""

    start: int
    end: int
    shown: str
    href: str

    @property
    def has_host(self) -> bool:
        """Whether it is ``scheme://host...``, not ``xmpp:`` or ``magnet:``."""
        return self.href.partition(":")[2].startswith("//")


class Tagged(NamedTuple):
    """A hashtag at ``text[start:end]``; ``name`` is without the hash sign."""

    start: int
    end: int
    name: str


class Mentioned(NamedTuple):
    """A mention at ``text[start:end]``; ``written`` is what stood behind the first at sign."""

    start: int
    end: int
    written: str


Entity = Link | Tagged | Mentioned

WEB_SCHEMES = ("https", "http", "dat", "dweb", "ipfs", "ipns", "ssb", "gopher", "gemini")
"""Schemes that are linked if ``://`` and a host follow; besides them only ``xmpp:`` and ``magnet:`` are."""


def _after_scheme(scheme: str) -> str:
    """A look-behind at a colon: this scheme, in any case, is there and does not go on to the left."""
    letters = "".join(f"[{char}{char.upper()}]" for char in scheme)
    return f"(?<={letters}:)(?<![A-Za-z0-9@＠$#＃]{letters}:)"


# Every repetition is of a class that its follower is not in, so that there is only one way to match, and the time is
# linear. Possessive repeats (`++`) stand only on single classes: on groups they are wrong before Python 3.11.5.
_HOST_CHARS = WORD + TAG_SEPARATORS + "\u200d"
_HOST = (
    rf"(?:[{_HOST_CHARS}]++(?:-++[{_HOST_CHARS}]++)*\.)+"
    rf"(?:[Xx][Nn]--[A-Za-z0-9-]++|[A-Za-z]{{2,63}}+|(?:[^\W\x00-\x7f]|[{MARKS}])+)(?![A-Za-z0-9@+-])"
)
_PATH_CHARS = r"[^\s\x00-\x1f\x7f<>()?]"
_PARENTHESES = rf"\((?:{_PATH_CHARS}++(?:\({_PATH_CHARS}++\){_PATH_CHARS}*+)?|\({_PATH_CHARS}++\){_PATH_CHARS}*+)\)"
_QUERY = r"\?[^\s\x00-\x1f\x7f-\x9f\"<>\\`{}]*+"
_NODE = r"[A-Za-z0-9\u0400-\u052f._~!$()*+,;=%-]"
_RESOURCE = r"[A-Za-z0-9\u0400-\u052f._~!$&'()*+,;=%-]"

_WEB = (
    rf"(?=//)(?:{'|'.join(map(_after_scheme, WEB_SCHEMES))})//"
    rf"(?P<host>{_HOST})(?P<port>:[0-9]++)?(?P<path>/(?:{_PATH_CHARS}++|{_PARENTHESES})*)?(?P<query>{_QUERY})?"
)
_XMPP = (
    rf"{_after_scheme('xmpp')}(?P<xmpp>(?:{_NODE}++@)?{_HOST}(?:/{_RESOURCE}++)?)"
    rf"(?P<xmpp_query>{_QUERY})?"
)
_MAGNET = rf"{_after_scheme('magnet')}(?P<magnet>{_QUERY})"
_MENTION = rf"[A-Za-z0-9_]++(?:[.-]++[A-Za-z0-9_]++)*(?:@[{WORD}]++(?:[.-]++[{WORD}]++)*)?"

# It starts with one small class, which the engine looks for at the speed of a plain scan; only there it thinks.
_ENTITY = re.compile(
    rf"[@#＃:](?:(?<=@)(?<![=/{WORD}]@)(?P<mention>{_MENTION})"
    rf"|(?<=[#＃])(?<!\S[#＃])(?P<tag>[{WORD}][{WORD}{TAG_SEPARATORS}]*+)"
    rf"|(?<=:)(?:{_WEB}|{_XMPP}|{_MAGNET}))"
)
# `@andré` is no mention of `andr`, `@a@` none of `a`, `@a://` is an address.
_NOT_AFTER_MENTION = re.compile(r"[@＠\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u0300-\u036f\u1e00-\u1eff]|://")
_NOT_LAST_IN_PATH = "?!*\"'「」<>;:=,.$%[]~&|@"
_NOT_LAST_IN_QUERY = "!?*'();:+$%[].,~|@^"

_LINK_PARTS = ("host", "port", "path", "query", "xmpp", "xmpp_query", "magnet")
_ASCII_LETTERS = frozenset(string.ascii_letters)

_SHORTCODE = re.compile(r"(?<!:)(?<![^\W_]):([A-Za-z0-9_]{2,}+):(?!:)(?![^\W_])")


def entities(text: str) -> Iterator[Entity]:
    """The links, mentions and hashtags of the text, in order; they do not overlap."""
    end = 0
    for match in _ENTITY.finditer(text):
        group = match.lastgroup
        found: Entity | None
        if group == "mention":
            found = _mentioned(text, match)
        elif group == "tag":
            found = _tagged(text, match)
        else:
            found = _link(text, match)
        # A tag may have been cut shorter than its match, so a link may begin inside of what was passed over.
        if found is not None and found.start >= end:
            end = found.end
            yield found


def _mentioned(text: str, match: re.Match[str]) -> Mentioned | None:
    written, end = match["mention"], match.end()
    if _NOT_AFTER_MENTION.match(text, end):
        return None
    if len(written) > MAX_DOMAIN_CHARS and len(written.partition("@")[2]) > MAX_DOMAIN_CHARS:
        return None
    return Mentioned(match.start(), end, written)


def _tagged(text: str, match: re.Match[str]) -> Tagged | None:
    name = match["tag"]
    if not name.isascii():
        name = _tag_chars(name).rstrip(TAG_SEPARATORS)
    start = match.start()
    if text.startswith("://", start + 1 + len(name)):
        name = _without_scheme(name)
    return Tagged(start, start + 1 + len(name), name) if is_hashtag(name) else None


def _tag_chars(name: str) -> str:
    """The name up to the first ``²``, ``①`` or the like: digits for Python, but not for Mastodon."""
    for index, char in enumerate(name):
        if unicodedata.category(char) == "No":
            return name[:index]
    return name


def _without_scheme(name: str) -> str:
    for scheme in ("https", "http"):
        if name.endswith(scheme) and name != scheme:
            return name.removesuffix(scheme)
    return name


def is_hashtag(name: str) -> bool:
    """Whether a run of tag characters says anything: a letter anywhere, or a separator or ``_`` between two others."""
    if name[:1].isalpha():
        return True
    return any(map(_is_letter, name)) or any(char == "_" or char in TAG_SEPARATORS for char in name[1:-1])


def _is_letter(char: str) -> bool:
    return char.isalpha() or unicodedata.category(char) == "Nl"


def _link(text: str, match: re.Match[str]) -> Link | None:
    host, port, path, query, xmpp, xmpp_query, magnet = match.group(*_LINK_PARTS)
    colon = match.start()
    start = _scheme_start(text, colon)
    if host is not None:
        known = ascii_host(host)
        if known is None:
            return None
        # Punctuation at the end rather belongs to the sentence around the link.
        kept = path.rstrip(_NOT_LAST_IN_PATH) if path else path
        tail = (port or "") + (kept or "") + (_query(query) if kept == path else "")
        shown = f"{text[start:colon]}://{host}{tail}"
        href = shown if known is host else f"{text[start:colon]}://{known}{tail}"
    else:
        rest = _query(magnet) if xmpp is None else xmpp + _query(xmpp_query)
        if not rest:
            return None
        shown = href = f"{text[start:colon]}:{rest}"
    return Link(start, start + len(shown), shown, href) if len(href) <= MAX_URL_CHARS else None


def _scheme_start(text: str, colon: int) -> int:
    """Where the letters before the colon begin: the expression has seen that they are a scheme and nothing more."""
    if text[max(colon - 5, 0) : colon] == "https":
        return colon - 5
    start = colon
    while start > 0 and text[start - 1] in _ASCII_LETTERS:
        start -= 1
    return start


def _query(query: str | None) -> str:
    return query.rstrip(_NOT_LAST_IN_QUERY) if query else ""


@lru_cache(maxsize=1024)
def ascii_host(host: str) -> str | None:
    """The host as DNS knows it: punycode if it is not ASCII, else unchanged; None if there can be no such host.

    IDNA 2008 with the mapping of UTS 46 (RFC 5891): lower case, full-width letters narrowed. It knows no emoji hosts.
    """
    if not host.isascii():
        if len(host) > MAX_DOMAIN_CHARS:
            return None
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            return None
    if len(host) > MAX_DOMAIN_CHARS or any(not 0 < len(label) <= 63 for label in host.split(".")):
        return None
    return host


def mention_of(written: str) -> Mention:
    """The mention that was written as ``username`` or ``username@domain``."""
    username, _, domain = written.partition("@")
    if not domain:
        return Mention(username, None)
    return Mention(username, (ascii_host(domain) or domain).lower())


def mentions(text: str) -> tuple[Mention, ...]:
    """Who is mentioned, in order, each once: names are compared without regard to case."""
    if "@" not in text:
        return ()
    found: dict[tuple[str, str | None], Mention] = {}
    for entity in entities(text):
        if isinstance(entity, Mentioned):
            mention = mention_of(entity.written)
            found.setdefault((mention.username.lower(), mention.domain), mention)
    return tuple(found.values())


def hashtags(text: str) -> tuple[str, ...]:
    """The hashtags, without the hash sign, as first written, in order, each ``hashtag_key`` once."""
    if "#" not in text and "＃" not in text:
        return ()
    found: dict[str, str] = {}
    for entity in entities(text):
        if isinstance(entity, Tagged):
            found.setdefault(hashtag_key(entity.name), entity.name)
    return tuple(found.values())


def _folded_latin() -> dict[int, str]:
    """Accented letters of Latin-1 and Latin Extended-A, and the ASCII letter that each is without its accent."""
    table = {ord(char): plain for char, plain in zip("ðđħıĸłŀŋøſŧ", "ddhikllnost", strict=True)}
    for code in range(0xC0, 0x180):
        base = unicodedata.normalize("NFD", chr(code))[0]
        if base.isascii() and base.isalpha():
            table.setdefault(code, base)
    return table


_FOLDED_LATIN = _folded_latin()
_NOT_IN_KEY = re.compile(rf"[^{WORD}{TAG_SEPARATORS}]+")
_DECORATION = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]+")


def hashtag_key(name: str) -> str:
    """The form under which a hashtag is looked up: ``CAFÉ``, ``cafe`` and full-width ``ｃａｆｅ`` are one tag.

    As Mastodon: width (NFKC), case, accents of Western Latin letters, then whatever no tag can hold is dropped. Unlike
    it, the whole case folding (ß = ss, final sigma), and Indic viramas are kept. Stable: a key is its own key. The key
    of a name that holds no tag character is empty.
    """
    if name.isascii():
        return _NOT_IN_KEY.sub("", name).lower()
    folded = normalized("NFKC", normalized("NFKC", name).casefold()).translate(_FOLDED_LATIN)
    return normalized("NFC", _NOT_IN_KEY.sub("", _DECORATION.sub("", folded)))


def shortcodes(text: str) -> tuple[str, ...]:
    """The names between colons that may be custom emoji, in order, each once. Case counts."""
    if ":" not in text:
        return ()
    return tuple(dict.fromkeys(_SHORTCODE.findall(text)))


def first_link(text: str) -> str | None:
    """The address of the first web link (what a preview card is made of), or None."""
    if "://" not in text:
        return None
    for entity in entities(text):
        if isinstance(entity, Link) and entity.href[:7].lower() in {"http://", "https:/"}:
            return entity.href
    return None
