"""Announcements: what the operator tells everybody who is signed in, and how people react to it."""

import re
from typing import NamedTuple

import msgspec

from linnet.domain import ids
from linnet.domain import text as words
from linnet.domain.errors import Invalid
from linnet.domain.site import Site
from linnet.domain.text_characters import graphemes
from linnet.domain.text_entities import Link, entities
from linnet.domain.views import MentionView

TEXT_CHARS = 10_000
REACTIONS_MAX = 8
"""How many different ones an announcement takes, as in Mastodon."""
NAME_CHARS = 100
LINKED_MAX = 20

# Pictures, symbols and letters that are drawn as emojis, each with what may follow it: skin, joiner, variant, tag.
_PICTURE = "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
_PICTURE += "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_EMOJI = re.compile(f"(?:[{_PICTURE}][\u200d\ufe0e\ufe0f\U000e0020-\U000e007f]*)+|[0-9#*]\ufe0f?\u20e3")
_SHORTCODE = re.compile(r"\w{1,100}", re.ASCII)


class Draft(NamedTuple):
    """An announcement as the operator writes it. Times in ms since 1970; ``publish_at`` None keeps it back.

    ``starts_at`` and ``ends_at`` are those of what is announced; when that is over, so is the announcement.
    """

    text: str
    publish_at: int | None
    starts_at: int | None = None
    ends_at: int | None = None
    all_day: bool = False


class Linked(msgspec.Struct, frozen=True, gc=False):
    """A status that an announcement links to."""

    id: int
    url: str


class Announcement(msgspec.Struct, frozen=True, gc=False):
    """As it is kept. Times in ms since 1970; ``published_at`` may lie ahead, or be None."""

    id: int
    text: str
    html: str
    mentions: tuple[MentionView, ...]
    tags: tuple[str, ...]
    statuses: tuple[Linked, ...]
    all_day: int
    starts_at: int | None
    ends_at: int | None
    published_at: int | None
    updated_at: int

    def stands(self, now: int) -> bool:
        """Whether people see it now."""
        return (
            self.published_at is not None and self.published_at <= now and (self.ends_at is None or self.ends_at > now)
        )


class Reaction(NamedTuple):
    """How many times one emoji was given; ``me``: by the reader, too."""

    name: str
    times: int
    me: bool


def check(draft: Draft) -> Draft:
    """Cleaned. Raises Invalid."""
    text = words.clean("text", draft.text, TEXT_CHARS).strip()
    if not text:
        raise Invalid("text", "can't be blank", "ERR_BLANK")
    if (draft.starts_at is None) != (draft.ends_at is None):
        raise Invalid("ends_at", "and a start belong together")
    if draft.starts_at is not None and draft.ends_at is not None and draft.ends_at <= draft.starts_at:
        raise Invalid("ends_at", "must come after the start")
    return draft._replace(text=text, all_day=draft.all_day and draft.starts_at is not None)


def check_reaction(name: str) -> str:
    """One emoji, or what may be the shortcode of a custom one. Raises Invalid."""
    if len(name) <= NAME_CHARS:
        if _SHORTCODE.fullmatch(name):
            return name
        if _EMOJI.fullmatch(name) and graphemes(name) == 1:
            return name
    raise Invalid("name", "is not a recognized emoji", "ERR_UNSUPPORTED")


def custom(name: str) -> bool:
    """Whether it can only be a custom emoji's shortcode."""
    return _SHORTCODE.fullmatch(name) is not None


def linked(text: str, site: Site) -> tuple[Linked, ...]:
    """The statuses of this server that a text links to, as it writes them."""
    found: dict[int, Linked] = {}
    for entity in entities(text):
        if isinstance(entity, Link) and entity.href.startswith(f"{site.origin}/@"):
            status_id = ids.parse(entity.href.rstrip("/").rpartition("/")[2])
            if status_id is not None and len(found) < LINKED_MAX:
                found.setdefault(status_id, Linked(status_id, entity.href))
    return tuple(found.values())
