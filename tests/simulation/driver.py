"""What stands in for PostgreSQL's driver: a connection from a process to a simulated server, over the network."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlsplit

import asyncpg

from linnet.storage.postgres_connection import Connection, NotDone, Server
from tests.simulation.machine import Process, current
from tests.simulation.postgres import Answer, Session

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster

URL = "postgresql://linnet@h1,h2,h3/linnet"


class _Notice(NamedTuple):
    severity_en: str


class Driver:
    """The part of asyncpg's connection that linnet/storage/postgres_connection.py uses."""

    def __init__(self, cluster: "Cluster", client: Process, session: Session) -> None:
        self._cluster = cluster
        self._network = cluster.network
        self._dice = cluster.machine.dice
        self._client = client
        self._session = session
        self._server = session.server
        self._life = session.server.process
        self._pending: asyncio.Future[Any] | None = None
        self._closed = False
        self._in_transaction = False
        self._listeners: list[Callable[[Any, Any], None]] = []
        self._mourners: list[Callable[[Any], None]] = []
        session.lost = self.lost

    def add_log_listener(self, listener: Callable[[Any, Any], None]) -> None:
        self._listeners.append(listener)

    def add_termination_listener(self, listener: Callable[[Any], None]) -> None:
        self._mourners.append(listener)

    def is_closed(self) -> bool:
        return self._closed

    def is_in_transaction(self) -> bool:
        return self._in_transaction

    def terminate(self) -> None:
        if not self._closed:
            self._network.send(self._client.host, self._life, self._session.close)
            self.lost()

    def lost(self) -> None:
        """The other side is gone, as far as we know."""
        self._closed = True
        for listener in self._mourners:
            self._client.later(0, listener, self)
        self._mourners.clear()
        if self._pending is not None and not self._pending.done():
            self._pending.set_exception(
                asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
            )

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        return list((await self._ask(sql, args, False)).rows)

    async def run_counted(self, sql: str, args: Any) -> str:
        return f"DONE {(await self._ask(sql, args, False)).changed}"

    async def executemany(self, sql: str, rows: Any) -> None:
        await self._ask(sql, list(rows), True)

    async def execute(self, sql: str) -> str:
        answer = await self._ask(sql, (), False)
        if answer.word:
            self._in_transaction = answer.word == "BEGIN"
        return answer.word

    async def _ask(self, sql: str, args: Any, many: bool) -> Answer:
        if self._closed:
            raise asyncpg.InterfaceError("connection is closed")
        # Nothing would come between: the time that it takes is left out, and with it most of the simulation's work.
        alone = not sql.endswith("commit") if self._in_transaction else sql.startswith("select")
        if alone and self._is_quiet():
            answer = self._at_once(sql, args, many)
            return answer if answer is not None else await self._answered()
        self._pending = asyncio.get_running_loop().create_future()
        self._network.send(
            self._client.host, self._life, self._session.request, sql, args, many, self._answer(self._pending)
        )
        return await self._answered()

    def _is_quiet(self) -> bool:
        return (
            self._life.running
            and self._network.calm(self._client.host, self._server.host)
            and self._dice.random() >= self._cluster.trouble.slow_statement
        )

    def _at_once(self, sql: str, args: Any, many: bool) -> Answer | None:
        """The answer, or None where the server makes us wait for it."""
        self._pending = asyncio.get_running_loop().create_future()
        later = self._answer(self._pending)
        found: list[Any] = []
        waits = False
        self._session.request(sql, args, many, lambda answer: later(answer) if waits else found.append(answer))
        waits = True
        if not found:
            return None
        self._pending = None
        if isinstance(found[0], Exception):
            raise found[0]
        return cast("Answer", found[0])

    def _answer(self, pending: "asyncio.Future[Any]") -> Callable[[Any], None]:
        """How the server sends its answer."""

        def deliver(answer: Any) -> None:
            if pending.done():
                return
            if isinstance(answer, Exception):
                pending.set_exception(answer)
                return
            if answer.warned:
                for listener in self._listeners:
                    listener(self, _Notice("WARNING"))
            pending.set_result(answer)

        return lambda answer: self._network.send(self._server.host, self._client, deliver, answer)

    async def _answered(self) -> Answer:
        assert self._pending is not None
        try:
            return cast("Answer", await self._pending)
        except asyncio.CancelledError:
            self.terminate()
            raise
        finally:
            self._pending = None


def dialler(cluster: "Cluster") -> Callable[[str, float], Any]:
    """Stands in for linnet/storage/postgres_connection.py: connect."""

    async def dial(url: str, limit_s: float) -> Connection:
        client, server = current(), cluster.servers[int(str(urlsplit(url).hostname)[1:]) - 1]
        assert client is not None, "only processes dial"
        answered: asyncio.Future[Server | None] = asyncio.get_running_loop().create_future()

        def answer() -> None:
            if not answered.done():
                answered.set_result(Server(url, *server.who()))

        def hello() -> None:
            cluster.network.send(server.host, client, answer)

        if server.up:
            cluster.network.send(client.host, server.process, hello)
        elif cluster.network.open(client.host, server.host) and cluster.hosts_up[server.host]:
            answered.set_result(None)
        try:
            async with asyncio.timeout(limit_s):
                found = await answered
        except TimeoutError as error:
            raise NotDone(f"{url}: no answer", primary=False) from error
        if found is None or not server.up:
            raise NotDone(f"{url}: connection refused", primary=False)
        session = Session(server, client)
        server.sessions[session] = None
        return Connection(cast("Any", Driver(cluster, client, session)), found)

    return dial
