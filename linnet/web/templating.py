"""Templates as functions of values: compiled once, escaping everything that is not HTML of our own making."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from types import CodeType
from typing import Any, ClassVar

from jinja2 import BytecodeCache, Environment, PackageLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup, escape

from linnet.domain import files, ids, polls, times
from linnet.domain import text as words
from linnet.domain.site import Site
from linnet.domain.views import MediaView, Profile
from linnet.domain.visibility import Visibility
from linnet.http.static import StaticFiles
from linnet.web import wording

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


class _Compiled(BytecodeCache):
    """Each template is compiled when it is first shown, and once in a process, however many applications it builds."""

    codes: ClassVar[dict[tuple[str, str], CodeType]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self.codes[bucket.key, bucket.checksum] = bucket.code


class _Drawn(PackageLoader):
    """Puts icons and addresses into templates before they are compiled: they are the same on every page."""

    def __init__(self, assets: StaticFiles) -> None:
        super().__init__("linnet.web")
        self._assets = assets

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool] | None]:
        source, name, uptodate = super().get_source(environment, template)
        drawn = _ICON.sub(lambda match: icon(self._assets, match[1]), source)
        return _ASSET.sub(lambda match: self._assets.url(match[1]), drawn), name, uptodate


_ICON = re.compile(r'\{\{ (?:parts\.)?icon\("([a-z-]+)"\) \}\}')
_ASSET = re.compile(r"\{\{ asset\('([a-z.-]+)'\) \}\}")


def icon(assets: StaticFiles, name: str, label: str = "") -> Markup:
    """One of static/icons.svg. Without a label it is decoration beside words."""
    told = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="icon" {}><use href="{}#{}"/></svg>').format(told, assets.url("icons.svg"), name)


class Pages:
    """All templates. ``assets`` gives the addresses of style sheets and pictures."""

    def __init__(self, site: Site, assets: StaticFiles) -> None:
        self._site = site
        self._assets = assets
        self._emojis: dict[str, str] = {}
        self._audience_icons = {one: icon(assets, *mark) for one, mark in wording.AUDIENCE_ICONS.items()}
        self.emoji_state = 0
        self._environment = Environment(
            loader=_Drawn(assets), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True, auto_reload=False, bytecode_cache=_Compiled(),
        )  # fmt: skip
        self._environment.globals.update(
            site=site, asset=assets.url, icon=partial(icon, assets),
            audience_icon=self._audience_icon, language_options=language_options,
            audience=wording.AUDIENCE, poll_times=wording.POLL_TIMES, filter_contexts=wording.FILTERED,
            report_categories=wording.REPORTS,
            ms_of=ids.milliseconds, told=wording.TOLD, picture_types=",".join(files.PICTURE_TYPES),
            upload_types=",".join(files.UPLOAD_TYPES),
        )  # fmt: skip
        self._environment.filters.update(
            avatar=self.avatar, emojified=self.emojified, face=self.face, made=made,
            header=self.header, file=file, count=count, iso=times.iso, ago=ago, day=day, full=full,
            trusted=trusted, bytes=size, value_html=lambda value: trusted(words.field_value_html(value)), shape=shape,
            plain=words.to_plain, browser=wording.browser, short=short, polled=polls.state,
        )  # fmt: skip

    def render(self, template: str, /, **values: Any) -> str:
        return self._environment.get_template(template).render(values)

    def keep_emojis(self, state: int, keys: Mapping[str, str]) -> None:
        """The custom emojis, as blob keys by shortcode, that pages show from now on."""
        self.emoji_state, self._emojis = state, dict(keys)

    def emojified(self, text: str) -> Markup:
        """A text or HTML with ``:shortcodes:`` as pictures, outside of tags."""
        html = escape(text)
        if not self._emojis or ":" not in html:
            return html

        def picture(match: re.Match[str]) -> str:
            key = self._emojis.get(match[1] or "")
            return f'<img class="emoji" src="{file(key)}" alt=":{match[1]}:" title=":{match[1]}:">' if key else match[0]

        return Markup(_SHORTCODE.sub(picture, str(html)))

    def avatar(self, profile: Profile) -> str:
        """The address of an account's picture; of a suspended one nothing is shown."""
        shown = profile.avatar_key if profile.suspended_at is None else None
        return file(shown) if shown else self._assets.url("avatar.png")

    def face(self, profile: Profile, size: str = "") -> Markup:
        """An account's picture, beside its name."""
        address = escape(self.avatar(profile))
        return Markup(
            f'<img class="avatar {size}" src="{address}" alt="" width="48" height="48" loading="lazy" decoding="async">'
        )

    def _audience_icon(self, visibility: int) -> Markup:
        return self._audience_icons[Visibility(visibility)]

    def header(self, profile: Profile) -> str:
        shown = profile.header_key if profile.suspended_at is None else None
        return file(shown) if shown else self._assets.url("header.png")


