"""Which host is the primary: one search that all wait for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from linnet.domain.errors import Unavailable
from linnet.storage.postgres_connection import Connection, LockedOut, NotDone, Server, connect, label
from linnet.telemetry import log

DIAL_SECONDS = 1.0
"""How long one host may take to answer who it is."""
DIAL_SECONDS_MAX = 4.0
"""The same where none of them has answered in time: then it is this machine, or all, that are slow."""
BEHIND_BYTES = 16 << 20
"""A standby that is further behind a primary that answers, too, is not asked: it would let in whom the last hour has
shut out. One segment of the log; who follows lacks a small part of that."""
AHEAD_BYTES = 64 << 10
"""So much more another standby must have replayed to be asked instead, while there is a primary: they are never asked
at quite the same time."""
GRACE_SECONDS = 0.06
"""How long other hosts are waited for once one has said that it is the primary."""
SLOW_SECONDS = 0.3
"""How long they are waited for where only standbys have answered: a frozen primary must not hold up its successor."""
PAUSE_SECONDS = 0.1
WAITERS = 2_000
"""How many may wait for a primary or for a connection at once; whoever comes later is told to try again."""


DIALS = 2
"""So many connections to one host are made at once. After a failover all want one: together, each would take
so long that it is given up, and then wanted again."""


Dial = Callable[[str, float], Awaitable[Connection]]
"""Connects to the one host of a URL within so many seconds, or raises NotDone."""


@dataclass(frozen=True, slots=True)
class Primary:
    """A primary at one life of its server: after a restart or a promotion it is another one."""

    url: str
    timeline: int
    started: str

    def is_still(self, server: Server) -> bool:
        """Whether what that host says of itself is what this one was."""
        return not server.standby and (server.timeline, server.started) == (self.timeline, self.started)


class Finder:
    """Finds the primary among the hosts and keeps it until somebody doubts it."""

    def __init__(self, urls: tuple[str, ...], dial: Dial = connect) -> None:
        self._urls = urls
        self.dial = dial
        # A connection a host is kept to ask it again and again. To dial anew each time (TLS, a password, a process of
        # the server's) would cost a busy machine more than all that it serves, so that it would find nobody.
        self._eyes: dict[str, Connection] | None = {} if dial is connect else None
        self._primary: Primary | None = None
        self._highest = 0
        self._known = 0
        self._search: asyncio.Task[Primary] | None = None
        self._waiting = 0
        self._newest_standby: str | None = None
        self._look: asyncio.Task[list[Server]] | None = None
        self._asked: dict[str, asyncio.Task[Server | NotDone]] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._doubters: list[Callable[[Primary], None]] = []
        self.patience = DIAL_SECONDS
        """How long a host may take now, in seconds."""
        self._gates = {url: asyncio.Semaphore(DIALS) for url in urls}

    def gate(self, url: str) -> asyncio.Semaphore:
        """Whoever wants to dial takes it first, and then looks whether that is needed still."""
        return self._gates[url]

    def on_missing(self, listener: Callable[[str], None]) -> None:
        """``listener`` is told, in words, of each search that does not find a primary at once, or that finds another
        one than there was: then others may have missed it."""
        self._listeners.append(listener)

    def on_doubt(self, listener: Callable[[Primary], None]) -> None:
        """``listener`` is told of each primary that is not trusted any more."""
        self._doubters.append(listener)

    @property
    def primary(self) -> Primary | None:
        return self._primary

    @property
    def urls(self) -> tuple[str, ...]:
        return self._urls

    @property
    def has_standbys(self) -> bool:
        return len(self._urls) > 1

    async def newest_standby(self, *, ask: bool) -> str:
        """The URL of the standby that has replayed most, or (``ask`` is False) had when hosts were last asked.

        Raises NotDone where none answers but such as may have been the primary.
        """
        if ask or self._newest_standby is None:
            await self._look_anew()
        if self._newest_standby is None:
            raise NotDone("no standby answers", primary=False)
        return self._newest_standby

    async def standbys(self) -> list[str]:
        """The URLs of those that may be read from."""
        return [server.url for server in await self._look_anew() if self._shows(server)]

    async def furthest_standby(self) -> str:
        """The URL of the standby that has replayed most now, if only by a byte. Raises NotDone.

        One that is far behind a primary that answers, too, cannot know more than that.
        """
        standbys = self._fresh(await self._look_anew(), AHEAD_BYTES)
        if not standbys:
            raise NotDone("no standby answers", primary=False)
        return max(standbys, key=lambda one: one.position).url

    async def _look_anew(self) -> list[Server]:
        """Many want it at once: one look round serves them all."""
        if self._look is None or self._look.done():
            self._look = asyncio.get_running_loop().create_task(self._look_round(), name="standby-finder")
        return await asyncio.shield(self._look)

    async def _look_round(self) -> list[Server]:
        servers = (await self._ask_all(SLOW_SECONDS))[0]
        self._learn(servers)
        if not self._fresh(servers):
            self._newest_standby = None
        return servers

    async def stands(self, primary: Primary) -> bool:
        """Whether its host says now that it is what it was, and nobody has taken its place; else it is doubted."""
        servers = await self._look_anew()
        stands = any(one.url == primary.url and primary.is_still(one) and self._leads(one) for one in servers)
        if not stands:
            self.doubt(primary)
        return stands

    def is_current(self, server: Server) -> bool:
        """False for what is, or may be, an old primary: what it alone has stored may never have happened."""
        return server.sure if server.standby else server.timeline >= self._highest

    def _leads(self, server: Server) -> bool:
        """Whether it is the primary."""
        return not server.standby and self.is_current(server)

    def _shows(self, server: Server) -> bool:
        """Whether it is a standby that may be read from."""
        return server.standby and self.is_current(server)

    def _fresh(self, servers: list[Server], behind: int = BEHIND_BYTES) -> list[Server]:
        """The standbys among them that are no further behind their primary; without one, all."""
        least = max((one.position for one in servers if self._leads(one)), default=0) - behind
        return [one for one in servers if self._shows(one) and one.position >= least]

    def doubt(self, primary: Primary) -> None:
        """Whoever lost a connection says so; the next who wants one waits for a new search."""
        if self._primary == primary:
            self._primary = None
            for listener in self._doubters:
                listener(primary)

    async def find(self, deadline: float) -> Primary:
        """The primary. ``deadline`` is in the loop's time; Unavailable where none was found by then."""
        if self._primary is not None:
            return self._primary
        if self._waiting >= WAITERS:
            raise Unavailable("The database has no primary, and too many wait for one already")
        loop = asyncio.get_running_loop()
        if self._search is None or self._search.done():
            self._search = loop.create_task(self._find(), name="primary-finder")
        self._waiting += 1
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(self._search)
        except TimeoutError as error:
            raise Unavailable("The database has no primary now; please try again") from error
        finally:
            self._waiting -= 1

    async def connect(self, deadline: float) -> tuple[Connection, Primary]:
        """A new connection to the primary. Raises NotDone where it had just gone."""
        primary = await self.find(deadline)
        return await self.connect_to(primary), primary

    async def connect_to(self, primary: Primary) -> Connection:
        """Raises NotDone where it has gone, or is another one by now."""
        try:
            connection = await self.dial(primary.url, self.patience)
        except NotDone:
            self.doubt(primary)
            raise
        if not primary.is_still(connection.server):
            connection.terminate()
            self.doubt(primary)
            raise NotDone(f"{label(primary.url)} is no longer the primary that it was", primary=False)
        return connection

    async def close(self) -> None:
        if self._search is not None:
            self._search.cancel()
            await asyncio.gather(self._search, return_exceptions=True)
        if self._look is not None:
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)
        for asked in self._asked.values():
            asked.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)
        while self._eyes:
            self._eyes.popitem()[1].terminate()

    async def _find(self) -> Primary:
        said = False
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            servers, errors = await self._ask_all()
            self._learn(servers)
            found = next(filter(self._leads, servers), None)
            if found is not None:
                self._primary = Primary(found.url, found.timeline, found.started)
                if said:
                    log.info("primary_found", host=label(found.url), timeline=found.timeline)
                elif 0 < self._known < found.timeline:
                    self._miss(f"{label(found.url)} has become the primary")
                self._known = found.timeline
                return self._primary
            reasons = "; ".join(map(str, errors))
            if not self._highest and len(errors) == len(self._urls) and all(isinstance(e, LockedOut) for e in errors):
                raise Unavailable(f"The database does not let us in ({reasons})")
            # Who is only far away has the time that a host may take.
            heard = len(servers) + len(errors) == len(self._urls) or loop.time() - began >= self.patience
            if heard and not said:
                log.warning("no_primary", hosts=reasons, done="writes wait and are retried")
                said = True
                self._miss(f"no primary among the hosts ({reasons})")
            await asyncio.sleep(PAUSE_SECONDS)

    def _miss(self, why: str) -> None:
        for listener in self._listeners:
            listener(why)

    async def _ask_all(self, grace_s: float = GRACE_SECONDS) -> tuple[list[Server], list[NotDone]]:
        """Every host at once: one that does not answer must not hold up the others, who have said that one is the
        primary, by more than ``grace_s``. Servers, and what was wrong."""
        pending = {self._asking(url) for url in self._urls}
        servers: list[Server] = []
        errors: list[NotDone] = []
        grace: float | None = None
        while pending:
            done, pending = await asyncio.wait(pending, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                answer = task.result()
                if isinstance(answer, Server):
                    servers.append(answer)
                else:
                    errors.append(answer)
            if not done:
                break
            if servers:
                grace = SLOW_SECONDS if all(server.standby for server in servers) else grace_s
        return servers, errors

    def _asking(self, url: str) -> "asyncio.Task[Server | NotDone]":
        """One that was too slow for the last look goes on: to begin anew each time, it would never come to an end."""
        asked = self._asked.get(url)
        if asked is None or asked.done():
            asked = self._asked[url] = asyncio.get_running_loop().create_task(self._ask(url), name="dial")
        return asked

    async def _ask(self, url: str) -> Server | NotDone:
        eye = self._eyes.pop(url, None) if self._eyes is not None else None
        try:
            if eye is None or eye.closed:
                eye = await self.dial(url, self.patience)
                server = eye.server
            else:
                server = await eye.who(self.patience)
        except Exception as error:  # boundary: whatever one host answers, the search goes on for what the others say
            if eye is not None:
                eye.terminate()
            return error if isinstance(error, NotDone) else NotDone(f"{label(url)}: {error}", primary=False)
        if self._eyes is None or url in self._eyes:
            eye.terminate()
        else:
            self._eyes[url] = eye
        return server

    def _learn(self, servers: list[Server]) -> None:
        self.patience = DIAL_SECONDS if servers else min(DIAL_SECONDS_MAX, self.patience * 2)
        # A standby knows the timeline that it receives.
        self._highest = max([self._highest, *(server.timeline for server in servers)])
        if self._primary is not None and self._primary.timeline < self._highest:
            self.doubt(self._primary)
        positions = {server.url: server.position for server in self._fresh(servers)}
        if positions:
            newest = max(positions, key=lambda url: positions[url])
            # To change means new connections, at the worst of times. But without a primary they stand still, one of
            # them a little further than the other, and what one machine has shown the next must not deny.
            ahead = AHEAD_BYTES if any(map(self._leads, servers)) else 1
            if positions[newest] >= positions.get(self._newest_standby or "", -ahead) + ahead:
                self._newest_standby = newest
