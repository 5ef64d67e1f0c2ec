"""Filters as the client API's parameters and JSON, of both its versions."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from linnet.domain import filters as rules
from linnet.domain import times
from linnet.domain.errors import Invalid
from linnet.domain.filters import Draft, Filter, FilteredStatus, Keyword, KeywordChange, Result
from linnet.mastodon import parsing
from linnet.mastodon.parsing import Params

_encode = msgspec.json.Encoder().encode


def draft(params: Params) -> Draft:
    """Of POST and PUT /api/v2/filters: what is not given is not changed. Raises Invalid."""
    return Draft(
        title=parsing.optional_text(params, "title"),
        contexts=_contexts(params),
        action=parsing.optional_text(params, "filter_action"),
        expires="expires_in" in params,
        expires_in_ms=_expires_in(params),
        keywords=tuple(
            _keyword_change(item) for item in parsing.items(params, "keywords_attributes", rules.KEYWORDS_MAX)
        ),
    )


def draft_v1(params: Params) -> Draft:
    """Of POST and PUT /api/v1/filters: one phrase is the title, and the only keyword. Raises Invalid."""
    irreversible = parsing.optional_flag(params, "irreversible")
    return Draft(
        title=parsing.optional_text(params, "phrase"),
        contexts=_contexts(params),
        action=None if irreversible is None else "hide" if irreversible else "warn",
        expires="expires_in" in params,
        expires_in_ms=_expires_in(params),
        keywords=(
            KeywordChange(None, parsing.optional_text(params, "phrase"), parsing.optional_flag(params, "whole_word")),
        ),
    )


def keyword_change(params: Params) -> KeywordChange:
    """Of POST …/keywords and PUT …/keywords/:id. Raises Invalid."""
    return KeywordChange(None, parsing.optional_text(params, "keyword"), parsing.optional_flag(params, "whole_word"))


def _keyword_change(item: object) -> KeywordChange:
    if not isinstance(item, Mapping):
        raise Invalid("keywords_attributes", "must be a list of objects")
    return KeywordChange(
        parsing.id_(item, "id"),
        parsing.optional_text(item, "keyword"),
        parsing.optional_flag(item, "whole_word"),
        parsing.flag(item, "_destroy"),
    )


def _contexts(params: Params) -> tuple[str, ...] | None:
    return parsing.text_list(params, "context", 20) if params.get("context") is not None else None


def _expires_in(params: Params) -> int | None:
    """In ms; None for never."""
    if params.get("expires_in") in (None, ""):
        return None
    return parsing.number(params, "expires_in", 0, rules.EXPIRES_SECONDS_MAX) * 1000


def filter_(one: Filter) -> dict[str, Any]:
    """A Filter."""
    return _head(one) | {
        "keywords": [keyword(each) for each in one.keywords],
        "statuses": [status(each) for each in one.statuses],
    }


def _head(one: Filter) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "title": one.title,
        "context": one.contexts,
        "expires_at": _expiry(one),
        "filter_action": one.action,
    }


def _expiry(one: Filter) -> str | None:
    return times.iso(one.expires_at) if one.expires_at is not None else None


def v1(one: Filter, each: Keyword) -> dict[str, Any]:
    """A V1::Filter, of one keyword."""
    return {
        "id": str(each.id),
        "phrase": each.keyword,
        "context": one.contexts,
        "whole_word": each.whole_word,
        "expires_at": _expiry(one),
        "irreversible": one.action == "hide",
    }


def keyword(each: Keyword) -> dict[str, Any]:
    """A FilterKeyword."""
    return {"id": str(each.id), "keyword": each.keyword, "whole_word": each.whole_word}


def status(each: FilteredStatus) -> dict[str, Any]:
    """A FilterStatus."""
    return {"id": str(each.id), "status_id": str(each.status_id)}


def results(found: Iterable[Result]) -> bytes:
    """FilterResults with commas between them."""
    return b",".join(
        _encode(
            {
                "filter": _head(one.filter),
                "keyword_matches": one.keywords or None,
                "status_matches": [str(id) for id in one.status_ids] or None,
            }
        )
        for one in found
    )
