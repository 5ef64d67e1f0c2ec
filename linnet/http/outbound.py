"""Asks other servers over HTTP, bounded in size, time and redirects, and never a machine of our own network.

What is asked for are addresses that strangers wrote. A name is resolved here, what it resolves to is checked, and
the connection is made to just that: a name that means something else a moment later (DNS rebinding) gains nothing.
"""

import asyncio
import socket
import ssl
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

from linnet import __version__
from linnet.domain.errors import RemoteFailed
from linnet.http.reach import Reach
from linnet.ports import RemoteAnswer, RemoteRequest

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver, ResolveResult
    from yarl import URL

PARALLEL = 64
PARALLEL_PER_HOST = 8
CONNECT_SECONDS = 10.0
RESOLVING = 4
"""So many names are looked up at once: each takes a thread for as long as it takes."""
REDIRECTS = frozenset((301, 302, 303, 307, 308))
CREDENTIALS = frozenset(("authorization", "cookie", "proxy-authorization", "signature", "signature-input"))
"""Are meant for the server that was asked, and not for the one that it names."""

Lookup = Callable[..., Sequence[tuple[Any, ...]]]


class _Forbidden(OSError):
    """An address that may not be asked; an OSError, because that is what a connector expects to fail by."""


class Outbound:
    """``ports.RemoteServers``. The library is loaded, and connections are kept, from the first request on.

    ``trusted`` is a file of further certificates; ``lookup`` is what names are resolved by, as getaddrinfo does.
    """

    def __init__(
        self, origin: str, reach: Reach | None = None, trusted: str | None = None, lookup: Lookup = socket.getaddrinfo
    ) -> None:
        self._agent = f"Linnet/{__version__} (+{origin}/)"
        self._reach = reach or Reach()
        self._trusted = trusted
        self._lookup = lookup
        self._threads: ThreadPoolExecutor | None = None
        self._opened: aiohttp.ClientSession | None = None

    async def ask(self, request: RemoteRequest) -> RemoteAnswer:
        """What the other server answers, whatever its status. Raises RemoteFailed."""
        import aiohttp

        try:
            async with asyncio.timeout(request.seconds):
                return await self._follow(request)
        except TimeoutError:
            raise RemoteFailed("The other server did not answer in time", passing=True) from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _Forbidden):
                raise RemoteFailed("That address may not be asked", passing=False) from None
            raise _unreachable(error) from error
        except aiohttp.InvalidURL as error:
            raise _no_address() from error
        except (aiohttp.ClientError, OSError, ssl.SSLError) as error:
            raise _unreachable(error) from error
        except ValueError as error:  # what a server may have written into a header that the library refuses to send
            raise RemoteFailed("That request cannot be made", passing=False) from error

    async def close(self) -> None:
        """Ends the connections that are kept."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    async def _follow(self, request: RemoteRequest) -> RemoteAnswer:
        url, headers = _checked(request.url), dict(request.headers)
        for _ in range(request.redirects + 1):
            answer = await self._once(url, headers, request)
            target = answer.headers.get("location")
            if answer.status not in REDIRECTS or target is None or request.method not in {"GET", "HEAD"}:
                return answer
            if not request.redirects:
                return answer
            before, url = url, _checked(target, url)
            if url.origin() != before.origin():
                headers = {name: value for name, value in headers.items() if name.lower() not in CREDENTIALS}
        raise RemoteFailed("The other server sends us on too often", passing=False)

    async def _once(self, url: "URL", headers: Mapping[str, str], request: RemoteRequest) -> RemoteAnswer:
        given = {"User-Agent": self._agent, "Accept-Encoding": "gzip", **headers}
        async with self._session().request(
            request.method, url, headers=given, data=request.body or None, allow_redirects=False
        ) as response:
            read: dict[str, list[str]] = {}
            for name, value in response.headers.items():
                read.setdefault(name.lower(), []).append(value)
            heads = {name: ", ".join(values) for name, values in read.items()}
            body = b"" if response.status in REDIRECTS else await self._body(response, heads, request)
            return RemoteAnswer(str(response.url), response.status, heads, body)

    async def _body(
        self, response: "aiohttp.ClientResponse", headers: Mapping[str, str], request: RemoteRequest
    ) -> bytes:
        """At most what was asked for, also after it is unpacked: a small answer can hold gigabytes of zeros."""
        body = bytearray()
        async for piece in response.content.iter_chunked(1 << 16):
            body += piece
            if len(body) > request.bytes_max:
                break
        coding = headers.get("content-encoding", "").strip().lower()
        if coding in ("gzip", "x-gzip"):
            try:
                body = bytearray(zlib.decompressobj(31).decompress(bytes(body), request.bytes_max + 1))
            except zlib.error:
                raise RemoteFailed("The other server's answer cannot be unpacked", passing=False) from None
        elif coding not in ("", "identity"):
            raise RemoteFailed("The other server's answer is packed in a way that was not asked for", passing=False)
        if len(body) > request.bytes_max and not request.beginning:
            raise RemoteFailed(f"The other server's answer is over {request.bytes_max} bytes", passing=False)
        return bytes(body[: request.bytes_max])

    def _session(self) -> "aiohttp.ClientSession":
        if self._opened is None:
            import aiohttp

            connector = aiohttp.TCPConnector(
                limit=PARALLEL,
                limit_per_host=PARALLEL_PER_HOST,
                ttl_dns_cache=30,
                resolver=cast("AbstractResolver", self),
                socket_factory=self._socket,
                ssl=ssl.create_default_context(cafile=self._trusted),
            )
            self._opened = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            )
        return self._opened

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> "list[ResolveResult]":
        """The connector's resolver. One forbidden address forbids the name: nobody honest has both kinds."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(RESOLVING, thread_name_prefix="resolver")
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._lookup, host, port, family, socket.SOCK_STREAM
        )
        addresses = list(dict.fromkeys((entry[0], str(entry[4][0])) for entry in found))
        for _, address in addresses:
            self._check(address, port)
        return [
            {"hostname": host, "host": address, "port": port, "family": kind, "proto": 0, "flags": 0}
            for kind, address in addresses
        ]

    def _socket(self, found: Any) -> socket.socket:
        """The one place where connections begin; addresses that stand in the URL itself are seen only here."""
        kind, form, protocol, _, place = found
        self._check(str(place[0]), int(place[1]))
        made = socket.socket(kind, form, protocol)
        made.setblocking(False)
        return made

    def _check(self, address: str, port: int) -> None:
        if not self._reach.permits(address, port):
            raise _Forbidden("an address that may not be asked")


def _checked(text: str, base: "URL | None" = None) -> "URL":
    """Raises RemoteFailed for what is no address of the web; a redirect may not leave TLS again."""
    from yarl import URL

    try:
        url = URL(text) if base is None else base.join(URL(text))
        url = url.with_fragment(None)
        usable = url.scheme in ("http", "https") and bool(url.host) and url.user is None and url.password is None
        usable = usable and bool(url.port) and len(str(url)) <= 4_096
    except ValueError:
        raise _no_address() from None
    if not usable or (base is not None and base.scheme == "https" and url.scheme == "http"):
        raise _no_address()
    return url


def _no_address() -> RemoteFailed:
    return RemoteFailed("That is no address of a web page", passing=False)


def _unreachable(error: Exception) -> RemoteFailed:
    return RemoteFailed(f"The other server cannot be reached ({type(error).__name__})", passing=True)
