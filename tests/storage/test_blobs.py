"""Files that are kept: synced in the right order, whole or not at all, and never outside their folder."""

import asyncio
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.domain import files
from linnet.domain.errors import Invalid, Unavailable
from linnet.ports import Blobs
from linnet.storage.blobs import LocalBlobs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def blobs(root: Path) -> LocalBlobs:
    return LocalBlobs(root)


def kept(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


async def keys(blobs: Blobs) -> set[str]:
    return {key async for key in blobs.keys()}  # noqa: SIM118 - not a dict


async def test_what_is_put_can_be_got_listed_opened_and_deleted(root, blobs):
    await blobs.put("media/1/abc/original.jpeg", b"first")
    await blobs.put("media/1/abc/small.jpeg", b"")
    assert await blobs.get("media/1/abc/original.jpeg") == b"first"
    assert await blobs.get("media/1/abc/small.jpeg") == b""
    assert await blobs.open("media/1/abc/original.jpeg") == (root / "media/1/abc/original.jpeg", 5)
    assert await keys(blobs) == {"media/1/abc/original.jpeg", "media/1/abc/small.jpeg"}
    await blobs.delete("media/1/abc/original.jpeg")
    assert await blobs.get("media/1/abc/original.jpeg") is None
    assert await keys(blobs) == {"media/1/abc/small.jpeg"}


async def test_a_second_put_replaces(blobs):
    await blobs.put("a/b", b"one")
    await blobs.put("a/b", b"two")
    assert await blobs.get("a/b") == b"two"


async def test_what_is_not_there(blobs):
    assert await blobs.get("media/1/x") is None
    assert await blobs.open("media/1/x") is None
    assert await keys(blobs) == set()
    await blobs.delete("media/1/x")
    await blobs.put("media/1/x/y", b"z")
    assert await blobs.get("media/1/x") is None
    assert await blobs.open("media/1/x") is None
    assert await blobs.get("media/1/x/y/z") is None
    assert await blobs.open("media/1/x/y/z") is None


async def test_a_delete_takes_empty_folders_along_and_no_others(root, blobs):
    await blobs.put("media/1/abc/original.png", b"1")
    await blobs.put("media/2/def/original.png", b"2")
    await blobs.delete("media/1/abc/original.png")
    assert not (root / "media/1").exists()
    assert (root / "media/2/def/original.png").exists()
    await blobs.delete("media/2/def/original.png")
    assert (root / "media").exists()
    await blobs.put("media/1/abc/original.png", b"again")
    assert await blobs.get("media/1/abc/original.png") == b"again"


BAD_KEYS = [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../x",
    "media/../../x",
    "media/./x",
    "media//x",
    "media/x/",
    ".temporary/x",
    "media/.hidden",
    "media/X",
    "media/ä",
    "media/x\0",
    "media/x\n",
    "media\\x",
    "a" * 201,
]


@pytest.mark.parametrize("key", BAD_KEYS)
async def test_keys_that_lead_elsewhere_are_refused(root, blobs, key):
    for call in (blobs.put(key, b"x"), blobs.get(key), blobs.delete(key), blobs.open(key)):
        with pytest.raises(Invalid) as caught:
            await call
        assert caught.value.field == "key"
    assert not root.exists()


@given(st.text(alphabet="ab01_-./\n", max_size=12) | st.text(max_size=8))
def test_doors_and_store_mean_the_same_by_a_key(text):
    try:
        LocalBlobs(Path("/nowhere"))._path(text)
        taken = True
    except Invalid:
        taken = False
    assert taken == files.is_key(text)


class Ledger:
    """Writes down what is done to the disk, and knows what would be left after a power failure."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.done: list[str] = []
        self._fsync, self._rename, self._mkdir = os.fsync, os.rename, os.mkdir
        monkeypatch.setattr(os, "fsync", self.fsync)
        monkeypatch.setattr(os, "rename", self.rename)
        monkeypatch.setattr(os, "mkdir", self.mkdir)

    def name(self, path: str | Path) -> str:
        name = os.path.relpath(path, self.root)
        return "temporary file" if name.startswith(".temporary/") else name

    def fsync(self, descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        size = f" of {os.fstat(descriptor).st_size}" if os.path.isfile(path) else ""
        self._fsync(descriptor)
        self.done.append(f"sync {self.name(path)}{size}")

    def rename(self, source: str | Path, target: str | Path) -> None:
        self._rename(source, target)
        self.done.append(f"rename to {self.name(target)}")

    def mkdir(self, path: str | Path, mode: int = 0o777) -> None:
        self._mkdir(path, mode)
        self.done.append(f"make {self.name(path)}")

    def take(self) -> list[str]:
        done, self.done = self.done, []
        return [line for line in done if line != "make .temporary"]


async def test_the_first_put_syncs_each_new_folder_then_the_file_then_its_name(root, blobs, monkeypatch):
    ledger = Ledger(root, monkeypatch)
    await blobs.put("media/1/original.png", b"12345")
    assert ledger.take() == [
        "make .",
        "sync ..",
        "make media",
        "sync .",
        "make media/1",
        "sync media",
        "sync temporary file of 5",
        "rename to media/1/original.png",
        "sync media/1",
    ]


async def test_a_later_put_syncs_folders_that_another_process_may_have_made_a_moment_ago(root, blobs, monkeypatch):
    await blobs.put("media/1/a", b"1")
    ledger = Ledger(root, monkeypatch)
    await blobs.put("media/1/b", b"12")
    assert ledger.take() == ["sync media", "sync temporary file of 2", "rename to media/1/b", "sync media/1"]
    await LocalBlobs(root).put("media/1/c", b"1")
    assert ledger.take()[:2] == ["sync .", "sync media"]


async def test_a_delete_is_synced(root, blobs, monkeypatch):
    await blobs.put("media/1/a", b"1")
    await blobs.put("media/2/a", b"1")
    ledger = Ledger(root, monkeypatch)
    await blobs.delete("media/1/a")
    assert ledger.take() == ["sync media"]


@pytest.mark.parametrize("step", ["fsync", "rename"])
async def test_a_write_cut_off_leaves_the_old_file_and_nothing_else(root, blobs, monkeypatch, step):
    await blobs.put("media/1/a", b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, step, fail)
        with pytest.raises(Unavailable, match="could not be stored: Input/output error"):
            await blobs.put("media/1/a", b"new")
        with pytest.raises(Unavailable):
            await blobs.put("media/1/b", b"new")
    assert kept(root) == {"media/1/a"}
    assert await blobs.get("media/1/a") == b"old"
    await blobs.put("media/1/a", b"new")
    assert await blobs.get("media/1/a") == b"new"


CRASH = """
import asyncio, os, sys
from pathlib import Path
from linnet.storage.blobs import LocalBlobs
os.rename = lambda *_: os._exit(9)
asyncio.run(LocalBlobs(Path(sys.argv[1])).put("media/1/a", b"half"))
"""


async def test_a_crash_before_the_name_is_given_leaves_only_a_temporary_file_which_is_swept(root, blobs):
    await blobs.put("media/1/b", b"whole")
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", CRASH, str(root))
    assert await ended.wait() == 9
    assert await keys(blobs) == {"media/1/b"}
    (temporary,) = (root / ".temporary").iterdir()
    assert await blobs.sweep_temporary(older_than_s=3600) == 0
    os.utime(temporary, (0, 0))
    assert await blobs.sweep_temporary(older_than_s=3600) == 1
    assert kept(root) == {"media/1/b"}


async def test_sweeping_spares_a_write_at_work(blobs, root):
    assert await blobs.sweep_temporary(0) == 0
    await asyncio.gather(
        *(blobs.put(f"media/{n}/a", bytes(1000)) for n in range(50)),
        *(blobs.sweep_temporary(60) for _ in range(20)),
    )
    assert len(await keys(blobs)) == 50


async def test_puts_and_deletes_in_the_same_folders_at_once(blobs, root):
    """A delete removes an emptied folder under the feet of a put: the put must still end well."""

    async def one(n: int) -> None:
        for _ in range(20):
            await blobs.put(f"media/same/place/{n}", b"x")
            assert await blobs.get(f"media/same/place/{n}") == b"x"
            await blobs.delete(f"media/same/place/{n}")

    await asyncio.gather(*(one(n) for n in range(8)))
    assert await keys(blobs) == set()
    assert kept(root) == set()


async def test_listing_goes_on_beyond_one_batch(blobs, root):
    await blobs.put("media/a", b"")
    for n in range(1201):
        (root / f"media/{n}").write_bytes(b"")
    assert len(await keys(blobs)) == 1202


FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from linnet.domain.errors import Unavailable
from linnet.storage.blobs import LocalBlobs

async def main():
    blobs = LocalBlobs(Path(sys.argv[1]))
    await blobs.put("media/1/a", bytes(1000))
    try:
        await blobs.put("media/1/b", bytes(1000000))
    except Unavailable as error:
        print(error)
    await blobs.put("media/1/c", bytes(1000))
    print(sorted([key async for key in blobs.keys()]), [p for p in Path(sys.argv[1], ".temporary").iterdir()])

if sys.argv[2] == "limit":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500000, 500000))
asyncio.run(main())
"""


def fill(root: Path, how: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(root), how], check=True, capture_output=True, text=True, timeout=60
    )
    return ended.stdout.splitlines()


def test_a_write_beyond_what_the_disk_takes_is_said_clearly_and_leaves_nothing(root):
    assert fill(root, "limit") == ["The file could not be stored: File too large", "['media/1/a', 'media/1/c'] []"]


def test_a_full_disk_is_said_clearly_and_leaves_nothing(root):
    """A real disk of 200 kB, where we may mount one."""
    root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(root)]
    if not shutil.which("mount") or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        said = fill(root, "disk")
    finally:
        subprocess.run(["umount", str(root)], check=True)
    assert said == ["The disk is full: the file was not stored", "['media/1/a', 'media/1/c'] []"]


async def test_a_full_disk_is_the_servers_fault_and_passing(blobs, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable) as caught:
        await blobs.put("media/1/a", b"1")
    assert caught.value.retry_after == 60
