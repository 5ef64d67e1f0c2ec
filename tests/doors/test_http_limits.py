"""Rate limits: Mastodon's numbers and headers, one count for all processes, and a file that may break."""

import fcntl
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from linnet.http import limits
from linnet.http.limits import LIMITS, Limit, RateLimiter, Verdict

START_MS = 1_750_000_200_250  # 2025-06-15T15:10:00.250Z, where windows of 5, 10 and 30 minutes begin


class FixedClock:
    def __init__(self) -> None:
        self.ms = START_MS

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("a limiter never waits")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def limiter(tmp_path: Path, clock: FixedClock) -> RateLimiter:
    return RateLimiter(tmp_path / "limits", clock, enabled=True)


def test_the_numbers_are_mastodons() -> None:
    assert LIMITS["api_token"] == LIMITS["api_address"] == Limit(300, 300)
    assert LIMITS["api_account"] == Limit(1500, 300)
    assert LIMITS["media"] == LIMITS["delete"] == Limit(30, 1800)
    assert LIMITS["api_sign_up"] == Limit(5, 1800)
    assert LIMITS["apps"] == Limit(5, 600)
    assert LIMITS["sign_in_address"] == Limit(25, 300)
    assert LIMITS["sign_in_email"] == Limit(25, 3600)
    assert LIMITS["paging_account"] == Limit(300, 900)
    assert LIMITS["posts"] == Limit(300, 10800)


def test_a_window_allows_so_many_and_the_next_as_many_again(limiter: RateLimiter, clock: FixedClock) -> None:
    end_ms = START_MS - 250 + 600_000
    verdicts = [limiter.check("apps", "192.0.2.1") for _ in range(7)]
    assert [v.allowed for v in verdicts] == [True] * 5 + [False] * 2
    assert [v.remaining for v in verdicts] == [4, 3, 2, 1, 0, 0, 0]
    assert {(v.limit, v.reset_ms) for v in verdicts} == {(5, end_ms)}
    clock.ms = end_ms - 1
    assert not limiter.check("apps", "192.0.2.1").allowed
    clock.ms = end_ms
    assert limiter.check("apps", "192.0.2.1") == Verdict(5, 4, end_ms + 600_000, True)


def test_keys_and_limits_are_counted_apart(limiter: RateLimiter) -> None:
    for _ in range(6):
        limiter.check("apps", "a")
    assert not limiter.check("apps", "a").allowed
    assert limiter.check("apps", "b").remaining == 4
    assert limiter.check("api_sign_up", "a").remaining == 4
    assert limiter.check("apps", "lone \ud800 surrogate, \0 and 🐦").remaining == 4
    assert limiter.check("apps", "x" * 100_000).remaining == 4


def test_a_look_counts_nothing(limiter: RateLimiter) -> None:
    for _ in range(5):
        assert limiter.check("apps", "a", 0).remaining == 5
    for _ in range(5):
        limiter.check("apps", "a")
    assert limiter.check("apps", "a", 0)[1:3] == (0, limiter.check("apps", "b").reset_ms)


def test_a_clock_that_is_set_back_locks_nobody_out(limiter: RateLimiter, clock: FixedClock) -> None:
    for _ in range(6):
        limiter.check("apps", "a")
    clock.ms -= 86_400_000
    assert limiter.check("apps", "a").remaining == 4


def test_another_process_in_the_next_window_already_is_not_reset(limiter: RateLimiter, clock: FixedClock) -> None:
    clock.ms += 600_000
    for _ in range(6):
        limiter.check("apps", "a")
    clock.ms -= 251  # the end of the window before
    assert not limiter.check("apps", "a").allowed


def test_switched_off_everything_is_allowed_and_no_file_made(tmp_path: Path, clock: FixedClock) -> None:
    off = RateLimiter(tmp_path / "limits", clock, enabled=False)
    assert all(off.check("apps", "a") == Verdict(5, 5, START_MS - 250 + 600_000, True) for _ in range(20))
    off.close()
    assert not (tmp_path / "limits").exists()


def test_headers_are_mastodons() -> None:
    assert limits.headers(Verdict(300, 299, 1_750_000_200_000, True)) == (
        (b"x-ratelimit-limit", b"300"),
        (b"x-ratelimit-remaining", b"299"),
        (b"x-ratelimit-reset", b"2025-06-15T15:10:00.000000Z"),
    )


