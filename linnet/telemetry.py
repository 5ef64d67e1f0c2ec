"""What the operator sees: structured logs, and the numbers behind ``/metrics``. Secrets never come here."""

import logging
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

import structlog

log: Any = structlog.get_logger("linnet")

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The request that is being answered, so that each line that it causes names it."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


class Histogram:
    """Counts of values up to each bound, and their sum. One observation costs less than a microsecond."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


events: Counter[tuple[str, str]] = Counter()
"""How often each event was logged, by (level, event)."""
commits = Histogram(SIZES)
"""How many writes shared each commit."""


def _count(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    events[method, str(event.get("event"))] += 1
    asked = request_id.get()
    if asked:
        event.setdefault("request_id", asked)
    return event


# Local variables stay out of both forms: a password that was typed stands among them.
_tracebacks = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


class _Lines(structlog.WriteLogger):
    """Writes lines. Where one cannot be, as on a disk that is full, whoever had something to tell goes on all the same:
    it is counted, and nothing else depends on it."""

    def msg(self, message: str) -> None:
        try:
            super().msg(message)
        except OSError:
            events["error", "log_line_lost"] += 1

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg


def set_up_logs(level: str = "info", form: str = "text") -> None:
    """``form`` is ``text`` for people or ``json`` for machines; one line per event, on standard error."""
    last: list[Any] = (
        [_tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if form == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), pad_event_to=24, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    structlog.configure(
        processors=[
            _count,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: _Lines(sys.stderr),
        cache_logger_on_first_use=True,
    )
