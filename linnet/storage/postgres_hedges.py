"""How many reads are asked of a standby, too, because the primary has not answered yet."""

HEDGE_SECONDS = 0.25
"""How long the primary may leave a read unanswered before a standby is asked too."""
HEDGES_MAX = 10.0
HEDGES_A_READ = 0.1


class Hedges:
    """As many as one likes where that helps. Where the primary answers, only late, at most ten at once and every tenth
    read: a machine that is too busy for one question is not helped by two.

    Whether it helps is seen by how soon a standby answers: where only the way to the primary is long, at once.
    """

    def __init__(self) -> None:
        self._left = HEDGES_MAX
        self._answered_at = float("-inf")
        self._won_at = float("-inf")

    def begun(self) -> None:
        """A read was begun."""
        self._left = min(HEDGES_MAX, self._left + HEDGES_A_READ)

    def answered(self, now: float) -> None:
        """The primary has answered one, or committed. ``now`` is in seconds, of any clock that only rises."""
        self._answered_at = now

    def may(self, now: float) -> bool:
        """Whether a read that waits may be asked of a standby; whoever is told so does it."""
        if now - self._answered_at > HEDGE_SECONDS:
            return True
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    @property
    def silent(self) -> bool:
        """Whether a standby was the first, and the primary has answered nothing since: it need not be waited for."""
        return self._won_at > self._answered_at

    def won(self, seconds: float, now: float) -> None:
        """A standby was the first, so long after it was asked."""
        self._won_at = now
        if seconds < HEDGE_SECONDS:
            self._left = min(HEDGES_MAX, self._left + 1.0)
