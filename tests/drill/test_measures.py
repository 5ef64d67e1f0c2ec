"""What follows from the records of a run: runs are made up here, so that each answer is known."""

import pytest

from linnet.drill import measures
from linnet.drill.measures import Pause, Slice, alive, longest, pauses, slices, windows, within, worst
from linnet.drill.records import Attempt, Failure, Mark, Record, Sample
from tests.support.ledgers import ENDPOINTS, acknowledged, evidence, plan, read, refused, steady

A, B, C = ENDPOINTS


def test_who_is_away_while_something_else_goes_on_is_not_asked_and_no_fault_of_its_own() -> None:
    restart = Mark("b restarts", 104.0, 107.0, (B,), absence=True)
    marked = evidence([Mark("restart", 103.0, 108.0, pause_max=0.5), restart], 20)
    assert [mark.name for mark, _ in windows(marked, after=5)] == ["restart"]
    assert alive(B, 100, 110, [restart]) == [(100, 104), (107, 110)]


def test_the_longest_pause_is_found_with_its_beginning() -> None:
    assert longest([1.0, 2.0, 5.0, 5.5], [(0.0, 6.0)]) == Pause(3.0, 2.0)


def test_the_ends_of_a_span_count() -> None:
    assert longest([2.0], [(0.0, 10.0)]) == Pause(8.0, 2.0)
    assert longest([9.0], [(0.0, 10.0)]) == Pause(9.0, 0.0)
    assert longest([], [(3.0, 4.0), (10.0, 12.0)]) == Pause(2.0, 10.0)


def test_what_came_outside_of_the_spans_ends_no_pause() -> None:
    assert longest([1.0, 5.0, 9.0], [(0.0, 2.0), (4.0, 4.5)]) == Pause(1.0, 0.0)


def test_a_dead_node_is_not_asked_for_while_it_is_dead() -> None:
    marks = [Mark("late", 50, 60, (A,)), Mark("early", 10, 20, (A, B)), Mark("inside", 12, 15, (A,))]
    assert alive(A, 0, 100, marks) == [(0, 10), (20, 50), (60, 100)]
    assert alive(B, 0, 100, marks) == [(0, 10), (20, 100)]
    assert alive(C, 0, 100, marks) == [(0, 100)]
    assert alive(A, 0, 15, [Mark("to the end", 10, 99, (A,))]) == [(0, 10)]
    assert alive(A, 11, 15, [Mark("all the time", 10, 99, (A,))]) == []


def test_spans_are_cut_to_a_window() -> None:
    assert within([(0, 10), (20, 30), (40, 50)], (5, 25)) == [(5, 10), (20, 25)]


def _silent(endpoint: str, began: float, ended: float):
    """Who answers, if an endpoint does not between two times."""

    def answered(number: int, at: float) -> list[Attempt]:
        where = ENDPOINTS[number % 3]
        if where != endpoint or not began <= at < ended:
            return [acknowledged(number, at)]
        other = ENDPOINTS[(number + 1) % 3]
        return [refused(number, at, 0.1), acknowledged(number, at + 0.1, endpoint=other)]

    return answered


def test_a_silent_node_is_the_worst_unless_it_is_the_dead_one() -> None:
    silent = _silent(B, 104.0, 107.0)
    found = pauses_of(steady(10, 30, silent))
    assert found[B].seconds == pytest.approx(3.0, abs=0.15)
    assert worst(found).endpoint == B
    assert found[""].seconds < 0.2
    marked = pauses_of(steady(10, 30, silent, Mark("killed", 104.0, 107.0, (B,), 2.0)))
    assert worst(marked).seconds < 0.25


def pauses_of(records: list[Record], window: tuple[float, float] | None = None) -> dict[str, Pause]:
    found = evidence(records)
    return pauses(found, measures.acknowledged_at(found), window)


