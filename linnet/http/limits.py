"""Rate limits with Mastodon's numbers, counted for all processes of a machine in one small memory-mapped file."""

import fcntl
import mmap
import os
import struct
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from linnet.domain.errors import TooMany
from linnet.ports import Clock
from linnet.telemetry import log


class Limit(NamedTuple):
    """So many in each window of so many seconds; windows begin at multiples of their length since 1970."""

    most: int
    period_s: int


_MINUTE, _HOUR = 60, 3600

# Mastodon 4.x: config/initializers/rack_attack.rb (the first part) and app/lib/rate_limiter.rb (the last three).
# "address" is Request.client_network.
LIMITS: dict[str, Limit] = {
    "api_account": Limit(1500, 5 * _MINUTE),
    "api_token": Limit(300, 5 * _MINUTE),
    "api_address": Limit(300, 5 * _MINUTE),  # requests without a user's token
    "media": Limit(30, 30 * _MINUTE),  # uploads, per account
    "paging_account": Limit(300, 15 * _MINUTE),  # page, max_id, min_id or since_id given
    "paging_address": Limit(300, 15 * _MINUTE),
    "translations": Limit(60, 60 * _MINUTE),  # ours: each may cost the operator money; per account
    "delete": Limit(30, 30 * _MINUTE),  # deletions and undone boosts, per account
    "api_sign_up": Limit(5, 30 * _MINUTE),  # POST /api/v1/accounts, per address
    "sign_up": Limit(25, 5 * _MINUTE),  # the page, per address
    "page_account": Limit(1500, 5 * _MINUTE),  # ours, as the next one: pages of HTML, and forms
    "page_address": Limit(900, 5 * _MINUTE),
    "apps": Limit(5, 10 * _MINUTE),  # app registrations, per address
    "oauth_token": Limit(300, 5 * _MINUTE),  # ours: Mastodon leaves it to the proxy in front
    "sign_in_address": Limit(25, 5 * _MINUTE),
    "sign_in_email": Limit(25, _HOUR),
    "password_reset_address": Limit(25, 5 * _MINUTE),
    "password_reset_email": Limit(5, 30 * _MINUTE),
    "confirmation_address": Limit(25, 5 * _MINUTE),
    "confirmation_email": Limit(5, 30 * _MINUTE),
    "password_change": Limit(10, 10 * _MINUTE),  # per account
    "posts": Limit(300, 3 * _HOUR),  # per account
    "follows": Limit(400, 24 * _HOUR),
    "reports": Limit(400, 24 * _HOUR),
}


class Verdict(NamedTuple):
    """``remaining`` of ``limit`` until ``reset_ms`` (Unix time in ms); ``allowed`` is False beyond."""

    limit: int
    remaining: int
    reset_ms: int
    allowed: bool


def headers(verdict: Verdict) -> tuple[tuple[bytes, bytes], ...]:
    """The three X-RateLimit headers; the reset is ISO 8601 in UTC with microseconds, as clients of Mastodon parse."""
    return (
        (b"x-ratelimit-limit", b"%d" % verdict.limit),
        (b"x-ratelimit-remaining", b"%d" % verdict.remaining),
        (b"x-ratelimit-reset", _iso(verdict.reset_ms)),
    )


@lru_cache(maxsize=64)
def _iso(ms: int) -> bytes:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()


_MAGIC = b"linnet limits 1\n"
_HEADER = struct.Struct("<16s16s")  # the magic, the key of the hash
_HEADER_BYTES = 4096
_SLOT = struct.Struct("<QII")  # whose, the window's end (Unix time in s), how many
_SLOT_BYTES = _SLOT.size
_BUCKET_BYTES = 4 * _SLOT_BYTES  # four slots: one line of the processor's cache
_BUCKETS = 1 << 14
_TRIES = 50
_COUNT_MAX = (1 << 32) - 1
SIZE = _HEADER_BYTES + _BUCKETS * _BUCKET_BYTES


