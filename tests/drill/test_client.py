"""A client as the promises mean it: asks elsewhere at once, then again until a minute is over, with one key."""

import asyncio
from collections.abc import Callable

import pytest
from aiohttp import web

from linnet.drill.client import PATIENCE_SECONDS, Answer, Client, Wanted
from linnet.drill.people import NotAcquainted, acquainted
from tests.support.loopback import HastyClock, serving

POST = Wanted("POST", "/api/v1/statuses", "token", {"status": "x"}, "key-1")


class Node:
    """Answers with one status after another, the last one for ever; None ends the connection without an answer."""

    def __init__(self, *statuses: int | None) -> None:
        self.statuses = list(statuses)
        self.asked: list[web.Request] = []
        self.keys: list[str] = []

    async def __call__(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        self.keys.append(request.headers.get("Idempotency-Key", ""))
        await request.read()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        wait = {"Retry-After": "3"} if status in (429, 503) else {}
        body = {"id": "7"} if status == 200 else {"error": "too busy"}
        return web.json_response(body, status=status, headers=wait)


async def _asked(first: Node, second: Node, wanted: Wanted = POST) -> tuple[Answer, list[Answer], HastyClock]:
    clock, seen = HastyClock(), list[Answer]()
    async with serving(first) as a, serving(second) as b, Client([a, b], clock) as client:
        return await client.ask(wanted, a, seen.append), seen, clock


async def test_what_is_answered_is_asked_once() -> None:
    first, second = Node(200), Node(200)
    answer, seen, _ = await _asked(first, second)
    assert answer.good
    assert answer.json() == {"id": "7"}
    assert answer.attempts == 1
    assert len(seen) == 1
    assert not second.asked
    assert first.asked[0].headers["Authorization"] == "Bearer token"


@pytest.mark.parametrize("failing", [500, 502, 503, 429, None])
async def test_another_endpoint_is_asked_at_once_with_the_same_key(failing: int | None) -> None:
    first, second = Node(failing), Node(200)
    answer, seen, clock = await _asked(first, second)
    assert answer.good
    assert [one.good for one in seen] == [False, True]
    assert clock.slept == []
    assert first.keys == second.keys == ["key-1"]


async def test_then_both_are_asked_again_with_longer_and_longer_pauses() -> None:
    first, second = Node(500), Node(500, 500, 200)
    answer, _, clock = await _asked(first, second)
    assert answer.good
    assert answer.attempts == 6
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]
    assert set(first.keys + second.keys) == {"key-1"}


async def test_a_server_that_says_when_to_come_again_is_left_alone_until_then() -> None:
    _, _, clock = await _asked(Node(503), Node(503, 200))
    assert clock.slept == [3.0, 3.0]


async def test_a_minute_is_the_end_of_patience() -> None:
    answer, _, clock = await _asked(Node(None), Node(None))
    assert not answer.good
    assert answer.status == 0
    assert "Disconnected" in answer.why or "Connection" in answer.why
    assert PATIENCE_SECONDS - 9 < sum(clock.slept) <= PATIENCE_SECONDS


@pytest.mark.parametrize("status", [401, 404, 422])
async def test_a_refusal_is_an_answer(status: int) -> None:
    first, second = Node(status), Node(200)
    answer, _, _ = await _asked(first, second)
    assert answer.why == f"{status} too busy"
    assert not second.asked


async def test_nobody_listening_is_an_answer_too() -> None:
    async with serving(Node(200)) as gone:
        pass
    clock = HastyClock()
    async with Client([gone], clock) as client:
        answer = await client.once(POST, gone)
    assert answer.status == 0
    assert answer.passing
    assert answer.why.startswith("ClientConnectorError")


async def test_a_silent_server_is_given_up_after_the_attempts_time() -> None:
    async def silent(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async with serving(silent) as url, Client([url], HastyClock()) as client:
        answer = await client.once(POST._replace(seconds=0.1), url)
    assert answer.why == "no answer in 0.1 s"


# ------------------------------------------------------------------------------------------------------------ people


def _accounts(*, locked: bool = False) -> Callable[[web.Request], object]:
    followed: set[tuple[str, str]] = set()

    async def answer(request: web.Request) -> web.Response:
        who = request.headers["Authorization"].removeprefix("Bearer ")
        if request.path.endswith("verify_credentials"):
            known = {"a": "1", "b": "2", "a-again": "1"}
            if who not in known:
                return web.json_response({"error": "The access token is invalid"}, status=401)
            return web.json_response({"id": known[who], "acct": who})
        if request.path.endswith("relationships"):
            return web.json_response(
                [{"id": id, "following": (who, id) in followed} for id in request.query.getall("id[]")]
            )
        followed.add((who, request.path.split("/")[4]))
        return web.json_response({"id": request.path.split("/")[4], "following": not locked})

    answer.followed = followed  # type: ignore[attr-defined]
    return answer


async def test_everybody_follows_everybody_and_is_asked_once() -> None:
    answer = _accounts()
    async with serving(answer) as url, Client([url], HastyClock()) as client:  # type: ignore[arg-type]
        people = await acquainted(client, ["a", "b", "a"])
        assert [person.name for person in people] == ["a", "b"]
        assert answer.followed == {("a", "2"), ("b", "1")}  # type: ignore[attr-defined]
        assert await acquainted(client, ["a", "b"]) == people


@pytest.mark.parametrize(
    ("tokens", "locked", "why"),
    [
        (["nobody"], False, "401 The access token is invalid"),
        (["a", "a-again"], False, "two of the tokens are of the same account"),
        (["a", "b"], True, "lets nobody follow without being asked"),
    ],
)
async def test_people_that_cannot_be_used_are_named(tokens: list[str], locked: bool, why: str) -> None:
    async with serving(_accounts(locked=locked)) as url, Client([url], HastyClock()) as client:  # type: ignore[arg-type]
        with pytest.raises(NotAcquainted, match=why):
            await acquainted(client, tokens)


async def test_one_person_follows_nobody() -> None:
    answer = _accounts()
    async with serving(answer) as url, Client([url], HastyClock()) as client:  # type: ignore[arg-type]
        assert len(await acquainted(client, ["a"])) == 1
    assert not answer.followed  # type: ignore[attr-defined]


async def test_each_attempt_has_more_time_than_the_one_before_and_none_more_than_is_left(monkeypatch) -> None:
    had: list[float] = []

    async def once(self: Client, wanted: Wanted, endpoint: str) -> Answer:
        had.append(wanted.seconds)
        self.clock.now += wanted.seconds  # type: ignore[attr-defined]
        return Answer(0, b"", endpoint, 1, 0, 0, "no answer")

    monkeypatch.setattr(Client, "once", once)
    clock = HastyClock()
    answer = await Client(["http://a", "http://b"], clock).ask(POST._replace(seconds=5), "http://a")
    assert had == [5, 10, 20, pytest.approx(23.5)]
    assert answer.attempts == 4
    assert sum(had) + sum(clock.slept) == PATIENCE_SECONDS
