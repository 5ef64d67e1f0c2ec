"""A short drill of three real nodes, and what people do at the ingress of a cluster that has been through it."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from linnet.drill import stage
from linnet.drill.users import as_ordinary_user
from tests.support import pictures, programs
from tests.support.client import Client
from tests.support.pages import Browser
from tests.support.server import until

pytestmark = [pytest.mark.alone, pytest.mark.drill]

PASSWORD = "correct horse battery"
FAULTS = "every-process-killed,switchover,caches-emptied"
SECONDS = 420.0
# How long nobody was served says as much of the machine that the tests run on, which may be a busy one.
PAUSES = ("longest time", "init to", "join to")


class Kept(NamedTuple):
    """A cluster that a drill has left running: its endpoints, a folder of each node, and what was found."""

    endpoints: list[str]
    folders: list[Path]
    report: dict[str, Any]


@pytest.fixture(scope="module")
def drilled() -> Iterator[Kept]:
    for program in (programs.postgres_bin, programs.etcd, programs.haproxy):
        program()
    with TemporaryDirectory(prefix="linnet-drilled-") as place:
        report = Path(place) / "report"
        # At a rate that leaves something to the other tests of a small machine.
        given = ("--fault", FAULTS, "--runs", "1", "--rate", "6", "--reads", "12", "--loopback", "--keep")
        with (Path(place) / "said").open("w+b") as said:
            drill = subprocess.Popen(
                [sys.executable, "-P", "-m", "linnet", "cluster", "drill", *given, "--report", str(report)],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip
            try:
                kept = report / "cluster.json"
                until(lambda: kept.exists() or drill.poll() is not None, SECONDS, "the drill's end")
                assert kept.exists(), (Path(place) / "said").read_text()[-4000:]
                cluster = json.loads(kept.read_text())
                folders = [Path(folder) for folder in cluster["folders"]]
                yield Kept(cluster["endpoints"], folders, json.loads((report / "report.json").read_text()))
            finally:
                drill.send_signal(signal.SIGINT)
                drill.wait(60)
        assert not any(stage.processes_in(folder) for folder in folders)
        assert not any(folder.exists() for folder in folders)


def test_what_was_promised_was_kept(drilled: Kept) -> None:
    runs = drilled.report["runs"]
    assert [run["name"] for run in runs] == ["every-process-killed-1", "switchover-1", "caches-emptied-1"]
    for run in runs:
        assert run["posts_acknowledged"] > 50
        broken = [
            (finding["promise"], finding["measured"], finding["evidence"])
            for finding in run["findings"]
            if finding["kept"] is False and not finding["promise"].startswith(PAUSES)
        ]
        assert not broken, f"{run['name']}: {broken}"


class Ingress:
    """As an ASGI application: each request goes to the next node's public port."""

    def __init__(self, endpoints: list[str], session: aiohttp.ClientSession) -> None:
        self._endpoints = endpoints
        self._session = session
        self._asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        endpoint = self._endpoints[self._asked % len(self._endpoints)]
        self._asked += 1
        target = scope["raw_path"].decode() + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"] if name != b"host"]
        body = (await receive()).get("body", b"")
        async with self._session.request(
            scope["method"], endpoint + target, data=body or None, headers=headers, allow_redirects=False
        ) as answer:
            given = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
            await send({"type": "http.response.start", "status": answer.status, "headers": given})
            await send({"type": "http.response.body", "body": await answer.read()})


@asynccontextmanager
async def everywhere(drilled: Kept) -> AsyncIterator[Client]:
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar, auto_decompress=False) as session:
        yield Client(Ingress(drilled.endpoints, session))


def command(drilled: Kept, *words: str) -> str:
    linnet = [sys.executable, "-P", "-m", "linnet", *words, "--data", str(drilled.folders[0])]
    done = subprocess.run(as_ordinary_user(linnet), capture_output=True, text=True, timeout=60, check=True, cwd="/")
    return done.stdout.strip()


@pytest.fixture(scope="module")
def visitor(drilled: Kept) -> str:
    """Somebody with an account; its token."""
    command(drilled, "account", "create", "visitor", "--email", "visitor@example.org", "--password", PASSWORD)
    return command(drilled, "token", "create", "visitor").split()[-1]


@pytest.mark.usefixtures("visitor")
async def test_a_person_signs_in_and_lets_an_app_in(drilled: Kept) -> None:
    async with everywhere(drilled) as client:
        back = "https://app.example/back"
        wanted = {"client_name": "App", "redirect_uris": back, "scopes": "read write"}
        app = (await client.post("/api/v1/apps", json=wanted)).json()
        browser = Browser(client)
        await browser.do("/sign-in", "/sign-in", {"name": "visitor", "password": PASSWORD})
        asks = f"/oauth/authorize?response_type=code&client_id={app['client_id']}&redirect_uri={back}&scope=read+write"
        sent = await browser.send(await browser.go(asks), "/oauth/authorize", {"answer": "yes"})
        code = parse_qs(urlsplit(sent.location).query)["code"][0]
        same = {"client_id": app["client_id"], "client_secret": app["client_secret"], "redirect_uri": back}
        grant = {"grant_type": "authorization_code", "code": code, **same}
        token = (await client.post("/oauth/token", json=grant)).json()["access_token"]
        for _ in drilled.endpoints:
            assert (await client.get("/api/v1/accounts/verify_credentials", token=token)).status == 200


async def test_what_is_posted_with_a_picture_is_there_at_every_node(drilled: Kept, visitor: str) -> None:
    async with everywhere(drilled) as client:
        files = {"file": ("a.jpeg", pictures.jpeg(), "image/jpeg")}
        medium = (await client.post("/api/v2/media", token=visitor, files=files)).json()
        key = {"idempotency-key": "one and the same"}
        body = {"status": "once, with a picture", "media_ids": [medium["id"]]}
        made = [await client.post("/api/v1/statuses", token=visitor, json=body, headers=key) for _ in drilled.endpoints]
        assert {answer.status for answer in made} == {200}
        (id,) = {answer.json()["id"] for answer in made}
        path = urlsplit(made[0].json()["media_attachments"][0]["url"]).path
        for _ in drilled.endpoints:
            assert (await client.get(f"/api/v1/statuses/{id}", token=visitor)).status == 200
            picture = await client.get(path)
            assert (picture.status, picture.body[:3]) == (200, b"\xff\xd8\xff")


async def test_a_stream_at_each_node_tells_what_is_posted_at_another(drilled: Kept, visitor: str) -> None:
    authorized = {"Authorization": f"Bearer {visitor}"}
    async with aiohttp.ClientSession(headers=authorized) as session:
        for number, endpoint in enumerate(drilled.endpoints):
            other = drilled.endpoints[number - 1]
            async with session.ws_connect(f"{endpoint}/api/v1/streaming", params={"stream": "user"}) as socket:
                # What is told begins where the stream does: it says so itself where it is given a position.
                text = f"heard at {urlsplit(endpoint).hostname}"
                async with asyncio.timeout(30):
                    told = asyncio.create_task(_hears(socket, text))
                    while not told.done():
                        async with session.post(f"{other}/api/v1/statuses", json={"status": text}) as answer:
                            assert answer.status == 200
                        await asyncio.wait({told}, timeout=2)
                assert told.result()


async def _hears(socket: aiohttp.ClientWebSocketResponse, text: str) -> bool:
    async for message in socket:
        event = json.loads(message.data)
        if event["event"] == "update" and text in json.loads(event["payload"])["content"]:
            return True
    return False
