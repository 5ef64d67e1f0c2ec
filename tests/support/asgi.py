"""Drives an ASGI application without a server: one request in, the whole answer out."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header that may be there at most once."""
        found = [value for key, value in self.headers if key == name.lower()]
        assert len(found) <= 1, f"{name} is there {len(found)} times"
        return found[0] if found else None

    def json(self) -> Any:
        return json.loads(self.body)


def http_scope(
    method: str, target: str | bytes, headers: Headers = (), client: str | None = "198.51.100.7", scheme: str = "http"
) -> dict[str, Any]:
    """The scope that a server makes of a request line; ``target`` is the path with its query, as sent."""
    raw = target.encode() if isinstance(target, str) else target
    path, _, query = raw.partition(b"?")
    return {
        "type": "http",
        "method": method,
        "scheme": scheme,
        "path": path.decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": (client, 4711) if client is not None else None,
    }


def messages(body: bytes | Iterable[bytes], *, end: str = "complete") -> Callable[[], Any]:
    """``receive`` for a body in pieces. ``end``: ``complete``, ``gone`` for a client that leaves in the middle, or
    ``patient`` for one that waits for the whole answer."""
    pieces = [body] if isinstance(body, bytes) else list(body)
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if end != "gone":
        waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        if not waiting and end == "patient":
            await asyncio.Event().wait()
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    return receive


async def ask(
    application: Any,
    method: str,
    target: str | bytes,
    headers: Headers = (),
    body: bytes | Iterable[bytes] = b"",
    *,
    client: str | None = "198.51.100.7",
) -> Answer:
    """Sends one request and collects its answer; an answer that breaks the ASGI protocol fails."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application(http_scope(method, target, headers, client), messages(body, end="patient"), send)
    assert sent, "nothing was answered"
    assert [m["type"] for m in sent] == ["http.response.start"] + ["http.response.body"] * (len(sent) - 1)
    assert len(sent) >= 2
    assert not sent[-1].get("more_body", False)
    return Answer(
        sent[0]["status"],
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]],
        b"".join(message.get("body", b"") for message in sent[1:]),
    )
