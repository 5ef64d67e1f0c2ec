"""What routing, checking and heading a request costs over an application that does nothing but answer."""

from collections.abc import Callable, Coroutine
from time import thread_time
from typing import Any

import pytest

from linnet.http.limits import RateLimiter
from linnet.http.request import Request
from linnet.http.response import Response, json
from linnet.http.router import Route, Router
from linnet.http.server import Application
from linnet.system import SystemClock
from tests.support.asgi import http_scope

BODY = b"x" * 1000
HEADERS = [("host", "linnet.example"), ("user-agent", "test"), ("accept", "*/*"), ("authorization", "Bearer abc")]


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None:
    return None


async def bare(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


async def handler(request: Request) -> Response:
    return Response(BODY)


def on_error(request: Request, error: Exception) -> Response:
    return json({}, 500)


def bare_times(turn: Callable[[], object], rounds: int = 25, turns: int = 1000) -> float:
    """How many times as long as the bare application's answer a turn takes: of each, the quietest round in turn.

    The bare answer takes about 1 us on a machine of 2020; a busy machine slows both down alike.
    """
    scope = http_scope("GET", "/", HEADERS)
    ours = bare_answer = float("inf")
    for _ in range(rounds):
        ours = min(ours, _seconds(turn, turns))
        bare_answer = min(bare_answer, _seconds(lambda: finish(bare(scope, receive, send)), turns))
    return ours / bare_answer


def _seconds(turn: Callable[[], object], turns: int) -> float:
    started = thread_time()
    for _ in range(turns):
        turn()
    return thread_time() - started


def finish(coroutine: Coroutine[Any, Any, None]) -> None:
    """Runs to the end what never waits, without an event loop's own cost."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waited")


@pytest.mark.parametrize("target", ["/api/v1/timelines/home?limit=20", "/api/v1/statuses/112233445566/context"])
def test_a_routed_request_costs_little(target: str) -> None:
    others = [Route("GET", f"/api/v1/{noun}/:id/{verb}", handler) for noun in "abcdefghij" for verb in "klmnopqrst"]
    table = [Route("GET", "/api/v1/timelines/home", handler), Route("GET", "/api/v1/statuses/:id/context", handler)]
    app = Application(Router([*table, *others]), on_error=on_error, after=lambda request, response, seconds: None)
    scope = http_scope("GET", target, HEADERS)
    times = bare_times(lambda: finish(app(scope, receive, send)))
    print(f"{target}: {times:.1f} bare answers")
    assert times < 16


def test_a_rate_limit_costs_little(tmp_path: Any) -> None:
    limiter = RateLimiter(tmp_path / "limits", SystemClock(), True)
    # Most of it is the kernel's time, which a neighbour's work stretches more than ours: a quiet round is rarer.
    times = bare_times(lambda: limiter.check("api_token", "112233445566"), rounds=100)
    print(f"a check: {times:.1f} bare answers")
    assert times < 7
