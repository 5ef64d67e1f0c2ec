"""The set-up does what it says: services stay off, what is missing is named, and in CI that is a failure."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("sh", "find", "grep", "ls", "mktemp", "mv", "rm", "sed", "tail", "chmod", "cat", "touch", "id")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs that stands for a fresh machine: the shell's tools, and nothing that Linnet wants."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in TOOLS:
        (programs / tool).symlink_to(next(p for p in (Path("/usr/bin") / tool, Path("/bin") / tool) if p.exists()))
    return tmp_path


def program(machine: Path, name: str, script: str) -> None:
    path = machine / "bin" / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def system_packages(machine: Path, purpose: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(machine / "bin"), "HOME": str(machine), "POLICY_RC_D": str(machine / "policy-rc.d")}
    command = ["/bin/sh", str(ROOT / "scripts" / "system-packages"), purpose]
    return subprocess.run(command, cwd=machine, env=environment | more, capture_output=True, text=True, check=False)


def test_without_root_the_missing_package_and_what_is_left_out_are_named(machine: Path) -> None:
    program(machine, "id", "echo 1000")
    answer = system_packages(machine, "test")
    assert answer.returncode == 0
    assert "missing system package: caddy (without it: no test of the Caddy example)" in answer.stderr
    assert "missing system package: chromium (without it: no tests in a browser)" in answer.stderr


def test_in_ci_a_missing_package_is_a_failure(machine: Path) -> None:
    program(machine, "id", "echo 1000")
    answer = system_packages(machine, "test", CI="true")
    assert answer.returncode == 1
    assert "apt install" in answer.stderr


def test_a_benchmark_without_its_program_does_not_begin(machine: Path) -> None:
    program(machine, "id", "echo 1000")
    assert system_packages(machine, "bench").returncode == 1


def test_root_installs_what_is_missing_and_no_service_may_start(machine: Path) -> None:
    program(machine, "id", "echo 0")
    policy = machine / "policy-rc.d"
    program(
        machine,
        "apt-get",
        f'echo "$@" >>{machine}/asked; {policy}; echo "policy says $?" >>{machine}/asked\n'
        f'case "$*" in *wrk*) touch {machine}/bin/wrk; chmod +x {machine}/bin/wrk;; esac',
    )
    answer = system_packages(machine, "bench")
    assert answer.returncode == 0, answer.stderr
    asked = (machine / "asked").read_text()
    assert "install --yes --no-install-recommends wrk" in asked
    assert asked.count("policy says 101") == 2
    assert not policy.exists(), "the machine is left as it was"


def test_a_policy_that_was_there_before_is_put_back_even_after_a_failure(machine: Path) -> None:
    program(machine, "id", "echo 0")
    program(machine, "apt-get", "exit 100")
    policy = machine / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0 # mine\n")
    answer = system_packages(machine, "bench")
    assert answer.returncode == 1
    assert "missing system package: wrk" in answer.stderr
    assert "mine" in policy.read_text()


def test_a_wrong_word_is_refused(machine: Path) -> None:
    answer = system_packages(machine, "everything")
    assert answer.returncode == 2
    assert "usage:" in answer.stderr


def test_a_python_that_is_too_old_is_named_and_nothing_is_made(machine: Path) -> None:
    program(machine, "id", "echo 1000")
    program(machine, "python3", "exit 1")
    (machine / "scripts").symlink_to(ROOT / "scripts")
    answer = subprocess.run(
        ["/bin/sh", "scripts/venv", ".venv"],
        cwd=machine,
        env={"PATH": str(machine / "bin"), "HOME": str(machine)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    assert "python3.11-venv" in answer.stderr
    assert not (machine / ".venv").exists()


def test_continuous_integration_runs_what_a_person_runs() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    commands = [line for line in run.read_text().splitlines() if line and not line.startswith("#")]
    assert commands[-1] == "exec make test"


@pytest.mark.parametrize("lock", ["runtime", "dev"])
def test_a_lock_has_every_package_that_the_project_names(lock: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = project["project"]["dependencies"] + (project["dependency-groups"]["dev"] if lock == "dev" else [])
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    locked = {line.partition("==")[0] for line in text.splitlines() if "==" in line}
    wanted = {name.partition("[")[0].partition("=")[0].lower().replace(".", "-") for name in named}
    assert wanted <= locked


def versions(lock: str) -> set[str]:
    """Each as ``name==version``; some have another version for a newer Python."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    return {line.split()[0] for line in text.splitlines() if line[:1].isalnum()}


def test_the_test_lock_holds_the_versions_that_run() -> None:
    assert versions("runtime") <= versions("dev")


# -- deploy/install ---------------------------------------------------------------------------------------------------

INSTALL = ROOT / "deploy" / "install"


def installed(folder: Path) -> set[str]:
    """As in a lock; without what was installed from a folder."""
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "freeze"]
    told = subprocess.run(pip, check=True, capture_output=True, text=True).stdout
    found = [line.partition("==") for line in told.splitlines()]
    return {f"{re.sub('[-_.]+', '-', name.lower())}=={version}" for name, _, version in found if version}


@pytest.mark.parametrize("words", [["relative"], ["--all"], ["/a", "/b"]])
def test_what_it_cannot_be_told_is_refused_before_anything_is_made(tmp_path: Path, words: list[str]) -> None:
    ended = subprocess.run([INSTALL, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "usage:" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_a_node_of_a_cluster_has_what_was_locked_and_can_be_installed_again(tmp_path: Path) -> None:
    folder = tmp_path / "linnet"
    for _ in range(2):
        install = [str(INSTALL), "--cluster", str(folder)]
        ended = subprocess.run(install, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert re.search(r"\d+\.\d+\.\d+", ended.stdout)
    found = installed(folder)
    assert any(one.startswith("patroni==") for one in found)
    assert found <= versions("cluster") | versions("build")
    for program in ("linnet", "patroni"):
        assert subprocess.run([folder / "bin" / program, "--version"], check=True, capture_output=True).stdout
