"""The sums behind trends: one account counts once, what is usual is no trend, and everything fades."""

import pytest

from linnet.domain import trends

TODAY = 20_000
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("days", "part", "score"),
    [
        ({}, 0.5, 0),
        ({0: 1}, 0.5, 0),
        ({0: 2}, 0.5, 1),
        ({0: 5}, 0.5, 16),
        ({1: 5}, 0.0, 16),
        ({1: 5}, 0.5, 2.25),
        ({1: 5}, 1.0, 0),
        ({0: 5, 1: 5, 2: 5, 3: 5, 4: 5, 5: 5, 6: 5, 7: 5}, 0.99, 0.0005),
        ({0: 50, 1: 5, 2: 5, 3: 5, 4: 5, 5: 5, 6: 5, 7: 5}, 1.0, 405),
    ],
)
def test_what_is_used_more_than_usual_trends(days: dict[int, int], part: float, score: float) -> None:
    accounts = {TODAY - back: count for back, count in days.items()}
    assert trends.of_uses(accounts, TODAY, part) == pytest.approx(score, abs=0.001)


def test_a_status_fades_and_ends() -> None:
    assert trends.of_status(1, 0) == 0
    assert trends.of_status(8, 0) == 8
    assert trends.of_status(8, 6 * HOUR) == 4
    assert trends.of_status(8, 12 * HOUR) == 2
    assert trends.of_status(8, -HOUR) == 8
    assert trends.of_status(10**6, trends.STATUS_MS + 1) == 0


def test_the_best_come_first_and_each_author_once() -> None:
    found = trends.best({"a": 1.0, "b": 3.0, "c": 2.0, "d": 0.0, "e": 3.0})
    assert found == [("b", 3.0), ("e", 3.0), ("c", 2.0), ("a", 1.0)]
    assert trends.one_each(found, {"b": 1, "e": 2, "c": 1, "a": 3}) == [("b", 3.0), ("e", 3.0), ("a", 1.0)]
    assert len(trends.best({str(n): 1.0 for n in range(1000)})) == trends.KEPT
