"""A simulated etcd under Linnet's real client of it: linearizable, and as late and forgetful as a real one."""

import asyncio
import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from linnet.domain.majority import MajorityRefused, NoMajority
from linnet.storage import etcd
from linnet.storage import etcd_messages as wire
from linnet.storage.etcd import EtcdMajority
from tests.simulation.machine import Machine, Process, current
from tests.simulation.network import Network

if TYPE_CHECKING:
    from collections.abc import Iterable

TICK = 0.05
Reply = Callable[[Any], None]


class Store:
    """Keys with revisions, and leases: what the log says, applied in its order."""

    def __init__(self) -> None:
        self.revision = 1
        self.keys: dict[str, wire.Key] = {}
        self.leases: dict[int, tuple[float, float]] = {}
        """Lease -> how long it lasts, and when it was kept alive last."""
        self._lease = 100

    def apply(self, path: str, asked: Mapping[str, Any], now: float) -> Any:
        if path == "kv/range":
            return self._range(asked)
        if path == "kv/txn":
            return self._transaction(asked)
        if path == "lease/grant":
            self._lease += 1
            self.leases[self._lease] = (float(asked["TTL"]), now)
            return wire.Lease(self._lease, asked["TTL"])
        if path == "lease/keepalive":
            seconds, _ = self.leases.get(asked["ID"], (0.0, 0.0))
            if seconds:
                self.leases[asked["ID"]] = (seconds, now)
            return wire.KeptAlive(wire.Lease(asked["ID"], int(seconds)))
        if path == "lease/revoke":
            return self._revoke(asked["ID"])
        if path == "cluster/member/list":
            return wire.Members([wire.Listed(host, f"n{host}", [], [f"http://h{host}:2379"]) for host in (1, 2, 3)])
        if path == "maintenance/status":
            return wire.Status(wire.Header(self.revision), "3", 1 << 20, 1 << 20)
        if path == "maintenance/alarm":
            return wire.Alarms()
        if path in ("kv/compaction", "maintenance/defragment"):
            return wire.Anything()
        raise AssertionError(f"this etcd knows no {path}")

    def _revoke(self, lease: int) -> Any:
        if self.leases.pop(lease, None) is None:
            return MajorityRefused("etcdserver: requested lease not found", 5)
        ended = [key for key, found in self.keys.items() if found.lease == lease]
        if ended:
            self.revision += 1
        for key in ended:
            del self.keys[key]
        return wire.Anything()

    def _among(self, asked: Mapping[str, Any]) -> "Iterable[wire.Key]":
        key, end = _text(asked["key"]), _text(asked.get("range_end", ""))
        if not end:
            return [self.keys[key]] if key in self.keys else []
        return [self.keys[each] for each in sorted(self.keys) if key <= each < end]

    def _range(self, asked: Mapping[str, Any]) -> Any:
        found = list(self._among(asked))
        limit = asked.get("limit") or len(found)
        shown = [] if asked.get("count_only") else found[:limit]
        return wire.Found(wire.Header(self.revision), shown, len(found))

    def _transaction(self, asked: Mapping[str, Any]) -> Any:
        succeeded = all(self._holds(compare) for compare in asked["compare"])
        steps = asked["success" if succeeded else "failure"]
        new = self.revision + 1
        responses = []
        for step in steps:
            (kind, wanted), found = next(iter(step.items())), None
            if kind in ("request_range", "requestRange"):
                found = self._range(wanted)
            elif kind in ("request_put", "requestPut"):
                lease = int(wanted.get("lease") or 0)
                if lease and lease not in self.leases:
                    return MajorityRefused("etcdserver: requested lease not found", 5)
                key = _text(wanted["key"])
                before = self.keys.get(key)
                created = before.create_revision if before else new
                value = base64.b64decode(wanted["value"])
                self.keys[key] = wire.Key(key.encode(), value, created, new, lease)
                self.revision = new
            else:
                for each in list(self._among(wanted)):
                    del self.keys[each.key.decode()]
                    self.revision = new
            responses.append(wire.Response(found))
        return wire.Transaction(wire.Header(self.revision), succeeded, responses)

    def _holds(self, compare: Mapping[str, Any]) -> bool:
        found = self.keys.get(_text(compare["key"]))
        if compare["target"] == "VALUE":
            return found is not None and found.value == base64.b64decode(compare["value"])
        if compare["target"] == "CREATE":
            return int(compare["create_revision"]) == (found.create_revision if found else 0)
        return int(compare["mod_revision"]) == (found.mod_revision if found else 0)


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode()


def _is_local(path: str, asked: Mapping[str, Any]) -> bool:
    """Whether any member answers by itself."""
    if path == "kv/txn":
        steps = [
            (kind, wanted) for part in ("success", "failure") for step in asked[part] for kind, wanted in step.items()
        ]
        return all(kind == "request_range" and wanted["serializable"] for kind, wanted in steps)
    return path == "kv/range" and bool(asked.get("serializable"))


