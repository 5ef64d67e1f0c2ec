"""What HAProxy is told, and that the real one understands it and does it: retries, headers, and who may come in."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from linnet.cluster.haproxy import BACKLOG, POSTS_MAX, READS_MAX, Ingress, Peer, numbers, render
from tests.scenarios.test_serve_proxies import make_certificate
from tests.support.ingress import Haproxy
from tests.support.ports import free_port
from tests.support.waiting import until

HERE = Ingress("n1", "0.0.0.0:80", "10.0.0.1:7005", "127.0.0.1:7006", "127.0.0.1:7007", "/c/ca.crt", "/c/n.pem", "/r/s")
NODES = [Peer(f"n{number}", f"10.0.0.{number}", 7005) for number in (1, 2, 3)]


def test_each_node_asks_itself_directly_and_others_with_its_certificate() -> None:
    text = render(HERE, NODES)
    assert "server n1 127.0.0.1:7006 id" in text
    assert "server n1 127.0.0.1:7007 id" in text
    assert text.count("server n2 10.0.0.2:7005 ssl verify required ca-file /c/ca.crt crt /c/n.pem") == 6
    assert text.count("bind 10.0.0.1:7005 ssl crt /c/n.pem ca-file /c/ca.crt verify required") == 1


def test_readers_are_spread_alike_by_every_node_and_stay_when_another_one_comes() -> None:
    assert numbers(["a", "b", "c"]) == numbers(["c", "b", "a"])[::-1]
    assert numbers(["a", "c"]) == [numbers(["a", "b", "c"])[0], numbers(["a", "b", "c"])[2]]
    assert len(set(numbers([f"n{number}" for number in range(500)]))) == 500


@pytest.mark.parametrize("word", ["n 1", "n1\nserver evil 10.9.9.9:1", 'n"1', "n#1", "$n1", "n\\1"])
def test_a_name_that_would_be_more_than_a_word_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        render(HERE, [*NODES, Peer(word, "10.0.0.9", 7005)])


class Backend:
    """Stands for a node's Linnet: keeps each request's head, and answers as ``answers`` says; None just hangs up."""

    def __init__(self) -> None:
        self.heads: list[dict[str, str]] = []
        self.answers: Callable[[int], bytes | None] = lambda _: b"200 OK"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                head = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest if one)}
                await reader.readexactly(int(head.get("content-length", "0")))
                status: bytes | None = b"200 OK"
                if " /readyz " not in line:
                    self.heads.append(head)
                    status = self.answers(len(self.heads))
                if " /%6Cive " in line:
                    await asyncio.Event().wait()
                if status is None:
                    break
                size = int(head.get("x-bytes", "0"))
                writer.write(b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n" % (status, size) + bytes(size))
        writer.close()


class Stage:
    """One public HAProxy, whose only other node is a HAProxy before the same backend."""

    def __init__(self, folder: Path, certificate: str = "", like: "Stage | None" = None, **more: object) -> None:
        self.backend = Backend()
        self.folder = folder
        self.port, self.inner, self.local = free_port(), free_port(), free_port()
        if like is None:
            public, key = make_certificate(folder)
            self.identity, self.authority = folder / "node.pem", public
            self.identity.write_bytes(public.read_bytes() + key.read_bytes())
        else:
            self.identity, self.authority, public = like.identity, like.authority, like.authority
        here = Ingress(
            "here", f"127.0.0.1:{self.port}", f"127.0.0.1:{self.inner}", f"127.0.0.1:{self.local}",
            f"127.0.0.1:{self.local}", str(public), str(self.identity), str(folder / "s"),
            certificate=certificate and str(self.identity), **more,  # type: ignore[arg-type]
        )  # fmt: skip
        self.haproxy = Haproxy(folder, here)

    @contextlib.asynccontextmanager
    async def open(self, *more: Peer) -> AsyncIterator[aiohttp.ClientSession]:
        """The node is known under another name only: so it is asked through its inner port."""
        server = await asyncio.start_server(self.backend.serve, "127.0.0.1", self.local)
        try:
            await asyncio.to_thread(self.haproxy.start, [Peer("there", "127.0.0.1", self.inner), *more])
            async with server, aiohttp.ClientSession(self.haproxy.url) as session:
                yield session
        finally:
            self.haproxy.kill()


async def test_a_write_whose_answer_is_lost_is_sent_again_under_the_same_id_which_no_client_can_choose(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path)
    stage.backend.answers = lambda number: None if number < 3 else b"200 OK"
    async with stage.open() as session:
        forged = {"X-Linnet-Operation": "forged", "X-Request-Id": "forged", "X-Forwarded-For": "192.0.2.1"}
        more = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Linnet-Patience": "1"}
        for _ in range(2):
            async with session.post("/api/v1/statuses", json={"status": "once"}, headers=forged | more) as answer:
                assert answer.status == 200
        *first, other = stage.backend.heads
        assert len(first) == 3
        assert len({head["x-linnet-operation"] for head in first}) == 1
        assert len(first[0]["x-linnet-operation"]) == 36
        assert other["x-linnet-operation"] != first[0]["x-linnet-operation"]
        for head in stage.backend.heads:
            assert head["x-request-id"] == head["x-linnet-operation"]
            assert (head["x-forwarded-for"], head["x-forwarded-proto"]) == ("127.0.0.1", "http")
            assert "x-forwarded-host" not in head
            assert "x-linnet-patience" not in head


class Wire:
    """Leads to another port. Once it is frozen it takes connections as a frozen machine's kernel does: in silence."""

    def __init__(self) -> None:
        self.port = free_port()
        self.flows = asyncio.Event()
        self.flows.set()
        self.held = 0

    @contextlib.asynccontextmanager
    async def to(self, port: int) -> AsyncIterator[None]:
        async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

        async with await asyncio.start_server(lead, "127.0.0.1", self.port):
            yield

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65_536):
            self.held += not self.flows.is_set()
            await self.flows.wait()
            writer.write(piece)
        writer.close()


