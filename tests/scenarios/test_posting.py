"""Two real servers, etcd and PostgreSQL, whose primary is killed: what people see and do until there is one again."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.scenarios.test_journal import servers  # noqa: F401  # a fixture
from tests.support.postgres import Server as Postgres
from tests.support.server import Server, until

pytestmark = pytest.mark.drill

SOON_SECONDS = 4.0
"""Far less than the 45 s for which what needs a primary is held."""


def _seen(server: Server, path: str, token: str) -> bool:
    return server.ask("GET", path, token)[0] == 200


def ask(server: Server, method: str, path: str, token: str, body: Any = None) -> Any:
    began = time.monotonic()
    status, answer = server.ask(method, path, token, body, timeout=60)
    assert time.monotonic() - began < SOON_SECONDS, f"{path} waited"
    assert status == 200, (path, status, answer)
    return json.loads(answer)


def test_posting_reading_and_answering_go_on_and_the_rest_waits(
    primary: Postgres,
    servers: tuple[Server, Server],  # noqa: F811
):
    one, other = servers
    alice, bob = one.account("alice"), one.account("bob")
    me = ask(one, "GET", "/api/v1/accounts/verify_credentials", bob)["id"]
    root = ask(one, "POST", "/api/v1/statuses", bob, {"status": "root"})
    primary.kill()
    first = ask(one, "POST", "/api/v1/statuses", alice, {"status": "@bob first", "in_reply_to_id": root["id"]})
    place = f"/api/v1/statuses/{first['id']}"
    for server in (one, other):
        until(partial(_seen, server, place, alice), SOON_SECONDS, "its author sees it")
        assert ask(server, "GET", place, alice) == first
        assert ask(server, "GET", "/api/v1/timelines/home", alice)[0] == first
        assert server.ask("GET", place, bob)[0] == 404
        above = ask(server, "GET", f"{place}/context", alice)["ancestors"]
        assert [status["id"] for status in above] == [root["id"]]
        assert server.get("/readyz")[0] == 200
    second = ask(other, "POST", "/api/v1/statuses", alice, {"status": "second", "in_reply_to_id": first["id"]})
    with ThreadPoolExecutor() as pool:
        liked = pool.submit(other.ask, "POST", f"{place}/favourite", alice, None, 60)
        followed = pool.submit(one.ask, "POST", f"/api/v1/accounts/{me}/follow", alice, None, 60)
        assert ask(one, "GET", "/api/v1/timelines/home", bob)[0]["id"] == root["id"]
        assert not liked.done()
        assert not followed.done()
        primary.start()
        assert (liked.result()[0], followed.result()[0]) == (200, 200)
    assert json.loads(liked.result()[1])["favourited"] is True
    until(lambda: one.ask("GET", place, bob)[0] == 200, 30, "everybody sees it")
    found = ask(other, "GET", f"/api/v1/statuses/{root['id']}/context", bob)["descendants"]
    assert [status["id"] for status in found] == [first["id"], second["id"]]
    told = ask(one, "GET", "/api/v1/notifications", bob)
    assert sorted(each["type"] for each in told) == ["follow", "mention"]
    assert ask(one, "GET", f"/api/v1/statuses/{root['id']}", bob)["replies_count"] == 1
