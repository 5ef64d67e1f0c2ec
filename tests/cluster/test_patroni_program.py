"""How Patroni is run here: what it starts PostgreSQL with is light, and a promotion has ended when it says so."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from linnet.cluster import patroni, patroni_program
from tests.support.postgres import Server, run
from tests.support.programs import postgres_bin

STARTS_POSTGRESQL = """
import runpy, sys
runpy.run_module("linnet.cluster.patroni_program", run_name="__mp_main__", alter_sys=True)
from patroni.postgresql.postmaster import pg_ctl_start
print(sum(name.startswith("patroni.") for name in sys.modules), sum(name == "yaml" for name in sys.modules))
"""


def test_what_starts_postgresql_imports_little_of_patroni() -> None:
    told = subprocess.run(
        [sys.executable, "-P", "-c", STARTS_POSTGRESQL], check=True, capture_output=True, text=True
    ).stdout  # fmt: skip
    parts, yaml = map(int, told.split())
    assert parts < 8
    assert yaml == 0


def test_where_little_of_patroni_is_not_enough_all_of_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patroni_program, "NEEDED", "patroni.postgresql.not_there")
    before = {name: module for name, module in sys.modules.items() if name.startswith("patroni")}
    for name in before:
        monkeypatch.delitem(sys.modules, name)
    patroni_program.lighten()
    assert patroni_program.HEAVY not in sys.modules
    from patroni.postgresql import Postgresql  # type: ignore[import-untyped]

    assert callable(Postgresql.promote)


STARTS_WITHOUT = """
import multiprocessing, pathlib, sys
from linnet.cluster.patroni_program import outlive

if __name__ == "__main__":
    if sys.argv[1] == "outlive":
        outlive()
    ours = pathlib.Path(__file__)
    context = multiprocessing.get_context("spawn")
    said, says = context.Pipe(False)
    child = context.Process(target=print, args=("started",))
    ours.unlink()
    child.start()
    child.join()
    sys.exit(child.exitcode)
"""


@pytest.mark.parametrize(("how", "ends"), [("outlive", 0), ("as it is", 1)])
def test_postgresql_is_started_though_what_patroni_was_started_with_has_gone(
    tmp_path: Path, how: str, ends: int
) -> None:
    """Without our doing, whoever is started fails: so this shows something."""
    (tmp_path / "begun.py").write_text(STARTS_WITHOUT)
    done = subprocess.run(
        [sys.executable, "-m", "begun", how], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (ends, "started\n" if ends == 0 else "")


HURRIES = """
import time
from linnet.cluster import patroni_program
from unittest.mock import patch

patroni_program.hurry()
from patroni import ha

class Node:
    leads = False
    slept = []
    def has_lock(self, info=True): return self.leads
    class dcs:
        @staticmethod
        def watch(version, timeout):
            Node.slept.append(timeout)
            return False
    _async_executor = type("Idle", (), {"busy": False})
    cluster = None

one, now = Node(), [100.0]
with patch.object(time, "monotonic", lambda: now[0]), patch.object(time, "sleep", Node.slept.append):
    looks = [ha.Ha.watch(one, 1.0)]
    Node.leads = True
    looks += [ha.Ha.watch(one, 1.0), ha.Ha.watch(one, 0.05)]
    now[0] += 3.9
    looks += [ha.Ha.watch(one, 1.0)]
    now[0] += 0.2
    looks += [ha.Ha.watch(one, 1.0)]
    Node.leads = False
    looks += [ha.Ha.watch(one, 1.0)]
    Node.leads = True
    looks += [ha.Ha.watch(one, 1.0)]
    for seconds in (1, 2, 2.5):
        ha.time.sleep(seconds)
