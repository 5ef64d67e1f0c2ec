"""Asks Patronis: who is what, what is configured, and to change it. TLS with our certificate, and the REST password."""

import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from linnet.cluster.asking import exchange
from linnet.cluster.layout import Member
from linnet.cluster.patroni import REST_USER
from linnet.cluster.picture import PostgresSeen
from linnet.domain.errors import Conflict, Unavailable

SECONDS = 2.0


class PatroniRest:
    """``context`` makes the TLS context; ``renew`` is called when the certificate has changed."""

    def __init__(self, context: Callable[[], ssl.SSLContext], password: str) -> None:
        self._make_context = context
        self._context: ssl.SSLContext | None = None
        self._password = password

    def renew(self) -> None:
        self._context = None

    async def get(self, of: Member, path: str, seconds: float = SECONDS) -> tuple[int, Any]:
        """Status and JSON (None for an empty or another answer). Raises Unavailable."""
        return await self._ask("GET", of, path, None, seconds)

    async def seen(self, by: Member) -> tuple[PostgresSeen, ...]:
        """All PostgreSQLs, as this member's Patroni finds them in etcd. Raises Unavailable."""
        status, found = await self.get(by, "/cluster")
        if status != 200 or not isinstance(found, dict):
            raise Unavailable(f"Patroni of {by.name} answers {status}")
        return tuple(_seen(one) for one in found.get("members", ()))

    async def configuration(self, by: Member) -> Mapping[str, Any]:
        """What is configured for all members alike. Raises Unavailable."""
        status, found = await self.get(by, "/config")
        if status != 200 or not isinstance(found, dict):
            raise Unavailable(f"Patroni of {by.name} answers {status}")
        return found

    async def configure(self, by: Member, change: Mapping[str, Any]) -> None:
        """Changes that for all members; what is set to None is removed. Raises Unavailable."""
        status, _ = await self._ask("PATCH", by, "/config", change, SECONDS)
        if status != 200:
            raise Unavailable(f"Patroni of {by.name} refuses the configuration ({status})")

    async def switchover(self, by: Member, leader: str, to: str, seconds: float = 60.0) -> str:
        """Makes ``to`` the primary; what Patroni says about it. Raises Conflict where it refuses, or Unavailable."""
        status, said = await self._ask("POST", by, "/switchover", {"leader": leader, "candidate": to}, seconds)
        if status >= 500:
            raise Unavailable(f"Patroni could not switch over: {said}")
        if status >= 400:
            raise Conflict(f"Patroni does not switch over: {said}")
        return str(said)

    async def _ask(self, method: str, of: Member, path: str, body: Any, seconds: float) -> tuple[int, Any]:
        if self._context is None:
            self._context = self._make_context()
        answer = await exchange(
            of.patroni_url,
            path,
            self._context,
            method=method,
            body=body,
            login=(REST_USER, self._password),
            seconds=seconds,
        )
        return answer.status, _json(answer.body)


def _json(body: bytes) -> Any:
    """Its object or list, or what it says in words."""
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace").strip() or None


def _seen(values: Mapping[str, Any]) -> PostgresSeen:
    lag = values.get("lag", values.get("receive_lag"))
    return PostgresSeen(
        name=str(values.get("name", "")),
        role=str(values.get("role", "")),
        state=str(values.get("state", "")),
        timeline=int(values.get("timeline") or 0),
        lag_bytes=lag if isinstance(lag, int) else None,
    )