async def test_posts_under_way_to_a_node_that_freezes_are_sent_elsewhere_though_they_have_no_key(
    tmp_path: Path,
) -> None:
    """Those that wait for its answer, and those that are just connecting when it is found to be gone."""
    stage, wire = Stage(tmp_path), Wire()
    answered = 0

    def gone() -> bool:
        return stage.haproxy.numbers("posts")["away"] == "DOWN"

    async def post(session: aiohttp.ClientSession, number: int) -> None:
        nonlocal answered
        while not gone():
            who = {"Authorization": f"Bearer {number}"}
            async with session.post("/api/v1/statuses", json={"status": "once"}, headers=who) as answer:
                assert answer.status == 200
            answered += 1

    async with wire.to(stage.inner), stage.open(Peer("away", "127.0.0.1", wire.port)) as session:
        await until(lambda: set(stage.haproxy.numbers("posts").values()) == {"UP"})
        async with asyncio.TaskGroup() as posting:
            for number in range(8):
                posting.create_task(post(session, number))
            await until(lambda: answered > 100)
            wire.flows.clear()
            # One after the other, so that whenever it is found to be gone some are connecting.
            for number in range(8, 200):
                posting.create_task(post(session, number))
                already = answered
                await until(lambda already=already: answered > already + 20 or gone())  # type: ignore[misc]
                if gone():
                    break
        assert wire.held > 1
        wire.flows.set()


