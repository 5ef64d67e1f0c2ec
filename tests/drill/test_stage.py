"""Whatever becomes of a drill, nothing that it started is left: not a process, not a folder."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from linnet.drill import stage
from tests.support.server import until

# Starts one that hides from its parent (a session of its own), one that ignores being asked, and one that is stopped.
_CAST = """
import subprocess, sys, time, signal, os
folder = sys.argv[1]
waits = "import time; time.sleep(600)"
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
for program in (waits, deaf):
    subprocess.Popen([sys.executable, "-c", program, folder], start_new_session=True)
stopped = subprocess.Popen([sys.executable, "-c", waits, folder])
os.kill(stopped.pid, signal.SIGSTOP)
open(folder + "/begun", "w").close()
time.sleep(float(sys.argv[2]))
"""
_PLAY = """
import sys
from pathlib import Path
from linnet.drill import stage
chosen = stage.Stage("shared") if sys.argv[1] == "shared" else stage.choose(loopback=sys.argv[1] == "loopback")
folder = Path(sys.argv[2])
sys.exit(stage.play(chosen, [sys.executable, "-c", sys.argv[3], str(folder), sys.argv[4]], folder))
"""
KINDS = ("best", "loopback", "shared")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / f"{stage.PREFIX}test"
    made.mkdir()
    yield made
    for pid in stage.processes_in(made):
        os.kill(pid, signal.SIGKILL)


def played(kind: str, folder: Path, seconds: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", _PLAY, kind, str(folder), _CAST, seconds])


def gone(folder: Path) -> bool:
    return not stage.processes_in(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_at_its_end_nothing_is_left(kind: str, folder: Path) -> None:
    assert played(kind, folder, "0.1").wait(60) == 0
    assert gone(folder)
    assert not folder.exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_when_it_is_asked_to_end_nothing_is_left(kind: str, number: signal.Signals, folder: Path) -> None:
    player = played(kind, folder, "600")
    until((folder / "begun").exists)
    player.send_signal(number)
    assert player.wait(60) != 0
    assert gone(folder)
    assert not folder.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_when_it_is_killed_nothing_is_left(kind: str, folder: Path) -> None:
    player = played(kind, folder, "600")
    until((folder / "begun").exists)
    player.kill()
    player.wait(60)
    until(lambda: gone(folder))
    assert stage.sweep(folder.parent) == [folder]
    assert not folder.exists()


def test_when_even_the_reaper_is_killed_the_next_drill_ends_the_rest(folder: Path) -> None:
    player = played("shared", folder, "600")
    until((folder / "begun").exists)
    player.send_signal(signal.SIGSTOP)  # or it tidies up as soon as its reaper is gone
    os.kill(_reaper_of(player.pid), signal.SIGKILL)
    player.kill()
    player.wait(60)
    assert not gone(folder)
    assert stage.sweep(folder.parent) == [folder]
    until(lambda: gone(folder))
    assert not folder.exists()


def test_a_drill_that_runs_is_not_swept_away(folder: Path) -> None:
    player = played("shared", folder, "600")
    until((folder / "begun").exists)
    assert stage.sweep(folder.parent) == []
    assert not gone(folder)
    player.terminate()
    player.wait(60)
    assert gone(folder)


def _reaper_of(player: int) -> int:
    children = Path(f"/proc/{player}/task/{player}/children").read_text().split()
    (reaper,) = (int(pid) for pid in children)
    return reaper
