"""An app as the promises mean it: asks once more at another endpoint at once, and then again until a minute is over.

It never invents a second key for the same post, and never raises: an answer says why it is none.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import aiohttp
import msgspec

from linnet import __version__
from linnet.ports import Clock

PATIENCE_SECONDS = 60.0
CONNECT_SECONDS = 2.0
POST_SECONDS = 10.0
READ_SECONDS = 5.0
WRITE_SECONDS = 50.0
"""How long the first attempt may take: then the next endpoint is asked, and this connection is closed. Writes that
are no posts wait for a primary, and are answered when there is one."""
PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Before each further attempt, in seconds; the last holds for all that follow. They grow: who cannot be answered now is
not helped by being asked more often."""
HELD_BACK_SECONDS = 5.0


class Answer(NamedTuple):
    """What was answered last, by whom. ``why`` is empty where it is what was asked for; ``status`` 0 is no answer."""

    status: int
    body: bytes
    endpoint: str
    attempts: int
    began: float
    ended: float
    why: str = ""
    wait: float = 0.0

    @property
    def good(self) -> bool:
        return not self.why

    @property
    def passing(self) -> bool:
        """Whether another attempt may be answered better."""
        return self.status in (0, 408, 425, 429) or self.status >= 500

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


Watcher = Callable[[Answer], None]


class Wanted(NamedTuple):
    """A request: a path with its query, whose token, and a body of JSON (or ``form``, a file to upload)."""

    method: str
    path: str
    token: str = ""
    body: Any = None
    key: str = ""
    upload: tuple[str, bytes, str] | None = None
    seconds: float = READ_SECONDS


class Client:
    """Connections to all endpoints (addresses like ``http://127.0.1.1:8000``), kept from one request to the next.

    ``source`` is the address of this machine that is asked from. Use ``async with``.
    """

    def __init__(self, endpoints: Sequence[str], clock: Clock, source: str | None = None) -> None:
        if not endpoints:
            raise ValueError("a client needs an endpoint")
        self.endpoints = tuple(endpoint.rstrip("/") for endpoint in endpoints)
        self.clock = clock
        self._source = source
        self._opened: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Client":
        local = (self._source, 0) if self._source else None
        self._opened = aiohttp.ClientSession(
            # No bound: a slow answer must not keep the next request waiting, or the load would hide what it measures.
            connector=aiohttp.TCPConnector(limit=0, local_addr=local, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"User-Agent": f"Linnet-Drill/{__version__}"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """For streams, which read as they like."""
        assert self._opened is not None, "the client is not open"
        return self._opened

    def after(self, endpoint: str, steps: int = 1) -> str:
        """The endpoint that is asked when this one does not answer."""
        return self.endpoints[(self.endpoints.index(endpoint) + steps) % len(self.endpoints)]

    async def ask(
        self, wanted: Wanted, first: str, watch: Watcher | None = None, patience: float = PATIENCE_SECONDS
    ) -> Answer:
        """The answer, after as many attempts as it takes; ``watch`` is told of each attempt."""
        began = self.clock.monotonic()
        for attempt in range(1_000_000):
            # Twice as long each time: who is answered late is not answered sooner if it is begun anew all the time.
            left = max(1.0, began + patience - self.clock.monotonic())
            patiently = wanted._replace(seconds=min(left, wanted.seconds * 2 ** min(attempt, 4)))
            answer = (await self.once(patiently, self.after(first, attempt)))._replace(attempts=attempt + 1)
            if watch is not None:
                watch(answer)
            at_once = attempt == 0 and len(self.endpoints) > 1
            pause = 0.0 if at_once else max(answer.wait, PAUSES[min(attempt, len(PAUSES) - 1)])
            if answer.good or not answer.passing or self.clock.monotonic() + pause - began > patience:
                return answer._replace(began=began)
            if pause:
                await self.clock.sleep(pause)
        raise AssertionError("patience has an end")

    async def once(self, wanted: Wanted, endpoint: str) -> Answer:
        """One attempt."""
        began = self.clock.monotonic()
        status, body, why, wait = 0, b"", "", 0.0
        try:
            async with asyncio.timeout(wanted.seconds):
                status, body, wait = await self._exchange(wanted, endpoint)
            why = "" if 200 <= status < 300 else _said(status, body)
        except TimeoutError:
            status, why = 0, f"no answer in {wanted.seconds:g} s"
        except (OSError, EOFError, ValueError, aiohttp.ClientError) as error:
            status, why = 0, f"{type(error).__name__}: {error}"[:200]
        return Answer(status, body, endpoint, 1, began, self.clock.monotonic(), why, wait)

    async def _exchange(self, wanted: Wanted, endpoint: str) -> tuple[int, bytes, float]:
        given: dict[str, Any] = {}
        if wanted.upload is not None:
            form = aiohttp.FormData()
            name, data, kind = wanted.upload
            form.add_field("file", data, filename=name, content_type=kind)
            given["data"] = form
        elif wanted.body is not None:
            given["data"] = msgspec.json.encode(wanted.body)
        async with self.session.request(
            wanted.method, endpoint + wanted.path, headers=_headers(wanted), allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS), **given,
        ) as answer:  # fmt: skip
            body = await answer.read()
            wait = answer.headers.get("Retry-After", "")
            held = min(float(wait), HELD_BACK_SECONDS) if answer.status in (429, 503) and wait.isdecimal() else 0.0
            return answer.status, body, held


def _headers(wanted: Wanted) -> Mapping[str, str]:
    headers = {}
    if wanted.token:
        headers["Authorization"] = f"Bearer {wanted.token}"
    if wanted.key:
        headers["Idempotency-Key"] = wanted.key
    if wanted.body is not None:
        headers["Content-Type"] = "application/json"
    return headers


def _said(status: int, body: bytes) -> str:
    """Why there is no success, in the server's own words if it had any."""
    try:
        words = msgspec.json.decode(body)
        said = words.get("error", "") if isinstance(words, dict) else ""
    except msgspec.DecodeError:
        said = ""
    return f"{status} {said}"[:200].strip()
