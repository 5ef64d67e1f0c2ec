"""PostgreSQL's primary is killed, a standby is left: all that only reads is answered at once, and what writes waits."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from linnet.actions import invites
from linnet.routes import ROUTES
from linnet.storage import schema
from linnet.storage.database import standby_first
from linnet.system import SystemClock
from linnet.web.routes import PAGES
from tests.storage.queries import sql
from tests.support import pages
from tests.support.access import PASSWORD, once, with_password
from tests.support.client import Person, World, make_token, open_world
from tests.support.databases import open_postgres
from tests.support.postgres import Server, running_server

pytestmark = pytest.mark.drill

STREAMS = ("/live", "/api/v1/notifications/wait")
SOON_SECONDS = 5.0
"""Without a primary a read asks a standby after 20 ms; what waits for a write is given up after 8 s here."""


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    with running_server("primary") as primary:
        standby = primary.standby()
        try:
            yield primary, standby
        finally:
            standby.remove()


@pytest.fixture
async def world(servers: tuple[Server, Server], tmp_path: Path) -> AsyncIterator[World]:
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    connection = await asyncpg.connect(servers[0].url())
    for command in (
        "alter system set synchronous_standby_names = '*'",
        "alter system set synchronous_commit = remote_apply",
        "select pg_reload_conf()",
    ):
        await connection.execute(command)
    await connection.close()

    async def database(clock: Any, ids: Any) -> Any:
        opened = open_postgres(f"postgresql://postgres@{hosts}/postgres", clock, ids, write_seconds=8)
        await schema.migrate(opened, SystemClock())
        return opened

    async with contextlib.AsyncExitStack() as stack:
        yield await stack.enter_async_context(open_world(tmp_path, database))


def _filled(pattern: str, anna: Person, status: str, invite: str) -> str:
    parts = []
    for part in pattern.split("/"):
        name = part.partition(":")[2]
        if not name:
            parts.append(part)
        elif part.startswith("@"):
            parts.append(f"@{anna.name}")
        elif name == "name" and "accounts" in pattern:
            parts.append(anna.name)
        elif name == "code":
            parts.append(invite)
        else:
            parts.append(str(anna.id) if "/accounts/" in pattern else status)
    return "/".join(parts)


async def _stocked(world: World) -> tuple[Person, str]:
    """Somebody who has a bit of everything, and a post of theirs."""
    anna, bert = await world.person("anna", role="owner"), await world.person("bert")
    await bert.post(f"/api/v1/accounts/{anna.id}/follow")
    posted = await anna.post("/api/v1/statuses", json={"status": "hello #tag @bert"})
    status = posted.json()["id"]
    for deed in ("favourite", "bookmark", "reblog"):
        await bert.post(f"/api/v1/statuses/{status}/{deed}")
    await anna.post("/api/v1/lists", json={"title": "List"})
    await anna.post("/api/v1/drafts", json={"status": "later"})
    await world.run_jobs()
    return anna, status


async def test_all_that_reads_is_answered_and_all_that_writes_waits(
    world: World, servers: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
):
    anna, status = await _stocked(world)
    browser = await pages.signed_in(world, anna.id)
    invite = await invites.create(world.database, world.parts.guards, None, once(world))
    # A session and a token whose use is to be written down, as once an hour and once a day.
    await world.database.write(_forget_use)
    servers[0].kill()
    slow, failed = [], []
    asked = 0
    patterns = [row.pattern for row in ROUTES if row.method == "GET"]
    patterns += [row.pattern for row in PAGES if row.method == "GET"]
    for pattern in [one for one in patterns if one not in STREAMS]:
        target = _filled(pattern, anna, status, invite)
        for person in (anna, world.client):
            began = time.monotonic()
            answer = await (person.get(target) if pattern.startswith(("/api", "/oauth/u")) else browser.get(target))
            asked += 1
            slow += [target] * (time.monotonic() - began > SOON_SECONDS)
            failed += [(target, answer.status)] * (answer.status >= 500)
    assert (slow, failed) == ([], [])
    assert (await browser.get("/settings/account")).status == 200, "still signed in"
    assert asked > 300
    assert (await world.client.get("/readyz")).status == 200
    assert (await world.client.get("/healthz")).status == 200


async def _forget_use(tx: Any) -> None:
    await tx.run(sql("update sessions set used_at = used_at - 7200000"))
    await tx.run(sql("update tokens set used_at = 1"))


async def test_what_writes_waits_for_a_primary_and_says_so_when_none_comes(
    world: World, servers: tuple[Server, Server]
):
    anna, status = await _stocked(world)
    browser = await pages.signed_in(world, anna.id)
    page = await browser.go("/")
    primary, standby = servers
    primary.kill()
    world.database._write_seconds = 0.5  # type: ignore[attr-defined]
    for method, target in (
        ("POST", f"/api/v1/statuses/{status}/bookmark"),
        ("POST", "/api/v1/statuses"),
        ("POST", "/api/v1/lists"),
        ("PATCH", "/api/v1/accounts/update_credentials"),
        ("DELETE", f"/api/v1/statuses/{status}"),
    ):
        answer = await anna.ask(method, target, json={"status": "hello", "title": "List", "note": "I"})
        assert (answer.status, answer.header("retry-after")) == (503, "5"), (target, answer.body)
        assert list(answer.json()) == ["error"]
    sent = await browser.send(page, "/compose", {"status": "from a page"})
    assert sent.status == 503
    assert "<html" in sent.answer.body.decode()
    world.database._write_seconds = 30.0  # type: ignore[attr-defined]
    waiting = asyncio.ensure_future(anna.post(f"/api/v1/statuses/{status}/bookmark"))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done
    await asyncio.to_thread(standby.promote)
    connection = await asyncpg.connect(standby.url())
    await connection.execute("alter system set synchronous_standby_names = ''")
    await connection.execute("select pg_reload_conf()")
    await connection.close()
    assert (await waiting).json()["bookmarked"] is True


async def _carried_out(server: Server, *commands: str) -> None:
    connection = await asyncpg.connect(server.url())
    for command in commands:
        await connection.execute(command)
    await connection.close()


async def _signed_in(world: World, name: str, password: str) -> int:
    """What the page answers."""
    browser = pages.Browser(world.client)
    return (await browser.send(await browser.go("/sign-in"), "/sign-in", {"name": name, "password": password})).status


async def test_a_standby_that_is_behind_signs_nobody_out(world: World, servers: tuple[Server, Server]):
    """An app that is told that its token is none forgets it, and asks its owner to sign in again."""
    primary, standby = servers
    anna = await world.person("anna")
    await _carried_out(primary, "alter system set synchronous_commit = on", "select pg_reload_conf()")
    await _carried_out(standby, "select pg_wal_replay_pause()")
    anna = replace(anna, token=await make_token(world.database, anna.id))
    browser = await pages.signed_in(world, anna.id)
    await with_password(world, "berta")
    with standby_first():
        assert (await anna.get("/api/v1/accounts/verify_credentials")).status == 200
        assert (await browser.get("/settings/account")).status == 200
        assert await _signed_in(world, "berta", PASSWORD) == 303
        assert await _signed_in(world, "berta", "wrong") == 422
    primary.kill()
    began = time.monotonic()
    answer = await anna.get("/api/v1/accounts/verify_credentials")
    assert (answer.status, answer.header("retry-after")) == (503, "1")
    assert time.monotonic() - began < SOON_SECONDS
    began = time.monotonic()
    for path, given in (
        ("/oauth/token", {"grant_type": "client_credentials", "client_id": "new", "client_secret": "new"}),
        ("/oauth/revoke", {"client_id": "new", "client_secret": "new", "token": "new"}),
    ):
        answer = await anna.post(path, json=given)
        assert (answer.status, answer.header("retry-after")) == (503, "1"), "an app forgets its registration, too"
    began = time.monotonic()
    invented = asyncio.gather(*(replace(anna, token=f"invented {n}").get("/api/v1/statuses/1") for n in range(20)))
    assert [one.status for one in await invented] == [503] * 20
    assert time.monotonic() - began < SOON_SECONDS
    assert (await browser.get("/")).status == 200, "who is not known looks as strangers do"
    for link in ("/reset?token=new", "/invite/new", "/setup?token=new"):
        assert (await browser.get(link)).status == 503, "a link may have been sent a moment ago"
    assert await _signed_in(world, "berta", PASSWORD) == 503, "it is no wrong password"
    await _carried_out(standby, "select pg_wal_replay_resume()")
    await asyncio.to_thread(standby.promote)
    await _carried_out(standby, "alter system set synchronous_standby_names = ''", "select pg_reload_conf()")
    assert (await anna.get("/api/v1/accounts/verify_credentials")).status == 200
    assert (await browser.get("/settings/account")).status == 200
