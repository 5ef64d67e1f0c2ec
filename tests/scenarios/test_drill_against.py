"""``linnet cluster drill --against`` a real server: green, with a planted loss, killed in between, ended early."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.support.server import Server, until

pytestmark = pytest.mark.alone

PEOPLE = ("ada", "bert")
RATE = 20


class Drill:
    """The command, in a process of its own."""

    def __init__(self, server: Server, folder: Path, seconds: float) -> None:
        tokens = server.data_dir.parent / "tokens"
        self.report = folder / "report"
        self.ledger = self.report / "load" / "ledger.jsonl"
        self.log = folder / "drill.log"
        command = server.command(
            "cluster", "drill", "--against", server.url, "--tokens", str(tokens), "--rate", str(RATE), "--reads", "40",
            "--seconds", str(seconds), "--report", str(self.report),
        )  # fmt: skip
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=server.environment,
            )  # fmt: skip

    def acknowledged(self) -> list[str]:
        """The ids of the posts that the ledger says were acknowledged."""
        if not self.ledger.exists():
            return []
        found = []
        for line in self.ledger.read_text().splitlines():
            with contextlib.suppress(ValueError):
                record = json.loads(line)
                found += [record["id"]] if record["is"] == "attempt" and record["id"] else []
        return found

    def ended(self, seconds: float = 90) -> tuple[int, dict[str, Any]]:
        """The exit code, and what the report says."""
        code = self.process.wait(seconds)
        assert (self.report / "report.html").exists(), self.log.read_text()
        return code, json.loads((self.report / "report.json").read_text())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("drill")
    with Server(folder / "data", "--rate-limits", "off") as started:
        (folder / "tokens").write_text("\n".join(started.account(name) for name in PEOPLE))
        yield started


@contextlib.contextmanager
def drilling(server: Server, folder: Path, seconds: float) -> Iterator[Drill]:
    drill = Drill(server, folder, seconds)
    try:
        yield drill
    finally:
        if drill.process.poll() is None:
            drill.process.kill()
            drill.process.wait()


def _verdicts(report: dict[str, Any]) -> dict[str, bool | None]:
    return {finding["promise"]: finding["kept"] for finding in report["runs"][0]["findings"]}


@pytest.mark.drill
def test_a_server_that_is_killed_and_started_again_in_between_keeps_every_promise(server: Server, tmp_path: Path):
    with drilling(server, tmp_path, 6) as drill:
        until(lambda: len(drill.acknowledged()) > 2 * RATE, 60, "the load")
        server.kill()
        server.start()
        code, report = drill.ended()
        assert code == 0, drill.log.read_text()
        run = report["runs"][0]
        assert run["attempts_failed"] > 0
        assert run["posts_acknowledged"] == len(set(drill.acknowledged()))
        # None was left out while the server was away.
        assert abs(run["posts_acknowledged"] - 6 * RATE) <= 2
        verdicts = _verdicts(report)
        assert False not in verdicts.values()
        assert [name for name, kept in verdicts.items() if kept is None] == [
            "longest time without an acknowledged post, at any living node",
            "longest time without a served read, at any living node",
        ]
        assert "Every promise that can be looked at from outside was kept." in drill.log.read_text()


@pytest.mark.drill
def test_a_post_that_disappears_behind_the_servers_back_is_found(server: Server, tmp_path: Path):
    with drilling(server, tmp_path, 4) as drill:
        until(lambda: len(drill.acknowledged()) > RATE, 60, "the load")
        gone = drill.acknowledged()[5]
        with contextlib.closing(apsw.Connection(str(server.data_dir / "linnet.db"))) as database:
            database.set_busy_timeout(10_000)
            with database:
                database.execute("delete from statuses where id = ?", (int(gone),))
                database.execute("delete from status_contents where status_id = ?", (int(gone),))
        code, report = drill.ended(120)
        assert code == 1
        assert report["kept"] is False
        lost = next(one for one in report["promises"] if one["promise"] == "acknowledged posts lost")
        assert lost["broken"] == 1
        assert gone in lost["evidence"][0]
        assert gone in drill.log.read_text()


@pytest.mark.drill
def test_asked_to_end_it_says_what_it_knows(server: Server, tmp_path: Path):
    with drilling(server, tmp_path, 300) as drill:
        until(lambda: len(drill.acknowledged()) > RATE, 60, "the load")
        os.kill(drill.process.pid, signal.SIGINT)
        code, report = drill.ended(60)
        assert code == 0, drill.log.read_text()
        assert report["notes"] == ["It was asked to end before its time."]
        assert report["runs"][0]["posts_acknowledged"] == len(drill.acknowledged()) > RATE


@pytest.mark.drill
def test_asked_twice_it_waits_for_nobody(server: Server, tmp_path: Path):
    with drilling(server, tmp_path, 300) as drill:
        until(lambda: len(drill.acknowledged()) > RATE, 60, "the load")
        frozen = server.processes()
        try:
            for process in frozen:
                process.suspend()
            os.kill(drill.process.pid, signal.SIGINT)
            until(lambda: "again Ctrl-C" in drill.log.read_text(), 30, "the first answer")
            os.kill(drill.process.pid, signal.SIGINT)
            code, report = drill.ended(30)
        finally:
            for process in frozen:
                process.resume()
        assert code == os.EX_TEMPFAIL, drill.log.read_text()
        assert report["kept"] is None
        assert "before everything was verified" in report["notes"][1]
        assert report["runs"][0]["posts_acknowledged"] == len(drill.acknowledged())
        assert "task_failed" not in drill.log.read_text()


def test_tokens_that_let_nobody_in_are_refused_at_once(server: Server, tmp_path: Path):
    tokens = tmp_path / "tokens"
    tokens.write_text("wrong\n")
    began = time.monotonic()
    command = server.command("cluster", "drill", "--against", server.url, "--tokens", str(tokens))
    done = subprocess.run(
        [*command, "--report", str(tmp_path / "report")], capture_output=True, text=True, env=server.environment,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == os.EX_UNAVAILABLE
    assert "The access token is invalid" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert time.monotonic() - began < 30
