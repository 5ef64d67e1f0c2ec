"""Children outlive the node that started them, are adopted by the next, and nobody else is ever touched."""

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from linnet.cluster.children import LOG_BYTES_MAX, Children, Identity, hold, identity, last_words
from linnet.cluster.layout import Program
from linnet.system import SystemClock
from tests.support.waiting import until

SLEEPER = ("/bin/sleep", "300")


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    records, logs = tmp_path / "children", tmp_path / "log"
    records.mkdir()
    logs.mkdir()
    yield records, logs
    for record in records.glob("*.json"):
        with contextlib.suppress(ValueError, IndexError, ProcessLookupError):
            os.kill(int(record.read_text().split()[0]), signal.SIGKILL)


def children(folders: tuple[Path, Path], ended: list[str] | None = None) -> Children:
    return Children(*folders, SystemClock(), lambda child: None if ended is None else ended.append(child.name))


def recorded(folders: tuple[Path, Path]) -> bool:
    """Whether the sleeper has written all of its record: pid and start, boot, arguments."""
    record = folders[0] / "sleeper.json"
    return record.exists() and record.read_text().count("\n") == 3


def killable_node(folders: tuple[Path, Path]) -> tuple[subprocess.Popen[bytes], int]:
    """A process that has started a child, and the child's pid."""
    script = (
        "import sys, time; from pathlib import Path\n"
        "from linnet.cluster.children import Children; from linnet.cluster.layout import Program\n"
        "from linnet.system import SystemClock\n"
        "ours = Children(Path(sys.argv[1]), Path(sys.argv[2]), SystemClock())\n"
        "print(ours.start(Program('sleeper', ('/bin/sleep', '300'))).who.pid, flush=True); time.sleep(300)\n"
    )
    node = subprocess.Popen([sys.executable, "-c", script, *map(str, folders)], stdout=subprocess.PIPE)
    assert node.stdout is not None
    with node.stdout as said:
        return node, int(said.readline())


async def test_a_child_has_a_session_of_its_own_and_its_end_is_noticed(folders: tuple[Path, Path]) -> None:
    ended: list[str] = []
    ours = children(folders, ended)
    child = ours.start(Program("sleeper", SLEEPER))
    assert os.getsid(child.who.pid) == child.who.pid
    await until(lambda: recorded(folders))
    child.send(signal.SIGKILL)
    await until(lambda: ended)
    assert ended == ["sleeper"]
    assert ours.get("sleeper") is None
    assert not list(folders[0].iterdir()), "no record is left of a child that has ended"


async def test_a_successor_adopts_what_a_killed_node_left(folders: tuple[Path, Path]) -> None:
    node, pid = killable_node(folders)
    record = folders[0] / "sleeper.json"
    await until(lambda: recorded(folders))
    node.kill()
    node.wait()
    ended: list[str] = []
    ours = children(folders, ended)
    (child,) = ours.adopt()
    assert (child.name, child.who.pid, child.arguments, child.adopted) == ("sleeper", pid, SLEEPER, True)
    assert await ours.end("sleeper", 5.0)
    assert identity(pid) is None
    assert not record.exists()


async def test_the_end_of_an_adopted_child_is_noticed_too(folders: tuple[Path, Path]) -> None:
    first, ended = children(folders), list[str]()
    first.start(Program("sleeper", SLEEPER))
    await until(lambda: recorded(folders))
    first.release()
    second = children(folders, ended)
    (adopted,) = second.adopt()
    adopted.send(signal.SIGKILL)
    await until(lambda: ended == ["sleeper"])
    assert adopted.code == -signal.SIGKILL


async def test_a_pid_that_was_given_again_is_somebody_else(folders: tuple[Path, Path]) -> None:
    """The record names a process that runs, but began at another time."""
    me = identity(os.getpid())
    assert me is not None
    stat = Path("/proc/self/stat").read_text().split()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    ours = children(folders)
    for start, since in ((me.start - 100, boot), (me.start, "before-the-machine-was-started-again")):
        stat[21] = str(start)
        (folders[0] / "etcd.json").write_text("\n".join((" ".join(stat), since, '["/bin/sleep", "300"]')) + "\n")
        assert ours.adopt() == []
        assert not (folders[0] / "etcd.json").exists()
    assert hold("etcd", Identity(me.pid, me.start - 100)) is None


