"""What time it is, where the clocks of some machines may be wrong (pure).

A time is told by its distance in ms from this machine's monotonic clock, which nobody can set: so a clock that jumps is
seen to have jumped.
"""

from collections.abc import Sequence

APART_MS = 2_000
"""Clocks that differ by no more are the same: others' are known to the second only, and NTP does the rest."""


def agreed(own: int, others: Sequence[int], held: int | None, *, alone: bool) -> int:
    """The time to go by: this machine's own as long as most do not contradict it.

    ``others`` are those of the other machines that could be asked, ``held`` is what was agreed on before (None: nothing
    yet). Where as many say one thing as say another, what was agreed on before decides; and a machine that hears none
    of the others does not follow its own clock anywhere.
    """
    if not others:
        return own if alone or held is None or _same(own, held) else held
    voices = sorted([own, *others])
    if len(voices) % 2 == 0:
        voices = sorted([*voices, own if held is None else held])
    most = voices[len(voices) // 2]
    if _same(own, most):
        return own
    return held if held is not None and _same(held, most) else most


def apart(own: int, others: Sequence[int]) -> int:
    """How far this machine's clock is ahead of the others' (below 0: behind), where that is more than nothing."""
    if not others:
        return 0
    theirs = sorted(others)[len(others) // 2]
    return 0 if _same(own, theirs) else own - theirs


def _same(one: int, other: int) -> bool:
    return abs(one - other) <= APART_MS