_SHORTCODE = re.compile(r"<[^>]*>|:([A-Za-z0-9_]{2,}):")


@lru_cache(20_000)
def _time(ms: int) -> str:
    return f'<time datetime="{times.iso(ms)}" title="{full(ms)}">'


def made(id: int, now: int, address: str = "") -> Markup:
    """How long ago that was, with the exact time behind it; a link where there is an ``address``."""
    ms = ids.milliseconds(id)
    told = f"{_time(ms)}{ago(ms, now)}</time>"
    return Markup(f'<a class="when" href="{escape(address)}">{told}</a>' if address else told)


@lru_cache(64)
def language_options(chosen: str) -> Markup:
    """All languages, as the options of a select."""
    return Markup("").join(
        Markup('<option value="{0}" lang="{0}"{1}>{2}</option>').format(
            code, Markup(" selected") if code == chosen else "", said
        )
        for code, said in wording.LANGUAGES
    )


def trusted(html: str) -> Markup:
    """HTML that our own text room has made or cleaned: the only text that goes out unescaped."""
    return Markup(html)


def file(key: str) -> str:
    return f"/files/{key}"


def count(number: int) -> str:
    """``987``, ``1.2K``, ``34K``, ``1.1M``."""
    for size, letter in ((1_000_000, "M"), (1_000, "K")):
        if number >= size:
            tenths = number * 10 // size
            return f"{tenths // 10}{letter}" if tenths >= 100 or tenths % 10 == 0 else f"{tenths / 10:.1f}{letter}"
    return str(number)


def size(bytes: int) -> str:
    """``640 KB``, ``12 MB``, ``1.4 GB``."""
    if bytes < 1_000_000:
        return f"{max(1, bytes // 1_000)} KB"
    return f"{bytes // 1_000_000} MB" if bytes < 1_000_000_000 else f"{bytes / 1_000_000_000:.1f} GB"


def ago(ms: int, now: int) -> str:
    """``now``, ``5m``, ``3h``, ``2d``, ``12 Nov``, ``12 Nov 2025``."""
    past = max(0, now - ms)
    if past < MINUTE_MS:
        return "now"
    if past < HOUR_MS:
        return f"{past // MINUTE_MS}m"
    if past < times.DAY_MS:
        return f"{past // HOUR_MS}h"
    if past < 7 * times.DAY_MS:
        return f"{past // times.DAY_MS}d"
    same_year = _utc(ms).year == _utc(now).year
    return _day(ms // times.DAY_MS, same_year)


@lru_cache(4_000)
def _day(number: int, same_year: bool) -> str:
    date = _utc(number * times.DAY_MS)
    return f"{date.day} {date:%b}" if same_year else f"{date.day} {date:%b %Y}"


def day(ms: int) -> str:
    """``12 November 2025``."""
    date = _utc(ms)
    return f"{date.day} {date:%B %Y}"


def full(ms: int) -> str:
    """``12 Nov 2025, 09:30 UTC``."""
    date = _utc(ms)
    return f"{date.day} {date:%b %Y}, {date:%H:%M} UTC"


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def shape(media: MediaView, side: int = 1) -> Mapping[str, int]:
    """Width and height of the preview in pixels; 0 where they are not known."""
    size = media.meta.get("small") or media.meta.get("original") or {}
    width, height = size.get("width", 0), size.get("height", 0)
    return {"width": math.ceil(width * side), "height": math.ceil(height * side)}


_BLANKS = re.compile(r"\s+")


def short(text: str, length: int) -> str:
    """The beginning of a text on one line, for titles and previews."""
    line = _BLANKS.sub(" ", text).strip()
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
