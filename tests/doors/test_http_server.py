"""The ASGI application: every request is answered, whatever its handler does; shutdown waits for those under way."""

import asyncio
import os
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from linnet.domain import errors
from linnet.http.request import Request
from linnet.http.response import FileBody, Response, StreamBody, html, json, redirect
from linnet.http.router import Route, Router
from linnet.http.server import Application
from tests.support.asgi import ask, http_scope, messages


def on_error(request: Request, error: Exception) -> Response:
    status = {errors.NotFound: 404, errors.Invalid: 422, errors.TooLarge: 413}.get(type(error), 500)
    return json({"error": type(error).__name__}, status)


async def hello(request: Request) -> Response:
    return Response(b"hello", content_type=b"text/plain")


async def echo(request: Request) -> Response:
    return json({"params": await request.params(), "segments": request.segments, "route": request.route})


async def crash(request: Request) -> Response:
    raise KeyError("secret")


async def injected(request: Request) -> Response:
    return Response(b"", headers=((b"x-name", b"a\r\nset-cookie: b"),))


def application(*routes: Route, **options: Any) -> Application:
    table = [
        Route("GET", "/hello", hello),
        Route("GET", "/api/v1/hello", hello),
        Route("POST", "/api/v1/statuses/:id", echo),
        Route("GET", "/crash", crash),
        Route("GET", "/injected", injected),
        Route("POST", "/small", echo, body_max=10, options={"scope": "write"}),
        *routes,
    ]
    return Application(Router(table), **{"on_error": on_error, **options})


async def test_a_handler_answers_with_safe_defaults() -> None:
    answer = await ask(application(), "GET", "/hello")
    assert (answer.status, answer.body) == (200, b"hello")
    assert dict(answer.headers) == {
        "content-type": "text/plain",
        "content-length": "5",
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
    }


async def test_a_page_may_set_its_own_referrer_policy() -> None:
    async def page(request: Request) -> Response:
        return html("<p>é", headers=((b"referrer-policy", b"no-referrer"),))

    answer = await ask(application(Route("GET", "/page", page)), "GET", "/page")
    assert (answer.header("referrer-policy"), answer.header("content-length")) == ("no-referrer", "5")


async def test_segments_route_and_params_reach_the_handler() -> None:
    answer = await ask(
        application(), "POST", "/api/v1/statuses/1%202?x=1", [("content-type", "application/json")], b'{"y": 2}'
    )
    assert answer.json() == {
        "params": {"x": "1", "y": 2},
        "segments": {"id": "1 2"},
        "route": "/api/v1/statuses/:id",
    }


async def test_head_is_get_without_its_body() -> None:
    answer = await ask(application(), "HEAD", "/hello")
    assert (answer.status, answer.body, answer.header("content-length")) == (200, b"", "5")


@pytest.mark.parametrize(
    ("method", "target", "status", "error"),
    [
        ("GET", "/nowhere", 404, "NotFound"),
        ("GET", "/crash", 500, "KeyError"),
        ("GET", "/injected", 500, "ValueError"),
        ("GET", "/a%zz", 422, "Invalid"),
        ("GET", "/%2e%2e/etc/passwd", 422, "Invalid"),
        ("GET", b"/\xff\xfe", 422, "Invalid"),
        ("POST", "/small", 413, "TooLarge"),
        ("POST", "/api/v1/statuses/1?a=%zz", 422, "Invalid"),
        ("POST", "/api/v1/statuses/1?a=1&a[b]=2", 422, "Invalid"),
        ("DELETE", "/hello", 405, "This address does not take that method"),
        ("BREW", "/hello", 405, "This address does not take that method"),
    ],
)
async def test_errors_are_answered_by_their_door(method: str, target: str | bytes, status: int, error: str) -> None:
    answer = await ask(application(), method, target, body=b"a=" + b"x" * 100 if method == "POST" else b"")
    assert (answer.status, answer.json()["error"]) == (status, error)
    assert b"secret" not in answer.body


