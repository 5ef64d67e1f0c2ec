"""What trends: pure sums over who has used something, in which one account counts once."""

from collections.abc import Mapping, Sequence

KINDS = ("tag", "status", "link")
LEAST_ACCOUNTS = 2
"""What only one account uses, however often, trends nowhere."""
DAYS = 7
KEPT = 100
"""So many of each kind are kept, the best ones."""
HALF_LIFE_MS = 6 * 3_600_000
STATUS_MS = 3 * 86_400_000
"""A status is too old to trend after this long."""


def of_uses(accounts: Mapping[int, int], today: int, part: float) -> float:
    """The score of a hashtag or a link; 0 where it does not trend.

    ``accounts`` says how many different ones have used it on each day, ``part`` how much of ``today`` has passed.
    Yesterday fades as today goes by; what is always used as much as now is no trend.
    """
    now = accounts.get(today, 0) + (1 - part) * accounts.get(today - 1, 0)
    usual = sum(accounts.get(today - back, 0) for back in range(2, DAYS + 1)) / (DAYS - 1)
    expected = max(usual, 1.0)
    return (now - expected) ** 2 / expected if now > expected else 0.0


def of_status(accounts: int, age_ms: int) -> float:
    """The score of a status that so many others have favourited or boosted: half as much every six hours."""
    if accounts < LEAST_ACCOUNTS or age_ms > STATUS_MS:
        return 0.0
    return float(accounts * 2 ** (-max(age_ms, 0) / HALF_LIFE_MS))


def best(scores: Mapping[str, float]) -> Sequence[tuple[str, float]]:
    """The highest first; what has no score is left out."""
    found = [(subject, score) for subject, score in scores.items() if score > 0]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:KEPT]


def one_each(found: Sequence[tuple[str, float]], authors: Mapping[str, int]) -> Sequence[tuple[str, float]]:
    """Of each author's the best alone: nobody fills the page."""
    seen: set[int] = set()
    kept = []
    for subject, score in found:
        if authors[subject] not in seen:
            seen.add(authors[subject])
            kept.append((subject, score))
    return kept
