"""Names of hosts, looked up on threads of their own: a resolver that hangs must not hold up others' work on threads."""

import asyncio
import socket
import threading
from concurrent.futures import Future
from ipaddress import ip_address

_under_way: dict[str, "Future[OSError | None]"] = {}
"""At most one thread a name hangs, however often it is asked for."""


async def look_up(host: str) -> None:
    """Returns when ``host`` is known to have addresses, at once for an address or a path. Raises OSError.

    The driver's own lookup, which runs on the loop's few threads, then finds what the system has just found.
    """
    if not host or host.startswith("/") or _is_address(host):
        return
    found = _under_way.get(host)
    if found is None or found.done():
        found = _under_way[host] = Future()
        threading.Thread(target=_ask, args=(host, found), name=f"look-up-{host}", daemon=True).start()
    failed = await asyncio.shield(asyncio.wrap_future(found))
    if failed is not None:
        raise failed


def _ask(host: str, found: "Future[OSError | None]") -> None:
    # The error is a result: whoever wanted it may have gone long ago, and nobody need hear of it then.
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        found.set_result(error)
    except UnicodeError as error:
        found.set_result(OSError(str(error)))
    else:
        found.set_result(None)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