def _stands_still(pid: int) -> bool:
    """A signal that was sent need not have arrived: until it has, each thread goes on taking connections."""
    states = [stat.read_text().rpartition(") ")[2][0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(states) == {"T"}


async def test_one_that_thaws_asks_little_for_those_who_went_away_meanwhile(tmp_path: Path) -> None:
    """All that its kernel took for it would be asked of the nodes, and they would be busy for nobody."""
    stage = Stage(tmp_path)
    async with stage.open() as session:
        for worker in stage.haproxy.workers():
            os.kill(worker, signal.SIGSTOP)
            await until(lambda worker=worker: _stands_still(worker))  # type: ignore[misc]
        taken = 0
        for _ in range(4 * BACKLOG):
            with socket.socket() as one:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", stage.port))
                with contextlib.suppress(BlockingIOError, BrokenPipeError):
                    taken += one.send(b"GET /api/v1/timelines/public HTTP/1.1\r\nHost: x\r\n\r\n") > 0
        for worker in stage.haproxy.workers():
            os.kill(worker, signal.SIGCONT)
        async with session.post("/api/v1/statuses", json={"status": "after them"}) as answer:
            assert answer.status == 200
        assert BACKLOG <= taken <= BACKLOG + 8
        assert len(stage.backend.heads) <= taken + 1


async def test_who_sends_or_takes_slowly_keeps_nobody_from_reading_or_posting(tmp_path: Path) -> None:
    """However they write the address: Linnet reads escapes."""
    stage = Stage(tmp_path)
    half = b" HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n" + bytes(30_000)
    posting, reading = b"POST /api/v1/statuses" + half, b"GET /api/v1/timelines/public" + half
    pieces = reading.replace(b"Content-Length: 99999\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n9999\r\n")
    taking = b"GET /%66iles/film HTTP/1.1\r\nHost: x\r\nX-Bytes: 20000000\r\n\r\n"
    saving = taking.replace(b"/%66iles/film", b"/settings/exports/1/%61rchive.zip")
    listening = b"GET /%6Cive HTTP/1.1\r\nHost: x\r\n\r\n"
    page = b"GET /api/v1/timelines/public HTTP/1.1\r\nHost: x\r\nX-Bytes: 200000\r\n\r\n"
    async with stage.open() as session, contextlib.AsyncExitStack() as held:
        for said in (posting, reading, pieces, taking, saving, listening, page):
            for _ in range(2 * max(POSTS_MAX, READS_MAX)):
                one = held.enter_context(socket.socket())
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1_448)  # as on any wire
                one.connect(("127.0.0.1", stage.port))
                one.sendall(said)
        # Those of reads that are too large are refused; all others are under way.
        await until(lambda: len(stage.backend.heads) >= 3 * 2 * max(POSTS_MAX, READS_MAX) + READS_MAX, 30)
        async with session.post("/api/v1/statuses", json={"status": "quick"}) as answer:
            assert answer.status == 200
        async with session.get("/api/v1/timelines/home") as answer:
            assert answer.status == 200


async def test_a_reader_is_served_by_one_node_however_its_token_or_address_is_written(tmp_path: Path) -> None:
    """Its limits are counted there: at every node, it would have them once more."""
    (tmp_path / "b").mkdir()
    one = Stage(tmp_path)
    other = Stage(tmp_path / "b", like=one)
    async with other.open(), one.open(Peer("other", "127.0.0.1", other.inner)) as session:

        async def served(path: str, tokens: list[str], method: str = "GET") -> list[int]:
            """How many of those requests each node had."""
            before = [len(stage.backend.heads) for stage in (one, other)]
            for token in tokens:
                async with session.request(method, path, headers={"Authorization": token}) as answer:
                    assert answer.status == 200
            return sorted(len(stage.backend.heads) - count for stage, count in zip((one, other), before, strict=True))

        many = [f"Bearer token-{number}" for number in range(20)]
        assert (await served("/api/v1/timelines/home", many))[0] > 0, "different readers go to different nodes"
        for token in ("s1", "s2", "s3"):
            spelled = [f"Bearer {token}", f"bearer {token}", f"BEARER   {token}", f"beareR  {token} "]
            assert await served("/api/v1/timelines/home", spelled) == [0, 4]
        assert await served("/login", many, "POST") == [0, 20], "who signs in goes by the address"
        assert await served("/%61bout", many) == [0, 20]
        assert await served("/api/v1/accounts", many, "POST") == [0, 20], "so does who signs up"


async def test_our_own_refusal_is_not_asked_elsewhere_and_stands_as_it_is(tmp_path: Path) -> None:
    """It may have taken 45 seconds: three more of them help nobody."""
    stage = Stage(tmp_path)
    stage.backend.answers = lambda _: b"503 Service Unavailable\r\nretry-after: 7"
    async with stage.open() as session:
        async with session.post("/api/v1/accounts/1/follow") as answer:
            assert (answer.status, answer.headers["retry-after"]) == (503, "7")
        assert len(stage.backend.heads) == 1


async def test_where_nobody_is_left_the_answer_has_the_form_that_apps_read(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    async with stage.open() as session:
        stage.backend.answers = lambda _: None
        async with session.get("/api/v1/timelines/home") as answer:
            assert answer.status == 502
            assert "error" in await answer.json()
            assert answer.headers["retry-after"] == "1"
        # Once, and once more.
        assert len(stage.backend.heads) == 2


async def test_numbers_stay_inside_and_a_proxy_of_the_operators_own_is_believed(tmp_path: Path) -> None:
    stage = Stage(tmp_path, forwarded_from=("127.0.0.0/8",))
    async with stage.open() as session:
        for path in ("/metrics", "/metrics/"):
            async with session.get(path) as answer:
                assert answer.status == 404
        assert stage.backend.heads == []
        told = {"X-Forwarded-For": "198.51.100.1, 192.0.2.7", "X-Forwarded-Proto": "https"}
        async with session.get("/", headers=told):
            pass
        async with session.get("/"):
            pass
        first, second = stage.backend.heads
        assert (first["x-forwarded-for"], first["x-forwarded-proto"]) == (told["X-Forwarded-For"], "https")
        assert (second["x-forwarded-for"], second["x-forwarded-proto"]) == ("127.0.0.1", "http")


async def test_only_who_has_a_certificate_of_the_cluster_comes_in_by_the_inner_port(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    async with stage.open() as session:
        url = f"https://127.0.0.1:{stage.inner}/"
        context = ssl.create_default_context(cafile=str(stage.authority))
        context.check_hostname = False
        # With TLS 1.3 a client hears of its refusal when it reads.
        with pytest.raises((aiohttp.ClientError, OSError)):
            async with session.get(url, ssl=context) as answer:
                await answer.read()
        assert stage.backend.heads == []
        context.load_cert_chain(stage.identity)
        async with session.get(url, ssl=context) as answer:
            assert answer.status == 200


async def test_with_a_certificate_the_public_port_speaks_tls_and_the_plain_one_leads_there(tmp_path: Path) -> None:
    plain = f"127.0.0.1:{free_port()}"
    stage = Stage(tmp_path, certificate="yes", plain=plain)
    async with stage.open() as session:
        context = ssl.create_default_context(cafile=str(stage.authority))
        async with session.get("/about", ssl=context, server_hostname="social.example") as answer:
            assert answer.status == 200
            assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert stage.backend.heads[0]["x-forwarded-proto"] == "https"
        # Where one connection carries many requests, whoever takes no answer would hold the places of all of them.
        context.set_alpn_protocols(["h2", "http/1.1"])
        _, writer = await asyncio.open_connection(
            "127.0.0.1", stage.port, ssl=context, server_hostname="social.example"
        )
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.close()
        host = {"Host": "social.example"}
        async with session.get(f"http://{plain}/about", allow_redirects=False, headers=host) as answer:
            assert (answer.status, answer.headers["location"]) == (301, "https://social.example/about")
