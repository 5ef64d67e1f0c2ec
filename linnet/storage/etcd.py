"""Speaks to etcd through its JSON gateway: hedged to the next member where one is slow, never longer than 8 s."""

import asyncio
import ssl
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import aiohttp
import msgspec

from linnet.domain.majority import (
    Compare,
    KeyValue,
    MajorityRefused,
    Member,
    MemberStatus,
    NoMajority,
    Outcome,
    Range,
    Step,
)
from linnet.storage import etcd_messages as wire

HEDGE_SECONDS = 0.25
"""How long one member may take before the next is asked the same, where it usually takes much less."""
HEDGE_SECONDS_MAX = 0.8
AGAIN_SECONDS = 0.7
"""How long a member has before the same is asked of it again: it may have been told while there was no leader."""
ATTEMPT_SECONDS = 1.2
"""How long a connection, and what is asked of one member alone, may take."""
CONNECTIONS = 32
"""So many to a member at most."""
TOTAL_SECONDS = 8.0
CONNECT_SECONDS = 1.0
"""How long a member may take to be reached before another is asked what must not be asked twice."""
DEFRAGMENT_SECONDS = 30.0

_PAUSE_SECONDS = 0.02

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where etcd's members are and how they are spoken to. ``ca``, ``certificate`` and ``key`` name files.

    ``quota_bytes`` is what etcd keeps at most (its own --quota-backend-bytes).
    """

    urls: tuple[str, ...]
    ca: str = ""
    certificate: str = ""
    key: str = ""
    quota_bytes: int = 2 << 30


def endpoints(url: str) -> Endpoints:
    """Reads ``etcd://host:port,host:port[?ca=…&cert=…&key=…&quota=…]``; with ``ca``, over TLS. Raises ValueError."""
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    unknown = sorted(query.keys() - {"ca", "cert", "key", "quota"})
    hosts = [host for host in parts.netloc.split(",") if host]
    if parts.scheme != "etcd" or not hosts or parts.path not in ("", "/") or "@" in parts.netloc:
        raise ValueError("it has the form etcd://host:port,host:port")
    if unknown:
        raise ValueError(f"it has no parameter {unknown[0]}")
    if ("cert" in query) != ("key" in query) or ("cert" in query and "ca" not in query):
        raise ValueError("cert and key belong together, and to ca")
    scheme = "https" if "ca" in query else "http"
    urls = tuple(f"{scheme}://{_with_port(host)}" for host in hosts)
    quota = int(query.get("quota") or 2 << 30)
    return Endpoints(urls, query.get("ca", ""), query.get("cert", ""), query.get("key", ""), quota)


def _with_port(host: str) -> str:
    parts = urlsplit(f"//{host}")
    if not parts.hostname:
        raise ValueError(f"{host} is no host")
    return host if parts.port else f"{host}:2379"


class _NotSent(Exception):
    """No connection was made, so nothing can have been done."""


