"""The ASGI application: lifespan, routing, errors to their door, and the count of requests under way."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from time import perf_counter

from linnet.domain import errors
from linnet.http import cors, sending
from linnet.http.proxies import Proxies
from linnet.http.request import BODY_TIMEOUT_S, Disconnected, Receive, Request, Scope, Send
from linnet.http.response import TEXT, Response, StreamBody, json
from linnet.http.router import Match, Router
from linnet.telemetry import log

OnError = Callable[[Request, Exception], Response]
Before = Callable[[Request], Response | None]
After = Callable[[Request, Response, float], None]
Hook = Callable[[], Awaitable[None]]
OnWebsocket = Callable[[Scope, Receive, Send], Awaitable[None]]


async def _nothing() -> None:
    return None


async def _no_websocket(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "websocket.close", "code": 1008})


class Application:
    """The ASGI callable.

    ``on_error(request, error)`` answers whatever a handler raised (unknown errors: 500, and it logs). ``before`` sees
    each request after routing and may answer it; ``after`` sees each response before it is sent, with the seconds
    taken so far, and may add headers. ``trusted_proxies`` are networks as text. ``on_start`` runs before the first
    request; at shutdown requests under way get ``drain_s`` seconds, then ``on_stop`` runs.
    """

    def __init__(
        self,
        router: Router,
        *,
        on_error: OnError,
        before: Before | None = None,
        after: After | None = None,
        trusted_proxies: Iterable[str] = (),
        on_start: Hook = _nothing,
        on_stop: Hook = _nothing,
        drain_s: float = 20.0,
        body_timeout_s: float = BODY_TIMEOUT_S,
    ) -> None:
        self.in_flight = 0
        self.draining = False
        self._router = router
        self._on_error = on_error
        self._before = before
        self._after = after
        self._proxies = Proxies(trusted_proxies)
        self._on_start = on_start
        self._on_stop = on_stop
        self._on_websocket: OnWebsocket = _no_websocket
        self._end_streams: Callable[[], None] = lambda: None
        self._drain_s = drain_s
        self._body_timeout_s = body_timeout_s
        self._idle = asyncio.Event()

    def open_streams(self, on_websocket: OnWebsocket, end: Callable[[], None]) -> None:
        """``on_websocket`` has each WebSocket for its whole life; ``end`` is to end them when the server stops, and
        endless bodies: nobody waits for either."""
        self._on_websocket = on_websocket
        self._end_streams = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self._on_websocket(scope, receive, send)

    async def drain(self, seconds: float) -> bool:
        """Waits until no request is under way, at most so long; says whether none is. ``draining`` stays True."""
        self.draining = True
        self._end_streams()
        if self.in_flight:
            self._idle.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._idle.wait()
            except TimeoutError:
                log.warning("drain_timeout", requests=self.in_flight, done="ending them")
        return self.in_flight == 0

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        self.in_flight += 1
        request = Request(scope, receive, self._proxies)
        waited_for = True
        try:
            response = await self._answer(request, started)
            if type(response.body) is StreamBody and response.body.endless:
                waited_for = False
                self._done_with_one()
            await self._send(request, response, send)
        except Disconnected:
            await _part_with(request, send)
        finally:
            if waited_for:
                self._done_with_one()

    def _done_with_one(self) -> None:
        self.in_flight -= 1
        if self.draining and not self.in_flight:
            self._idle.set()

    async def _answer(self, request: Request, started: float) -> Response:
        try:
            response = await self._respond(request)
        except Disconnected:
            raise
        except Exception as error:  # boundary: whatever a handler raises is turned into an answer by its door
            response = self._failed(request, error)
        if self._after is not None:
            try:
                self._after(request, response, perf_counter() - started)
            except Exception as error:  # boundary: measuring must not cost an answer that is already there
                log.error("after_request_failed", path=request.path, error=repr(error), done="answered all the same")
        return response

    async def _respond(self, request: Request) -> Response:
        if request.method == "OPTIONS" and cors.applies(request.raw_path):
            granted = cors.preflight(request)
            if granted is not None:
                return granted
        match = self._router.match(request.method, request.raw_path)
        if isinstance(match, Match):
            self._enter(request, match)
        if self._before is not None:
            early = self._before(request)
            if early is not None:
                return early
        if isinstance(match, Match):
            return await _in_time(match, request)
        if match is None:
            raise errors.NotFound
        return _other_method(request, match)

    def _enter(self, request: Request, match: Match) -> None:
        route = match.route
        request.route = match.pattern
        request.options = route.options
        request.body_max = route.body_max
        request.upload_max = route.upload_max
        request.spool = route.spool
        request.body_timeout_s = self._body_timeout_s
        if match.segments:
            request.segments = match.segments

    def _failed(self, request: Request, error: Exception) -> Response:
        try:
            return self._on_error(request, error)
        except Exception as second:  # boundary: the last one; nothing may leave without an answer
            log.error(
                "error_page_failed", path=request.path, error=repr(second), first=repr(error), done="answered 500"
            )
            return json({"error": "Something went wrong"}, 500)

    async def _send(self, request: Request, response: Response, send: Send) -> None:
        """A response that turns out to be impossible before its first byte is answered by the error's door."""
        try:
            await sending.send(request, response, send)
        except Disconnected:
            raise
        except Exception as error:  # boundary: what goes wrong while sending must not reach the server as a crash
            if request.answered:
                log.warning("response_ended_early", path=request.path, error=repr(error), done="closed the connection")
            else:
                await sending.send(request, self._failed(request, error), send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            stage = message["type"]
            try:
                if stage == "lifespan.startup":
                    await self._on_start()
                else:
                    await self.drain(self._drain_s)
                    await self._on_stop()
            except Exception as error:  # boundary: the server is told, in its own protocol, that it cannot serve
                log.error("lifespan_failed", stage=stage, error=repr(error), done="telling the server")
                await send({"type": f"{stage}.failed", "message": str(error)})
                return
            await send({"type": f"{stage}.complete"})
            if stage == "lifespan.shutdown":
                return


async def _in_time(match: Match, request: Request) -> Response:
    """What nobody waits for any more is not gone on with: on a busy machine, it would take the time of what is."""
    seconds = request.patience_s
    if seconds is None:
        return await match.handler(request)
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await match.handler(request)
    except TimeoutError:
        if not limit.expired():
            raise
        raise errors.Unavailable("This server is busy; please try again") from None


async def _part_with(request: Request, send: Send) -> None:
    """Nobody may be left to be answered; but a server also says "gone" where a body's framing made no sense."""
    if not request.answered:
        with suppress(OSError, RuntimeError):
            await sending.send(request, json({"error": "The body is incomplete"}, 400), send)


def _other_method(request: Request, allowed: frozenset[str]) -> Response:
    headers = ((b"allow", ", ".join(sorted(allowed | {"OPTIONS"})).encode()),)
    if request.method == "OPTIONS":
        return Response(b"", 204, headers, TEXT)
    return json({"error": "This address does not take that method"}, 405, headers)
