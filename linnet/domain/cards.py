"""What a page on the web says of itself, read from hostile HTML or oEmbed: what a preview card shows."""

import html
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import msgspec
import nh3

from linnet.domain.site import Site
from linnet.domain.text_entities import first_link

URL_CHARS = 2_048
TITLE_CHARS = 300
DESCRIPTION_CHARS = 1_000
NAME_CHARS = 200
TAGS = 400
"""So many tags of a page's head are looked at: what comes later is not about the page."""
_TAG_CHARS = 8_192
_HEAD_CHARS = 400_000

_START = re.compile(r"<(?:meta|link|html|title)(?=[\s/>])|</head\s*>|<body(?=[\s/>])", re.IGNORECASE)
# Possessive throughout: what does not match is given up at once, and not tried in another way.
_TAG = re.compile(r"<([A-Za-z]++)((?:[^\"'>]++|\"[^\"]*+\"|'[^']*+')*+)>")
_ATTRIBUTE = re.compile(r"([^\s\"'>/=]++)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++)))?+")
_TITLE_END = re.compile(r"</title", re.IGNORECASE)
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([A-Za-z0-9_:-]{1,40})", re.IGNORECASE)
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_].*)?", re.IGNORECASE)
_SANDBOX = "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox allow-forms"
_SILENT = frozenset(("nosnippet", "none"))


class CardView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A preview card. ``image_key`` is a blob of ours; ``html`` is sanitised; ``published_at`` in ms since 1970."""

    url: str
    title: str
    description: str = ""
    type: str = "link"
    language: str | None = None
    author_name: str = ""
    author_url: str = ""
    provider_name: str = ""
    provider_url: str = ""
    html: str = ""
    embed_url: str = ""
    width: int = 0
    height: int = 0
    image_key: str | None = None
    image_description: str = ""
    blurhash: str | None = None
    published_at: int | None = None


class Page(msgspec.Struct, frozen=True):
    """A card as its page has it, with what is still to be fetched for it: the picture, and an oEmbed document."""

    card: CardView
    image_url: str | None = None
    oembed_url: str | None = None


def link_of(text: str, site: Site) -> str | None:
    """The address that a status's card is made of: its first link, unless that leads here."""
    link = first_link(text)
    if link is None or link == site.origin or link.startswith(f"{site.origin}/"):
        return None
    address = urldefrag(link)[0]
    return address if len(address) <= URL_CHARS else None


def read(body: bytes, content_type: str, robots: str, url: str) -> Page | None:
    """The card of a page that was found at ``url``; None where it has no title, or asks not to be shown elsewhere.

    ``robots`` is the answer's ``X-Robots-Tag``.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("text/html", "application/xhtml+xml"):
        return None
    found = _Head(_decoded(body, content_type))
    if _SILENT & set(re.split(r"[,\s]+", f"{robots},{found.meta.get('robots', '')}".lower())):
        return None
    get = found.first
    title = _line(get("og:title", "twitter:title") or found.title, TITLE_CHARS)
    if not title:
        return None
    author = get("article:author", "author")
    author_url = _web(author, url) if author.startswith(("http://", "https://")) else ""
    image = _web(get("og:image", "og:image:url", "twitter:image"), url)
    card = CardView(
        url=_own(found.canonical, url),
        title=title,
        description=_line(get("og:description", "twitter:description", "description"), DESCRIPTION_CHARS),
        language=_language(get("og:locale") or found.language),
        author_name="" if author_url else _line(author, NAME_CHARS),
        author_url=author_url,
        provider_name=_line(get("og:site_name"), NAME_CHARS),
        image_description=_line(get("og:image:alt", "twitter:image:alt"), DESCRIPTION_CHARS) if image else "",
        published_at=_time(get("article:published_time", "date")),
    )
    return Page(card, image or None, _web(found.oembed, url) or None)


def with_oembed(page: Page, body: bytes) -> Page:
    """The page with what its oEmbed document adds: a film or a picture. What is none, or only a link, adds nothing."""
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return page
    if not isinstance(given, Mapping) or given.get("type") not in ("photo", "video"):
        return page
    card, url = page.card, page.card.url
    inner, embed = embedded(_text(given, "html")) if given["type"] == "video" else ("", "")
    photo = _web(_text(given, "url"), url) if given["type"] == "photo" else ""
    width, height = _pixels(given.get("width")), _pixels(given.get("height"))
    if not (inner or photo):
        return page
    more = msgspec.structs.replace(
        card,
        type=given["type"],
        title=_line(_text(given, "title"), TITLE_CHARS) or card.title,
        author_name=_line(_text(given, "author_name"), NAME_CHARS) or card.author_name,
        author_url=_web(_text(given, "author_url"), url) or card.author_url,
        provider_name=_line(_text(given, "provider_name"), NAME_CHARS) or card.provider_name,
        provider_url=_web(_text(given, "provider_url"), url),
        html=inner,
        embed_url=embed or photo,
        width=width,
        height=height,
    )
    thumbnail = _web(_text(given, "thumbnail_url"), url)
    return Page(more, page.image_url or thumbnail or photo or None)


def embedded(markup: str) -> tuple[str, str]:
    """One frame, and nothing else, of other people's HTML, and its address; two empty texts where there is none.

    It may run scripts, but as a page of its own origin, and never of ours: the frame is shut in.
    """
    for match in re.finditer(r"<iframe[\s/]", markup[:_TAG_CHARS], re.IGNORECASE):
        tag = _TAG.match(markup, match.start(), match.start() + _TAG_CHARS)
        source = _attributes(tag[2]).get("src", "") if tag else ""
        source = f"https:{source}" if source.startswith("//") else source
        if tag is None or not source.startswith("https://") or not _web(source, source):
            continue
        given = _attributes(tag[2])
        sizes = {name: str(_pixels(given.get(name))) for name in ("width", "height") if _pixels(given.get(name))}
        frame = "".join(f' {name}="{value}"' for name, value in {**sizes, "src": html.escape(source)}.items())
        clean = nh3.clean(
            f"<iframe{frame}></iframe>",
            tags={"iframe"},
            attributes={"iframe": {"src", "width", "height"}},
            set_tag_attribute_values={
                "iframe": {
                    "sandbox": _SANDBOX,
                    "allowfullscreen": "true",
                    "frameborder": "0",
                }
            },
            url_schemes={"https"},
            url_relative="deny",
        )
        return clean, source
    return "", ""


class _Head:
    """What stands in a page's head. The first of two that say the same is believed."""

    def __init__(self, text: str) -> None:
        self.meta: dict[str, str] = {}
        self.title = self.language = self.canonical = self.oembed = ""
        for name, given, end in _tags(text):
            if name == "meta":
                key = (given.get("property") or given.get("name") or "").lower()
                if key and "content" in given:
                    self.meta.setdefault(key, given["content"])
            elif name == "link":
                self._link(given)
            elif name == "title" and not self.title:
                closing = _TITLE_END.search(text, end, end + 4_000)
                self.title = html.unescape(text[end : closing.start()]) if closing else ""
            elif name == "html":
                self.language = self.language or given.get("lang", "")

    def first(self, *names: str) -> str:
        return next((self.meta[name] for name in names if self.meta.get(name)), "")

    def _link(self, given: Mapping[str, str]) -> None:
        kinds = given.get("rel", "").lower().split()
        if "canonical" in kinds:
            self.canonical = self.canonical or given.get("href", "")
        if "alternate" in kinds and given.get("type", "").lower() == "application/json+oembed":
            self.oembed = self.oembed or given.get("href", "")