class Member:
    """One of etcd's processes."""

    def __init__(self, etcd: "Etcd", host: int) -> None:
        self._etcd = etcd
        self.host = host
        self.name = f"etcd{host + 1}"
        self.process = Process(etcd.machine, self.name, host)
        self.led_until_frozen = False

    def crash(self) -> None:
        if self.process.alive:
            self._etcd.machine.story.tell(self.name, "is killed")
            self.process.kill()

    def start(self) -> None:
        if not self.process.alive:
            self.process = Process(self._etcd.machine, self.name, self.host)
            self._etcd.machine.story.tell(self.name, "is up")

    def receive(self, path: str, asked: Mapping[str, Any], reply: Reply) -> None:
        """A client's request. What a thawed leader finds in its sockets is handed to the new one, and so done late."""
        if _is_local(path, asked):
            return reply(self._etcd.store.apply(path, asked, self._etcd.machine.loop.now))
        return self._etcd.network.send(
            self.host, self._etcd.members[self._etcd.leader].process, self._etcd.propose, path, asked, self, reply, 0
        )


class Etcd:
    """Three members, of which one leads. What is carried out is carried out once, at one moment, for all."""

    def __init__(self, machine: Machine, network: Network) -> None:
        self.machine = machine
        self.network = network
        self.store = Store()
        self.members = [Member(self, host) for host in range(3)]
        self.leader = machine.dice.randrange(3)
        self._silent_since: float | None = None
        self._patience = machine.dice.uniform(0.5, 1.0)
        machine.later(TICK, self._tick)

    def lead(self, host: int) -> None:
        """Hands leadership over, where that can be."""
        if self._votes(host):
            self.leader = host

    def propose(self, path: str, asked: Mapping[str, Any], member: Member, reply: Reply, tries: int) -> None:
        """At the leader, or at whoever was it."""
        if not self._majority():
            if tries < 40 and self.machine.dice.random() < 0.9:
                self.members[member.host].process.later(TICK, self._hand_on, path, asked, member, reply, tries + 1)
            return
        delay = self.machine.dice.uniform(0.0005, 0.003)
        self.members[self.leader].process.later(delay, self._commit, path, asked, member, reply)

    def _hand_on(self, path: str, asked: Mapping[str, Any], member: Member, reply: Reply, tries: int) -> None:
        leader = self.members[self.leader].process
        self.network.send(member.host, leader, self.propose, path, asked, member, reply, tries)

    def _commit(self, path: str, asked: Mapping[str, Any], member: Member, reply: Reply) -> None:
        if not self._majority():
            return self.propose(path, asked, member, reply, 39)
        answer = self.store.apply(path, asked, self.machine.loop.now)
        return self.network.send(self.members[self.leader].host, member.process, reply, answer)

    def _votes(self, host: int) -> bool:
        others = [each for each in range(3) if each != host and self.members[each].process.running]
        return self.members[host].process.running and any(self.network.open(host, each) for each in others)

    def _majority(self) -> bool:
        return self._votes(self.leader)

    def _tick(self) -> None:
        now = self.machine.loop.now
        if self._majority():
            self._silent_since = None
            for lease, (seconds, kept) in list(self.store.leases.items()):
                if kept + seconds < now:
                    self.store._revoke(lease)
        elif self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since > self._patience:
            self._elect()
        self.machine.later(TICK, self._tick)

    def _elect(self) -> None:
        able = [host for host in range(3) if host != self.leader and self._votes(host)]
        if able:
            old = self.members[self.leader]
            self.leader = self.machine.dice.choice(able)
            self.machine.story.tell("etcd", f"{self.members[self.leader].name} leads")
            self._silent_since = None
            # Frozen now, it takes all leases for ended when it is thawed, and says so to the new leader.
            old.process.later(0.0, self._thawed, dict(self.store.leases))

    def _thawed(self, leases: dict[int, tuple[float, float]]) -> None:
        now = self.machine.loop.now
        for lease, (seconds, kept) in leases.items():
            if kept + seconds < now and lease in self.store.leases and self.machine.dice.random() < 0.7:
                self.machine.story.tell("etcd", f"a thawed leader revokes lease {lease}")
                self.store._revoke(lease)


class Client(EtcdMajority):
    """Linnet's client; only what it asks one member goes over the simulated network."""

    def __init__(self, cluster: Etcd) -> None:
        super().__init__(etcd.endpoints("etcd://h1,h2,h3"))
        self._cluster = cluster

    async def _ask(
        self,
        url: str,
        path: str,
        asked: Mapping[str, Any],
        kind: Any,
        limit_s: float,
        connect_s: float = etcd.CONNECT_SECONDS,
    ) -> Any:
        client = current()
        assert client is not None, "only processes ask"
        network, member = self._cluster.network, self._cluster.members[int(url.partition("//h")[2][0]) - 1]
        if not network.open(client.host, member.host):
            await asyncio.sleep(min(limit_s, connect_s))
            raise etcd._NotSent(f"{url}: no connection")
        if not member.process.alive:
            raise etcd._NotSent(f"{url}: refused")
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def deliver(answer: Any) -> None:
            if not answered.done():
                answered.set_result(answer)

        def reply(answer: Any) -> None:
            network.send(member.host, client, deliver, answer)

        network.send(client.host, member.process, member.receive, path, asked, reply)
        try:
            async with asyncio.timeout(limit_s):
                answer = await answered
        except TimeoutError as error:
            raise NoMajority(f"{url}: no answer") from error
        if isinstance(answer, Exception):
            raise answer
        return answer
