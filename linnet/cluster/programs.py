"""Finds what a node runs on this machine; what is missing is named with the package that brings it."""

import contextlib
import importlib.metadata
import os
import re
import shutil
import subprocess
from pathlib import Path

from linnet.cluster.keeping import write
from linnet.cluster.layout import Binaries, listed
from linnet.cluster.patroni import Machine
from linnet.domain.errors import Unavailable

DEBIAN_POSTGRES = Path("/usr/lib/postgresql")
PATRONI_MIN = (4, 1, 5)
TRIAL_SECONDS = 5.0


def find(data: Path, *, path: str | None = None, debian: Path = DEBIAN_POSTGRES) -> Binaries:
    """``data`` is PostgreSQL's folder: what was made by one major version is run by no other. Raises Unavailable."""
    missing = []
    etcd, haproxy = _which("etcd", path), _which("haproxy", path)
    if etcd is None:
        missing.append("etcd (Debian's package etcd-server)")
    if haproxy is None:
        missing.append("HAProxy (Debian's package haproxy)")
    postgres = _postgres(data, path, debian)
    if postgres is None:
        version = _version_of(data)
        package = f"postgresql-{version}" if version else "postgresql"
        missing.append(f"PostgreSQL's server (Debian's package {package})")
    if missing or etcd is None or haproxy is None or postgres is None:
        raise Unavailable(f"A node needs {listed(missing)}: not found on this machine; install it and try again")
    check_patroni(_patroni_version())
    return Binaries(etcd, haproxy, postgres)


def check_patroni(version: str) -> None:
    """Raises Unavailable for one that is missing ('') or too old."""
    if not version:
        raise Unavailable("A node needs Patroni: install Linnet with `deploy/install --cluster`, from its source")
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if found < PATRONI_MIN:
        needed = ".".join(map(str, PATRONI_MIN))
        raise Unavailable(
            f"Patroni {version} is too old: versions before 3.0.3, Debian's among them, lost acknowledged posts when a "
            f"machine froze, and what is promised here was measured with {needed}. Install Linnet with "
            "`deploy/install --cluster`, from its source"
        )


def _patroni_version() -> str:
    """Of our own interpreter's: no other is run."""
    try:
        return importlib.metadata.version("patroni")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _which(name: str, path: str | None) -> str | None:
    """Debian keeps servers where ordinary users' PATH does not lead."""
    given = os.environ.get("PATH", os.defpath) if path is None else path
    beyond = "" if path is not None else f"{os.pathsep}/usr/local/sbin{os.pathsep}/usr/sbin{os.pathsep}/sbin"
    return shutil.which(name, path=given + beyond)


def _postgres(data: Path, path: str | None, debian: Path) -> str | None:
    version = _version_of(data)
    found = {
        int(folder.parent.name): folder
        for folder in debian.glob("*/bin")
        if folder.parent.name.isdecimal() and (folder / "initdb").exists() and (folder / "postgres").exists()
    }
    if version:
        return str(found[version]) if version in found else _postgres_on(path)
    return str(found[max(found)]) if found else _postgres_on(path)


def _postgres_on(path: str | None) -> str | None:
    postgres, initdb = _which("postgres", path), _which("initdb", path)
    return str(Path(postgres).resolve().parent) if postgres and initdb else None


def _version_of(data: Path) -> int | None:
    try:
        return int((data / "PG_VERSION").read_text("ascii"))
    except (OSError, ValueError):
        return None


def machine() -> Machine:
    """Memory and processors that this process may use."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (text := limit.read_text("ascii").strip()).isdecimal():
        memory = min(memory, int(text))
    return Machine(memory, len(os.sched_getaffinity(0)))


def runs_files(folder: Path) -> bool:
    """Whether a program that lies there may be run: not on a disk that is mounted noexec, nor against the machine's
    rules."""
    trial = folder / ".trial"
    try:
        write(trial, b"#!/bin/sh\n", 0o700)
        return subprocess.run([trial], timeout=TRIAL_SECONDS, capture_output=True, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False
    finally:
        with contextlib.suppress(OSError):
            trial.unlink(missing_ok=True)
