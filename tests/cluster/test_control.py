"""The port between nodes: who is let in, and that nobody can make it wait, grow or fall."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from linnet.cluster import asking, certificates, control
from linnet.cluster.asking import Refused
from linnet.cluster.certificates import Pair
from linnet.cluster.control import Asked, Route, Server
from linnet.cluster.layout import Folders
from linnet.domain.errors import Conflict, Invalid, Unavailable
from linnet.system import SystemClock
from tests.support.waiting import until

HERE = "127.0.1.1"


def _folders(data: Path, authority: Pair, name: str) -> Folders:
    found = Folders(data / name)
    found.cluster.mkdir(parents=True)
    certificates.keep(found, authority, certificates.issue(authority, name, (HERE,), SystemClock().now_ms()))
    return found


class House:
    """A server with a route of each kind, and what its clients hold."""

    def __init__(self, data: Path) -> None:
        now = SystemClock().now_ms()
        self.authority = certificates.make_authority("linnet", now)
        self.one = _folders(data, self.authority, "one")
        self.two = _folders(data, self.authority, "two")
        self.other = _folders(data / "other", certificates.make_authority("linnet", now), "two")
        self.seen: list[Asked] = []
        self.server = Server(
            {
                "GET /authority": Route(self._open, open=True),
                "POST /echo": Route(self._echo),
                "POST /wrong": Route(self._wrong),
                "POST /long": Route(self._long),
                "POST /broken": Route(self._broken),
            }
        )

    async def _open(self, asked: Asked):
        self.seen.append(asked)
        return {"for": asked.peer}

    async def _echo(self, asked: Asked):
        self.seen.append(asked)
        return {"peer": asked.peer, **asked.body}

    async def _wrong(self, asked: Asked):
        raise Conflict("not now")

    async def _broken(self, asked: Asked):
        raise ZeroDivisionError

    async def _long(self, asked: Asked):
        async def told() -> AsyncIterator[str]:
            yield "first"
            yield "second"
            if asked.body.get("fail"):
                raise Invalid("to", "is nobody")
            if asked.body.get("break"):
                raise ZeroDivisionError

        return told()

    @property
    def url(self) -> str:
        return f"https://{HERE}:{self.server.port}"

    async def start(self) -> None:
        await self.server.start(HERE, 0, certificates.serving(self.one))

    async def raw(self, data: bytes, *, end: bool = True) -> bytes:
        """What is answered to these bytes, from a node of the cluster; '' where the connection ends without."""
        context = certificates.asking(self.two)
        try:
            reader, writer = await asyncio.open_connection(HERE, self.server.port, ssl=context)
        except (ConnectionError, ssl.SSLError):
            return b""
        try:
            writer.write(data)
            async with asyncio.timeout(20):
                return await reader.read()
        except (ConnectionError, ssl.SSLError):
            return b""
        finally:
            writer.transport.abort()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    found = House(tmp_path)
    await found.start()
    yield found
    await found.server.close()


async def test_a_node_is_known_by_its_certificate(house: House):
    answer = await asking.ask(house.url, "/echo", {"a": 1}, certificates.asking(house.two))
    assert answer == {"peer": "two", "a": 1}


async def test_who_has_none_sees_only_what_is_open(house: House):
    stranger = certificates.trusting(house.authority.certificate)
    assert await asking.ask(house.url, "/authority", None, stranger) == {"for": ""}
    with pytest.raises(asking.Refused) as caught:
        await asking.ask(house.url, "/echo", {}, stranger)
    assert caught.value.status == 401
    assert len(house.seen) == 1


async def test_a_node_of_another_cluster_is_refused_and_refuses(house: House):
    wrong = certificates.trusting(house.authority.certificate)
    wrong.load_cert_chain(house.other.certificate, house.other.key)
    with pytest.raises(asking.Unreachable):
        await asking.ask(house.url, "/echo", {}, wrong)
    with pytest.raises(asking.Unreachable, match="not of this cluster"):
        await asking.ask(house.url, "/echo", {}, certificates.asking(house.other))
    assert house.seen == []


async def test_a_refusal_is_told_in_its_words(house: House):
    with pytest.raises(asking.Refused, match="not now") as caught:
        await asking.ask(house.url, "/wrong", {}, certificates.asking(house.two))
    assert caught.value.status == 409
    with pytest.raises(asking.Refused) as caught:
        await asking.ask(house.url, "/nothing", {}, certificates.asking(house.two))
    assert caught.value.status == 404
    with pytest.raises(asking.Refused) as caught:
        await asking.ask(house.url, "/broken", {}, certificates.asking(house.two))
    assert caught.value.status == 500
    assert "ZeroDivision" not in str(caught.value)


async def test_what_takes_long_is_told_as_it_comes(house: House):
    async def told(body: dict) -> list[str]:
        return [line async for line in asking.lines(house.url, "/long", body, certificates.asking(house.two))]

    assert await told({}) == ["first", "second"]
    with pytest.raises(asking.Refused, match="nobody"):
        await told({"fail": True})
    with pytest.raises(asking.Refused):
        await told({"break": True})


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /echo HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", 413),
        (b"GET /authority HTTP/1.1\r\n" + b"X: y\r\n" * 2_000 + b"\r\n", 413),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 422),
        (b"POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 422),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 422),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]", 422),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 60000\r\n\r\n" + b'{"a":' + b"[" * 59_995, 422),
        (b"rubbish\r\n\r\n", 422),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 1\r\n\r\n\xff", 422),
    ],
)
async def test_hostile_bytes_are_answered_and_forgotten(house: House, sent: bytes, status: int):
    answer = await house.raw(sent)
    # Of a head without end nothing more is read, so that the answer may meet a connection that is reset already.
    assert answer.startswith(b"HTTP/1.1 %d " % status) or (answer == b"" and len(sent) > 10_000)
    assert (await asking.ask(house.url, "/echo", {}, certificates.asking(house.two)))["peer"] == "two"


async def test_who_hangs_up_is_no_mistake_of_ours(house: House, capsys: pytest.CaptureFixture[str]):
    for said in (b"", b"POST /echo HTTP/1.1\r\nContent-Le"):
        _, writer = await asyncio.open_connection(HERE, house.server.port, ssl=certificates.asking(house.two))
        writer.write(said)
        await writer.drain()
        writer.transport.abort()
        await until(lambda: house.server.connections == 0)
    told = capsys.readouterr()
    assert "control_failed" not in told.out + told.err
    with pytest.raises(Refused):
        await asking.ask(house.url, "/broken", {}, certificates.asking(house.two))
    told = capsys.readouterr()
    assert "control_failed" in told.out + told.err


async def test_a_slow_client_is_let_go(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(control, "READ_SECONDS", 0.1)
    answer = await house.raw(b"POST /echo HTTP/1.1\r\nContent-Len")
    assert answer.startswith(b"HTTP/1.1 503 ")
    answer = await house.raw(b"POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert house.seen == []


async def test_who_says_nothing_at_all_is_let_go(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(control, "SHAKE_SECONDS", 0.2)
    other = House(house.one.data / "again")
    await other.start()
    try:
        reader, writer = await asyncio.open_connection(HERE, other.server.port)
        async with asyncio.timeout(20):
            with pytest.raises(ConnectionError):
                await _end_of(reader)
        writer.transport.abort()
    finally:
        await other.server.close()


async def _end_of(reader: asyncio.StreamReader) -> None:
    """Raises ConnectionError where it ends, by a reset or without one."""
    await reader.read()
    raise ConnectionError


async def test_one_address_cannot_take_all_connections(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(control, "OF_ONE_ADDRESS_MAX", 2)
    context = certificates.asking(house.two)
    held = [await asyncio.open_connection(HERE, house.server.port, ssl=context) for _ in range(2)]
    assert await house.raw(b"GET /authority HTTP/1.1\r\n\r\n") == b""
    for _, writer in held:
        writer.write(b"GET /authority HTTP/1.1\r\n\r\n")
    answers = [await reader.read() for reader, _ in held]
    assert all(json.loads(answer.partition(b"\r\n\r\n")[2]) == {"for": "two"} for answer in answers)
    for _, writer in held:
        writer.transport.abort()


async def test_who_says_nothing_is_counted_before_it_costs_a_handshake(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(control, "OF_ONE_ADDRESS_MAX", 2)
    held = [await asyncio.open_connection(HERE, house.server.port) for _ in range(5)]
    async with asyncio.timeout(control.SHAKE_SECONDS / 2):
        for reader, _ in held[2:]:
            with pytest.raises(ConnectionError):
                await _end_of(reader)
    assert not any(reader.at_eof() for reader, _ in held[:2])
    assert await house.raw(b"GET /authority HTTP/1.1\r\n\r\n") == b""
    for _, writer in held:
        writer.transport.abort()
    await until(lambda: not house.server.connections)
    assert (await house.raw(b"GET /authority HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_a_client_does_not_wait_or_read_for_ever(tmp_path: Path, house: House):
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"[" * 65_536)
                await writer.drain()
                await asyncio.sleep(0)  # where it is taken as fast as it is written, nothing waits above
        except (ConnectionError, ssl.SSLError):
            writer.transport.abort()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.transport.abort()

    for handler in (endless, silent):
        server = await asyncio.start_server(handler, HERE, 0, ssl=certificates.serving(house.one))
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(asking.Unreachable):
            await asking.ask(f"https://{HERE}:{port}", "/echo", {}, certificates.asking(house.two), seconds=0.5)
        server.close()


async def test_what_a_stranger_answers_is_no_command_to_the_terminal(house: House):
    async def hostile(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 400 Bad\r\n\r\n" + json.dumps({"error": "\x1b[2Jno\r\n\u202e" + "x" * 9_999}).encode())
        writer.close()

    server = await asyncio.start_server(hostile, HERE, 0, ssl=certificates.serving(house.other))
    url = f"https://{HERE}:{server.sockets[0].getsockname()[1]}"
    for asking_them in (asking.ask(url, "/authority", None, certificates.unknowing()), _first(url)):
        with pytest.raises(asking.Refused) as caught:
            await asking_them
        assert str(caught.value).startswith(" [2Jno   xx")
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) == asking.WORDS_MAX
    server.close()


async def _first(url: str) -> str:
    return await anext(asking.lines(url, "/drain", {}, certificates.unknowing()))


async def test_nobody_there_is_said_in_words(house: House):
    await house.server.close()
    with pytest.raises(Unavailable, match="cannot be asked"):
        await asking.ask(f"https://{HERE}:1", "/echo", {}, certificates.asking(house.two))
    with pytest.raises(asking.Unreachable):
        await asking.ask("http://127.0.1.1:7000", "/echo", {}, certificates.asking(house.two))
