"""The import contracts hold for a house built as drawn, and each breaks when somebody goes through its wall."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / ".importlinter"
DRAWN = {
    "linnet/__init__.py": "",
    "linnet/__main__.py": "import linnet.cli",
    "linnet/app.py": "import granian, linnet.storage.sqlite, linnet.media",
    "linnet/routes.py": "import linnet.client_api",
    "linnet/ports.py": "import linnet.domain",
    "linnet/config.py": "import linnet.domain",
    "linnet/telemetry.py": "",
    "linnet/supervision.py": "import asyncio, linnet.telemetry",
    "linnet/system.py": "import time, linnet.ports",
    "linnet/secrecy.py": "import argon2, cryptography",
    "linnet/cluster/certificates.py": "import cryptography",
    "linnet/cluster/decide.py": "import linnet.cluster.picture",
    "linnet/cluster/haproxy.py": "",
    "linnet/cluster/layout.py": "import linnet.domain",
    "linnet/cluster/picture.py": "import linnet.cluster.layout",
    "linnet/http/mail.py": "import aiosmtplib",
    "linnet/http/outbound.py": "import aiohttp",
    "linnet/storage/etcd.py": "import aiohttp",
    "linnet/storage/sqlite.py": "import apsw",
    "linnet/storage/postgres.py": "import linnet.storage.postgres_connection",
    "linnet/storage/postgres_connection.py": "import asyncpg",
    "linnet/storage/database.py": "",
    "linnet/storage/sqlite_files.py": "import apsw",
    "linnet/web/context.py": "from linnet.storage.database import Database",
    "linnet/media/process.py": "import pyvips, blurhash_rs",
    "linnet/actions/statuses.py": "import linnet.storage.sqlite, linnet.domain",
    "linnet/streaming/channels.py": "import linnet.domain",
    "linnet/streaming/hub.py": "import linnet.storage.database",
    "linnet/streaming/sockets.py": "import websockets",
} | {
    f"linnet/{room}/__init__.py": ""
    for room in (
        *("cli", "drill", "web", "client_api", "media", "jobs", "operations", "federation", "streaming", "cluster"),
        *("actions", "queries", "mastodon", "activitypub", "http", "storage", "domain"),
    )
}
FLOORS = "A call never goes up, and rooms on one floor do not know each other"
BREACHES = [
    ("linnet/storage/notes.py", "import linnet.actions", FLOORS),
    ("linnet/domain/notes.py", "import linnet.ports", FLOORS),
    ("linnet/web/pages.py", "import linnet.client_api", FLOORS),
    ("linnet/actions/notes.py", "import linnet.mastodon", FLOORS),
    ("linnet/newcomer/__init__.py", "", FLOORS),
    ("linnet/domain/notes.py", "import linnet.domain.b\n", "No cycles between siblings, at any depth"),
    ("linnet/domain/notes.py", "import time", "Pure rooms know no loop, socket, clock, chance, process or storage"),
    (
        "linnet/mastodon/notes.py",
        "import asyncio",
        "Pure rooms know no loop, socket, clock, chance, process or storage",
    ),
    (
        "linnet/web/pages.py",
        "import linnet.storage",
        "Only those who read, change, run jobs or compose open the storage",
    ),
    ("linnet/cli/notes.py", "import apsw", "SQLite's driver has one room"),
    ("linnet/storage/notes.py", "import asyncpg", "PostgreSQL's driver has one room"),
    ("linnet/web/pages.py", "import websockets", "WebSockets are framed in one room"),
    ("linnet/jobs/notes.py", "import granian", "Only where serving starts is the HTTP server known by name"),
    ("linnet/web/pages.py", "import pyvips", "Only the media door decodes pictures"),
    ("linnet/actions/notes.py", "import argon2", "Passwords are hashed and secrets sealed in one room"),
    ("linnet/actions/notes.py", "import aiosmtplib", "Mail leaves through one room"),
    ("linnet/actions/notes.py", "import aiohttp", "Other servers are asked through one room"),
]


def lint(house: Path) -> tuple[int, str]:
    program = Path(sys.executable).with_name("lint-imports")
    command = [str(program), "--no-logo", "--no-cache", "--config", str(CONTRACTS)]
    answer = subprocess.run(command, cwd=house, capture_output=True, text=True, check=False, env={"COLUMNS": "200"})
    return answer.returncode, re.sub(r"\x1b\[[0-9;]*m", "", answer.stdout + answer.stderr)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name, text in DRAWN.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    return tmp_path


def test_the_house_as_drawn_is_kept(house: Path) -> None:
    status, said = lint(house)
    assert status == 0, said
    assert "0 broken" in said


@pytest.mark.parametrize(("path", "text", "contract"), BREACHES)
def test_going_through_a_wall_is_seen(house: Path, path: str, text: str, contract: str) -> None:
    (house / path).parent.mkdir(exist_ok=True)
    (house / path).write_text(text + "\n")
    (house / "linnet/domain/b.py").write_text("import linnet.domain.notes\n")
    status, said = lint(house)
    assert status == 1
    assert f"{contract} BROKEN" in said


def test_every_contract_has_its_breach() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(CONTRACTS)
    named = {section["name"] for name, section in contracts.items() if name.startswith("importlinter:contract:")}
    assert named == {contract for _, _, contract in BREACHES}