def _tags(text: str) -> Iterator[tuple[str, dict[str, str], int]]:
    """Name, attributes and end of each tag that tells something, up to the end of the head."""
    for count, match in enumerate(_START.finditer(text, 0, _HEAD_CHARS)):
        if count >= TAGS or match[0][:2] == "</" or match[0][:5].lower() == "<body":
            return
        tag = _TAG.match(text, match.start(), match.start() + _TAG_CHARS)
        if tag is not None:
            yield tag[1].lower(), _attributes(tag[2]), tag.end()


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), html.unescape(double or single or bare))
    return found


def _decoded(body: bytes, content_type: str) -> str:
    named = _CHARSET.search(content_type.encode("latin-1", "replace")) or _CHARSET.search(body[:2_048])
    try:
        return body.decode(named[1].decode("ascii") if named else "utf-8", "replace")
    except (LookupError, UnicodeError, ValueError):
        return body.decode("utf-8", "replace")


def _line(text: str, most: int) -> str:
    """One line of plain text."""
    text = _SPACE.sub(" ", text).strip().encode("utf-8", "ignore").decode()
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _web(text: str, base: str) -> str:
    """The address of the web that ``text`` names, seen from ``base``; '' where it is none."""
    if not text or len(text) > URL_CHARS or _SPACE.search(text.strip()):
        return ""
    try:
        found = urljoin(base, text.strip())
        parts = urlsplit(found)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return ""
    return found if usable and len(found) <= URL_CHARS and not set(found) & set("<>\"'") else ""


def _own(canonical: str, url: str) -> str:
    """The address that a page gives itself; one on another host would put its words into somebody else's mouth."""
    found = _web(canonical, url)
    return found if found and urlsplit(found).netloc == urlsplit(url).netloc else url


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""


def _pixels(value: object) -> int:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return min(int(text), 8_192) if text.isascii() and text.isdecimal() and len(text) < 7 else 0


def _language(text: str) -> str | None:
    match = _LANGUAGE.fullmatch(text.strip()[:20])
    return match[1].lower() if match else None


def _time(text: str) -> int | None:
    """ms since 1970; a time without a zone is taken for UTC, and none before 1970 is believed."""
    try:
        found = datetime.fromisoformat(text.strip()[:40])
        moment = int((found if found.tzinfo else datetime.fromisoformat(f"{found.isoformat()}+00:00")).timestamp())
    except (ValueError, OverflowError):
        return None
    return moment * 1000 if 0 < moment < 4_102_444_800 else None
