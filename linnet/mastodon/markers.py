"""Markers as the client API's parameters and JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

from linnet.domain import times
from linnet.domain.errors import Invalid
from linnet.domain.views import MarkerView
from linnet.mastodon import parsing
from linnet.mastodon.parsing import Params

TIMELINES = ("home", "notifications")


def positions(params: Params) -> dict[str, int]:
    """Of POST /api/v1/markers: timeline -> last read id. Raises Invalid."""
    found: dict[str, int] = {}
    for timeline in TIMELINES:
        given = params.get(timeline)
        if given is None:
            continue
        last = parsing.id_(given, "last_read_id") if isinstance(given, Mapping) else None
        if last is None:
            raise Invalid(timeline, "needs a last_read_id")
        found[timeline] = last
    return found


def timelines(params: Params) -> tuple[str, ...]:
    """Those that there are of the ones asked for."""
    asked = parsing.text_list(params, "timeline", 20)
    return tuple(timeline for timeline in TIMELINES if timeline in asked)


def markers(views: Iterable[MarkerView]) -> dict[str, Any]:
    return {
        view.timeline: {
            "last_read_id": str(view.last_read_id),
            "version": view.version,
            "updated_at": times.iso(view.updated_at),
        }
        for view in views
    }