def test_a_window_looks_at_its_own_time_alone() -> None:
    records = steady(10, 30, _silent(A, 102.0, 104.0))
    assert worst(pauses_of(records, (101.0, 105.0))).seconds == pytest.approx(2.0, abs=0.15)
    assert worst(pauses_of(records, (106.0, 109.0))).seconds < 0.2


def test_a_fault_is_looked_at_until_the_next_one_begins() -> None:
    first, second = Mark("one", 102, 103), Mark("two", 106, 107)
    found = windows(evidence([second, first], 30), after=10)
    assert found == [(first, (102, 106)), (second, (106, 117))]
    assert windows(evidence([Mark("last", 102, 103)], 5), after=10) == [(Mark("last", 102, 103), (102, 105))]


def test_nothing_is_known_of_a_run_without_records() -> None:
    nothing = evidence([])
    assert windows(nothing, 10) == []
    assert measures.failures(nothing) == []
    assert measures.cpu(nothing) == (0.0, 0.0)
    assert measures.lateness(nothing) == 0.0
    assert worst({"": Pause(3.0)}) == Pause()


def test_a_post_took_from_its_first_attempt_to_its_first_acknowledgement() -> None:
    found = evidence([plan(1), refused(1, 101.0), acknowledged(1, 101.6, 0.4), acknowledged(1, 103.0)])
    assert measures.post_times(found) == [(102.0, 1.0)]
    assert measures.post_errors(found) == [101.5]


def test_vain_attempts_of_a_read_count_but_fail_nobody() -> None:
    found = evidence([read(1, 101.0, 0.7, attempts=3), read(2, 101.0), read(3, 102.0, 60, attempts=9, why="503")])
    assert measures.read_errors(found) == [101.7] * 2 + [162.0] * 9
    assert [at for at, _ in measures.read_times(found)] == [101.7, 101.01]
    assert [seconds for _, seconds in measures.read_times(found)] == pytest.approx([0.7, 0.01])
    assert measures.failures(found) == ["+62.00 s a read of home at http://a: 503"]
    assert measures.tried_again(found) == {"a read that another attempt served": 2}


def test_what_failed_for_the_client_is_told_in_its_order() -> None:
    found = evidence([Failure(105.5, "run-000002", A, "503 busy"), Failure(101.25, "run-000001", B, "no answer")])
    assert measures.failures(found) == [
        "+1.25 s run-000001 at http://b: no answer",
        "+5.50 s run-000002 at http://a: 503 busy",
    ]


def test_reasons_to_ask_again_are_counted_without_what_is_different_each_time() -> None:
    records = [refused(1, 101, why="ClientConnectorError: port 1 (x)"), refused(2, 101, why="ClientConnectorError: 2")]
    records += [refused(3, 101, why="no answer in 5 s"), refused(4, 101, why="no answer in 23.5 s")]
    assert measures.tried_again(evidence(records)) == {"ClientConnectorError": 2, "no answer": 2}


def test_time_is_cut_into_slices() -> None:
    found = slices([(100.1, 0.01), (100.2, 0.03), (100.3, 0.02), (101.9, 0.5)], [100.9, 102.0], 100, 102, 2)
    assert found == [Slice(100, 3, 1, 0.02, 0.03, 0.03), Slice(101, 1, 1, 0.5, 0.5, 0.5)]
    assert slices([], [], 100, 100, 1) == [Slice(100, 0, 0, 0, 0, 0)]


@pytest.mark.parametrize(("part", "value"), [(0.5, 51), (0.99, 100), (1.0, 100), (0.0, 1)])
def test_percentiles(part: float, value: int) -> None:
    assert measures.percentile(list(range(1, 101)), part) == value


def test_the_machine_is_measured_while_the_load_runs() -> None:
    found = evidence([Sample(99, 1.0, 0), Sample(101, 0.2, 0.01), Sample(102, 0.6, 0.3), Sample(120, 1.0, 0)])
    assert measures.cpu(found) == pytest.approx((0.4, 0.6))
    assert measures.lateness(found) == 0.3