class EtcdMajority:
    """``ports.Majority``. Connections are made as they are needed, and kept. No request takes more than ``seconds``."""

    def __init__(self, at: Endpoints, seconds: float = TOTAL_SECONDS) -> None:
        self._at = at
        self._seconds = seconds
        self._urls = at.urls
        self._preferred = 0
        self._opened: aiohttp.ClientSession | None = None
        self._usual_s = 0.0
        self._late: set[asyncio.Task[Any]] = set()

    @property
    def quota_bytes(self) -> int:
        return self._at.quota_bytes

    def aim(self, urls: Sequence[str]) -> None:
        """The members are reached here from now on."""
        self._urls, self._preferred = tuple(urls), 0

    @property
    def urls(self) -> tuple[str, ...]:
        return self._urls

    async def close(self) -> None:
        for task in list(self._late):
            task.cancel()
        opened, self._opened = self._opened, None  # Who asks meanwhile opens another one.
        if opened is not None:
            await opened.close()

    # -- keys ---------------------------------------------------------------------------------------------------

    async def get(self, key: str, *, local: bool = False) -> KeyValue | None:
        found = await self._hedged("kv/range", {"key": wire.b64(key), "serializable": local}, wire.Found)
        return wire.key_value(found.kvs[0]) if found.kvs else None

    async def range(
        self,
        key: str,
        end: str,
        *,
        limit: int = 0,
        keys_only: bool = False,
        count_only: bool = False,
        local: bool = False,
    ) -> Range:
        asked = {
            "key": wire.b64(key), "range_end": wire.b64(end), "limit": limit, "keys_only": keys_only,
            "count_only": count_only, "serializable": local,
        }  # fmt: skip
        found = await self._hedged("kv/range", asked, wire.Found)
        return Range(tuple(map(wire.key_value, found.kvs)), found.count, found.header.revision)

    async def transact(
        self,
        compares: Sequence[Compare],
        then: Sequence[Step],
        otherwise: Sequence[Step] = (),
        *,
        repeatable: bool = True,
    ) -> Outcome:
        asked = {
            "compare": [wire.compared(compare) for compare in compares],
            "success": [wire.step(step) for step in then],
            "failure": [wire.step(step) for step in otherwise],
        }
        done = await (self._hedged if repeatable else self._once)("kv/txn", asked, wire.Transaction)
        found = (response.response_range for response in done.responses)
        read = tuple(tuple(map(wire.key_value, each.kvs)) if each is not None else () for each in found)
        return Outcome(done.succeeded, done.header.revision, read)

    # -- leases -------------------------------------------------------------------------------------------------

    async def grant(self, seconds: int) -> int:
        return (await self._hedged("lease/grant", {"TTL": seconds}, wire.Lease)).ID

    async def keep_alive(self, lease: int) -> bool:
        return (await self._hedged("lease/keepalive", {"ID": lease}, wire.KeptAlive)).result.TTL > 0

    async def revoke(self, lease: int) -> None:
        await self._gone_is_fine(self._hedged("lease/revoke", {"ID": lease}, wire.Anything))

    # -- members ------------------------------------------------------------------------------------------------

    async def members(self) -> tuple[Member, ...]:
        return tuple(map(wire.member, (await self._hedged("cluster/member/list", {}, wire.Members)).members))

    async def add_member(self, peer_urls: Sequence[str], *, learner: bool) -> Member:
        asked = {"peerURLs": list(peer_urls), "isLearner": learner}
        return wire.member((await self._once("cluster/member/add", asked, wire.Added)).member)

    async def promote_member(self, id: int) -> None:
        await self._once("cluster/member/promote", {"ID": id}, wire.Anything)

    async def remove_member(self, id: int) -> None:
        await self._gone_is_fine(self._once("cluster/member/remove", {"ID": id}, wire.Anything))

    async def move_leader(self, to: int) -> None:
        """Only the leader takes this: every member is asked until it is found."""
        refused: MajorityRefused | None = None
        for url in self._urls:
            try:
                await self._ask(url, "maintenance/transfer-leadership", {"targetID": to}, wire.Anything, self._seconds)
            except MajorityRefused as error:
                refused = error
            except (_NotSent, NoMajority):
                continue
            else:
                return
        raise refused or NoMajority("No member of etcd answers")

    # -- maintenance --------------------------------------------------------------------------------------------

    async def status(self, endpoint: str) -> MemberStatus:
        said = await self._of(endpoint, "maintenance/status", {}, wire.Status, ATTEMPT_SECONDS)
        return MemberStatus(
            said.header.member_id, said.leader, said.header.revision, said.raftAppliedIndex, said.version, said.dbSize,
            said.dbSizeInUse, said.isLearner, tuple(said.errors), said.now_ms,
        )  # fmt: skip

    async def compact(self, revision: int) -> None:
        try:
            await self._hedged("kv/compaction", {"revision": revision}, wire.Anything)
        except MajorityRefused as error:
            if "has been compacted" not in str(error):
                raise

    async def defragment(self, endpoint: str) -> None:
        await self._of(endpoint, "maintenance/defragment", {}, wire.Anything, DEFRAGMENT_SECONDS)

    async def alarms(self) -> tuple[tuple[int, str], ...]:
        found = await self._hedged("maintenance/alarm", {"action": "GET"}, wire.Alarms)
        return tuple((alarm.memberID, alarm.alarm) for alarm in found.alarms)

    async def disarm(self) -> None:
        for member, alarm in await self.alarms():
            if alarm == "NOSPACE":
                asked = {"action": "DEACTIVATE", "memberID": member, "alarm": alarm}
                await self._hedged("maintenance/alarm", asked, wire.Anything)

    # -- asking -------------------------------------------------------------------------------------------------

    async def _hedged(self, path: str, asked: Mapping[str, Any], kind: type[T]) -> T:
        """Asks one member, and another one whenever none has answered for a while; takes the first answer.

        The one that answered first is asked first the next time. The others' answers are left to come: a request that
        is cancelled costs its connection, and where all are slow, new ones would make them slower still.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        pending: dict[asyncio.Task[T], int] = {}
        last: Exception | None = None
        urls = self._urls  # They may become others meanwhile, and fewer.
        place = self._preferred % len(urls)
        asked_at: dict[int, float] = {}
        try:
            while loop.time() < deadline:
                if self._may_ask(place, pending, asked_at.get(place), loop.time()):
                    asking = self._ask(urls[place], path, asked, kind, self._seconds, ATTEMPT_SECONDS)
                    pending[loop.create_task(asking)] = place
                    asked_at[place] = loop.time()
                done, _ = await asyncio.wait(pending, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    answered = pending.pop(task)
                    # Its connections may have been closed under it, where they are made anew.
                    error = NoMajority("the connection was closed") if task.cancelled() else task.exception()
                    if error is None:
                        self._answered(answered, loop.time() - asked_at[answered])
                        return task.result()
                    if not isinstance(error, (NoMajority, _NotSent)):
                        raise error
                    last = error
                place = (place + 1) % len(urls)
                if done:
                    await asyncio.sleep(_PAUSE_SECONDS)
            raise NoMajority(f"No majority of etcd answers ({last or 'in time'})")
        finally:
            for task in pending:
                self._late.add(task)
                task.add_done_callback(self._seen)

    @staticmethod
    def _may_ask(place: int, pending: Mapping[asyncio.Task[T], int], asked_at: float | None, now: float) -> bool:
        """Twice at most at once, and the second time only where the first may have been lost in an election."""
        waiting = sum(each == place for each in pending.values())
        return asked_at is None or not waiting or (waiting == 1 and now >= asked_at + AGAIN_SECONDS)

    @property
    def _patience(self) -> float:
        """Who is busy is not asked more often for it."""
        return min(HEDGE_SECONDS_MAX, max(HEDGE_SECONDS, 3 * self._usual_s))

    def _answered(self, place: int, seconds: float) -> None:
        self._preferred = place
        self._usual_s += (min(seconds, 1.0) - self._usual_s) / 8

    def _seen(self, task: asyncio.Task[Any]) -> None:
        """The error of a slower member is nobody's surprise."""
        self._late.discard(task)
        if not task.cancelled():
            task.exception()

    async def _once(self, path: str, asked: Mapping[str, Any], kind: type[T]) -> T:
        """For what must not be done twice: another member is asked only where the one before cannot have been told."""
        last: Exception | None = None
        for place in range(len(self._urls)):
            url = self._urls[(self._preferred + place) % len(self._urls)]
            try:
                return await self._ask(url, path, asked, kind, self._seconds, CONNECT_SECONDS)
            except _NotSent as error:
                last = error
        raise NoMajority(f"No member of etcd can be reached ({last})")

    async def _of(self, url: str, path: str, asked: Mapping[str, Any], kind: type[T], limit_s: float) -> T:
        try:
            return await self._ask(url, path, asked, kind, limit_s)
        except _NotSent as error:
            raise NoMajority(str(error)) from error

    async def _gone_is_fine(self, asking: Coroutine[Any, Any, Any]) -> None:
        try:
            await asking
        except MajorityRefused as error:
            if error.code != wire.NOT_THERE:
                raise

    async def _ask(
        self,
        url: str,
        path: str,
        asked: Mapping[str, Any],
        kind: type[T],
        limit_s: float,
        connect_s: float = ATTEMPT_SECONDS,
    ) -> T:
        """One member, once. Raises _NotSent, NoMajority, MajorityFull or MajorityRefused."""
        timeout = aiohttp.ClientTimeout(total=limit_s, sock_connect=connect_s)
        body = msgspec.json.encode(asked)
        try:
            async with self._session().post(f"{url}/v3/{path}", data=body, timeout=timeout) as response:
                status, answer, date = response.status, await response.read(), response.headers.get("Date", "")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _NotSent(f"{url}: {type(error).__name__} {error}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoMajority(f"{url}: {type(error).__name__} {error}") from error
        try:
            if status == 200 and not answer.startswith(b'{"error"'):
                said = msgspec.json.decode(answer, type=kind, strict=False)
                if isinstance(said, wire.Status):
                    said.now_ms = wire.time_of(date)
                return said
            raise wire.meaning(msgspec.json.decode(answer, type=wire.Failure, strict=False), url)
        except msgspec.MsgspecError as error:
            raise NoMajority(f"{url}: answered {status} and nothing that can be read") from error

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            secured: ssl.SSLContext | bool = True
            if self._at.ca:
                secured = ssl.create_default_context(cafile=self._at.ca)
                if self._at.certificate:
                    secured.load_cert_chain(self._at.certificate, self._at.key)
            connector = aiohttp.TCPConnector(limit=0, limit_per_host=CONNECTIONS, keepalive_timeout=60, ssl=secured)
            self._opened = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        return self._opened
