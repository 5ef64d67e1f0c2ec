"""``deploy/install`` puts this checkout into a folder of its own, with what was locked and nothing else."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "deploy" / "install"


def installed(folder: Path) -> dict[str, str]:
    told = subprocess.run(
        [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "freeze"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return {
        plain(name): version for name, _, version in (line.partition("==") for line in told.splitlines()) if version
    }


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.lower())


def locked(name: str) -> set[tuple[str, str]]:
    """Names and versions; some have another version for a newer Python."""
    text = (ROOT / "requirements" / name).read_text()
    return {(plain(name), version) for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE)}


@pytest.mark.parametrize("words", [["relative"], ["--all"], ["/a", "/b"]])
def test_what_it_cannot_be_told_is_refused_before_anything_is_made(tmp_path: Path, words: list[str]):
    ended = subprocess.run([INSTALL, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "usage:" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_a_node_of_a_cluster_has_what_was_locked_and_can_be_installed_again(tmp_path: Path):
    folder = tmp_path / "linnet"
    for _ in range(2):
        ended = subprocess.run(
            [INSTALL, "--cluster", folder], cwd=tmp_path, capture_output=True, text=True, check=True
        )  # fmt: skip
        assert re.search(r"\d+\.\d+\.\d+", ended.stdout)
    allowed = locked("cluster.txt") | locked("build.txt")
    found = installed(folder)
    assert "patroni" in found
    assert found.items() - {("linnet", found.get("linnet", ""))} <= allowed
    for program in ("linnet", "patroni"):
        assert subprocess.run([folder / "bin" / program, "--version"], check=True, capture_output=True).stdout
