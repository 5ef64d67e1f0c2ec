"""Backup, restore and check: whole while others write, verified before anything is replaced, refused where unsure."""

import asyncio
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from linnet.cli import ending
from linnet.storage import statements
from linnet.storage.statements import Statement
from tests.doors.test_cli_commands import post, refused
from tests.support import pictures
from tests.support.databases import open_sqlite
from tests.support.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("backup") / "data", "--rate-limits", "off") as running:
        yield running


@pytest.fixture(scope="module")
def saved(server: Server) -> Path:
    """A backup with an account, a post, and a picture."""
    token = server.account("alice")
    post(server, token, "kept")
    picture = server.data_dir.with_name("bird.png")
    picture.write_bytes(pictures.png())
    server.cli("emoji", "add", "bird", str(picture))
    path = server.data_dir.with_name("backup.tar")
    server.cli("database", "backup", str(path))
    return path


def linnet(folder: Path, *words: str, input: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = Server(folder).command(*words)
    return subprocess.run(command, input=input, capture_output=True, timeout=120, check=False)


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return tar.getnames()


def changed(archive: Path, to: Path, change: Callable[[str, bytes], list[tuple[str, bytes]]]) -> Path:
    """A copy in which ``change`` has replaced each file by none, one or more."""
    with tarfile.open(archive) as old, tarfile.open(to, "w") as new:
        for member in old:
            source = old.extractfile(member)
            assert source is not None
            for name, data in change(member.name, source.read()):
                header = tarfile.TarInfo(name)
                header.size = len(data)
                new.addfile(header, io.BytesIO(data))
    return to


def test_a_backup_has_everything_and_is_for_its_owner_alone(server: Server, saved: Path) -> None:
    found = names(saved)
    assert found[-1] == "MANIFEST.json"
    assert {"database/linnet.db", "secrets/node", "secrets/vault.key"} <= set(found)
    assert [name for name in found if name.startswith("media/emoji/")]
    assert saved.stat().st_mode & 0o077 == 0
    assert "is there already" in refused(server, "database", "backup", str(saved))[1]
    assert not list(saved.parent.glob(".*.part"))
    assert list((server.data_dir / "run").glob("backup-*")) == []


def test_nobody_has_a_backup_by_having_made_its_file_before(server: Server, tmp_path: Path) -> None:
    elsewhere, prepared = tmp_path / "elsewhere", tmp_path / ".backup.tar.part"
    elsewhere.write_bytes(b"")
    prepared.symlink_to(elsewhere)
    server.cli("database", "backup", str(tmp_path / "backup.tar"))
    assert elsewhere.read_bytes() == b""
    prepared.write_bytes(b"")
    prepared.chmod(0o666)
    with prepared.open("rb") as held:
        server.cli("database", "backup", "--force", str(tmp_path / "backup.tar"))
        assert held.read() == b""
    assert (tmp_path / "backup.tar").stat().st_mode & 0o077 == 0
    assert "MANIFEST.json" in names(tmp_path / "backup.tar")


def test_a_restored_server_is_the_same_server(server: Server, saved: Path, tmp_path: Path) -> None:
    done = linnet(tmp_path / "new", "database", "restore", str(saved))
    assert done.returncode == 0, done.stderr
    assert f"Restored {server.origin}".encode() in done.stderr
    for name in ("node", "vault.key"):
        assert (tmp_path / "new/secrets" / name).read_bytes() == (server.data_dir / "secrets" / name).read_bytes()
    restored = Server(tmp_path / "new", "--rate-limits", "off")
    restored.origin = server.origin
    with restored:
        token = restored.cli("token", "create", "alice")
        home = json.loads(restored.get("/api/v1/timelines/home", token)[1])
        assert [status["content"] for status in home] == ["<p>kept</p>"]
        (emoji,) = json.loads(restored.get("/api/v1/custom_emojis")[1])
        path = emoji["url"].removeprefix(server.origin)
        assert restored.get(path) == server.get(path)
        assert restored.cli("database", "check") == ""


def test_a_backup_goes_through_a_pipe_both_ways(server: Server, saved: Path, tmp_path: Path) -> None:
    written = linnet(server.data_dir, "database", "backup", "-")
    assert written.returncode == 0, written.stderr
    done = linnet(tmp_path / "piped", "database", "restore", "-", input=written.stdout)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "piped/linnet.db").exists()


