"""A real server for the real client programs, which need to share one for their tests to be quick."""

from collections.abc import Iterator

import pytest

from tests.support.server import Server

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """``linnet serve`` as anybody starts it, with its rate limits."""
    with Server(tmp_path_factory.mktemp("contract") / "data") as server:
        yield server