async def test_other_methods_are_told_what_there_is() -> None:
    assert (await ask(application(), "DELETE", "/hello")).header("allow") == "GET, HEAD, OPTIONS"
    answer = await ask(application(), "OPTIONS", "/hello")
    assert (answer.status, answer.body, answer.header("allow")) == (204, b"", "GET, HEAD, OPTIONS")
    assert answer.header("content-length") is None


async def test_a_door_that_fails_itself_still_answers() -> None:
    def broken(request: Request, error: Exception) -> Response:
        raise RuntimeError("the error page has an error")

    answer = await ask(application(on_error=broken), "GET", "/crash")
    assert (answer.status, answer.json()) == (500, {"error": "Something went wrong"})


async def test_before_may_answer_and_after_may_add() -> None:
    seen: list[Any] = []

    def before(request: Request) -> Response | None:
        seen.append((request.route, request.options))
        return json({"error": "enough"}, 429) if request.header("x-many") else None

    def after(request: Request, response: Response, seconds: float) -> None:
        assert 0 <= seconds < 60
        seen.append((request.route, response.status))
        response.add(b"x-request-id", b"1")

    app = application(before=before, after=after)
    assert (await ask(app, "GET", "/hello")).header("x-request-id") == "1"
    assert (await ask(app, "GET", "/hello", [("x-many", "1")])).status == 429
    assert (await ask(app, "GET", "/nowhere")).header("x-request-id") == "1"
    assert (await ask(app, "POST", "/small", body=b"a=1")).status == 200
    assert seen == [
        ("/hello", None), ("/hello", 200), ("/hello", None), ("/hello", 429), ("", None), ("", 404),
        ("/small", {"scope": "write"}), ("/small", 200),
    ]  # fmt: skip


async def test_an_after_that_fails_costs_no_answer() -> None:
    def after(request: Request, response: Response, seconds: float) -> None:
        raise ValueError("a metric")

    assert (await ask(application(after=after), "GET", "/hello")).body == b"hello"


async def test_a_client_that_leaves_ends_quietly() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    app = application()
    await app(http_scope("POST", "/api/v1/statuses/1"), messages(b"a=1", end="gone"), send)
    # Servers say "gone" of a body that makes no sense as well, so there may be somebody to read this.
    assert (sent[0]["status"], app.in_flight) == (400, 0)

    async def closed(message: Any) -> None:
        raise OSError("broken pipe")

    await app(http_scope("POST", "/api/v1/statuses/1"), messages(b"a=1", end="gone"), closed)
    assert app.in_flight == 0


async def test_a_connection_that_breaks_while_answering_ends_quietly() -> None:
    calls = 0

    async def send(message: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError("broken pipe")

    app = application()
    await app(http_scope("GET", "/hello"), messages(b""), send)
    assert (calls, app.in_flight) == (2, 0)


async def test_what_the_proxy_in_front_waits_for_no_longer_is_not_gone_on_with() -> None:
    left = asyncio.Event()

    async def slow(request: Request) -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return Response(b"")

    app = application(Route("GET", "/slow", slow), trusted_proxies=["198.51.100.7"])
    answer = await ask(app, "GET", "/slow", [("x-linnet-patience", "10")])
    assert (answer.status, answer.json()["error"], left.is_set()) == (500, "Unavailable", True)
    assert (await ask(app, "GET", "/hello", [("x-linnet-patience", "10")])).status == 200


async def test_a_stranger_does_not_say_how_long_an_answer_may_take() -> None:
    async def quick(request: Request) -> Response:
        return json({"patience": request.patience_s})

    for proxies, said, patience in (
        ([], "1900", None), (["198.51.100.7"], "1900", 1.9), (["198.51.100.7"], "-1", None),
        (["198.51.100.7"], "12345678", None), (["198.51.100.7"], "\u0661".encode().decode("latin-1"), None),
    ):  # fmt: skip
        app = application(Route("GET", "/quick", quick), trusted_proxies=proxies)
        answer = await ask(app, "GET", "/quick", [("x-linnet-patience", said)])
        assert answer.json() == {"patience": patience}


async def test_redirects_refuse_what_would_write_headers() -> None:
    async def away(request: Request) -> Response:
        return redirect(request.query()["to"])

    app = application(Route("GET", "/away", away))
    answer = await ask(app, "GET", "/away?to=/@%C3%A9t%C3%A9%3Fa=%2520b%23c")
    assert (answer.status, answer.header("location")) == (303, "/@%C3%A9t%C3%A9?a=%20b#c")
    for bad in ("%0d%0aset-cookie:a=b", "%0a", "/a%7f", "/%09"):
        answer = await ask(app, "GET", f"/away?to={bad}")
        assert (answer.status, answer.header("location")) == (500, None)


# ------------------------------------------------------------------------------------------------- files and streams


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(range(256)) * 4096)  # 1 MiB
    return path


