"""Filters: the words that somebody does not want to read, where, and what happens to posts that hold them."""

from collections.abc import Mapping
from typing import Any

from linnet.actions import filters as actions
from linnet.domain.errors import Invalid
from linnet.domain.filters import CONTEXTS, KEYWORDS_MAX, Draft, Filter, KeywordChange
from linnet.http.request import Request
from linnet.http.response import Response, redirect
from linnet.queries import filters
from linnet.web.door import Door, path_id, visitor_of
from linnet.web.forms import Form, text, ticked

FIELDS = ("title", "keywords", "context", "filter_action", "expires_in")
_KEPT = "kept"
"""The choice that leaves a filter's end where it is."""


async def index(door: Door, request: Request) -> Response:
    """GET /settings/filters"""
    form = Form({"filter_action": "warn", "whole_word": True} | {f"in_{context}": True for context in CONTEXTS})
    return await _index(door, request, form)


async def create(door: Door, request: Request) -> Response:
    """POST /settings/filters"""
    params = await request.params()
    try:
        draft = _draft(params, ())
        await actions.create(door.database, visitor_of(request).id, draft, door.operation(request, params))
    except Invalid as error:
        return await _index(door, request, _failed(params, error), 422)
    return redirect("/settings/filters")


async def edit(door: Door, request: Request) -> Response:
    """GET /settings/filters/:filter"""
    found = await filters.one(door.database, visitor_of(request).id, path_id(request, "filter"))
    return await door.page(request, "filter.html", filter=found, form=_form(found))


async def save(door: Door, request: Request) -> Response:
    """POST /settings/filters/:filter"""
    who, filter_id, params = visitor_of(request).id, path_id(request, "filter"), await request.params()
    found = await filters.one(door.database, who, filter_id)
    try:
        draft = _draft(params, _changed(params, found))
        await actions.update(door.database, who, filter_id, draft, door.operation(request, params))
    except Invalid as error:
        return await door.page(request, "filter.html", 422, filter=found, form=_failed(params, error))
    return redirect("/settings/filters")


async def delete(door: Door, request: Request) -> Response:
    """POST /settings/filters/:filter/delete"""
    await actions.delete(door.database, visitor_of(request).id, path_id(request, "filter"), door.once())
    return redirect("/settings/filters")


async def _index(door: Door, request: Request, form: Form, status: int = 200) -> Response:
    found = await filters.all(door.database, visitor_of(request).id)
    return await door.page(request, "filters.html", status, filters=found, form=form)


def _form(found: Filter) -> Form:
    values: dict[str, Any] = {
        "title": found.title, "filter_action": found.action, "expires_in": _KEPT,
        "keywords": "\n".join(one.keyword for one in found.keywords),
        "whole_word": all(one.whole_word for one in found.keywords),
    }  # fmt: skip
    return Form(values | {f"in_{context}": True for context in found.contexts})


def _failed(params: Mapping[str, Any], error: Invalid) -> Form:
    form = Form(params)
    form.fail(error, *FIELDS)
    if "keyword" in error.field and "base" in form.errors:
        form.errors["keywords"] = form.errors.pop("base")
    return form


def _draft(params: Mapping[str, Any], keywords: tuple[KeywordChange, ...]) -> Draft:
    expires = text(params, "expires_in", 20)
    return Draft(
        title=text(params, "title"),
        contexts=tuple(context for context in CONTEXTS if ticked(params, f"in_{context}")),
        action=text(params, "filter_action", 20),
        expires=expires != _KEPT,
        expires_in_ms=int(expires) * 1000 if expires.isascii() and expires.isdigit() and len(expires) < 10 else None,
        keywords=keywords or _changed(params, None),
    )


def _changed(params: Mapping[str, Any], before: Filter | None) -> tuple[KeywordChange, ...]:
    """One keyword a line: those that are new, those that stay, and those that are gone."""
    lines = dict.fromkeys(line.strip() for line in text(params, "keywords", 100_000).splitlines() if line.strip())
    if len(lines) > KEYWORDS_MAX:
        raise Invalid("keywords", f"are more than {KEYWORDS_MAX}", "ERR_TOO_MANY")
    whole, known = ticked(params, "whole_word"), {one.keyword: one.id for one in before.keywords} if before else {}
    stay = [KeywordChange(known.get(line), line, whole) for line in lines]
    gone = [KeywordChange(id, None, None, True) for keyword, id in known.items() if keyword not in lines]
    return (*gone, *stay)