def test_nothing_is_replaced_unasked_and_nothing_under_a_running_server(
    server: Server, saved: Path, tmp_path: Path
) -> None:
    code, said = refused(server, "database", "restore", str(saved))
    assert (code, "is not empty" in said) == (ending.CANNOT_CREATE, True)
    code, said = refused(server, "database", "restore", str(saved), "--force")
    assert (code, "A server runs on" in said) == (ending.UNAVAILABLE, True)
    folder = tmp_path / "there"
    assert linnet(folder, "database", "restore", str(saved)).returncode == 0
    (folder / "media/own.png").write_bytes(b"mine")
    done = linnet(folder, "database", "restore", str(saved), "--force")
    assert done.returncode == 0, done.stderr
    (kept,) = folder.glob("before-restore-*")
    assert (kept / "media/own.png").read_bytes() == b"mine"
    assert (kept / "linnet.db").exists()
    assert not (folder / "media/own.png").exists()


Change = Callable[[str, bytes], list[tuple[str, bytes]]]


def with_another(other: str) -> Change:
    """Puts one more file in."""
    return lambda name, data: [(name, data), *([(other, b"x")] if name == "secrets/node" else [])]


DAMAGES: dict[str, Change] = {
    "a bit turned": lambda name, data: [(name, bytes([data[0] ^ 1]) + data[1:] if name == "secrets/node" else data)],
    "a file left out": lambda name, data: [] if name == "secrets/node" else [(name, data)],
    "a file put in": with_another("media/emoji/x.png"),
    "a way out": with_another("../outside"),
    "an absolute path": with_another("/tmp/outside"),
    "no manifest": lambda name, data: [] if name == "MANIFEST.json" else [(name, data)],
    "a manifest that is none": lambda name, data: [(name, b"{}" if name == "MANIFEST.json" else data)],
    "another form": lambda name, data: [(name, data.replace(b'"format": 1', b'"format": 9'))],
    "a newer schema": lambda name, data: [(name, data.replace(b'"schema": [', b'"schema": [999,'))],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_backup_is_refused_and_leaves_no_trace(damage: str, saved: Path, tmp_path: Path) -> None:
    broken = changed(saved, tmp_path / "broken.tar", DAMAGES[damage])
    done = linnet(tmp_path / "new", "database", "restore", str(broken))
    assert done.returncode == ending.BAD_DATA, done.stderr
    assert b"Traceback" not in done.stderr
    left = [path for path in (tmp_path / "new").rglob("*") if path.is_file() and path.parent.name != "run"]
    assert left == []
    assert not (tmp_path / "outside").exists()


def test_half_a_backup_and_what_is_none_are_refused(saved: Path, tmp_path: Path) -> None:
    for number, data in enumerate((saved.read_bytes()[: saved.stat().st_size // 2], b"not a tar", b"")):
        path = tmp_path / f"{number}.tar"
        path.write_bytes(data)
        done = linnet(tmp_path / "new", "database", "restore", str(path))
        assert done.returncode == ending.BAD_DATA, done.stderr
    assert linnet(tmp_path / "new", "database", "restore", str(tmp_path / "none")).returncode == ending.NOT_THERE


def test_a_restore_that_was_cut_off_is_not_served(server: Server, saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert linnet(folder, "database", "restore", str(saved)).returncode == 0
    (folder / ".restoring").write_text("")
    done = linnet(folder, "account", "list")
    assert (done.returncode, b"was cut off" in done.stderr) == (ending.UNAVAILABLE, True)
    assert linnet(folder, "database", "restore", str(saved), "--force").returncode == 0
    assert linnet(folder, "account", "list").returncode == 0


def spoil(server: Server, *sql: str) -> None:
    """Runs statements that no code of ours would."""

    async def run() -> None:
        database = open_sqlite(server.data_dir / "linnet.db")

        async def write(tx) -> None:
            for text in sql:
                await tx.run(plain(text))

        try:
            await database.write(write)
        finally:
            await database.close()

    asyncio.run(run())


def plain(text: str) -> Statement:
    parsed = statements.parse(f"-- name: spoil\n{text};")
    return Statement("spoil", parsed["spoil"], parsed["spoil"], (), frozenset())


def test_a_check_finds_what_is_wrong_and_sets_counters_right(server: Server, saved: Path) -> None:
    assert server.cli("database", "check") == ""
    token = server.account("counted")
    status = post(server, token, "counted")
    assert server.ask("POST", f"/api/v1/statuses/{status}/favourite", token)[0] == 200
    assert server.cli("database", "check") == ""
    spoil(
        server,
        "update accounts set followers = 7 where username = 'counted'",
        f"update statuses set favourites = 5, replies = 3 where id = {status}",
    )
    code, said = refused(server, "database", "check")
    assert (code, "2 things are wrong" in said) == (ending.BAD_DATA, True)
    printed = server.cli("database", "check", check=False)
    assert "@counted counts 7 followers" in printed
    counts = f"The status {status} counts 3 replies, 0 reblogs, 5 favourites and 0 quotes; there are 0, 0, 1 and 0."
    assert counts in printed
    server.cli("database", "check", "--repair")
    assert server.cli("database", "check") == ""
    files = [path for path in (server.data_dir / "media").rglob("*.png") if path.is_file()]
    assert files
    moved = files[0].read_bytes()
    files[0].unlink()
    assert f"A file of the emoji bird is missing: {files[0].relative_to(server.data_dir / 'media')}" in server.cli(
        "database", "check", check=False
    )
    files[0].write_bytes(moved)
    spoil(server, f"delete from status_contents where status_id = {status}")
    assert f"The status {status} has lost its words." in server.cli("database", "check", check=False)
    assert server.cli("database", "check", "--quick") == ""


def test_a_damaged_database_is_found_and_not_saved(server: Server, saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert linnet(folder, "database", "restore", str(saved)).returncode == 0
    data = bytearray((folder / "linnet.db").read_bytes())
    for page in range(20, len(data) // 4096, 7):
        data[page * 4096 : page * 4096 + 64] = b"\x0d" * 64
    (folder / "linnet.db").write_bytes(data)
    done = linnet(folder, "database", "check", "--quick")
    assert b"The database file is damaged" in done.stdout
    assert done.returncode == ending.BAD_DATA
    done = linnet(folder, "database", "backup", str(tmp_path / "bad.tar"))
    assert done.returncode == ending.BAD_DATA, done.stderr
    assert b"was not saved" in done.stderr
    assert not (tmp_path / "bad.tar").exists()


def test_migrating_says_what_it_did(tmp_path: Path, server: Server) -> None:
    done = linnet(tmp_path / "new", "database", "migrate")
    assert b"migrated: 0001_before_initial" in done.stdout
    again = linnet(tmp_path / "new", "database", "migrate")
    assert (again.stdout, b"0 migrations ran" in again.stderr) == (b"", True)


@pytest.mark.parametrize("folder", ["nothing", "typo/deep"])
def test_where_there_is_no_server_nothing_is_saved(tmp_path: Path, folder: str):
    """Made for it, an empty one would be saved night after night as if it were the server."""
    ended = linnet(tmp_path / folder, "database", "backup", str(tmp_path / "backup.tar"))
    assert ended.returncode == 66
    assert b"There is no server in" in ended.stderr
    assert not (tmp_path / "backup.tar").exists()
    assert not (tmp_path / folder).exists()
