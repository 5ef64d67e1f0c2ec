"""Two machines that share a database and nothing else: whichever is asked, and whichever dies, it is one server."""

import asyncio
import io
import json
import shutil
import signal
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import asyncpg
import pyotp
import pytest

from linnet.cli import ending
from linnet.domain import times
from linnet.system import SystemClock
from tests.support import films, pictures, postgres
from tests.support.client import Client
from tests.support.databases import create_database, drop_database
from tests.support.pages import Browser
from tests.support.server import Server
from tests.support.waiting import until

PASSWORD = "correct horse battery"
ORIGIN = "http://social.example"


@pytest.fixture(scope="module")
def url(postgres_server: postgres.Server) -> Iterator[str]:
    made = asyncio.run(create_database(postgres_server))
    yield made
    asyncio.run(drop_database(postgres_server, made))


def machine(folder: Path, url: str, *options: str) -> Server:
    server = Server(folder, "--database", url, "--blobs", "database", "--rate-limits", "off", *options)
    server.origin = ORIGIN
    return server


@pytest.fixture(scope="module")
def machines(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    folder = tmp_path_factory.mktemp("machines")
    first, second = machine(folder / "first", url), machine(folder / "second", url)
    with ExitStack() as running:
        running.enter_context(first)
        # What a cluster's `join` hands over.
        (second.data_dir / "secrets").mkdir(parents=True)
        shutil.copyfile(first.data_dir / "secrets/vault.key", second.data_dir / "secrets/vault.key")
        running.enter_context(second)
        yield [first, second]


class Alternating:
    """As an ASGI application: hands each request to the next machine."""

    def __init__(self, servers: list[Server], session: aiohttp.ClientSession) -> None:
        self.servers = servers
        self.session = session
        self.asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        server = self.servers[self.asked % len(self.servers)]
        self.asked += 1
        target = scope["raw_path"].decode() + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        body = (await receive()).get("body", b"")
        async with self.session.request(
            scope["method"], server.url + target, data=body or None, headers=headers, allow_redirects=False
        ) as answer:
            given = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
            await send({"type": "http.response.start", "status": answer.status, "headers": given})
            await send({"type": "http.response.body", "body": await answer.read()})


@asynccontextmanager
async def alternating(machines: list[Server]) -> AsyncIterator[Client]:
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar, auto_decompress=False) as session:
        yield Client(Alternating(machines, session))


@pytest.fixture(scope="module")
def alice(machines: list[Server]) -> str:
    return machines[0].account("alice", password=PASSWORD)


async def tell(url: str, statement: str) -> None:
    """Time passes: what would be due later, or would be somebody else's after its lease, is so now."""
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


def asked(server: Server, path: str, token: str) -> Any:
    status, body = server.get(path, token)
    assert status == 200, body
    return json.loads(body)


