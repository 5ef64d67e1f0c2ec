"""What a server showed after a run, reduced to what is compared. Pure: JSON of the API in, values out."""

import html
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

_TAG = re.compile(r"<[^>]*>")


class Shown(msgspec.Struct, frozen=True):
    """A post as the API shows it. ``text`` is without markup; ``key`` is that of the drill, '' for others' posts."""

    id: str
    key: str
    author: str
    text: str
    warning: str
    visibility: str
    answers: str | None
    mentions: tuple[str, ...]
    options: tuple[str, ...]
    media: tuple[str, ...]
    replies: int


class Walked(msgspec.Struct):
    """A list that was walked from its newest end: how often each id was there, the ids' order, whether that was all.

    ``complete`` is False where it was left before the run's first post for want of more entries.
    """

    times: Counter[str]
    length: int = 0
    trouble: str = ""

    @property
    def doubled(self) -> list[str]:
        return [id for id, times in self.times.items() if times > 1]


class Found(msgspec.Struct):
    """All that was shown. ``by_key``: from walks over the authors' accounts; ``by_id``: asked for one by one (None:
    not there). By person: ``homes``, ``mentions`` (ids of the posts that they were notified of), ``favourited`` ids."""

    by_key: dict[str, list[Shown]] = {}
    by_id: dict[str, Shown | None] = {}
    homes: dict[str, Walked] = {}
    mentions: dict[str, Walked] = {}
    favourited: dict[str, set[str]] = {}
    trouble: list[str] = []

    def canonical(self, id: str) -> str:
        """The id under which a post is listed: that which was told first stays readable if another came to be."""
        shown = self.by_id.get(id)
        return shown.id if shown is not None else id


def shown(run: str, status: Mapping[str, Any]) -> Shown:
    """Of a status of the API."""
    text = html.unescape(_TAG.sub("", status["content"]))
    poll = status.get("poll") or {}
    return Shown(
        id=str(status["id"]),
        key=key_in(run, text),
        author=str(status["account"]["id"]),
        text=text,
        warning=status["spoiler_text"],
        visibility=status["visibility"],
        answers=status["in_reply_to_id"],
        mentions=tuple(str(mention["id"]) for mention in status["mentions"]),
        options=tuple(option["title"] for option in poll.get("options", ())),
        media=tuple(str(one["id"]) for one in status["media_attachments"]),
        replies=status["replies_count"],
    )


def key_in(run: str, text: str) -> str:
    """The key of the run that stands in a text, or ''."""
    match = re.search(rf"\b{re.escape(run)}-\d{{6,}}\b", text)
    return match[0] if match else ""