class RateLimiter:
    """Counts requests. With ``enabled`` False everything is allowed, nothing is counted and no file is opened.

    The file at ``path`` (1 MiB) is a hash table that forgets: of the four slots that a key may take, a new key takes
    one whose window is over, else the least used. Writers exclude each other by a lock held for a microsecond, but an
    event loop never waits for it: where another process was stopped while it held the lock, requests go uncounted.
    A file that is missing, of another size or not ours is made anew. Open one in each process, not before a fork.
    """

    def __init__(self, path: Path, clock: Clock, enabled: bool) -> None:
        self._clock = clock
        self._enabled = enabled
        if enabled:
            self._map, self._descriptor = _open(path)
            secret: bytes = _HEADER.unpack_from(self._map)[1]
            # Copying a hash that has begun is cheaper than beginning it for each request.
            self._hashes = {name: blake2b(f"{name}\0".encode(), digest_size=8, key=secret) for name in LIMITS}

    def check(self, limit_name: str, key: str, cost: int = 1) -> Verdict:
        """Counts a request of ``key`` (an account's id, an address, …), or ``cost`` of them at once, and says whether
        that is within the limit; with a ``cost`` of 0 only looks."""
        most, period = LIMITS[limit_name]
        now = self._clock.now_ms() // 1000
        until = now - now % period + period
        if not self._enabled:
            return Verdict(most, most, until * 1000, True)
        hashing = self._hashes[limit_name].copy()
        hashing.update(key.encode("utf-8", "surrogatepass"))
        mark = int.from_bytes(hashing.digest(), "little") or 1
        if cost == 0 or not self._locked():
            count = self._count(mark, now, until, period, 0) + cost
        else:
            count = self._count(mark, now, until, period, cost)
            if self._descriptor is not None:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return Verdict(most, most - count if count < most else 0, until * 1000, count <= most)

    def spend(self, limit_name: str, key: str) -> None:
        """``check``, raising TooMany beyond the limit (ports.Throttle)."""
        verdict = self.check(limit_name, key)
        if not verdict.allowed:
            wait = max(1, verdict.reset_ms // 1000 - self._clock.now_ms() // 1000)
            raise TooMany("Too many attempts. Try again later.", wait)

    def close(self) -> None:
        if self._enabled:
            self._map.close()
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _locked(self) -> bool:
        if self._descriptor is None:
            return True
        for _ in range(_TRIES):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.sched_yield()  # the holder may be waiting for this very processor
            else:
                return True
        return False

    def _count(self, mark: int, now: int, until: int, period: int, more: int) -> int:
        table = self._map
        first = _HEADER_BYTES + (mark % _BUCKETS) * _BUCKET_BYTES
        victim, least = first, _COUNT_MAX + 1
        for at in range(first, first + _BUCKET_BYTES, _SLOT_BYTES):
            owner, end, count = _SLOT.unpack_from(table, at)
            if owner == mark:
                # Another process may already be in the next window; an end further off is a clock set back.
                if not until <= end <= until + period:
                    end, count = until, 0
                count = min(count + more, _COUNT_MAX)
                if more:
                    _SLOT.pack_into(table, at, mark, end, count)
                return int(count)
            weight = 0 if end <= now else count
            if weight < least:
                victim, least = at, weight
        if more:
            _SLOT.pack_into(table, victim, mark, until, more)
        return more


def _open(path: Path) -> tuple[mmap.mmap, int | None]:
    """The shared table and its open file; where the disk allows none, a table of this process alone, and a word."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # Workers start together: only one may find the file missing and make it.
            fcntl.flock(folder, fcntl.LOCK_EX)
            descriptor = _open_ours(path) or _make(path)
        finally:
            os.close(folder)
        return mmap.mmap(descriptor, SIZE), descriptor
    except OSError as error:
        log.warning("limits_not_shared", path=str(path), error=repr(error), done="each process counts for itself")
        table = mmap.mmap(-1, SIZE)
        _HEADER.pack_into(table, 0, _MAGIC, _new_key(os.stat("/proc/self")))
        return table, None


def _open_ours(path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    if os.fstat(descriptor).st_size == SIZE and os.pread(descriptor, len(_MAGIC), 0) == _MAGIC:
        return descriptor
    os.close(descriptor)
    return None


def _make(path: Path) -> int:
    """A new file takes the place of the old one: to cut the old one would kill a process that has it mapped."""
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        # With its blocks reserved, a disk that fills up later cannot kill us in the middle of a write to the map.
        os.posix_fallocate(descriptor, 0, SIZE)
        os.pwrite(descriptor, _HEADER.pack(_MAGIC, _new_key(os.fstat(descriptor))), 0)
        os.replace(fresh, path)
    except OSError:
        os.close(descriptor)
        fresh.unlink(missing_ok=True)
        raise
    return descriptor


def _new_key(status: os.stat_result) -> bytes:
    """Enough that nobody outside can choose keys that push another's count out; it guards nothing more."""
    text = f"{status.st_ino} {status.st_ctime_ns} {os.getpid()} {id(status)}"
    return blake2b(text.encode(), digest_size=16).digest()
