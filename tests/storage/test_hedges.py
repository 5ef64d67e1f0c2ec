"""When a standby is asked, too: freely where that helps, rarely where everything is slow."""

from linnet.storage.postgres_hedges import HEDGE_SECONDS, HEDGES_MAX, Hedges


def test_a_primary_that_is_silent_is_not_waited_for() -> None:
    hedges = Hedges()
    assert all(hedges.may(1.0) for _ in range(1_000)), "it has never answered"
    hedges.answered(2.0)
    late = 2.0 + HEDGE_SECONDS + 0.01
    assert all(hedges.may(late) for _ in range(1_000))


def test_of_one_that_answers_late_few_reads_are_asked_twice() -> None:
    hedges = Hedges()
    hedges.answered(1.0)
    assert sum(hedges.may(1.0) for _ in range(100)) == HEDGES_MAX
    twice = 0
    for _ in range(1_000):
        hedges.begun()
        if hedges.may(1.0):
            twice += 1
            hedges.won(HEDGE_SECONDS, 1.0)
    assert 95 <= twice <= 105


def test_where_only_the_way_to_the_primary_is_long_every_read_is_helped() -> None:
    hedges = Hedges()
    hedges.answered(1.0)
    for _ in range(1_000):
        hedges.begun()
        assert hedges.may(1.0)
        hedges.won(0.01, 1.0)


def test_whoever_has_lost_to_a_standby_is_silent_until_it_answers() -> None:
    hedges = Hedges()
    assert not hedges.silent
    hedges.answered(1.0)
    hedges.won(HEDGE_SECONDS, 1.5)
    assert hedges.silent
    hedges.answered(1.6)
    assert not hedges.silent
