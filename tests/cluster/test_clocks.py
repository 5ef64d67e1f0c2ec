"""What time machines agree on when some of their clocks are wrong."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.cluster.clocks import APART_MS, agreed, apart
from linnet.system import AgreedClock, SystemClock, clock_of
from tests.support.client import VirtualClock

HOUR = 3_600_000
TRUE = 1_700_000_000_000


@pytest.mark.parametrize(
    ("own", "others", "held", "alone", "by"),
    [
        (0, [], None, True, 0),
        (HOUR, [], 0, True, HOUR),  # nobody knows better than the operator of one machine
        (HOUR, [], None, False, HOUR),  # nothing else is known
        (HOUR, [], 0, False, 0),  # it jumped while nobody answers
        (300, [], 0, False, 300),
        (HOUR, [0], 0, False, 0),
        (-HOUR, [0], 0, False, 0),
        (0, [HOUR], 0, False, 0),  # the other one jumped
        (HOUR, [HOUR], 0, False, HOUR),  # an operator has set both
        (HOUR, [0], None, False, 0),  # which of two is wrong, nobody can tell: the one behind does less harm
        (0, [HOUR], None, False, 0),
        (0, [0, HOUR], 0, False, 0),
        (1_900, [0, 0], 1_890, False, 1_900),  # its own, which is no better known than to the second
        (2_100, [0, 0], 2_090, False, 0),
        (1_900, [0, 0], 0, False, 0),  # it left its own, and does not come back for every second one
        (900, [0, 0], 0, False, 900),
        (HOUR, [0, 400], None, False, 400),
        (HOUR, [0, 400], HOUR, False, 400),  # it was started with a wrong clock
        (HOUR, [0, 400], 100, False, 100),  # no jump, not even a small one
        (900, [0, 400], 100, False, 900),  # NTP does the rest
        (0, [HOUR, 400], 0, False, 0),
    ],
)
def test_what_is_gone_by(own: int, others: list[int], held: int | None, alone: bool, by: int) -> None:
    assert agreed(own, others, held, alone=alone) == by


near = st.integers(TRUE - APART_MS // 4, TRUE + APART_MS // 4)
anything = st.integers(TRUE - 10 * HOUR, TRUE + 10 * HOUR)


@given(st.lists(near, min_size=2, max_size=4), st.data())
def test_a_minority_of_wrong_clocks_misleads_nobody(right: list[int], data: st.DataObject) -> None:
    wrong = data.draw(st.lists(anything, max_size=len(right) - 1))
    held = data.draw(st.one_of(near, st.none()))
    voices = data.draw(st.permutations([*right, *wrong]))
    for place, own in enumerate(voices):
        others = [*voices[:place], *voices[place + 1 :]]
        # Where as many are wrong as there are right ones but for one, it takes all of them to tell.
        if len(voices) % 2 or held is not None:
            assert abs(agreed(own, others, held, alone=False) - TRUE) <= APART_MS


def test_a_clock_that_is_apart_is_told_from_one_that_is_not() -> None:
    assert apart(HOUR, HOUR - 900) == 0
    assert apart(HOUR, 400) == HOUR - 400
    assert apart(-HOUR, 0) == -HOUR


def test_the_agreed_time_goes_on_whatever_the_clock_is_set_to(tmp_path: Path) -> None:
    machine = VirtualClock(TRUE)
    kept = AgreedClock.kept(tmp_path / AgreedClock.FILE, machine)
    assert kept.now_ms() == TRUE
    reading = AgreedClock(tmp_path / AgreedClock.FILE, machine)
    kept.ahead_ms += 5_000
    assert (kept.now_ms(), reading.now_ms()) == (TRUE + 5_000, TRUE + 5_000)
    machine.advance(1_000)
    assert reading.now_ms() == TRUE + 6_000
    # Its successor goes on with what was agreed on.
    assert AgreedClock.kept(tmp_path / AgreedClock.FILE, machine).now_ms() == TRUE + 6_000


def test_what_another_boot_agreed_on_is_not_gone_by(tmp_path: Path) -> None:
    file = tmp_path / AgreedClock.FILE
    assert type(clock_of(tmp_path)) is SystemClock
    AgreedClock.kept(file, SystemClock()).ahead_ms += HOUR
    assert clock_of(tmp_path).now_ms() - SystemClock().now_ms() > HOUR // 2
    content = file.read_bytes()
    file.write_bytes(content[:8] + b"another boot")
    assert type(clock_of(tmp_path)) is SystemClock
    assert abs(AgreedClock.kept(file, SystemClock()).now_ms() - SystemClock().now_ms()) < HOUR // 2
