"""Whom a node runs as: never root, which PostgreSQL refuses; whoever else starts a drill is the node's user already."""

import contextlib
import os
import pwd
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

CANDIDATES = ("postgres", "nobody")
"""Users that are there and own little. The first is the one that PostgreSQL's package makes."""


def ordinary_user() -> pwd.struct_passwd | None:
    """Whom root hands over to; None for whoever is no root. Raises LookupError where there is nobody."""
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise LookupError(f"no ordinary user to run a node as: none is called {' or '.join(CANDIDATES)}")


def as_ordinary_user(argv: Sequence[str]) -> list[str]:
    """The command as an ordinary user: the same for everybody but root, for whom ``setpriv`` goes before it."""
    user = ordinary_user()
    if user is None:
        return list(argv)
    handing = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"]
    if not all(map(_open_to_all, (Path(sys.executable), Path(sys.executable).resolve(), Path(__file__).resolve()))):
        # The one right over root's own that is handed on: to read what lies in root's folders, an interpreter there.
        handing += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return [*handing, *argv]


def own(folder: Path) -> Path:
    """Makes the folder, with all in it, that user's alone; returns it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    user = ordinary_user()
    if user is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    return folder


def _open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
