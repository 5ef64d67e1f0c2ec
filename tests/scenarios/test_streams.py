"""Streams of real servers: on both ports, from every worker, over kill -9, with what clients really send."""

import contextlib
import json
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.support.listening import Listener
from tests.support.ports import free_port
from tests.support.server import Server, until
from tests.support.streams import event_of

POSTS = 40


class Streaming(Server):
    """A server with a port for streams."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.streaming_port = free_port()
        super().__init__(folder, "--streaming-bind", f"127.0.0.1:{self.streaming_port}", *options)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streaming]:
    server = Streaming(tmp_path_factory.mktemp("streams") / "data", "--workers", "2", "--drain", "5m")
    with server:
        yield server


def request(server: Server, token: str, method: str, path: str, body: Any, key: str) -> dict[str, Any] | None:
    """Asked again until it is answered, under one ``Idempotency-Key``; None where it was refused."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key}
    asked = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers, method=method)
    answers: list[dict[str, Any] | None] = []

    def answered() -> bool:
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                answers.append(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                if error.code not in (502, 503):
                    answers.append(None)
        except (OSError, HTTPException):
            return False
        return bool(answers)

    until(answered, 60, f"an answer to {method} {path}")
    return answers[0]


def write(server: Server, token: str, name: str) -> None:
    """Posts, and now and then edits or deletes what it posted before."""
    ids: list[str] = []
    for number in range(POSTS):
        made = request(server, token, "POST", "/api/v1/statuses", {"status": f"{name} {number}"}, f"{name}-{number}")
        assert made is not None
        ids.append(made["id"])
        if number % 5 == 3:
            request(server, token, "DELETE", f"/api/v1/statuses/{ids[-2]}", {}, f"{name}-d{number}")
        if number % 7 == 4:
            text = {"status": f"{name} {number}, corrected"}
            request(server, token, "PUT", f"/api/v1/statuses/{ids[-1]}", text, f"{name}-e{number}")


def home(server: Server, token: str) -> dict[str, str]:
    """The whole home timeline: id -> content."""
    found: dict[str, str] = {}
    page: list[dict[str, Any]] = [{}]
    while page:
        below = f"&max_id={min(found, key=int)}" if found else ""
        page = json.loads(server.get(f"/api/v1/timelines/home?limit=40{below}", token)[1])
        found |= {one["id"]: one["content"] for one in page}
    return found


def more_than(listener: Listener, count: int) -> Callable[[], bool]:
    return lambda: len(listener.heard) > count


@pytest.mark.parametrize("port", ["streaming", "main"])
def test_a_socket_misses_nothing_over_kill_and_restart(tmp_path: Path, port: str):
    server = Streaming(tmp_path / "data", "--workers", "2", "--rate-limits", "off")
    with server:
        alice, *others = (server.account(name) for name in ("alice", "bob", "carol"))
        for token in others:
            account = json.loads(server.get("/api/v1/accounts/verify_credentials", token)[1])["id"]
            assert server.ask("POST", f"/api/v1/accounts/{account}/follow", alice)[0] == 200
        number = server.streaming_port if port == "streaming" else server.port
        with Listener(number, alice) as listener:
            assert listener.listening.wait(20)
            writers = [threading.Thread(target=write, args=(server, one, f"w{at}")) for at, one in enumerate(others)]
            for writer in writers:
                writer.start()
            for _ in range(2):
                until(more_than(listener, len(listener.heard) + 12), what="hearing of the first posts")
                server.kill()
                server.start()
            for writer in writers:
                writer.join(120)
            last = request(server, alice, "POST", "/api/v1/statuses", {"status": "that is all"}, "last")
            assert last is not None
            until(lambda: last["id"] in listener.state, what="the last post on the stream")
            assert listener.connections >= 3
            updates = [id for name, id in listener.heard if name == "update"]
            assert len(updates) == len(set(updates))
            deletions = [id for name, id in listener.heard if name == "delete"]
            assert len(deletions) == len(set(deletions))
            until(lambda: home(server, alice) == listener.state, what="the home timeline as the stream told it")
            assert len(listener.state) == 2 * (POSTS - POSTS // 5) + 1


def test_every_worker_tells_everybody(server: Streaming):
    token = server.account("everybody")
    url = f"ws://127.0.0.1:{server.streaming_port}/api/v1/streaming?stream=user"
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(connect(url, subprotocols=[Subprotocol(token)])) for _ in range(8)]
        made = json.loads(server.ask("POST", "/api/v1/statuses", token, {"status": "to all"})[1])
        for one in sockets:
            assert one.subprotocol == token
            message = json.loads(one.recv(20))
            assert (message["event"], json.loads(message["payload"])["id"]) == ("update", made["id"])


def test_server_sent_events_on_the_streaming_port(server: Streaming):
    token = server.account("events")
    url = f"http://127.0.0.1:{server.streaming_port}/api/v1/streaming"
    with urllib.request.urlopen(f"{url}/health", timeout=10) as answer:
        assert answer.read() == b"OK"
    for path, status in (("/user", 401), ("/nothing", 404), ("/hashtag", 422), ("", 422)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}{path}{'?access_token=' + token if path != '/user' else ''}", timeout=10)
        with refused.value as error:
            assert error.code == status
            assert "error" in json.load(error)
    with urllib.request.urlopen(f"{url}/user?access_token={token}&position=", timeout=10) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        assert stream.headers["access-control-allow-origin"] == "*"
        made = json.loads(server.ask("POST", "/api/v1/statuses", token, {"status": "hello"})[1])
        found = ""
        while "event: update\n" not in found or not found.endswith("\n\n"):
            found += stream.readline().decode()
        # A heartbeat, which may come at any time, has no name.
        begun, update = (event for event in map(event_of, found.split("\n\n")) if "event" in event)
        assert (begun["event"], begun["data"]) == ("stream.begun", {})
        assert update["data"]["id"] == made["id"]
        assert begun["id"] != update["id"]


def raw(server: Streaming, data: bytes) -> bytes:
    """What is answered to bytes, until the connection is closed."""
    with socket.create_connection(("127.0.0.1", server.streaming_port), timeout=20) as connection:
        connection.sendall(data)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


def test_garbage_is_refused_and_nobody_else_suffers(server: Streaming):
    assert raw(server, b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert raw(server, b"GET /api/v1/streaming/user HTTP/1.1\r\nno colon\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert raw(server, b"POST /api/v1/streaming/user HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 405 ")
    assert raw(server, b"GET / HTTP/1.1\r\n" + b"X-Long: y\r\n" * 3_000).startswith(b"HTTP/1.1 431 ")
    assert b"access-control-allow-headers: authorization" in raw(
        server, b"OPTIONS /api/v1/streaming/user HTTP/1.1\r\nAccess-Control-Request-Method: GET\r\n\r\n"
    )
    token = server.account("wild")
    handshake = (
        f"GET /api/v1/streaming?access_token={token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()
    answer = raw(server, handshake + b"\xff" * 64)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"\x03\xea" in answer  # closed with 1002, a protocol error
    assert raw(server, handshake.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short")).startswith(b"HTTP/1.1 422 ")
    url = f"ws://127.0.0.1:{server.streaming_port}/api/v1/streaming"
    with pytest.raises(InvalidStatus, match="401"):
        connect(f"{url}?access_token=wrong")
    with connect(f"{url}?access_token={token}") as one:
        one.send("x" * 5_000)
        with pytest.raises(ConnectionClosed) as closed:
            one.recv(20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_pings_whose_answers_nobody_reads_end_the_socket(server: Streaming):
    handshake = (
        f"GET /api/v1/streaming?access_token={server.account('pinging')} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()
    pings = (b"\x89\xfd\0\0\0\0" + b"x" * 125) * 1_000
    with socket.create_connection(("127.0.0.1", server.streaming_port), timeout=20) as connection:
        connection.sendall(handshake)
        assert connection.recv(12) == b"HTTP/1.1 101"
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(pings * 1_000)  # 131 MB: far more than the system itself keeps


def read_all(connection: Any, answers: list[Any]) -> None:
    while True:
        answers.append(json.loads(connection.recv(20)))


@pytest.mark.parametrize("port", ["streaming", "main"])
def test_ten_thousand_subscriptions_end_the_socket(server: Streaming, port: str):
    token = server.account(f"greedy{port}")
    number = server.streaming_port if port == "streaming" else server.port
    answers: list[Any] = []
    with connect(f"ws://127.0.0.1:{number}/api/v1/streaming?access_token={token}") as one:
        with contextlib.suppress(ConnectionClosed, OSError):
            for at in range(10_000):
                one.send(json.dumps({"type": "subscribe", "stream": "hashtag", "tag": f"t{at}"}))
        with pytest.raises(ConnectionClosed) as closed:
            read_all(one, answers)
    assert "100 subscriptions" in answers[0]["error"]
    assert closed.value.rcvd is None or closed.value.rcvd.code == 1008
    assert server.get("/readyz")[0] == 200


@pytest.mark.parametrize("port", ["streaming", "main"])
def test_a_worker_that_is_replaced_waits_for_no_stream(server: Streaming, port: str):
    token = server.account(f"restless{port}")
    with Listener(server.streaming_port if port == "streaming" else server.port, token) as listener:
        assert listener.listening.wait(20)
        for number in range(2):
            old = server.workers()
            server.signal(signal.SIGHUP)
            # Requests under way would be waited for longer than this: --drain is five minutes.
            until(replaced_by_others(server, old), 100, "new workers")
            made = request(
                server, token, "POST", "/api/v1/statuses", {"status": f"still here {number}"}, f"{port}{number}"
            )
            assert made is not None
            until(hears_of(listener, made["id"]), what="the post")


def replaced_by_others(server: Server, old: list[int]) -> Callable[[], bool]:
    return lambda: server.replaced(old)


def hears_of(listener: Listener, id: str) -> Callable[[], bool]:
    return lambda: id in listener.state