def test_a_full_table_forgets_the_least_used(limiter: RateLimiter) -> None:
    for _ in range(31):
        limiter.check("media", "the busy one")
    for n in range(200_000):
        limiter.check("media", f"{n}")
    assert not limiter.check("media", "the busy one").allowed


def test_two_limiters_share_one_count(tmp_path: Path, clock: FixedClock) -> None:
    one, two = (RateLimiter(tmp_path / "limits", clock, True) for _ in range(2))
    one.check("apps", "a")
    assert two.check("apps", "a").remaining == 3
    one.close()
    two.close()
    assert RateLimiter(tmp_path / "limits", clock, True).check("apps", "a").remaining == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"x" * limits.SIZE, b"\0" * limits.SIZE, b"linnet limits 0\n" + b"\0" * (limits.SIZE - 16),
     b"linnet limits 1\n" + b"\0" * limits.SIZE],
    ids=["empty", "short", "not ours", "zeros", "another version", "too long"],
)  # fmt: skip
def test_a_file_that_is_not_one_is_made_anew(tmp_path: Path, clock: FixedClock, content: bytes) -> None:
    path = tmp_path / "limits"
    path.write_bytes(content)
    with path.open("rb") as old, mmap.mmap(old.fileno(), 0, prot=mmap.PROT_READ) if content else old as still_mapped:
        limiter = RateLimiter(path, clock, True)
        assert limiter.check("apps", "a").remaining == 4
        assert RateLimiter(path, clock, True).check("apps", "a").remaining == 3
        assert still_mapped.read(len(content)) == content  # whoever has the old one open is not killed
    assert path.stat().st_size == limits.SIZE
    assert [entry.name for entry in tmp_path.iterdir()] == ["limits"]


def test_slots_full_of_noise_do_no_harm(tmp_path: Path, clock: FixedClock) -> None:
    path = tmp_path / "limits"
    RateLimiter(path, clock, True).close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(limits.SIZE - 4096))
    limiter = RateLimiter(path, clock, True)
    verdicts = [limiter.check("apps", "a") for _ in range(6)]
    assert [v.remaining for v in verdicts] == [4, 3, 2, 1, 0, 0]


def test_without_a_disk_each_process_counts_for_itself(tmp_path: Path, clock: FixedClock) -> None:
    limiter = RateLimiter(tmp_path / "no such folder" / "limits", clock, True)
    assert [limiter.check("apps", "a").allowed for _ in range(6)] == [True] * 5 + [False]


WRITER = """
import sys
from pathlib import Path
from linnet.http import limits
from linnet.http.limits import RateLimiter
limits._TRIES = 10**9  # a busy machine may stop whoever holds the lock, and what then goes uncounted is not asked here
class Fixed:
    def now_ms(self): return int(sys.argv[3])
limiter = RateLimiter(Path(sys.argv[1]), Fixed(), True)
print("ready", flush=True)
sys.stdin.readline()
for n in range(1000):
    limiter.check("api_account", sys.argv[2])
    if n < 300:
        limiter.check("api_account", "shared")
"""


def test_processes_count_together_and_do_not_disturb_each_other(tmp_path: Path, clock: FixedClock) -> None:
    """They also start together: each may find the file missing."""
    path = tmp_path / "limits"
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [
        subprocess.Popen(
            [*command, f"own {n}", str(START_MS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for n in range(4)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.wait(60) for writer in writers] == [0] * 4
    for writer in writers:
        writer.communicate()
    limiter = RateLimiter(path, clock, True)
    assert [limiter.check("api_account", f"own {n}", 0).remaining for n in range(4)] == [500] * 4
    assert limiter.check("api_account", "shared", 0).remaining == 300


def test_a_process_that_was_stopped_holding_the_lock_stops_nobody(tmp_path: Path, limiter: RateLimiter) -> None:
    limiter.check("apps", "a")
    with (tmp_path / "limits").open("r+b") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert [limiter.check("apps", "a").remaining for _ in range(3)] == [3, 3, 3]
    assert limiter.check("apps", "a").remaining == 3
