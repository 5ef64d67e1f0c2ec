"""Three simulated PostgreSQL servers, and what Patroni does with them: one leads, and another where that is gone."""

from dataclasses import dataclass

from tests.simulation.machine import Machine
from tests.simulation.network import Network
from tests.simulation.postgres import Server
from tests.simulation.replica import Record, Replica

TICK = 0.05


@dataclass
class Trouble:
    """How often, or how much, what always goes a little wrong goes wrong."""

    slow_writer: float = 0.05
    slow_statement: float = 0.04
    replay_lag: float = 0.1


class Cluster:
    """``ttl`` is how long a primary may be silent; commits wait for one or ``all_of_them`` of the ``trusted`` standbys.

    Who is trusted is changed by whoever leads, and known to whoever elects: only those may have all that was
    acknowledged.
    """

    def __init__(self, machine: Machine, network: Network, replicas: list[Replica]) -> None:
        self.machine = machine
        self.network = network
        self.trouble = Trouble()
        self.all_of_them = machine.dice.random() < 0.5
        self._missing_since: dict[int, float] = {}
        self.ttl = machine.dice.uniform(0.6, 2.0)
        self.hosts_up = [True, True, True]
        self.severed = False
        """Whether standbys get nothing of the log, though everybody else reaches the primary."""
        self.exposed: list[Record] = []
        """Commits that somebody may have seen, and that a failover has lost."""
        self.servers = [Server(self, host, *replicas[2 * host : 2 * host + 2]) for host in range(3)]
        self.leader = machine.dice.randrange(3)
        self._healthy_at = 0.0
        self._electing = False
        self.servers[self.leader].promote(1)
        for server in self.servers:
            if server.host != self.leader:
                self.primary.trusted.add(server.host)
                server.join(self.primary)
        machine.later(TICK, self._tick)

    @property
    def primary(self) -> Server:
        return self.servers[self.leader]

    def _tick(self) -> None:
        for server in self.servers:
            if server.process.running and server.up:
                server.sweep()
        now = self.machine.loop.now
        if not self._electing:
            if self._leads():
                self._healthy_at = now
                self._tend()
            elif now - self._healthy_at > self.ttl:
                self._elect()
        self.machine.later(TICK, self._tick)

    def _leads(self) -> bool:
        return self.primary.primary and self._votes(self.primary)

    def _votes(self, server: Server) -> bool:
        """Whether a server lives and has a majority with it."""
        others = [other.host for other in self.servers if other is not server]
        return server.up and server.process.running and any(self.network.open(server.host, each) for each in others)

    def confirmed(self, server: Server) -> int:
        """Up to where enough standbys of a server have its log."""
        have = sorted(server.acknowledged.get(host, 0) for host in server.trusted)
        if not have:
            return 0
        return have[0] if self.all_of_them else have[-1]

    def _trust(self, server: Server) -> None:
        """One that is missing is not waited for, for long; one that has caught up is waited for again."""
        now, host = self.machine.loop.now, server.host
        if server.follows is self.primary and self.primary.acknowledged.get(host, -1) >= self.primary.settled:
            self._missing_since.pop(host, None)
            self.primary.trusted.add(host)
        elif now - self._missing_since.setdefault(host, now) > 1.0 and self.primary.trusted - {host}:
            self.primary.trusted.discard(host)

    def _tend(self) -> None:
        """Whoever does not follow the primary is made to; a primary that is none any more is one for a while yet."""
        self.primary.ship()
        for server in self.servers:
            if server is not self.primary:
                self._trust(server)
        for server in self.servers:
            if server is not self.primary and server.follows is not self.primary and self._votes(server):
                if server.primary and self.machine.dice.random() > 0.1:
                    continue
                server.join(self.primary)

    def _elect(self) -> None:
        standbys = [
            each for each in self.servers if each is not self.primary and not each.primary and self._votes(each)
        ]
        trusted = [server for server in standbys if server.host in self.primary.trusted]
        if not trusted or (not self.all_of_them and len(trusted) < len(self.primary.trusted)):
            return  # not sure to have all that was acknowledged
        best = max(trusted, key=lambda server: (len(server.log), server.host))
        self._electing = True
        self.machine.story.tell("cluster", f"elects {best.name}, {self.primary.name} is not heard of")
        for server in standbys:
            server.follows = None  # so that nothing is acknowledged to the old one any more
        self.machine.later(self.machine.dice.uniform(0.05, 0.6), self._promote, best)

    def _promote(self, best: Server) -> None:
        self._electing = False
        if not self._votes(best):
            return
        # Where nobody else is left, nothing is acknowledged until somebody follows and has everything.
        best.trusted = self.primary.trusted - {best.host}
        self._missing_since.clear()
        best.promote(max(server.timeline for server in self.servers) + 1)
        self.leader = best.host
        self._healthy_at = self.machine.loop.now

    def restart(self, host: int) -> None:
        """A server that was killed comes back, as what it was or as a standby."""
        server = self.servers[host]
        if not server.up:
            server.start(primary=server.primary and self.leader == host and not self._electing)

    def switch_over(self) -> None:
        """Planned: the primary ends in order, and one that has everything takes over."""
        ready = [
            server for server in self.servers
            if server.host in self.primary.trusted and self._votes(server) and len(server.log) == len(self.primary.log)
        ]  # fmt: skip
        if self._leads() and ready and not self._electing:
            self.machine.story.tell("cluster", f"switches over to {ready[0].name}")
            self._electing = True
            self.primary.demote()
            for server in ready:
                server.follows = None
            self.machine.later(self.machine.dice.uniform(0.2, 1.0), self._promote, ready[0])
