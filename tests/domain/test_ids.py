"""Ids: their layout, their order, and a clock that does as it likes."""

import pytest

from linnet.domain import ids
from linnet.system import IdMaker


class Hands:
    """A clock whose hands the test moves."""

    def __init__(self, now_ms: int) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("ids wait for nothing")


NOW = 1_790_000_000_000


def test_an_id_tells_when_and_where_it_was_made():
    clock = Hands(NOW)
    made = IdMaker(clock, node=5, worker=9).next()
    assert ids.milliseconds(made) == NOW
    assert (made >> 16) & 63 == 5
    assert (made >> 12) & 15 == 9
    assert made < 2**63


def test_ids_rise_when_the_clock_stands_still_or_steps_back():
    clock = Hands(NOW)
    maker = IdMaker(clock, 0, 0)
    made = [maker.next() for _ in range(10_000)]
    clock.ms -= 60_000
    made += [maker.next() for _ in range(10_000)]
    clock.ms += 120_000
    made.append(maker.next())
    assert made == sorted(set(made))
    assert ids.milliseconds(made[-1]) == clock.ms


def test_a_new_maker_goes_on_above_what_was_given_out_before():
    clock = Hands(NOW)
    before = [IdMaker(clock, 1, 2).next() for _ in range(3)][-1]
    clock.ms -= 5_000
    assert IdMaker(clock, 1, 2, above=before).next() > before


def test_makers_of_other_places_never_collide():
    clock = Hands(NOW)
    makers = [IdMaker(clock, node, worker) for node in (0, 1, 62) for worker in (0, 1, 15)]
    made = [maker.next() for _ in range(500) for maker in makers]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize(("node", "worker"), [(-1, 0), (64, 0), (0, 16), (0, -1)])
def test_a_place_that_does_not_fit_is_refused(node, worker):
    with pytest.raises(ValueError):
        ids.place(node, worker)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("12", 12), (str(2**63 - 1), 2**63 - 1), (str(2**63), None), ("9" * 19, None), ("", None),
        ("-1", None), ("1.0", None), (" 1", None), ("١", None), ("1" * 400, None), ("1e5", None),
    ],
)  # fmt: skip
def test_only_decimal_ids_are_read(text, value):
    assert ids.parse(text) == value
