"""What whoever may not listen is told, and how an event stream begins: HTTP's side of this door."""

from typing import Any

from linnet.domain import errors
from linnet.domain.errors import LinnetError

Headers = tuple[tuple[bytes, bytes], ...]

EVENT_STREAM: Headers = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"private, no-store"),
    # nginx passes an answer on as it comes only if it is told so, here or in its own configuration.
    (b"x-accel-buffering", b"no"),
)

_STATUSES: tuple[tuple[type[LinnetError], int], ...] = (
    (errors.Unauthenticated, 401),
    (errors.NotAllowed, 403),
    (errors.NotFound, 404),
    (errors.TooLarge, 413),
    (errors.Invalid, 422),
    (errors.TooMany, 429),
    (errors.Unavailable, 503),
)


def refusal(error: LinnetError) -> tuple[int, dict[str, Any], Headers]:
    """Status, body and headers."""
    status = next((code for kind, code in _STATUSES if isinstance(error, kind)), 500)
    wait = getattr(error, "retry_after", None)
    return status, {"error": str(error)}, ((b"retry-after", b"%d" % wait),) if wait is not None else ()
