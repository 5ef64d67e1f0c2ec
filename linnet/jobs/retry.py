"""When a failed job is tried again: exponential backoff with jitter, and an end."""

FIRST_MS = 2_000
LONGEST_MS = 6 * 3_600_000
ATTEMPTS = 42
"""About seven days in all."""


def delay_ms(attempts: int, jitter: float) -> int | None:
    """How long to wait after so many attempts (the failed one included), or None to give up. ``jitter`` in [0, 1)."""
    if attempts >= ATTEMPTS:
        return None
    wait: float = min(LONGEST_MS, FIRST_MS * 2 ** (attempts - 1))
    return int(wait * (0.75 + jitter / 2))