def serving(body: FileBody | StreamBody, status: int = 200) -> Application:
    async def serve(request: Request) -> Response:
        return Response(body, status, content_type=b"video/mp4")

    return application(Route("GET", "/file", serve))


@pytest.mark.parametrize(("start", "end"), [(0, None), (0, 1), (5, 700_000), (1 << 20, None), (1000, 9 << 20), (7, 7)])
async def test_files_are_streamed_whole_or_in_part(file: Path, start: int, end: int | None) -> None:
    whole = file.read_bytes()
    app = serving(FileBody(file, start, end), 206)
    answer = await ask(app, "GET", "/file")
    assert (answer.status, answer.body) == (206, whole[start:end])
    assert answer.header("content-length") == str(len(answer.body))
    head = await ask(app, "HEAD", "/file")
    assert (head.body, head.header("content-length")) == (b"", str(len(answer.body)))


async def test_files_that_are_not_there(tmp_path: Path, file: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path / "none", tmp_path, file / "below", pipe):
        answer = await ask(serving(FileBody(path)), "GET", "/file")
        assert (answer.status, answer.json()) == (404, {"error": "NotFound"})
    for start, end in ((-1, None), (5, 4), (2 << 20, None)):
        assert (await ask(serving(FileBody(file, start, end)), "GET", "/file")).status == 500


async def test_no_file_stays_open(file: Path, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for body in (FileBody(file), FileBody(file, 5, 4), FileBody(tmp_path), FileBody(tmp_path / "none")):
        for method in ("GET", "HEAD"):
            await ask(serving(body), method, "/file")
    assert len(os.listdir("/proc/self/fd")) == before


async def test_streams_are_sent_as_they_come_and_closed_when_the_client_leaves() -> None:
    closed: list[str] = []

    async def chunks(count: int) -> AsyncIterator[bytes]:
        try:
            for _ in range(count):
                yield b"data\n"
                await asyncio.sleep(0)
            if count > 5:
                await asyncio.Event().wait()
        finally:
            closed.append("closed")

    async def stream(request: Request) -> Response:
        return Response(StreamBody(chunks(int(request.query()["n"]))), content_type=b"text/event-stream")

    app = application(Route("GET", "/stream", stream))
    present, sent = asyncio.Event(), []

    async def receive() -> dict[str, Any]:
        await present.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)
        if len(sent) == 6:
            present.set()

    async with asyncio.timeout(10):
        await app(http_scope("GET", "/stream?n=3"), receive, send)
        assert b"".join(m.get("body", b"") for m in sent) == b"data\n" * 3
        assert not sent[-1].get("more_body")
        sent.clear()
        await app(http_scope("GET", "/stream?n=1000"), receive, send)
    assert sent[-1]["more_body"]
    assert (closed, app.in_flight) == (["closed", "closed"], 0)


async def test_a_stream_that_fails_in_the_middle_is_cut() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"some"
        raise ValueError("broken source")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()

    await serving(StreamBody(chunks()))(http_scope("GET", "/file"), receive, send)
    assert [m.get("body") for m in sent] == [None, b"some"]


# --------------------------------------------------------------------------------------------------------------- CORS


