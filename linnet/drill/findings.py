"""What a drill found about a promise: what was promised, what was measured, whether that keeps it, what shows it."""

from collections.abc import Iterable, Sequence

import msgspec

EVIDENCE_MAX = 12


class Finding(msgspec.Struct, frozen=True):
    """``kept`` is None where it was not measured, or nothing was promised; ``value`` is what was measured, as a number.

    ``evidence`` has the first few ids, keys and times that show it.
    """

    promise: str
    bar: str
    measured: str
    kept: bool | None
    value: float = 0.0
    evidence: tuple[str, ...] = ()


def none_of(promise: str, of: str, bad: Sequence[str], *, notes: Sequence[str] = ()) -> Finding:
    """A finding whose bar is 0: ``bad`` has a sentence for each breach; ``of`` says among how many was looked."""
    return Finding(promise, "0", f"{len(bad):,} {of}".strip(), not bad, len(bad), (*shortened(bad), *notes))


def unknown(promise: str, bar: str, why: str) -> Finding:
    return Finding(promise, bar, "not measured", None, 0.0, (why,))


def shortened(bad: Sequence[str]) -> tuple[str, ...]:
    more = len(bad) - EVIDENCE_MAX
    return (*bad[:EVIDENCE_MAX], *([f"and {more:,} more"] if more > 0 else ()))


def broken(findings: Iterable[Finding]) -> bool:
    return any(finding.kept is False for finding in findings)


def unshown(findings: Iterable[Finding]) -> bool:
    """Whether something that was promised could not be measured."""
    return any(finding.kept is None and finding.bar not in ("", "–") for finding in findings)
