"""HAProxy as each node runs it, before two real servers on one PostgreSQL: whatever ends, drains or freezes costs no
request."""

import asyncio
import contextlib
import shutil
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import aiohttp
import pytest

from tests.scenarios.test_serve_proxies import make_certificate
from tests.support import postgres
from tests.support.databases import create_database, drop_database
from tests.support.ingress import Clients, Node
from tests.support.server import until

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def nodes(postgres_server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    folder = tmp_path_factory.mktemp("in")
    url = asyncio.run(create_database(postgres_server))
    certificate, key = make_certificate(folder)
    identity = folder / "node.pem"
    identity.write_bytes(certificate.read_bytes() + key.read_bytes())
    nodes = [Node(folder, number, certificate, identity, "--database", url) for number in (1, 2)]
    for node in nodes:
        node.server.origin = "http://social.example"
    with contextlib.ExitStack() as started:
        started.enter_context(nodes[0].server)
        (nodes[1].server.data_dir / "secrets").mkdir(parents=True)
        shutil.copyfile(*(node.server.data_dir / "secrets/vault.key" for node in nodes))
        started.enter_context(nodes[1].server)
        for node in nodes:
            started.callback(node.haproxy.kill)
            node.haproxy.start([node.peer for node in nodes])
        yield nodes
    asyncio.run(drop_database(postgres_server, url))


@pytest.fixture(scope="module")
def tokens(nodes: list[Node]) -> list[str]:
    """Of one account; some of them lead to each node."""
    found = [nodes[0].server.account("alice")]
    before = {node.name: 0 for node in nodes}
    wanted = {node.name for node in nodes}
    for _ in range(20):
        nodes[0].server.url, url = nodes[0].haproxy.url, nodes[0].server.url
        assert nodes[0].server.get("/api/v1/timelines/home", found[-1])[0] == 200
        nodes[0].server.url = url
        served = {name: int(number) for name, number in nodes[0].haproxy.numbers("reads", "stot").items()}
        wanted -= {name for name in served if served[name] > before[name]}
        before = served
        if not wanted and len(found) >= 4:
            return found
        found.append(nodes[0].server.cli("token", "create", "alice"))
    raise AssertionError(f"no token of {len(found)} leads to {wanted}")


def all_up(nodes: list[Node]) -> bool:
    return all(set(node.haproxy.numbers("reads").values()) == {"UP"} for node in nodes)


async def killed(nodes: list[Node], clients: Clients) -> None:
    nodes[1].server.kill()
    await clients.more(60)
    await asyncio.to_thread(nodes[1].server.start)


async def frozen(nodes: list[Node], clients: Clients) -> None:
    processes = nodes[1].server.processes()
    for process in processes:
        process.suspend()
    try:
        await clients.more(60)
    finally:
        for process in processes:
            process.resume()


async def restarted(nodes: list[Node], clients: Clients) -> None:
    await asyncio.to_thread(nodes[1].server.restart)


async def new_workers(nodes: list[Node], clients: Clients) -> None:
    old = nodes[1].server.workers()
    nodes[1].server.signal(signal.SIGHUP)
    await asyncio.to_thread(until, lambda: nodes[1].server.replaced(old), 60)


async def gone_with_haproxy(nodes: list[Node], clients: Clients) -> None:
    """As where a machine loses its power: its endpoint goes, too."""
    nodes[1].haproxy.kill()
    nodes[1].server.kill()
    await clients.more(60)
    await asyncio.to_thread(nodes[1].server.start)
    await asyncio.to_thread(nodes[1].haproxy.start, [node.peer for node in nodes])


async def drained(nodes: list[Node], clients: Clients) -> None:
    """Nothing new is given to a drained node, and its HAProxy goes on handing requests to the other one."""
    peers = [node.peer for node in nodes]
    for node in nodes:
        await asyncio.to_thread(node.haproxy.reload, [peers[0], peers[1]._replace(drained=True)])
    await clients.more(20)
    for node in nodes:
        assert node.haproxy.numbers("reads", "weight")["n2"] == "0"
    before = nodes[1].haproxy.numbers("writes", "stot")["n2"]
    await clients.more(40)
    assert nodes[1].haproxy.numbers("writes", "stot")["n2"] == before
    for node in nodes:
        await asyncio.to_thread(node.haproxy.reload, peers)


FAULTS: list[Callable[[list[Node], Clients], Awaitable[None]]] = [
    killed, frozen, restarted, new_workers, gone_with_haproxy, drained,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_no_request_fails_and_no_post_is_doubled(nodes: list[Node], tokens: list[str], fault) -> None:
    await asyncio.to_thread(until, lambda: all_up(nodes), 20, "all nodes")
    clients = Clients([node.haproxy.url for node in nodes], tokens)
    async with clients.running():
        await clients.more(40)
        await fault(nodes, clients)
        await asyncio.to_thread(until, lambda: all_up(nodes), 20, "all nodes again")
        await clients.more(40)
    assert clients.failed == []
    for heard in clients.heard:
        assert Counter(heard) == Counter(list(clients.posted))
    stored = await pages(clients, nodes[0].server.url, tokens[0])
    mine = [status["id"] for status in stored if status["id"] in clients.posted]
    assert Counter(mine) == Counter(list(clients.posted))
    # What a frozen node's transaction holds is let go by the database after two seconds, not after ten.
    assert fault is not frozen or clients.slowest_s < 9.5


@pytest.mark.parametrize("fault", [killed, frozen, restarted], ids=lambda fault: fault.__name__)
async def test_posts_of_apps_that_send_no_key_are_not_doubled_either(
    nodes: list[Node], tokens: list[str], fault
) -> None:
    """HAProxy sends again what it heard no answer to, under the id that it gave it."""
    await asyncio.to_thread(until, lambda: all_up(nodes), 20, "all nodes")
    clients = Clients([node.haproxy.url for node in nodes], tokens, keys=False)
    async with clients.running(posters=6, readers=1, listeners=0):
        await clients.more(60)
        await fault(nodes, clients)
        await clients.more(60)
    assert clients.failed == []
    stored = await pages(clients, nodes[0].server.url, tokens[0])
    said = Counter(status["content"] for status in stored if clients.name in status["content"])
    assert set(said.values()) == {1}
    assert len(said) == len(clients.posted)


async def test_apps_are_told_where_streams_are(nodes: list[Node]) -> None:
    async with aiohttp.ClientSession() as session:
        for node in nodes:
            async with session.get(f"{node.haproxy.url}/api/v2/instance") as answer:
                assert (await answer.json())["configuration"]["urls"]["streaming"] == "ws://social.example"
            for path in ("/api/v1/streaming/health", "/api/v1/streaming/health/"):
                async with session.get(node.haproxy.url + path) as answer:
                    assert (answer.status, await answer.text()) == (200, "OK")


async def pages(clients: Clients, url: str, token: str) -> list[dict]:
    """The whole account."""
    found: list[dict] = []
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        async with session.get(f"{url}/api/v1/accounts/verify_credentials") as answer:
            me = (await answer.json())["id"]
        while True:
            older = {"max_id": found[-1]["id"]} if found else {}
            async with session.get(f"{url}/api/v1/accounts/{me}/statuses", params={"limit": 40, **older}) as answer:
                page = await answer.json()
            if not page:
                return found
            found += page