@pytest.mark.parametrize(
    "target", ["/api/v1/hello", "/api/v1/nowhere", "/oauth/token", "/.well-known/x", "/files/1.png"]
)
async def test_programs_on_other_pages_may_read_the_api(target: str) -> None:
    answer = await ask(application(), "GET", target, [("origin", "https://client.example")])
    assert answer.header("access-control-allow-origin") == "*"
    exposed = (answer.header("access-control-expose-headers") or "").split(", ")
    assert {"Link", "X-RateLimit-Reset", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-Request-Id"} <= set(exposed)


@pytest.mark.parametrize("target", ["/api/v1/hello", "/api/v9/nowhere", "/oauth/token", "/.well-known/x", "/api/%zz"])
async def test_preflights_are_granted_for_known_and_unknown_paths(target: str) -> None:
    headers = [("origin", "https://client.example"), ("access-control-request-method", "POST"),
               ("access-control-request-headers", "authorization,x-own")]  # fmt: skip
    answer = await ask(application(), "OPTIONS", target, headers)
    assert answer.status == 200
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("access-control-allow-headers") == "authorization,x-own"
    assert answer.header("access-control-max-age") == "7200"
    assert set((answer.header("access-control-allow-methods") or "").split(", ")) >= {
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
    }


@pytest.mark.parametrize("target", ["/hello", "/apix", "/auth/sign_in", "/"])
async def test_pages_are_closed_to_other_origins(target: str) -> None:
    headers = [("origin", "https://evil.example"), ("access-control-request-method", "POST")]
    for method in ("GET", "OPTIONS"):
        answer = await ask(application(), method, target, headers)
        assert not [name for name, _ in answer.headers if name.startswith("access-control")]


# ----------------------------------------------------------------------------------------------------------- lifespan


async def turns() -> None:
    """Lets everything that can run now, run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def lifespan(app: Application, *stages: str) -> list[str]:
    waiting = [{"type": f"lifespan.{stage}"} for stage in stages]
    said: list[str] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        said.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    return said


async def test_start_and_stop() -> None:
    done: list[str] = []

    async def start() -> None:
        done.append("start")

    async def stop() -> None:
        done.append("stop")

    app = application(on_start=start, on_stop=stop)
    assert await lifespan(app, "startup", "shutdown") == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert done == ["start", "stop"]


async def test_a_start_that_fails_is_told() -> None:
    async def start() -> None:
        raise errors.Unavailable("the database is away")

    assert await lifespan(application(on_start=start), "startup") == ["lifespan.startup.failed"]


async def test_shutdown_waits_for_requests_under_way() -> None:
    going, order = asyncio.Event(), []

    async def slow(request: Request) -> Response:
        await going.wait()
        order.append("answered")
        return Response(b"done")

    async def stop() -> None:
        order.append("stopped")

    app = application(Route("GET", "/slow", slow), on_stop=stop)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        request = group.create_task(ask(app, "GET", "/slow"))
        await turns()
        down = group.create_task(lifespan(app, "shutdown"))
        await turns()
        assert app.draining
        # Whoever comes now is still served: it is the balancer in front that stops sending.
        assert (await ask(app, "GET", "/hello")).body == b"hello"
        assert not down.done()
        going.set()
    assert (request.result().body, order, app.in_flight) == (b"done", ["answered", "stopped"], 0)


async def test_shutdown_does_not_wait_for_ever() -> None:
    async def stuck(request: Request) -> Response:
        await asyncio.Event().wait()
        return Response()

    app = application(Route("GET", "/stuck", stuck), drain_s=0.01)
    async with asyncio.timeout(10):
        async with asyncio.TaskGroup() as group:
            request = group.create_task(ask(app, "GET", "/stuck"))
            await turns()
            assert await lifespan(app, "shutdown") == ["lifespan.shutdown.complete"]
            assert app.in_flight == 1
            request.cancel()
    assert app.in_flight == 0


async def test_web_sockets_are_declined() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await application()({"type": "websocket"}, messages(b""), send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
