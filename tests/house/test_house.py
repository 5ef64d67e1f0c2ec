"""Linnet's own tree obeys the house rules, but for what the ratchet lists."""

from pathlib import Path

import pytest

from tests.house import ratchet, rules_project
from tests.house.rules import RULES
from tests.house.tree import Tree

ROOT = Path(__file__).resolve().parents[2]
RATCHET = ROOT / "tests" / "house" / "ratchet.json"


@pytest.fixture(scope="module")
def linnet() -> Tree:
    return Tree(ROOT)


@pytest.mark.parametrize("rule", RULES)
def test_the_tree_obeys(rule: str, linnet: Tree) -> None:
    said = ratchet.complaints(RULES[rule](linnet), ratchet.load(RATCHET).get(rule, {}))
    assert not said, "\n  ".join([f"{rule}:", *said])


def test_the_ratchet_knows_only_rules_that_exist() -> None:
    assert set(ratchet.load(RATCHET)) <= set(RULES)


def test_the_rules_look_at_something(linnet: Tree) -> None:
    """An empty listing would make every rule pass."""
    assert {"linnet/__init__.py", "tests/house/test_house.py", "Makefile"} <= set(linnet.files)
    assert "linnet/domain/errors.py" in linnet.modules
    assert {"linnet/domain/errors.py"} <= set(rules_project._error_classes(linnet)[0].values())
