"""The same server on PostgreSQL: two machines on one database, and a backup by PostgreSQL's own programs."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from linnet.cli import ending
from tests.doors.test_cli_backup import linnet
from tests.doors.test_cli_commands import post, refused
from tests.support import postgres
from tests.support.databases import create_database, drop_database
from tests.support.server import Server, until


@pytest.fixture
def url(postgres_server: postgres.Server) -> Iterator[str]:
    made = asyncio.run(create_database(postgres_server))
    yield made
    asyncio.run(drop_database(postgres_server, made))


def test_two_machines_on_one_database_share_everything_but_their_numbers(url: str, tmp_path: Path) -> None:
    first, second = Server(tmp_path / "first", "--database", url), Server(tmp_path / "second", "--database", url)
    second.origin = first.origin
    with first:
        (second.data_dir / "secrets").mkdir(parents=True)
        shutil.copyfile(first.data_dir / "secrets/vault.key", second.data_dir / "secrets/vault.key")
    with first, second:
        token = first.account("alice")
        ids = [post(server, token, f"from {number}") for number, server in enumerate((first, second, first, second))]
        assert len(set(ids)) == 4
        for server in (first, second):
            home = json.loads(server.get("/api/v1/timelines/home", token)[1])
            assert [status["id"] for status in home] == ids[::-1]
        nodes = [(server.data_dir / "secrets/node").read_text().split()[0] for server in (first, second)]
        assert nodes == ["0", "1"]
        assert second.cli("account", "list").count("@alice") == 1
        assert first.get("/readyz")[0] == 200
        second.restart()
        assert (second.data_dir / "secrets/node").read_text().split()[0] == "1"
        until(lambda: "linnet_jobs_due 0.0" in first.get("/metrics")[1].decode(), what="an empty outbox")


def test_a_backup_is_restored_into_another_database(url: str, postgres_server: postgres.Server, tmp_path: Path) -> None:
    other = asyncio.run(create_database(postgres_server))
    saved = tmp_path / "saved.tar"
    try:
        with Server(tmp_path / "data", "--database", url) as server:
            token = server.account("alice")
            status = post(server, token, "kept")
            server.cli("database", "check")
            server.cli("database", "backup", str(saved))
            code, said = refused(server, "database", "restore", str(saved), "--force")
            assert (code, "stop it first" in said) == (ending.UNAVAILABLE, True)
        done = linnet(tmp_path / "new", "database", "restore", str(saved))
        assert (done.returncode, b"--database" in done.stderr) == (ending.USAGE, True)
        done = linnet(tmp_path / "new", "database", "restore", str(saved), "--database", other)
        assert done.returncode == 0, done.stderr
        restored = Server(tmp_path / "new", "--database", other)
        restored.origin = server.origin
        with restored:
            assert restored.get(f"/api/v1/statuses/{status}")[0] == 200
            assert restored.get("/api/v1/timelines/home", token)[0] == 200
        again = linnet(tmp_path / "new", "database", "restore", str(saved), "--database", other, "--force")
        assert again.returncode == 0, again.stderr
    finally:
        asyncio.run(drop_database(postgres_server, other))


def test_a_database_that_cannot_be_dumped_says_so(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(tmp_path / "data", "--database", url) as server:
        monkeypatch.setitem(server.environment, "PATH", str(tmp_path))
        code, said = refused(server, "database", "backup", str(tmp_path / "x.tar"), "--database", url)
        assert (code, "pg_dump is not installed" in said) == (ending.NOT_THERE, True)
        assert not (tmp_path / "x.tar").exists()
