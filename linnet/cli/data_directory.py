"""The folder for everything that is kept: who may read it, which worker numbers are taken, which node this is."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from linnet.cli.ending import CANNOT_CREATE, NOT_PERMITTED, UNAVAILABLE, Ending
from linnet.domain.ids import WORKER_MAX

RESTORING = ".restoring"
"""A file that is there only while a restore moves things into their places."""


class Node(NamedTuple):
    """This data directory's number among those of one database, and the word by which it is known there."""

    number: int
    name: str


class DataDirectory:
    """DIR/linnet.db, DIR/media, DIR/secrets (for nobody else to read), DIR/run (locks; empty when nothing runs)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = root / "linnet.db"
        self.media = root / "media"
        self.secrets = root / "secrets"
        self.run = root / "run"

    def prepare(self, *, restoring: bool = False) -> None:
        """Makes the folders that are missing; raises Ending where they cannot be made or written.

        What a restore has left half done is only for another one (``restoring``).
        """
        try:
            if not restoring and (self.root / RESTORING).exists():
                raise Ending(
                    UNAVAILABLE,
                    f"A restore into {self.root} was cut off while it put things in place; run it again, with --force.",
                )
            self.root.mkdir(parents=True, exist_ok=True, mode=0o750)
            for folder in (self.media, self.secrets, self.run):
                folder.mkdir(exist_ok=True, mode=0o700)
            self.secrets.chmod(0o700)
        except OSError as error:
            raise Ending(
                CANNOT_CREATE, f"The data folder {self.root} cannot be prepared: {os.strerror(error.errno or 0)}."
            ) from None
        for folder in (self.root, self.media, self.secrets, self.run):
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
                raise Ending(
                    NOT_PERMITTED,
                    f"The folder {folder} is not writable for this user; give it to whoever runs Linnet (chown), "
                    "or choose another one with --data.",
                )

    def files(self) -> tuple[tuple[str, Path], ...]:
        """Those whose size an operator watches."""
        return ("database_bytes", self.database), ("wal_bytes", self.database.with_name("linnet.db-wal"))

    # -- which node -------------------------------------------------------------------------------------------------

    def node(self) -> Node | None:
        """The number that was given at the first start."""
        try:
            number, _, name = (self.secrets / "node").read_text("ascii").strip().partition(" ")
            return Node(int(number), name)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise Ending(UNAVAILABLE, f"{self.secrets / 'node'} cannot be read: {error}.") from None

    def keep_node(self, node: Node) -> None:
        self.keep_secret("node", f"{node.number} {node.name}\n".encode())

    def keep_secret(self, name: str, value: bytes) -> bytes:
        """Writes a secret once, durably; where it is there already, that one is the answer."""
        path = self.secrets / name
        temporary = self.secrets / f".{name}.{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, value)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
        temporary.unlink()
        folder = os.open(self.secrets, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return path.read_bytes()

    # -- which worker -----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def worker_number(self) -> Iterator[int]:
        """A number from 0 to 15 that no other process of this folder has, until the block (or the process) ends."""
        for number in range(WORKER_MAX + 1):
            descriptor = os.open(self.run / f"worker-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                continue
            try:
                yield number
            finally:
                os.close(descriptor)
            return
        raise Ending(
            UNAVAILABLE,
            f"All {WORKER_MAX + 1} worker numbers of {self.root} are taken: so many workers and commands run at once. "
            "Try again when one has ended.",
        )

    def working(self) -> bool:
        """Whether any process of this folder has a number."""
        for taken in self.run.glob("worker-*"):
            with taken.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return True
        return False

    @contextlib.contextmanager
    def serving(self) -> Iterator[bool]:
        """Says whether no other server runs on this folder, and marks it as served (together with others)."""
        descriptor = os.open(self.run / "serving", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            alone = True
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                alone = False
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield alone
        finally:
            os.close(descriptor)
