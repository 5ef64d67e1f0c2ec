"""The application under the real server: what granian makes of requests, answers, clients that leave, and SIGTERM."""

import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port

MODULE = """
import asyncio
from pathlib import Path
from linnet.domain import errors
from linnet.http.request import Request
from linnet.http.response import FileBody, Response, StreamBody, json
from linnet.http.router import Route, Router
from linnet.http.server import Application

HERE = Path(__file__).parent
(HERE / "file").write_bytes(bytes(range(256)) * 4096)

def say(word):
    with (HERE / "said").open("a") as file:
        file.write(word + "\\n")

async def echo(request):
    params = await request.params()
    return json({"params": {k: v if isinstance(v, (str, int, dict, list)) else len(v.data) for k, v in params.items()},
                 "client": request.client, "host": request.host, "path": request.path})

async def file(request):
    return Response(FileBody(HERE / "file", 100, 600_000), 206, [(b"content-range", b"bytes 100-599999/1048576")])

async def slow(request):
    say("slow begins")
    while not (HERE / "go").exists():
        await asyncio.sleep(0.01)
    return json("slow")

async def ticks():
    try:
        while True:
            yield b"tick\\n"
            await asyncio.sleep(0.01)
    finally:
        say("stream closed")

async def stream(request):
    return Response(StreamBody(ticks()))

async def bad(request):
    return Response(b"", headers=[(b"x-bad", b"\\x01\\x7f")])

def on_error(request, error):
    say(repr(error))
    return json({"error": type(error).__name__}, 404 if isinstance(error, errors.NotFound) else 422)

async def start():
    say("started")

async def stop():
    say("stopped")

routes = [Route("GET", "/echo", echo), Route("POST", "/echo", echo), Route("GET", "/file", file),
          Route("GET", "/slow", slow), Route("GET", "/stream", stream), Route("GET", "/bad", bad),
          Route("GET", "/media/*path", echo)]
application = Application(Router(routes), on_error=on_error, on_start=start, on_stop=stop,
                          trusted_proxies=["127.0.0.1"], body_timeout_s=1.0)
"""


class Server:
    """One granian process of one worker, and what its application said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "served.py").write_text(MODULE)
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(self.port),
             "--no-ws", "--loop", "uvloop", "--log-level", "error", "--working-dir", str(folder), "served:application"],
            env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""}, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        until(lambda: "started" in self.said() or self.process.poll() is not None)
        until(self._listens)

    def _listens(self) -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def said(self) -> list[str]:
        path = self.folder / "said"
        return path.read_text().splitlines() if path.exists() else []

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        with closing(self.connect()) as connection:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def raw(self, request: bytes) -> bytes:
        """All that comes back until the server closes or nothing comes for a while."""
        with closing(socket.create_connection(("127.0.0.1", self.port), 5)) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
            return answer

    def end(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=30)[1]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 30 s"
        pause.wait(0.01)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("served"))
    yield running
    # Its worker, too, which would keep the pipe open; all have gone where a test has ended them.
    with suppress(ProcessLookupError):
        os.killpg(running.process.pid, signal.SIGKILL)
    running.process.communicate()


def test_requests_and_answers(server: Server) -> None:
    status, headers, body = server.ask("GET", "/echo?a=1&b[]=2", headers={"X-Forwarded-For": "203.0.113.5"})
    assert (status, json.loads(body)["client"]) == (200, "203.0.113.5")
    assert (headers["x-content-type-options"], headers["content-length"]) == ("nosniff", str(len(body)))
    status, _, body = server.ask("POST", "/echo", b'{"a": "\xc3\xa9"}', {"Content-Type": "application/json"})
    assert (status, json.loads(body)["params"]) == (200, {"a": "é"})
    status, headers, body = server.ask("HEAD", "/echo")
    assert (status, body, int(headers["content-length"]) > 10) == (200, b"", True)


def test_uploads_come_in_pieces(server: Server) -> None:
    file = bytes(range(256)) * 8192
    head = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=XX"}
    status, _, body = server.ask("POST", "/echo", head + file + b"\r\n--XX--\r\n", kind)
    assert (status, json.loads(body)["params"]) == (200, {"file": 2 << 20})
    # Without its end it is refused only when all of it has been read.
    pieces = itertools.chain([head], (file[at : at + 100_000] for at in range(0, len(file), 100_000)))
    status, _, body = server.ask("POST", "/echo", pieces, kind)
    assert (status, json.loads(body)) == (422, {"error": "Invalid"})


def test_parts_of_files(server: Server) -> None:
    status, headers, body = server.ask("GET", "/file")
    assert (status, headers["content-range"]) == (206, "bytes 100-599999/1048576")
    assert body == (bytes(range(256)) * 4096)[100:600_000]
    status, headers, body = server.ask("HEAD", "/file")
    assert (status, headers["content-length"], body) == (206, "599900", b"")


@pytest.mark.parametrize(
    ("target", "status"),
    [("/media/a/b%20c", 200), ("/media/../secret", 422), ("/media/%2e%2e/secret", 422), ("/media/..%2fsecret", 422),
     ("/media/%ff", 422), ("/media/%zz", 422), ("/echo?a=%zz", 422), ("/nowhere", 404), ("/bad", 422)],
)  # fmt: skip
def test_hostile_targets(server: Server, target: str, status: int) -> None:
    assert server.ask("GET", target)[0] == status


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\na=1",
        b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: -3\r\n\r\na=1",
        b"GET /echo HTTP/1.1\r\nhost: a\r\nbroken\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nhost: a\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(5000)) + b"\r\n",
        b"GET /echo HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 2_000_000 + b"\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["two lengths", "negative length", "broken header", "5000 headers", "huge header", "broken chunks", "TLS"],
)
def test_what_is_no_http_does_not_reach_us(server: Server, request_: bytes) -> None:
    before = len(server.said())
    try:
        answer = server.raw(request_)
    except OSError:
        answer = b""  # it was hung up on, at whichever step
    assert answer == b"" or answer[9:12] in {b"400", b"431"}
    assert len(server.said()) == before
    assert server.ask("GET", "/echo")[0] == 200


def test_a_body_that_does_not_come_is_given_up(server: Server) -> None:
    with closing(socket.create_connection(("127.0.0.1", server.port), 20)) as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\na=")
        assert connection.recv(65536)[9:12] == b"422"
    assert any("did not arrive in time" in word for word in server.said())


def test_a_stream_ends_when_its_reader_leaves(server: Server) -> None:
    with closing(server.connect()) as connection:
        connection.request("GET", "/stream")
        assert connection.getresponse().read(10) == b"tick\ntick\n"
    until(lambda: "stream closed" in server.said())


def test_shutdown_answers_what_is_under_way(tmp_path: Path) -> None:
    server = Server(tmp_path)
    with closing(server.connect()) as connection:
        connection.request("GET", "/slow")
        until(lambda: "slow begins" in server.said())
        server.process.send_signal(signal.SIGTERM)
        until(lambda: not server._listens())
        (tmp_path / "go").touch()
        assert connection.getresponse().read() == b'"slow"'
    complaints = server.process.communicate(timeout=30)[1]
    assert server.said() == ["started", "slow begins", "stopped"]
    assert (server.process.returncode, "Traceback" in complaints) == (0, False)


def test_nothing_reached_the_server_as_a_crash(server: Server) -> None:
    """The last of this file: all that was asked above, and its server ends without one traceback."""
    complaints = server.end()
    assert "Traceback" not in complaints
    assert "raised an exception" not in complaints
    assert server.said()[-1] == "stopped"
