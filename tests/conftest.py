"""What every test shares: where we run, Hypothesis profiles, and the time each suite took.

Fixtures for databases, servers and browsers stand beside the suites that use them and in tests/support, not here.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from linnet import telemetry
from tests.support.programs import in_ci

pytest_plugins = [
    "tests.support.postgres",
    "tests.support.databases",
    "tests.support.etcd",
    "tests.support.outside",
    "tests.support.client",
    "tests.support.s3",
]

# A deadline measures the machine, not the code. In CI the same examples run each time, so that red means a change.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if in_ci() else "local")


UMASK = os.umask(0o022)
os.umask(UMASK)


@pytest.fixture(autouse=True)
def same_umask() -> Iterator[None]:
    """Commands that are run in this process set it: folders that later tests make would be closed to others."""
    yield
    os.umask(UMASK)


@pytest.fixture(autouse=True)
def logs_as_they_were():
    """A command that a test runs in this process sets up logs for itself, on a stream that ends with that test."""
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        vars(telemetry.log).pop("bind", None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints how long each folder of tests took, set-up and tear-down included, the slowest first."""
    seconds: defaultdict[str, float] = defaultdict(float)
    count: Counter[str] = Counter()
    for outcome in ("passed", "failed", "error", "skipped", "xfailed", "xpassed"):
        for report in terminalreporter.getreports(outcome):
            if not isinstance(report, pytest.TestReport):
                continue
            suite = str(Path(report.location[0]).parent)
            seconds[suite] += report.duration
            count[suite] += report.when == "call" or outcome == "skipped"
    # Passing set-ups and tear-downs are kept apart by pytest, under the empty name.
    for report in terminalreporter.getreports(""):
        if isinstance(report, pytest.TestReport):
            seconds[str(Path(report.location[0]).parent)] += report.duration
    terminalreporter.section("time per suite")
    for suite, total in sorted(seconds.items(), key=lambda item: -item[1]):
        terminalreporter.write_line(f"{total:8.1f} s  {count[suite]:5} tests  {suite}")
