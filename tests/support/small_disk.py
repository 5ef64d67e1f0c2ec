"""A file system of a test's own, so small that it can be filled."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DISK_MIB = 48


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


@contextlib.contextmanager
def small_disk(folder: Path, mib: int = DISK_MIB) -> Iterator[Path]:
    """A file system of its own, which only root can make."""
    folder.mkdir(exist_ok=True)
    size = f"size={mib}m"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "linnet", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be made here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Callable[[], None]:
    """Takes all that is free on the disk; what gives it back."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass
    assert _free(folder) < 1 << 12
    return ballast.unlink
