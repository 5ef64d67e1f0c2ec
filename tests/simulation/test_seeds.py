"""A hundred worlds in which much goes wrong, more of them in the drill, and all that ever found something."""

import os
import subprocess
import sys

import pytest

from tests.simulation.kept import KEPT
from tests.simulation.world import run

SEEDS = 100
DRILL_SEEDS = int(os.environ.get("LINNET_SEEDS", "1000"))
"""So many in the drill: ``LINNET_SEEDS=10000 make drill TESTS=tests/simulation``."""
PORTION = 20


def portions(first: int, end: int) -> list[range]:
    return [range(start, min(start + PORTION, end)) for start in range(first, end, PORTION)]


def all_well(seeds: range) -> None:
    wrong = [ending for ending in map(run, seeds) if ending.wrongs]
    assert not wrong, "\n\n".join(map(str, wrong[:2])) + f"\n\nwrong: {[ending.seed for ending in wrong]}"


@pytest.mark.parametrize("seed", KEPT, ids=str)
def test_what_was_found_once_does_not_come_back(seed):
    ending = run(seed)
    assert not ending.wrongs, f"{ending}\n\nFound before: {KEPT[seed]}"


@pytest.mark.parametrize("seeds", portions(0, SEEDS), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_nothing_is_lost_doubled_or_out_of_order(seeds):
    all_well(seeds)


@pytest.mark.long
@pytest.mark.parametrize("seeds", portions(SEEDS, DRILL_SEEDS), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_nothing_is_lost_doubled_or_out_of_order_in_many_more_worlds(seeds):
    all_well(seeds)


def test_a_seed_is_one_story_wherever_it_is_told():
    """Else nobody could run a seed that failed alone."""

    def told(hashes: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation.alone", "7", "--story"],
            capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": hashes},
        )  # fmt: skip
        # The stage is made anew, and says so with the real time.
        return "\n".join(line for line in done.stdout.splitlines() if " database_begun " not in line)

    once, again = told("1"), told("2")
    assert len(once.splitlines()) > 50
    assert once == again
