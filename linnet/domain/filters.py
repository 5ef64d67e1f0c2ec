"""Filters: what somebody does not want to read, and which of it a status holds. Pure, and linear in the text."""

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

import msgspec

from linnet.domain import text as words
from linnet.domain.errors import Invalid
from linnet.domain.text_characters import WORD
from linnet.domain.views import StatusContent

CONTEXTS = ("home", "notifications", "public", "thread", "account")
ACTIONS = ("warn", "hide", "blur")

TITLE_CHARS = 256
KEYWORD_CHARS = 512
FILTERS_MAX = 200
KEYWORDS_MAX = 1_000
STATUSES_MAX = 1_000
"""How many an account may have of each, over all of its filters."""
TRIES = 500
"""So often a keyword is looked for within one text; what stands in it oftener, always inside of words, was made to take
our time, and counts as found."""
EXPIRES_SECONDS_MAX = 10 * 366 * 86_400

_WORD = re.compile(f"[{WORD}]")


class Keyword(msgspec.Struct, frozen=True, gc=False):
    """``whole_word``: only where no letter or digit stands right before or behind it."""

    id: int
    keyword: str
    whole_word: bool


class FilteredStatus(msgspec.Struct, frozen=True, gc=False):
    """A single status that a filter names."""

    id: int
    status_id: int


class Filter(msgspec.Struct, frozen=True, gc=False):
    """Keywords and statuses under a title. ``expires_at`` in ms since 1970; an expired filter is kept and does
    nothing."""

    id: int
    title: str
    contexts: tuple[str, ...]
    action: str
    expires_at: int | None
    keywords: tuple[Keyword, ...] = ()
    statuses: tuple[FilteredStatus, ...] = ()


class Result(NamedTuple):
    """A filter that a status met, and by what."""

    filter: Filter
    keywords: tuple[str, ...]
    status_ids: tuple[int, ...]


class KeywordChange(NamedTuple):
    """A keyword to add (without an ``id``), to change or to ``destroy``. None leaves what was."""

    id: int | None
    keyword: str | None
    whole_word: bool | None = None
    destroy: bool = False


class Draft(NamedTuple):
    """A filter as its owner hands it in; None leaves what was. ``expires`` says that the expiry is given at all, and
    ``expires_in_ms`` None that it is never."""

    title: str | None = None
    contexts: tuple[str, ...] | None = None
    action: str | None = None
    expires: bool = False
    expires_in_ms: int | None = None
    keywords: tuple[KeywordChange, ...] = ()


class _Needle(NamedTuple):
    """A keyword as it is looked for; ``before`` and ``after`` ask for the edge of a word there."""

    folded: str
    before: bool
    after: bool
    keyword: str


class Matcher:
    """The filters of one account that are in force, made ready once.

    ``until`` is when the next of them expires (ms since 1970), or None: from then on another matcher is needed.
    Keywords are looked for as they stand, and no pattern is made of them, so that none can take long.
    """

    def __init__(self, filters: Iterable[Filter], now: int) -> None:
        held = [one for one in filters if one.expires_at is None or one.expires_at > now]
        self.until = min((one.expires_at for one in held if one.expires_at is not None), default=None)
        self._rules = [
            (one, [_needle(keyword) for keyword in one.keywords], frozenset(each.status_id for each in one.statuses))
            for one in held
            if one.keywords or one.statuses
        ]

        self.chars = sum(len(needle.folded) for _, needles, _ in self._rules for needle in needles) + 1_000

    def __bool__(self) -> bool:
        """Whether there is anything that could match."""
        return bool(self._rules)

    def expired(self, now: int) -> bool:
        return self.until is not None and now >= self.until

    def results(self, text: str, ids: Collection[int], context: str | None = None) -> tuple[Result, ...]:
        """What a status meets: ``text`` is its ``searchable`` text, ``ids`` its own id, and its original's where it
        is a reblog.

        Every context is looked at, as clients expect it of what is answered to them; ``context`` chooses one.
        """
        folded = text.casefold()
        found = []
        for one, needles, wanted in self._rules:
            if context is not None and context not in one.contexts:
                continue
            keywords = tuple(needle.keyword for needle in needles if _holds(folded, needle))
            statuses = tuple(id for id in ids if id in wanted)
            if keywords or statuses:
                found.append(Result(one, keywords, statuses))
        return tuple(found)


def _needle(keyword: Keyword) -> _Needle:
    folded = keyword.keyword.casefold()
    # An edge that is no letter has none: "#cats" is found in "more#cats", as in Mastodon.
    before = keyword.whole_word and _WORD.match(folded[0]) is not None
    after = keyword.whole_word and _WORD.match(folded[-1]) is not None
    return _Needle(folded, before, after, keyword.keyword)


def _holds(text: str, needle: _Needle) -> bool:
    at = text.find(needle.folded)
    if not (needle.before or needle.after):
        return at >= 0
    size = len(needle.folded)
    for _ in range(TRIES):
        if at < 0:
            return False
        end = at + size
        apart = not needle.before or at == 0 or _WORD.match(text, at - 1) is None
        if apart and not (needle.after and end < len(text) and _WORD.match(text, end) is not None):
            return True
        at = text.find(needle.folded, at + 1)
    return at >= 0


def searchable(content: StatusContent) -> str:
    """What is searched of a status, as Mastodon has it: its warning and words, the options of its poll, and what is
    said of its media. What other servers sent may have no text but its HTML."""
    parts = (
        content.spoiler,
        content.text or words.to_plain(content.html),
        *(content.poll.options if content.poll else ()),
        *(view.description for view in content.media),
    )
    return "\n\n".join(part for part in parts if part)


# -- what may be kept -------------------------------------------------------------------------------------------------


def check_title(title: str, field: str = "title") -> str:
    """The cleaned title. Raises Invalid."""
    return _check_text(field, title, TITLE_CHARS)


def check_keyword(keyword: str, field: str = "keyword") -> str:
    """The cleaned keyword. Raises Invalid."""
    return _check_text(field, keyword, KEYWORD_CHARS)


def _check_text(field: str, text: str, chars: int) -> str:
    cleaned = words.clean(field, text, chars).strip()
    if not cleaned:
        raise Invalid(field, "can't be blank", "ERR_BLANK")
    return cleaned


def check_contexts(given: Iterable[str]) -> tuple[str, ...]:
    """Those that are named, in the usual order. Raises Invalid for none, or for one that there is not."""
    named = {one.strip() for one in given} - {""}
    if not named:
        raise Invalid("context", "can't be blank", "ERR_BLANK")
    if not named <= set(CONTEXTS):
        raise Invalid("context", f"must be some of {', '.join(CONTEXTS)}", "ERR_INCLUSION")
    return tuple(one for one in CONTEXTS if one in named)


def check_action(action: str) -> str:
    """Raises Invalid for one that there is not."""
    if action not in ACTIONS:
        raise Invalid("filter_action", f"must be one of {', '.join(ACTIONS)}", "ERR_INCLUSION")
    return action