@pytest.mark.parametrize("record", ["", "garbage\n\n[]\n", "1 (x) S\n\n[]\n", "1 (x"])
async def test_a_record_cut_off_by_a_crash_is_nobody(record: str, folders: tuple[Path, Path]) -> None:
    (folders[0] / "etcd.json").write_text(record)
    assert children(folders).adopt() == []


async def test_one_that_is_stopped_or_deaf_is_made_to_end(folders: tuple[Path, Path]) -> None:
    ours = children(folders)
    stopped = ours.start(Program("stopped", SLEEPER))
    stopped.send(signal.SIGSTOP)
    assert await ours.end("stopped", 5.0), "it was woken, and then it heard"
    deaf = ours.start(Program("deaf", ("/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done")))
    await until(lambda: "deaf" in ours.log("deaf").read_text())
    assert not await ours.end("deaf", 0.1)
    assert identity(deaf.who.pid) is None
    assert await ours.end("nobody", 0.1)


async def test_what_cannot_be_run_says_so_and_two_of_a_name_there_are_not(folders: tuple[Path, Path]) -> None:
    ours = children(folders)
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        ours.start(Program("etcd", ("no-such-program",)))
    ours.start(Program("etcd", SLEEPER))
    with pytest.raises(ValueError, match="runs already"):
        ours.start(Program("etcd", SLEEPER))
    assert ours.names == ("etcd",)
    await ours.end("etcd", 5.0)


async def test_what_cannot_be_watched_is_not_left_running(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(pid: int, flags: int = 0) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", refused)
    ours, began = children(folders), time.monotonic()
    with pytest.raises(ChildProcessError, match="etcd ended at once"):
        ours.start(Program("etcd", SLEEPER))
    assert ours.names == ()
    assert time.monotonic() - began < 10


async def test_a_log_is_bounded_and_its_last_words_are_told(folders: tuple[Path, Path]) -> None:
    ended: list[str] = []
    ours = children(folders, ended)
    with ours.log("etcd").open("wb") as log:
        log.seek(LOG_BYTES_MAX)
        log.write(b"x\n")
    ours.start(Program("etcd", ("/bin/sh", "-c", "echo one; echo 'two  words'; exit 3")))
    await until(lambda: ended)
    assert ours.log("etcd").stat().st_size < 100
    assert ours.log("etcd").with_suffix(".log.1").stat().st_size > LOG_BYTES_MAX
    assert last_words(ours.log("etcd")) == "one / two words"
    assert last_words(folders[1] / "none.log") == ""
    ours.log("linnet").write_text("open https://example.org/setup?token=Ab-c_9 first\nbad end\n")
    assert last_words(ours.log("linnet")) == "open https://example.org/setup?token=… first / bad end"


async def test_children_see_few_variables(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINNET_DATABASE", "postgresql://secret")
    ended: list[str] = []
    ours = children(folders, ended)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "handed-on")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "kept-back")
    ours.start(Program("env", ("/usr/bin/env",), environment={"MORE": "1"}, inherits=("AWS_ACCESS_KEY_ID",)))
    await until(lambda: ended)
    said = ours.log("env").read_text()
    assert "MORE=1" in said
    assert "AWS_ACCESS_KEY_ID=handed-on" in said
    assert "kept-back" not in said
    assert "LINNET_DATABASE" not in said


async def test_age_is_counted_from_the_start_of_the_process(folders: tuple[Path, Path]) -> None:
    ours = children(folders)
    child = ours.start(Program("sleeper", SLEEPER))
    assert 0 <= child.age_s < 30
    asyncio.get_running_loop()
    await ours.end("sleeper", 5.0)
