"""The load: begins what is due, ends what it began, writes all of it down, and says why where it cannot begin."""

import asyncio
import itertools
from pathlib import Path

import pytest
from aiohttp import web

from linnet.drill.load import Load, NotServing, Pace
from linnet.drill.measures import failures
from linnet.drill.records import Attempt, Deed, Failure, Heard, Mark, Person, Plan, Read
from tests.support.loopback import serving
from tests.support.waiting import until

PEOPLE = [Person("11", "ada", "token-ada"), Person("12", "bert", "token-bert")]


class Server:
    """A small Linnet: takes posts, tells everybody of them, answers reads with nothing; ``slow`` holds posts up."""

    def __init__(self) -> None:
        self.slow = asyncio.Event()
        self.slow.set()
        self.posts: dict[str, str] = {}
        self.asked: list[str] = []
        self.status = 200
        self.ids = itertools.count(1000)
        self.news = asyncio.Condition()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if request.path.startswith("/api/v1/streaming"):
            return await self._stream(request)
        if self.status != 200:
            return web.json_response({"error": "no"}, status=self.status)
        if (request.method, request.path) == ("POST", "/api/v1/statuses"):
            key = request.headers["Idempotency-Key"]
            async with self.news:
                id = self.posts.setdefault(key, str(next(self.ids)))
                self.news.notify_all()
            await self.slow.wait()
            return web.json_response({"id": id})
        return web.json_response({"id": "5", "client_id": "c", "client_secret": "s", "access_token": "t"})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        answer: web.StreamResponse | web.WebSocketResponse
        socket = None
        if request.headers.get("Upgrade") == "websocket":
            answer = socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.send_json({"event": "stream.begun", "payload": "{}", "position": "p0"})
        else:
            answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await answer.prepare(request)
            await answer.write(b"event: stream.begun\nid: p0\ndata: {}\n\n")
        told = 0
        while True:
            async with self.news:
                while len(self.posts) <= told:
                    await self.news.wait()
                new = list(self.posts.values())[told:]
            for id in new:
                told += 1
                if socket is not None:
                    await socket.send_json({"event": "update", "payload": f'{{"id":"{id}"}}', "position": f"p{told}"})
                else:
                    await answer.write(f'event: update\nid: p{told}\ndata: {{"id":"{id}"}}\n\n'.encode())


async def test_everything_is_begun_answered_and_written_down(tmp_path: Path) -> None:
    server = Server()
    async with serving(server) as url:
        async with Load([url], PEOPLE, Pace(100, 200), tmp_path / "run") as load:
            await load.warm()
            await until(lambda: load.figures().posts >= 50)
            load.mark(Mark("nothing", load.clock.monotonic(), load.clock.monotonic()))
        found = load.evidence()
    told = found.acknowledged()
    assert told == server.posts
    assert set(told) == {plan.key for plan in found.of(Plan)}
    assert all(key.startswith(found.run) for key in told)
    assert not found.of(Failure)
    assert len(found.of(Mark)) == 1
    assert {read.what for read in found.of(Read)} >= {"home", "public", "account"}
    assert all(deed.done for deed in found.of(Deed))
    assert found.of(Deed)
    assert set(found.listeners.values()) == {"11", "12"}
    for listener in found.listeners:
        assert {heard.about for heard in found.of(Heard) if heard.listener == listener} == set(told.values())
    assert found.began < found.ended


async def test_apps_sign_in_and_each_step_that_fails_is_told(tmp_path: Path) -> None:
    server = Server()
    steps = ["POST /api/v1/apps", "POST /oauth/token", "GET /api/v1/apps/verify_credentials", "POST /oauth/revoke"]
    async with serving(server) as url:
        async with Load([url], PEOPLE, Pace(0, 0, 0, sign_ins=50), tmp_path / "run") as load:
            await load.warm()
            await until(lambda: server.asked.count(steps[-1]) >= 3)
            server.status = 401
            await until(lambda: load.figures().failed >= 1)
        found = load.evidence()
    asked = [one for one in server.asked if one in steps]
    assert asked[:4] == steps
    assert {failure.why for failure in found.of(Failure)} == {"401 no"}
    assert {failure.key for failure in found.of(Failure)} <= {
        "registering an app", "asking for a token", "showing a new token", "giving a token back",
    }  # fmt: skip
    assert all("401 no" in sentence for sentence in failures(found))


async def test_slow_answers_do_not_slow_the_load(tmp_path: Path) -> None:
    server = Server()
    async with serving(server) as url:
        async with Load([url], PEOPLE, Pace(200, 0, streams=0), tmp_path / "run") as load:
            await load.warm()
            server.slow.clear()
            await until(lambda: len(server.posts) >= 40)
            assert load.figures().under_way >= 40
            server.slow.set()
        found = load.evidence()
    assert len(found.acknowledged()) == len(found.of(Plan)) >= 40
    begun = sorted(attempt.began for attempt in found.of(Attempt))
    assert begun[30] - begun[0] < 5


async def test_who_leaves_before_the_end_waits_for_nothing(tmp_path: Path) -> None:
    server = Server()

    async def leave(load: Load) -> None:
        async with load:
            await load.warm()
            server.slow.clear()
            await until(lambda: len(server.posts) >= 10)
            raise KeyError

    async with serving(server) as url:
        load = Load([url], PEOPLE, Pace(200, 0, streams=0), tmp_path / "run")
        with pytest.raises(KeyError):
            await leave(load)
        found = load.evidence()
        assert len(found.of(Plan)) >= 10
        assert not load.figures().under_way
        begun = len(server.asked)
        await asyncio.sleep(0)
        assert len(server.asked) == begun


async def test_what_is_abandoned_ends_at_once(tmp_path: Path) -> None:
    server = Server()
    async with serving(server) as url, Load([url], PEOPLE, Pace(200, 0), tmp_path / "run") as load:
        await load.warm()
        server.slow.clear()
        await until(lambda: len(server.posts) >= 10)
        stopping = asyncio.create_task(load.stop())
        await asyncio.sleep(0)
        assert not stopping.done()
        await load.abandon()
        await asyncio.wait_for(stopping, 5)


async def test_a_refusal_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    server = Server()
    async with serving(server) as url:
        async with Load([url], PEOPLE, Pace(50, 0, streams=0), tmp_path / "run") as load:
            await load.warm()
            server.status = 422
            await until(lambda: load.figures().failed >= 3)
        found = load.evidence()
    assert any(sentence.endswith(": 422 no") for sentence in failures(found))


@pytest.mark.parametrize(
    ("status", "streams", "why"), [(401, 0, "does not let @ada in"), (503, 0, "not every endpoint answered")]
)
async def test_where_it_cannot_begin_it_says_why(tmp_path: Path, status: int, streams: int, why: str) -> None:
    server = Server()
    server.status = status
    async with serving(server) as url, Load([url], PEOPLE, Pace(50, 0, streams=streams), tmp_path / "run") as load:
        with pytest.raises(NotServing, match=why):
            await load.warm(timeout_s=0.5)


async def test_a_stream_that_does_not_open_is_named(tmp_path: Path) -> None:
    async def deaf(request: web.Request) -> web.StreamResponse:
        return web.json_response({"id": "5"}, status=404 if "streaming" in request.path else 200)

    async with serving(deaf) as url, Load([url], PEOPLE, Pace(50, 0), tmp_path / "run") as load:
        with pytest.raises(NotServing, match=r"no stream opened for ada \(websocket 1\), bert \(events 2\)"):
            await load.warm(timeout_s=0.5)


async def test_nobody_makes_no_load(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="people"):
        Load(["http://a"], [], Pace(), tmp_path / "run")
