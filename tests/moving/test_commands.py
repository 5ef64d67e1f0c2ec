"""``linnet account export`` and ``import``, beside a running server."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from linnet.cli import ending
from tests.doors.test_cli_commands import post, refused
from tests.support import archives
from tests.support.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("moving") / "data", "--rate-limits", "off") as running:
        yield running


def test_out_and_in(server: Server, tmp_path: Path):
    token = server.account("ada")
    post(server, token, "fresh bread")
    path = tmp_path / "ada.zip"
    assert server.cli("account", "export", "@ada", str(path)) == ""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert b"fresh bread" in archive.read("outbox.json")
    code, said = refused(server, "account", "export", "ada", str(path))
    assert (code, "--force" in said) == (ending.CANNOT_CREATE, True)
    server.cli("account", "export", "ada", str(path), "--force")
    reader = server.account("bob")
    assert server.cli("account", "import", "bob", str(path), "--visibility", "unlisted") == ""
    posts = json.loads(server.get("/api/v1/timelines/home", reader)[1])
    assert posts == []
    me = json.loads(server.get("/api/v1/accounts/verify_credentials", reader)[1])
    posts = json.loads(server.get(f"/api/v1/accounts/{me['id']}/statuses", reader)[1])
    assert [(one["content"], one["visibility"]) for one in posts] == [("<p>fresh bread</p>", "unlisted")]


def test_the_report_is_printed(server: Server, tmp_path: Path):
    server.account("eve")
    path = tmp_path / "a.zip"
    path.write_bytes(archives.zipped(archives.mastodon()))
    printed = server.cli("account", "import", "eve", str(path), "--no-profile")
    assert printed.splitlines()[0].endswith("is not in the archive, or is of no kind that is taken")
    rows = tmp_path / "f.csv"
    rows.write_text("Account address\nzoe@far.example\n")
    printed = server.cli("account", "import", "eve", str(rows), "--type", "following")
    assert printed == "follows: zoe@far.example: is not known on this server"
    code, said = refused(server, "account", "import", "eve", str(rows))
    assert (code, "could not be taken in" in said) == (ending.BAD_DATA, True)
    assert refused(server, "account", "import", "eve", str(tmp_path / "none"))[0] == ending.NOT_THERE
    assert refused(server, "account", "export", "nobody", str(tmp_path / "x.zip"))[0] == ending.NOT_THERE
