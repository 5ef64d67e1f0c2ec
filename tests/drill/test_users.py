"""A node of a drill runs as an ordinary user, whoever starts it, and can write its folder."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from linnet.drill import users


def test_the_interpreter_runs_linnet_as_somebody_who_is_not_root() -> None:
    command = users.as_ordinary_user([sys.executable, "-c", "import os, linnet; print(os.geteuid())"])
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) != 0


def test_a_folder_that_was_handed_over_can_be_written_by_that_user() -> None:
    # Not pytest's own: root keeps those to itself.
    with TemporaryDirectory(prefix="linnet-test-") as place:
        Path(place).chmod(0o755)
        folder = users.own(Path(place) / "node")
        (folder / "left").touch(mode=0o600)
        users.own(folder)
        script = f"open({str(folder / 'made')!r}, 'w').close(); open({str(folder / 'left')!r}, 'w').close()"
        subprocess.run(users.as_ordinary_user([sys.executable, "-c", script]), timeout=60, check=True)
        assert (folder / "made").stat().st_uid == (folder / "left").stat().st_uid == folder.stat().st_uid


def test_who_is_no_root_is_left_as_he_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert users.ordinary_user() is None
    assert users.as_ordinary_user(["linnet", "serve"]) == ["linnet", "serve"]


def test_without_anybody_to_hand_over_to_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "CANDIDATES", ("nobody-of-that-name",))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(LookupError, match="nobody-of-that-name"):
        users.as_ordinary_user(["linnet"])
