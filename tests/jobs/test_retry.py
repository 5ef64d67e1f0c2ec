"""When failed jobs are tried again."""

from linnet.jobs import retry


def test_waits_double_up_to_the_longest_and_end_after_a_week():
    waits = [retry.delay_ms(attempt, 0.5) for attempt in range(1, retry.ATTEMPTS)]
    assert waits[:4] == [2_000, 4_000, 8_000, 16_000]
    assert max(wait for wait in waits if wait) == retry.LONGEST_MS
    assert waits == sorted(wait for wait in waits if wait is not None)
    assert retry.delay_ms(retry.ATTEMPTS, 0.5) is None
    week = 7 * 86_400_000
    assert 0.97 * week < sum(wait for wait in waits if wait) < 1.03 * week


def test_jitter_spreads_what_failed_together():
    assert retry.delay_ms(3, 0.0) == 6_000
    assert retry.delay_ms(3, 0.999) in range(9_900, 10_001)
