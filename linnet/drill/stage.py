"""Where a drill is played: in namespaces of its own, so that it can harm nobody else and the kernel ends all of it;
or, where those are not to be had, among all other processes, kept together by the reaper.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from linnet.drill import reaper

PREFIX = "linnet-drill-"
OWNER = "owner"
Kind = Literal["hosts", "loopback", "shared"]
"""``hosts``: processes, mounts and network are our own; ``loopback``: but the network; ``shared``: nothing is."""


class Stage(NamedTuple):
    """``around`` goes before the command; ``why`` says what was not to be had."""

    kind: Kind
    around: tuple[str, ...] = ()
    why: str = ""


_OURS = ("--pid", "--mount", "--fork", "--kill-child", "--mount-proc")


def choose(*, loopback: bool = False) -> Stage:
    """The best that this machine and this user have."""
    ordinary = () if os.geteuid() == 0 else ("--user", "--map-current-user", "--keep-caps")
    whys: list[str] = []
    wanted: tuple[tuple[Kind, tuple[str, ...]], ...] = (("hosts", ("--net",)), ("loopback", ()))
    for kind, network in wanted[loopback:]:
        around = ("unshare", *ordinary, *network, *_OURS)
        try:
            # A network of our own is of no use if hosts cannot be made in it.
            probe = ("sh", "-c", "mount -t tmpfs run /run && mkdir /run/netns && ip netns add probe")
            argv = [*around, *(probe if network else ("true",))]
            done = subprocess.run(argv, capture_output=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            whys.append(f"{kind}: {error}")
            continue
        if done.returncode == 0:
            return Stage(kind, around, "; ".join(whys))
        whys.append(f"{kind}: {done.stderr.decode(errors='replace').strip().splitlines()[-1:]}")
    return Stage("shared", (), "; ".join(whys))


def play(stage: Stage, inner: Sequence[str], folder: Path) -> int:
    """Runs the command there, in a session of its own, until it ends or we are asked to end; its exit code.

    ``folder`` is removed afterwards. Should we be killed, standard input closes, and the reaper ends everything.
    """
    (folder / OWNER).write_text(identity(os.getpid()))
    argv = [*stage.around, sys.executable, "-m", "linnet.drill.reaper", *inner]
    played = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *argv] if stage.around else argv,
        stdin=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    asked: list[int] = []

    def ask(number: int, _: object) -> None:
        """The first time it may end as it likes, verifying what there is; the second time it is pressed."""
        if asked or played.stdin is None:
            _close(played)
        else:
            asked.append(number)
            with contextlib.suppress(OSError):
                os.write(played.stdin.fileno(), b".")

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        return played.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _close(played)
        _remove(folder)


def _close(played: "subprocess.Popen[bytes]") -> None:
    if played.stdin is not None:
        with contextlib.suppress(OSError):
            played.stdin.close()


def new_folder() -> Path:
    """For everything of one drill; what drills that were killed have left behind is removed first."""
    sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    folder.chmod(0o755)
    return folder


def sweep(place: Path) -> list[Path]:
    """Ends and removes what is left of drills whose owner is no more; their folders."""
    gone = []
    for folder in place.glob(f"{PREFIX}*"):
        try:
            owner = (folder / OWNER).read_text()
        except OSError:
            continue  # somebody else's, or one that is only beginning
        if owner == identity(int(owner.split()[0])):
            continue
        for pid in processes_in(folder):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        _remove(folder)
        gone.append(folder)
    return gone


def _remove(folder: Path) -> None:
    """Its owner's name last: whoever is killed meanwhile leaves a folder that the next drill can tell for left."""
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            if entry.name == OWNER:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    entry.unlink()
        if [*folder.iterdir()] in ([], [folder / OWNER]):
            shutil.rmtree(folder, ignore_errors=True)


def processes_in(folder: Path) -> list[int]:
    """Processes that work in the folder or name it on their command line, and all that they have started."""
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                names = (entry / "cmdline").read_bytes().split(b"\0")
                inside = os.fsencode(folder)
                works = os.fsencode(os.readlink(entry / "cwd"))
                if any(inside in name for name in names) or (works + b"/").startswith(inside + b"/"):
                    found.add(int(entry.name))
    found.update(reaper.below(*found))
    return sorted(found)


def identity(pid: int) -> str:
    """A process by number and the moment of its start: numbers are used again."""
    try:
        return f"{pid} {Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]}"
    except OSError:
        return ""
