"""What time it is, where the clocks of some machines may be wrong (pure).

A time is told by its distance in ms from this machine's monotonic clock, which nobody can set: so a clock that jumps is
seen to have jumped.
"""

from collections.abc import Sequence

APART_MS = 2_000
"""Clocks that differ by no more are the same: others' are known to the second only, and NTP does the rest."""
JITTER_MS = 100
"""By so much a clock may be set between two looks, and it is still the one that was gone by."""


def agreed(own: int, others: Sequence[int], held: int | None, *, alone: bool) -> int:
    """The time to go by: this machine's own as long as most do not contradict it.

    ``others`` are those of the other machines that could be asked, ``held`` is what was agreed on before (None: nothing
    yet). Where as many say one thing as say another, what was agreed on before decides, and at the very first the clock
    that is behind: ids that are behind are soon made up for. A machine that hears none of the others does not follow
    its own clock anywhere.
    """
    if not others:
        return own if alone or held is None or _near(own, held) else held
    voices = sorted([own, *others])
    if len(voices) % 2 == 0 and held is not None:
        voices = sorted([*voices, held])
    most = voices[(len(voices) - 1) // 2]
    # Whoever has left his own clock comes back to it only when it is clearly right: others' jitter by a second.
    if _near(own, most, APART_MS if held is None or _near(own, held, JITTER_MS) else APART_MS // 2):
        return own
    return held if held is not None and _near(held, most) else most


def apart(own: int, agreed: int) -> int:
    """How far this machine's clock is ahead of the agreed time (below 0: behind); 0 where that is next to nothing."""
    return 0 if _near(own, agreed) else own - agreed


def _near(one: int, other: int, ms: int = APART_MS) -> bool:
    return abs(one - other) <= ms
