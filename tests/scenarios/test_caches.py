"""Caches of a running server, emptied and filled with rubbish: whatever they hold, the answers are the database's."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from linnet.cli.worker import LITTER
from tests.support.server import Server, until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data", "--rate-limits", "off", "--workers", "1") as server:
        yield server


def cached_bytes(server: Server) -> float:
    lines = server.get("/metrics")[1].decode().splitlines()
    return max(float(line.split()[-1]) for line in lines if line.startswith("linnet_cache_bytes"))


def test_answers_stay_the_same_whatever_stands_in_the_caches(server: Server) -> None:
    alice, bob = server.account("alice"), server.account("bob")
    me = json.loads(server.get("/api/v1/accounts/verify_credentials", alice)[1])["id"]
    assert server.ask("POST", f"/api/v1/accounts/{me}/follow", bob)[0] == 200
    posted = [
        json.loads(server.ask("POST", "/api/v1/statuses", alice, {"status": f"post {number} #words"})[1])["id"]
        for number in range(5)
    ]
    assert server.ask("POST", f"/api/v1/statuses/{posted[0]}/favourite", bob)[0] == 200
    server.ask(
        "POST", "/api/v2/filters", bob, {"title": "x", "context": ["home"], "keywords_attributes": [{"keyword": "3"}]}
    )
    until(lambda: len(json.loads(server.get("/api/v1/timelines/home", bob)[1])) == 5, what="bob's home")
    places = [
        (path, token)
        for token in (alice, bob)
        for path in (
            "/api/v1/timelines/home", "/api/v1/timelines/public", "/api/v1/notifications", f"/api/v1/accounts/{me}",
            f"/api/v1/statuses/{posted[0]}/context", f"/api/v1/accounts/{me}/statuses", "/api/v2/filters",
        )
    ]  # fmt: skip

    def answers() -> list[tuple[int, bytes]]:
        return [server.get(*place) for place in places]

    before = answers()
    assert answers() == before
    full = cached_bytes(server)
    assert full > 0
    server.signal(signal.SIGUSR1)
    until(lambda: "caches_emptied" in server.log(), what="emptied caches")
    assert answers() == before

    # Not but in a drill: anybody's mistake would cost the time that it takes.
    server.signal(signal.SIGUSR2)
    server.signal(signal.SIGUSR1)
    until(lambda: server.log().count("caches_emptied") == 2, what="emptied caches")
    assert "caches_littered" not in server.log()
    (server.data_dir / "run" / LITTER).touch()
    server.signal(signal.SIGUSR2)
    until(lambda: "caches_littered" in server.log(), what="littered caches")
    assert answers() == before
    assert answers() == before
    until(lambda: cached_bytes(server) > 20e6, what="the numbers of a littered cache")
