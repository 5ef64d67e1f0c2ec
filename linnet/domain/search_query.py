"""What people type into a search for posts, taken apart: words, "phrases", minus and operators."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from linnet.domain.errors import Invalid
from linnet.domain.text_search import MAX_QUERY_TERMS, folded, query_terms

MARK = "\ue000"
"""Begins the terms that no text has: a private character, which is neither a letter nor a digit."""
EVERY = f"{MARK}every"
"""The term of every status that is indexed at all."""

HAS = {
    "media": "media", "image": "image", "images": "image", "video": "video", "videos": "video", "gif": "gifv",
    "audio": "audio", "link": "link", "links": "link", "poll": "poll", "polls": "poll",
}  # fmt: skip
IS = {"reply": "reply", "sensitive": "sensitive", "reblog": "reblog"}
PLACES = ("all", "library", "public")

_PIECE = re.compile(r'(?P<minus>-?)(?:(?P<operator>[a-zA-Z]{2,8}):(?=\S))?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_LANGUAGE = re.compile("[a-z]{2,3}(-[a-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search for statuses. ``terms`` must all be in the index, of each of ``without`` at least one must not.

    ``phrases`` and ``not_phrases`` are folded as ``folded`` does, and decided on the text itself. ``authors`` and the
    like are names as they were typed, without a leading @. ``since_ms`` and ``before_ms`` bound the time of posting.
    """

    terms: tuple[str, ...] = ()
    without: tuple[tuple[str, ...], ...] = ()
    phrases: tuple[str, ...] = ()
    not_phrases: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    not_authors: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    not_named: tuple[str, ...] = ()
    reblogs: bool = False
    library: bool = True
    public: bool = True
    since_ms: int = 0
    before_ms: int | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was asked for that a status could be found by."""
        return self == SearchQuery()


@dataclass(slots=True)
class _Draft:
    terms: list[str] = field(default_factory=list)
    without: list[tuple[str, ...]] = field(default_factory=list)
    phrases: list[str] = field(default_factory=list)
    not_phrases: list[str] = field(default_factory=list)
    people: dict[tuple[str, bool], list[str]] = field(default_factory=dict)
    reblogs: bool = False
    places: set[str] = field(default_factory=lambda: {"library", "public"})
    since_ms: int = 0
    before_ms: int | None = None

    def require(self, terms: Iterable[str], minus: bool) -> None:
        found = tuple(terms)
        if minus and found:
            self.without.append(found)
        else:
            self.terms += found


def parse(text: str) -> SearchQuery:
    """Takes a search apart; an operator that is none of ours is a word. Raises Invalid where one means nothing."""
    draft = _Draft()
    for piece in _PIECE.finditer(text):
        operator, minus = (piece["operator"] or "").lower(), bool(piece["minus"])
        if operator in _OPERATORS:
            _OPERATORS[operator](draft, piece["word"] or piece["phrase"] or "", minus)
        elif piece["phrase"] is not None:
            _phrase(draft, piece["phrase"], minus)
        else:
            draft.require(query_terms(f"{piece['operator'] or ''} {piece['word']}"), minus)
    people = draft.people
    return SearchQuery(
        tuple(dict.fromkeys(draft.terms))[:MAX_QUERY_TERMS], tuple(dict.fromkeys(draft.without))[:MAX_QUERY_TERMS],
        _few(draft.phrases), _few(draft.not_phrases),
        _few(people.get(("from", False), ())), _few(people.get(("from", True), ())),
        _few(people.get(("to", False), ())), _few(people.get(("to", True), ())),
        draft.reblogs, "library" in draft.places, "public" in draft.places, draft.since_ms, draft.before_ms,
    )  # fmt: skip


def facets(
    account_id: int, language: str | None, named: Iterable[int], kinds: Iterable[str], **is_: bool
) -> Iterator[str]:
    """The terms that operators find a status by. ``kinds`` are its attachments', ``is_`` link, poll and so on."""
    yield EVERY
    yield author_term(account_id)
    if language:
        yield language_term(language)
    yield from (named_term(account) for account in named)
    kinds = set(kinds)
    if kinds:
        yield f"{MARK}media"
    yield from (f"{MARK}{kind}" for kind in sorted(kinds))
    yield from (f"{MARK}{name}" for name, true in is_.items() if true)


