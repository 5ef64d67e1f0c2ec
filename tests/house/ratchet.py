"""The ratchet: what is over a limit today may stand, may shrink, and may not grow or be joined by more."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.house.tree import Finding


def load(path: Path) -> dict[str, dict[str, int]]:
    """``{rule: {place: size}}``."""
    known: dict[str, dict[str, int]] = json.loads(path.read_text("utf-8"))
    return known


def complaints(findings: Iterable[Finding], allowed: Mapping[str, int]) -> list[str]:
    """What differs from the ratchet, in sentences. Findings of one place count together."""
    sizes: dict[str, int] = {}
    reasons: dict[str, list[str]] = {}
    for finding in findings:
        sizes[finding.place] = sizes.get(finding.place, 0) + finding.size
        reasons.setdefault(finding.place, []).append(finding.why)
    said = []
    for place, size in sorted(sizes.items()):
        if size > allowed.get(place, 0):
            grown = f" (was {allowed[place]}, is {size})" if place in allowed else ""
            said.append(f"{place}{grown}: {'; '.join(reasons[place])}")
    for place, size in sorted(allowed.items()):
        if size > sizes.get(place, 0):
            now = f"lower its entry to {sizes[place]}" if place in sizes else "remove its entry"
            said.append(f"{place}: better than tests/house/ratchet.json says; {now}")
    return said