print(looks, Node.slept, ha.time.time is time.time, sep="\\n")
"""


def test_a_new_primary_looks_often_who_follows_it_and_locks_are_not_slept_for() -> None:
    """In Patroni as it is installed: another version may sleep elsewhere, and this shows it."""
    told = subprocess.run([sys.executable, "-P", "-c", HURRIES], check=True, capture_output=True, text=True).stdout
    looks, slept, same = told.splitlines()
    assert looks == "[False, True, True, True, False, False, True]"
    assert slept == "[1.0, 0.1, 0.05, 0.1, 1.0, 1.0, 0.1, 1, 0.4, 2.5]"
    assert same == "True"
    source = (Path(str(importlib.util.find_spec("patroni.ha").origin))).read_text()  # type: ignore[union-attr]
    assert source.count("time.sleep(2)  # Give a time to somebody to take the leader lock") == 2


# -- pg_ctl -----------------------------------------------------------------------------------------------------------


def script(programs: Path, data: Path, at: Path) -> str:
    at.write_text(patroni.pg_ctl(str(programs), str(data)), "utf-8")
    at.chmod(0o755)
    return str(at)


@pytest.fixture
def seeming(tmp_path: Path) -> SimpleNamespace:
    """A pg_ctl that notes what it is asked for and ends with what stands in ``ends``; a pg_controldata that says that
    the server is in production from the time on when it has been asked as often as stands in ``after``."""
    programs = tmp_path / "it's here"
    programs.mkdir()
    (programs / "pg_ctl").write_text('#!/bin/sh\ncd "${0%/*}"\necho "$@" >> asked\nexit "$(cat ends)"\n')
    (programs / "pg_controldata").write_text(
        '#!/bin/sh\ncd "${0%/*}"\necho "$LC_ALL $*" >> looked\n'
        'if [ "$(wc -l < looked)" -lt "$(cat after)" ]; then echo "Database cluster state: in archive recovery"\n'
        'else echo "Database cluster state:               in production"; fi\n'
    )
    (programs / "sleep").write_text("#!/bin/sh\n")
    for one in programs.iterdir():
        one.chmod(0o755)
    (programs / "ends").write_text("0")
    (programs / "after").write_text("3")

    def run(*words: str) -> int:
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        return subprocess.run(
            [script(programs, tmp_path / "data", tmp_path / "pg_ctl"), *words], env=environment, check=False
        ).returncode  # fmt: skip

    def said(name: str) -> list[str]:
        return (programs / name).read_text().splitlines() if (programs / name).exists() else []

    return SimpleNamespace(run=run, said=said, programs=programs, data=str(tmp_path / "data"))


def test_a_promotion_is_waited_for(seeming: SimpleNamespace) -> None:
    assert seeming.run("promote", "-D", seeming.data, "-W") == 0
    assert seeming.said("asked") == [f"promote -D {seeming.data} -W"]
    assert seeming.said("looked") == [f"C -D {seeming.data}"] * 3, "PostgreSQL's own words are looked for"


def test_it_is_not_waited_for_without_end(seeming: SimpleNamespace) -> None:
    (seeming.programs / "after").write_text("1000")
    assert seeming.run("promote", "-D", seeming.data, "-W") == 0, "it was asked for: Patroni goes on looking"
    assert len(seeming.said("looked")) == 20


def test_a_promotion_that_fails_has_failed_and_nothing_else_is_waited_for(seeming: SimpleNamespace) -> None:
    assert seeming.run("reload", "-D", seeming.data) == 0
    (seeming.programs / "ends").write_text("3")
    assert seeming.run("promote", "-D", seeming.data, "-W") == 3
    assert seeming.said("looked") == []


def test_a_real_standby_is_in_production_when_it_has_been_promoted(postgres_server: Server) -> None:
    standby = postgres_server.standby()
    try:
        run(script(postgres_bin(), standby.data, standby.folder / "pg_ctl"), "promote", "-D", standby.data, "-W")
        state = run("env", "LC_ALL=C", postgres_bin() / "pg_controldata", "-D", standby.data)
        assert "in production" in state
    finally:
        standby.remove()
