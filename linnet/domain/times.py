"""Times as text, in the form that the client API uses."""

from datetime import UTC, datetime

DAY_MS = 86_400_000


WEEK_MS = 7 * DAY_MS
# 1970 began on a Thursday.
_MONDAY_MS = 4 * DAY_MS
LAST_MS = 253_402_300_799_999
"""The end of the year 9999: no later time can be written down."""


def week_start(ms: int) -> int:
    """The midnight, in UTC, of the Monday of the week."""
    return ms - (ms - _MONDAY_MS) % WEEK_MS


def iso(ms: int) -> str:
    """``2026-11-21T09:30:00.123Z``, of ms since 1970."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def parse(text: str) -> int | None:
    """Ms since 1970 of a time in ISO 8601 between then and the year 9999, or None; one without a zone is UTC's."""
    try:
        found = datetime.fromisoformat(text)
        ms = int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return ms if 0 <= ms <= LAST_MS else None


def iso_date(ms: int) -> str:
    """``2026-11-21``."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")


def iso_midnight(ms: int) -> str:
    """``2026-11-21T00:00:00.000Z``: accounts' ``created_at``, which tells the day only."""
    return iso_date(ms) + "T00:00:00.000Z"
