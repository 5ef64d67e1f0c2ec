"""Time, chance and loose tasks are refused by the linter wherever they are not handed in."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BANNED = [
    "import asyncio; asyncio.create_task(x())",
    "import asyncio; asyncio.ensure_future(x())",
    "import datetime; datetime.datetime.now(datetime.UTC)",
    "from datetime import date; date.today()",
    "import os; os.urandom(8)",
    "import random",
    "import secrets",
    "import time; time.time()",
    "from time import time_ns; time_ns()",
    "import uuid; uuid.uuid4()",
    "from . import x",
]


def refused(text: str, place: str) -> bool:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--quiet", "--output-format", "concise"]
    answer = subprocess.run(
        [*command, "--stdin-filename", place, "-"], cwd=ROOT, input=text, capture_output=True, text=True, check=False
    )
    return "TID25" in answer.stdout


@pytest.mark.parametrize("text", BANNED)
def test_the_rooms_are_refused_what_is_to_be_handed_in(text: str) -> None:
    assert refused(text, "linnet/actions/x.py")


def test_the_one_place_for_time_and_chance_may() -> None:
    assert not refused("import time; time.time()", "linnet/system.py")
    assert not refused("import secrets", "linnet/system.py")