async def test_a_person_signs_in_here_and_goes_on_there(machines: list[Server], alice: str) -> None:
    async with alternating(machines) as client:
        browser, other = Browser(client), Browser(client)
        for one in (browser, other):
            await one.do("/sign-in", "/sign-in", {"name": "alice", "password": PASSWORD})
        for _ in range(4):
            assert "alice" in (await browser.go("/settings/account")).text
        page = await browser.go("/settings/two-factor")
        secret = pyotp.TOTP(page.one("code", class_="secret").text)
        on = await browser.send(page, "/settings/two-factor", {"code": secret.now(), "current_password": PASSWORD})
        assert on.status == 200, on.text
        # The code that was good on one machine is used up on both.
        code = secret.at(SystemClock().now_ms() // 1000 + 30)
        outcomes = []
        for one in (Browser(client), Browser(client)):
            step = await one.send(await one.go("/sign-in"), "/sign-in", {"name": "alice", "password": PASSWORD})
            outcomes.append((await one.send(step, "/sign-in/code", {"code": code})).status)
        assert outcomes == [303, 422]
        await browser.send(
            await browser.go("/settings/two-factor"), "/settings/two-factor/off", {"current_password": PASSWORD}
        )
        await browser.send(await browser.go("/sign-out"), "/sign-out")
        for _ in range(2):
            assert (await browser.get("/settings/account")).status == 303


async def test_an_app_is_let_in_here_and_works_there(machines: list[Server], alice: str) -> None:
    async with alternating(machines) as client:
        back = "https://app.example/back"
        wanted = {"client_name": "App", "redirect_uris": back, "scopes": "read write"}
        app = (await client.post("/api/v1/apps", json=wanted)).json()
        browser = Browser(client)
        await browser.do("/sign-in", "/sign-in", {"name": "alice", "password": PASSWORD})
        asks = f"/oauth/authorize?response_type=code&client_id={app['client_id']}&redirect_uri={back}&scope=read+write"
        page = await browser.go(asks)
        sent = await browser.send(page, "/oauth/authorize", {"answer": "yes"})
        code = parse_qs(urlsplit(sent.location).query)["code"][0]
        same = {"client_id": app["client_id"], "client_secret": app["client_secret"], "redirect_uri": back}
        grant = {"grant_type": "authorization_code", "code": code, **same}
        token = (await client.post("/oauth/token", json=grant)).json()["access_token"]
        for _ in range(2):
            assert (await client.get("/api/v1/accounts/verify_credentials", token=token)).status == 200
        assert (await client.post("/oauth/revoke", json={"token": token, **same})).status == 200
        for _ in range(2):
            assert (await client.get("/api/v1/accounts/verify_credentials", token=token)).status == 401
        assert (await client.post("/oauth/token", json=grant)).status == 400


async def test_what_was_posted_here_is_the_same_post_there(machines: list[Server], alice: str) -> None:
    async with alternating(machines) as client:
        key = {"idempotency-key": "one and the same"}
        made = [
            (await client.post("/api/v1/statuses", token=alice, json={"status": "once"}, headers=key)).json()["id"]
            for _ in range(4)
        ]
        assert len(set(made)) == 1
        files = {"file": ("a.jpeg", pictures.jpeg(), "image/jpeg")}
        medium = (await client.post("/api/v2/media", token=alice, files=files)).json()
        posted = await client.post("/api/v1/statuses", token=alice, json={"status": "", "media_ids": [medium["id"]]})
        assert posted.status == 200, posted.body
        path = urlsplit(posted.json()["media_attachments"][0]["url"]).path
        whole = [await client.get(path) for _ in range(2)]
        assert whole[0].body == whole[1].body
        assert len(whole[0].body) > 100
        for _ in range(2):
            part = await client.get(path, headers={"range": "bytes=10-19"})
            assert (part.status, part.body) == (206, whole[0].body[10:20])
        keys = [asked(one, "/api/v2/instance", alice)["configuration"]["vapid"] for one in machines]
        assert keys[0] == keys[1]


async def test_a_film_that_a_machine_died_with_is_made_by_the_other(
    machines: list[Server], url: str, alice: str
) -> None:
    first, second = machines
    async with alternating([first]) as client:
        files = {"file": ("a.mp4", films.film(frames=48), "video/mp4")}
        medium = (await client.post("/api/v2/media", token=alice, files=files)).json()
    first.kill()
    try:
        await tell(url, "update jobs set run_at = 1 where kind like 'media%'")
        await until(lambda: second.get(f"/api/v1/media/{medium['id']}", alice)[0] == 200, 60)
        made = asked(second, f"/api/v1/media/{medium['id']}", alice)
        status, body = second.get(urlsplit(made["url"]).path)
        assert (status, body[4:8]) == (200, b"ftyp")
    finally:
        await asyncio.to_thread(first.start)


async def test_an_archive_that_was_begun_here_is_fetched_there(machines: list[Server], url: str, alice: str) -> None:
    first, second = machines
    async with alternating(machines) as client:
        browser = Browser(client)
        await browser.do("/sign-in", "/sign-in", {"name": "alice", "password": PASSWORD})
        await browser.do("/settings/moving", "/settings/exports")
        first.kill()
        client.application.servers = [second]
        try:
            await tell(url, "update jobs set run_at = 1 where kind like '%export%'")
            links: list[str] = []

            async def made() -> bool:
                page = await browser.go("/settings/moving")
                links[:] = [one.get("href") for one in page.all("a") if one.get("href").endswith("/archive.zip")]
                return bool(links)

            await until(made, 60)
        finally:
            await asyncio.to_thread(first.start)
        client.application.servers = [first]
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        fetched = await client.get(links[0], headers={"cookie": cookies})
        with zipfile.ZipFile(io.BytesIO(fetched.body)) as archive:
            assert archive.testzip() is None
            assert b"once" in archive.read("outbox.json")


async def test_what_is_scheduled_and_what_comes_back_is_done_once(machines: list[Server], url: str, alice: str) -> None:
    texts = [f"scheduled {number}" for number in range(20)]
    at = times.iso(SystemClock().now_ms() + times.DAY_MS)
    for number, text in enumerate(texts):
        body = {"status": text, "scheduled_at": at}
        assert machines[number % 2].ask("POST", "/api/v1/statuses", alice, body)[0] == 200
    await tell(url, "update drafts set scheduled_at = 1; update jobs set run_at = 1 where kind = 'status.scheduled'")
    me = asked(machines[0], "/api/v1/accounts/verify_credentials", alice)["id"]

    def posted() -> Counter[str]:
        found = asked(machines[1], f"/api/v1/accounts/{me}/statuses?limit=40", alice)
        return Counter(status["content"].removeprefix("<p>").removesuffix("</p>") for status in found)

    await until(lambda: set(texts) <= set(posted()), 30)
    assert all(count == 1 for text, count in posted().items() if text.startswith("scheduled"))
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("select kind, count(*) from jobs where once is not null group by kind")
    await connection.close()
    assert len(rows) > 10
    assert {row[1] for row in rows} == {1}


def test_a_machine_with_another_key_does_not_start(url: str, machines: list[Server], tmp_path: Path) -> None:
    stranger = machine(tmp_path / "third", url)
    stranger.start(ready=False)
    assert stranger.process is not None
    assert stranger.process.wait(60) == ending.CONFIGURATION
    assert "is not the key that this database is used with" in stranger.log()


async def test_what_an_operator_changes_on_one_machine_holds_on_the_other(machines: list[Server], alice: str) -> None:
    machines[0].account("mallory")
    assert machines[1].get("/api/v1/accounts/lookup?acct=mallory", alice)[0] == 200
    machines[1].cli("account", "suspend", "mallory")
    for one in machines:
        assert asked(one, "/api/v1/accounts/lookup?acct=mallory", alice)["suspended"]
    machines[0].signal(signal.SIGUSR1)
