"""One HTTP request: everything is read from the ASGI scope only when asked for, and bounded when it is."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from linnet.domain import errors
from linnet.http.multipart import MultipartReader, Upload
from linnet.http.params import parse_json, parse_query
from linnet.http.proxies import Proxies, last_of, network_of, parse_address, valid_host

__all__ = ["BODY_MAX", "UPLOAD_MAX", "Disconnected", "Receive", "Request", "Scope", "Send", "Upload"]

T = TypeVar("T")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_MAX = 1 << 20
UPLOAD_MAX = 16 << 20
# Names, boundaries and headers around the files of a multipart body, beside its non-file values.
MULTIPART_SLACK = 64 << 10
BODY_TIMEOUT_S = 30.0
# A slow line is not an attack: every 16 KiB that arrived buy another second.
SLOWEST_BYTES_PER_S = 16 << 10

_NOBODY = Proxies()
_UTF8_NAMES = frozenset({"utf-8", "utf8", "us-ascii"})


class Disconnected(Exception):
    """The client went away while its body was read; nobody is there to answer."""


class Request:
    """One request. ``method``, ``path`` (decoded, for people), ``route`` (the pattern that matched, '' if none),
    ``segments`` (path parameters), ``options`` (what the route carries), ``context`` (for the doors) and ``answered``
    (the first byte is out) are plain attributes. ``raw_path`` is the path as it was sent, escapes and all; bytes that
    are not UTF-8 read U+FFFD there."""

    __slots__ = (
        "_body", "_client", "_cookies", "_headers", "_params", "_proxies", "_query", "_receipt", "_receive", "answered",
        "body_max", "body_timeout_s", "context", "method", "options", "path", "raw_path", "route", "scope", "segments",
        "spool", "upload_max",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, proxies: Proxies = _NOBODY) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
        text = raw.decode("utf-8", "replace")
        self.raw_path = text
        self.path = unquote(text) if "%" in text else text
        self.route = ""
        self.answered = False
        self.segments: dict[str, str] = {}
        self.options: Any = None
        self.context: Any = None
        self.body_max = BODY_MAX
        self.upload_max = UPLOAD_MAX
        self.spool: Path | None = None
        self.body_timeout_s = BODY_TIMEOUT_S
        self._receive = receive
        self._proxies = proxies
        self._body: bytes | None = None
        self._client: str | None = None
        self._cookies: dict[str, str] | None = None
        self._headers: dict[bytes, bytes] | None = None
        self._params: dict[str, Any] | None = None
        self._query: dict[str, Any] | None = None
        self._receipt: Any = None

    @property
    def query_string(self) -> str:
        """The query string as it was sent, without the question mark; '' if there is none."""
        raw: bytes = self.scope["query_string"]
        return raw.decode("latin-1")

    @property
    def client(self) -> str:
        """The client's address: the peer, or what trusted proxies say of it. '' over a Unix socket."""
        if self._client is None:
            peer: tuple[str, int] | None = self.scope.get("client")
            address = peer[0] if peer else ""
            if self._proxies:
                address = self._proxies.client(address, self.header("x-forwarded-for"))
            self._client = address.removeprefix("::ffff:") if "." in address else address
        return self._client

    @property
    def client_network(self) -> str:
        """The key under which this client is limited: an IPv4 address, or the /64 of an IPv6 one."""
        return network_of(self.client)

    @property
    def from_here(self) -> bool:
        """Asked on this machine, and not by a proxy on it, whose own address would stand for everybody's."""
        address = parse_address(self.client)
        forwarded = self.header("x-forwarded-for") or self.header("forwarded") or self.header("x-real-ip")
        return forwarded is None and (self.client == "" or (address is not None and address.is_loopback))

    @property
    def scheme(self) -> str:
        """``http`` or ``https``; ``X-Forwarded-Proto`` only from a trusted proxy."""
        forwarded = last_of(self._forwarded("x-forwarded-proto")).lower()
        return forwarded if forwarded in {"http", "https"} else str(self.scope.get("scheme", "http"))

    @property
    def host(self) -> str:
        """``Host`` with its port, '' if missing or malformed; ``X-Forwarded-Host`` only from a trusted proxy."""
        forwarded = valid_host(last_of(self._forwarded("x-forwarded-host")))
        return forwarded or valid_host(self.header("host") or "")

    @property
    def operation(self) -> str:
        """What the proxy in front calls this request, the same at each of its own retries: ``X-Linnet-Operation``, only
        from a trusted one. '' where there is none."""
        return self._forwarded("x-linnet-operation")

    def receipt(self, make: Callable[[], T]) -> T:
        """What ``make`` has made for this request, which nobody else has named: the same at each call, since a handler
        may run once more after its commit, where what it then read was not there yet."""
        if self._receipt is None:
            self._receipt = make()
        kept: T = self._receipt
        return kept

    @property
    def patience_s(self) -> float | None:
        """How many seconds the proxy in front waits for an answer: ``X-Linnet-Patience``, in ms, only from a trusted
        one. None where it does not say, and for writes: what is broken off costs a connection, and may be done."""
        said = self._forwarded("x-linnet-patience") if self.method in {"GET", "HEAD"} else ""
        return int(said) / 1000 if said.isascii() and said.isdigit() and len(said) < 8 else None

    def _forwarded(self, name: str) -> str:
        value = self.header(name) if self._proxies else None
        if value is None:
            return ""
        peer = self.scope.get("client")
        return value if self._proxies.trusts(peer[0] if peer else "") else ""

    def header(self, name: str) -> str | None:
        """A header's value by its name in any case, read as latin-1; repeated ones are joined by ", "."""
        headers = self._headers
        if headers is None:
            headers = self._headers = self._read_headers()
        value = headers.get(name.lower().encode("latin-1", "replace"))
        return None if value is None else value.decode("latin-1")

    def _read_headers(self) -> dict[bytes, bytes]:
        headers: dict[bytes, bytes] = {}
        for name, value in self.scope["headers"]:
            key = name.lower()
            if key in headers:
                headers[key] += (b"; " if key == b"cookie" else b", ") + value
            else:
                headers[key] = value
        return headers

    def cookie(self, name: str) -> str | None:
        """A cookie's value; of several with one name the first, which browsers send for the closest path."""
        if self._cookies is None:
            cookies: dict[str, str] = {}
            for part in (self.header("cookie") or "").split(";"):
                key, separator, value = part.partition("=")
                if separator:
                    cookies.setdefault(key.strip(), value.strip().strip('"'))
            self._cookies = cookies
        return self._cookies.get(name)

    async def body(self, limit: int | None = None) -> bytes:
        """The whole body, at most ``limit`` bytes (default: the route's). Read once, then remembered.

        Raises TooLarge; Invalid("body", …) if it does not arrive in time. After ``params()`` of a multipart form,
        which is never held as one piece, it is empty.
        """
        most = self.body_max if limit is None else limit
        if self._body is None:
            chunks: list[bytes] = []
            await self.receive_body(most, chunks.append)
            self._body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        if len(self._body) > most:
            raise _too_large(most)
        return self._body

    async def receive_body(self, limit: int, take: Callable[[bytes], Awaitable[None] | None]) -> None:
        """Hands the body to ``take`` piece by piece as it arrives; bounded like ``body``. Only once per request.

        Where ``take`` hands something back that can be awaited, nothing more is read until that is done.
        """
        declared = self.header("content-length") or ""
        if declared.isdecimal() and int(declared[:20]) > limit:
            raise _too_large(limit)
        size = 0
        try:
            async with asyncio.timeout(self.body_timeout_s) as deadline:
                until = deadline.when() or 0.0
                more = True
                while more:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        raise Disconnected
                    more = message.get("more_body", False)
                    if chunk := message.get("body", b""):
                        size += len(chunk)
                        if size > limit:
                            raise _too_large(limit)
                        busy = take(chunk)
                        if busy is not None:
                            await busy
                        if more:
                            deadline.reschedule(until + size / SLOWEST_BYTES_PER_S)
        except TimeoutError as error:
            raise errors.Invalid("body", "did not arrive in time") from error

    async def wait_until_gone(self) -> None:
        """Raises Disconnected when the client has left; what else it sends is thrown away."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise Disconnected

    def query(self) -> dict[str, Any]:
        """The query string only, nested as in Rack; raises Invalid and TooLarge as ``params.parse_query`` does."""
        if self._query is None:
            self._query = parse_query(self.scope["query_string"], "query")
        return self._query

    async def params(self) -> dict[str, Any]:
        """Query string and body as one dictionary; a key of the body wins over the same key of the query.

        JSON objects stand as they are; form values are text, nested as in Rack (``a[0][b]`` -> ``{"0": {"b": …}}``);
        files of multipart forms are ``Upload``. Raises Invalid (naming the field, or "body") and TooLarge.
        """
        if self._params is None:
            self._params = {**self.query(), **await self._form()}
        return self._params

    async def _form(self) -> dict[str, Any]:
        if self.method in {"GET", "HEAD"} and not self._announces_body():
            return {}
        kind, _, rest = (self.header("content-type") or "").partition(";")
        kind = kind.strip().lower()
        if kind == "multipart/form-data":
            return await self._multipart()
        raw = await self.body()
        if not raw:
            return {}
        _check_charset(rest)
        # Rack, too, reads a body without a type as a form.
        if kind in {"application/x-www-form-urlencoded", ""}:
            return parse_query(raw, "body")
        if kind == "application/json" or kind.endswith("+json"):
            return parse_json(raw)
        raise errors.Invalid("body", "has a content type that is neither JSON nor a form")

    def _announces_body(self) -> bool:
        return self.header("content-length") not in {None, "0"} or self.header("transfer-encoding") is not None

    async def _multipart(self) -> dict[str, Any]:
        reader = MultipartReader(self.header("content-type") or "", self.body_max, self.upload_max, self.spool)

        def take(chunk: bytes) -> Awaitable[None] | None:
            reader.feed(chunk)
            return asyncio.to_thread(reader.spill) if reader.full else None

        try:
            await self.receive_body(self.body_max + self.upload_max + MULTIPART_SLACK, take)
        except OSError as error:
            raise errors.Unavailable("The disk is full: the upload cannot be taken", retry_after=60) from error
        self._body = b""
        return reader.finish()


def _check_charset(parameters: str) -> None:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in _UTF8_NAMES:
            raise errors.Invalid("body", "has a character set other than UTF-8")


def _too_large(limit: int) -> errors.TooLarge:
    return errors.TooLarge(f"The body is larger than {limit} bytes")
