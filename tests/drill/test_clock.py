"""The clock that a drill may step: only where its file is, and at once."""

from pathlib import Path

from linnet.system import SteppedClock, SystemClock, clock_of


def test_without_the_file_the_clock_is_the_machines(tmp_path: Path) -> None:
    assert type(clock_of(tmp_path)) is SystemClock


def test_a_step_holds_at_once_and_both_ways(tmp_path: Path) -> None:
    file = tmp_path / SteppedClock.FILE
    file.write_bytes(bytes(8))
    clock, machine = clock_of(tmp_path), SystemClock()
    for step in (0, 3_600_000, -3_600_000):
        with file.open("r+b") as opened:
            opened.write(step.to_bytes(8, "little", signed=True))
        assert abs(clock.now_ms() - machine.now_ms() - step) < 1_000
        assert abs(clock.monotonic() - machine.monotonic()) < 1
