"""Which programs beside Python are there for the tests, and what happens where one is not."""

import os
import shutil
from pathlib import Path

import pytest


def in_ci() -> bool:
    """True where nothing may be left out."""
    return os.environ.get("CI") == "true"


def chromium() -> Path:
    """The browser: the distribution's own, or the one that Playwright fetched where there is only a snap."""
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache" / "ms-playwright"))
    fetched = sorted(cache.glob("chromium-*/chrome-linux*/chrome"))
    return _first("chromium", [_on_path("chromium"), _on_path("google-chrome"), *fetched])


def postgres_bin() -> Path:
    """The folder of ``initdb`` and ``postgres``, the newest version's: Debian keeps it off the path."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return _first("postgresql", [_on_path("postgres"), *reversed(installed)]).resolve().parent


def etcd() -> Path:
    return _first("etcd-server", [_on_path("etcd")])


def haproxy() -> Path:
    return _first("haproxy", [_on_path("haproxy"), Path("/usr/sbin/haproxy")])


def nginx() -> Path:
    return _first("nginx-light", [_on_path("nginx"), Path("/usr/sbin/nginx")])


def caddy() -> Path:
    return _first("caddy", [_on_path("caddy")])


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def _first(package: str, candidates: list[Path | None]) -> Path:
    """The first that exists. Where none does the test is left out and says why; in CI it fails."""
    for path in candidates:
        if path is not None and path.exists():
            return path
    why = f"system package {package} is missing; 'make test' as root installs it"
    if in_ci():
        pytest.fail(why)
    pytest.skip(why, allow_module_level=True)
