"""PostgreSQL's own programs for dumps, which know its every detail; the password goes by their environment."""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from linnet.cli.ending import NOT_THERE, UNAVAILABLE, Ending


def dump(url: str, target: Path) -> None:
    """One moment of the database, in pg_dump's own compressed form. Raises Ending."""
    where, environment = _address(url)
    _run(
        ["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}", f"--dbname={where}"],
        environment,
    )


def restore(url: str, source: Path, *, over: bool) -> None:
    """All of it or, where anything fails, nothing. ``over`` first drops what is there. Raises Ending."""
    where, environment = _address(url)
    # Of several hosts, the primary.
    environment["PGTARGETSESSIONATTRS"] = "read-write"
    options = ["--clean", "--if-exists"] if over else []
    _run(
        [
            "pg_restore", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", *options,
            f"--dbname={where}", str(source),
        ],
        environment,
    )  # fmt: skip


def _address(url: str) -> tuple[str, dict[str, str]]:
    """The URL without its password, which other users would see in the list of processes."""
    parts = urlsplit(url)
    environment = {"PGCONNECT_TIMEOUT": "5", **os.environ}
    user, at, hosts = parts.netloc.rpartition("@")
    name, colon, password = user.partition(":")
    if colon:
        environment["PGPASSWORD"] = unquote(password)
    return urlunsplit(parts._replace(netloc=f"{name}{at}{hosts}")), environment


def _run(command: list[str], environment: dict[str, str]) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise Ending(
            NOT_THERE,
            f"{command[0]} is not installed on this machine; it comes with the client programs of PostgreSQL "
            "(the package postgresql-client).",
        )
    done = subprocess.run([program, *command[1:]], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        words = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise Ending(UNAVAILABLE, f"{command[0]} did not do it: {words[:600]}")
