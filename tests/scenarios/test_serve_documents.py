"""What is written for operators is what is there: options, commands, events, series, and the unit for systemd."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from linnet.cli.arguments import parser
from linnet.cli.commands import COMMANDS
from linnet.config import OPTIONS
from linnet.operations import metrics
from tests.support.programs import in_ci

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted((ROOT / "docs/operators").glob("*.md"))
DEPLOY = ROOT / "deploy"


def texts(*paths: Path) -> str:
    return "\n".join(path.read_text() for path in paths)


def test_every_option_is_explained_with_its_default() -> None:
    rows = re.findall(
        r"^\| `--([\w-]+) ([^`]+)` \| (?:`([^`]*)`|–) \|", (DOCUMENTS[0].parent / "configuration.md").read_text(), re.M
    )
    assert {name: default for name, _, default in rows} == {
        name: entry.metadata["default"] for name, entry in OPTIONS.items()
    }
    assert {name: form.replace("\\", "") for name, form, _ in rows} == {
        name: entry.metadata["metavar"] for name, entry in OPTIONS.items()
    }


@pytest.mark.parametrize("path", [*DOCUMENTS, *sorted(DEPLOY.iterdir())], ids=lambda path: path.name)
def test_commands_and_options_that_are_named_exist(path: Path) -> None:
    known = {command.words for command in COMMANDS} | {("serve",)}
    groups = {words[0] for words in known}
    for first, second in re.findall(r"(?:`|^|\s)linnet (?!linnet)(\w+)(?: ([\w-]+))?", path.read_text(), re.M):
        if first in groups:
            assert (first,) in known or (first, second) in known, f"linnet {first} {second}"
    flags = {f"--{name}" for name in OPTIONS}
    flags |= {flag for command in COMMANDS for names, _ in command.arguments for flag in names if flag[0] == "-"}
    others = {
        "--config",
        "--help",
        "--now",
        "--signal",
        "--system",
        "--uid",
        "--home-dir",
        "--from",
        "--require-hashes",
    }
    others |= {"--no-cache-dir", "--no-deps", "--no-build-isolation", "--no-index", "--name", "--interval", "--timeout"}
    others |= {"--start-period", "--nginx", "--group", "--home", "--preferred-challenges", "--deploy-hook"}
    others |= {"--cluster", "--disable-pip-version-check", "--force-reinstall", "--version", "--pty", "--reference"}
    others |= {"--silent", "--fail", "--insecure", "--max-time", "--output"}
    assert set(re.findall(r"(?<![\w-])--[a-z][\w-]+", path.read_text())) <= flags | others


def given_in(path: Path) -> list[str]:
    """Our commands that are to be typed as they stand: those in blocks, each up to what is the shell's business."""
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", path.read_text(), re.M | re.S))
    lines = re.sub(r"\$\([^)]*\)", "said", blocks.replace("\\\n", " ")).splitlines()
    return [re.split(r"\s+(?:#|\||>|&&|;)|;", line)[0] for line in lines if line.startswith("linnet ")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_that_are_to_be_typed_are_understood(path: Path) -> None:
    for command in given_in(path):
        words = shlex.split(command)[1:]
        understood = parser().parse_args(words).command.words
        assert tuple(words[: len(understood)]) == understood, command


def test_every_series_that_is_shown_is_explained() -> None:
    told = (DOCUMENTS[0].parent / "monitoring.md").read_text()
    shown = set(re.findall(r'"(linnet_\w+)"', Path(metrics.__file__).read_text())) - {"linnet_build"}
    shown |= {f"linnet_{name}" for name in metrics._SAYS}
    for name in shown:
        stem, _, last = name.rpartition("_")
        assert name in told or (stem in told and f"`_{last}`" in told), name


def test_every_event_that_is_explained_is_logged() -> None:
    told = (DOCUMENTS[0].parent / "monitoring.md").read_text()
    code = texts(*(ROOT / "linnet").rglob("*.py"))
    for row in re.findall(r"^\| (`[a-z_`, ]+) \| [^|]+ \| [^|]+ \|$", told, re.M):
        for event in re.findall(r"`([a-z_]+)`", row):
            assert f'"{event}"' in code, event


@pytest.mark.parametrize("name", ["linnet.service", "linnet-node.service"])
def test_the_unit_is_one_that_systemd_understands(tmp_path: Path, name: str) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        assert not in_ci(), "systemd-analyze is missing"
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / name
    unit.write_text((DEPLOY / name).read_text().replace("/opt/linnet/bin/linnet", "/bin/true"))
    done = subprocess.run([program, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if name in line] == []


def test_the_shared_address_is_one_that_keepalived_understands(tmp_path: Path) -> None:
    program = shutil.which("keepalived") or shutil.which("/usr/sbin/keepalived")
    cards = sorted(path.name for path in Path("/sys/class/net").iterdir() if path.name != "lo")
    if program is None or not cards:
        pytest.skip("keepalived is not installed, or there is no network")
    configuration = tmp_path / "keepalived.conf"
    configuration.write_text((DEPLOY / "keepalived.conf").read_text().replace("eth0", cards[0]))
    # Its exit code says nothing (it ends by a signal of its own); what it does not understand, it says.
    done = subprocess.run(
        [program, "-t", "-f", str(configuration)], capture_output=True, text=True, check=False, start_new_session=True
    )
    assert done.stdout + done.stderr == ""


def test_the_unit_lets_a_drain_end() -> None:
    seconds = int(re.search(r"^TimeoutStopSec=(\d+)$", (DEPLOY / "linnet.service").read_text(), re.M)[1])  # type: ignore[index]
    from linnet.cli import serve, worker
    from linnet.config import Config

    assert seconds > Config().drain / 1000 + serve.EXTRA_SECONDS + worker.LINGER_SECONDS


def test_the_container_copies_what_is_there() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M):
        for source in sources.split():
            assert (ROOT / source).exists(), source