def author_term(account_id: int) -> str:
    return f"{MARK}from{account_id}"


def named_term(account_id: int) -> str:
    return f"{MARK}to{account_id}"


def language_term(language: str) -> str:
    """Goes by the language alone: who looks for zh finds zh-TW, too."""
    return f"{MARK}lang{language.lower().partition('-')[0]}"


def expression(terms: Iterable[str], without: Iterable[tuple[str, ...]]) -> str:
    """The search as both engines take it (storage/search.sql): quoted terms between AND and NOT."""
    wanted = [*dict.fromkeys(terms)] or [EVERY]
    text = " AND ".join(f'"{term}"' for term in wanted)
    return text + "".join(" NOT (" + " AND ".join(f'"{term}"' for term in group) + ")" for group in without)


def holds(query: SearchQuery, text: str) -> bool:
    """Whether a status's text has all phrases of the query, and none of those that it must not have."""
    if not query.phrases and not query.not_phrases:
        return True
    plain = folded(text)
    return all(phrase in plain for phrase in query.phrases) and not any(phrase in plain for phrase in query.not_phrases)


def _few(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))[:MAX_QUERY_TERMS]


def _phrase(draft: _Draft, text: str, minus: bool) -> None:
    phrase = folded(text).strip()
    if not phrase:
        return
    if minus:
        draft.not_phrases.append(phrase)
    else:
        draft.phrases.append(phrase)
        draft.terms += query_terms(text)


def _people(operator: str) -> Callable[[_Draft, str, bool], None]:
    def take(draft: _Draft, value: str, minus: bool) -> None:
        draft.people.setdefault((operator, minus), []).append(value.removeprefix("@").lower())

    return take


def _has(draft: _Draft, value: str, minus: bool) -> None:
    if value.lower() not in HAS:
        raise Invalid("q", f"has: knows {', '.join(HAS)}, and not {value[:20]!r}")
    draft.require((MARK + HAS[value.lower()],), minus)


def _is(draft: _Draft, value: str, minus: bool) -> None:
    if value.lower() not in IS:
        raise Invalid("q", f"is: knows {', '.join(IS)}, and not {value[:20]!r}")
    if value.lower() == "reblog":
        draft.reblogs = not minus
    else:
        draft.require((MARK + IS[value.lower()],), minus)


def _in(draft: _Draft, value: str, minus: bool) -> None:
    place = value.lower()
    if place not in PLACES:
        raise Invalid("q", f"in: knows {', '.join(PLACES)}, and not {value[:20]!r}")
    if place != "all":
        draft.places = draft.places - {place} if minus else {place}


def _language(draft: _Draft, value: str, minus: bool) -> None:
    if not _LANGUAGE.fullmatch(value.lower()):
        raise Invalid("q", f"lang: needs a language such as en or ja, and not {value[:20]!r}")
    draft.require((language_term(value),), minus)


def _time(earlier: int | None, later: int | None) -> Callable[[_Draft, str, bool], None]:
    """An operator with a day: from so many days after it on, until so many days after it."""

    def take(draft: _Draft, value: str, minus: bool) -> None:
        if minus:
            raise Invalid("q", "a time cannot be taken off: use before: or after: instead")
        try:
            day = date.fromisoformat(value)
            begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
            if earlier is not None:
                draft.since_ms = max(draft.since_ms, int((begin + timedelta(days=earlier)).timestamp() * 1000))
            if later is not None:
                end = int((begin + timedelta(days=later)).timestamp() * 1000)
                draft.before_ms = end if draft.before_ms is None else min(end, draft.before_ms)
        except (ValueError, OverflowError):
            raise Invalid(
                "q", f"before:, after: and during: need a day such as 2026-05-31, and not {value[:20]!r}"
            ) from None

    return take


_OPERATORS: dict[str, Callable[[_Draft, str, bool], None]] = {
    "from": _people("from"), "to": _people("to"), "has": _has, "is": _is, "in": _in,
    "lang": _language, "language": _language,
    "before": _time(None, 0), "after": _time(1, None), "during": _time(0, 1),
}  # fmt: skip
