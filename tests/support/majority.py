"""A majority in memory, with etcd's meaning: revisions, transactions, leases by the clock. It can be made to fail."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from linnet.domain.majority import (
    Compare,
    Delete,
    Get,
    KeyValue,
    MajorityFull,
    MajorityRefused,
    Member,
    MemberStatus,
    NoMajority,
    Outcome,
    Put,
    Range,
    Step,
)
from linnet.ports import Clock


@dataclass(slots=True)
class _Lease:
    seconds: int
    until: float
    keys: set[str] = field(default_factory=set)


class MemoryMajority:
    """``ports.Majority``. ``failing``: every request raises NoMajority; ``losing``: so many do after their effect.

    While it is ``holding``, transactions are ``held`` back without an answer, and carried out at ``thaw``, as by a
    machine that hung.
    """

    def __init__(self, clock: Clock, size: int = 2 << 30) -> None:
        self.clock = clock
        self.size = size
        self.used = 0
        self.free = 0
        self.revision = 1
        self.keys: dict[str, KeyValue] = {}
        self.leases: dict[int, _Lease] = {}
        self.failing = False
        self.losing = 0
        self.holding = False
        self.held: list[tuple[Sequence[Compare], Sequence[Step], Sequence[Step]]] = []
        self.compacted = 0
        self.defragmented: list[str] = []
        self.alarmed: list[tuple[int, str]] = []
        self.asked = 0

    def _ask(self) -> None:
        self.asked += 1
        if self.failing:
            raise NoMajority("no majority")
        now = self.clock.monotonic()
        for id, lease in list(self.leases.items()):
            if lease.until <= now:
                self._end(id)

    def _end(self, id: int) -> None:
        lease = self.leases.pop(id)
        if lease.keys:
            self.revision += 1
        for key in lease.keys:
            self.keys.pop(key, None)

    async def get(self, key: str, *, local: bool = False) -> KeyValue | None:
        self._ask()
        return self.keys.get(key)

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
        self._ask()
        found = self._between(key, end)
        shown = [] if count_only else found[: limit or None]
        if keys_only:
            shown = [KeyValue(one.key, b"", one.created, one.modified, one.lease) for one in shown]
        return Range(tuple(shown), len(found), self.revision)

    def _between(self, key: str, end: str) -> list[KeyValue]:
        if not end:
            return [self.keys[key]] if key in self.keys else []
        return [self.keys[name] for name in sorted(self.keys) if key <= name < end]

    async def transact(
        self,
        compares: Sequence[Compare],
        then: Sequence[Step],
        otherwise: Sequence[Step] = (),
        *,
        repeatable: bool = True,
    ) -> Outcome:
        if self.holding:
            self.held.append((compares, then, otherwise))
            raise NoMajority("no answer")
        self._ask()
        outcome = self.run(compares, then, otherwise)
        if self.losing:
            self.losing -= 1
            raise NoMajority("the answer was lost")
        return outcome

    def thaw(self) -> list[Outcome]:
        """Carries out what was held up."""
        held, self.held = self.held, []
        return [self.run(*each) for each in held]

    def run(self, compares: Sequence[Compare], then: Sequence[Step], otherwise: Sequence[Step]) -> Outcome:
        assert max(len(then), len(otherwise), len(compares)) <= 128
        holds = all(self._holds(compare) for compare in compares)
        steps = then if holds else otherwise
        if any(not isinstance(step, Get) for step in steps):
            self._writable(steps)
            self.revision += 1
        return Outcome(holds, self.revision, tuple(self._step(step) for step in steps))

    def _writable(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, Put) and step.lease and step.lease not in self.leases:
                raise MajorityRefused("requested lease not found", 5)
            if isinstance(step, Put) and self.used >= self.size:
                raise MajorityFull("etcd is full: nothing was stored", retry_after=60)

    def _holds(self, compare: Compare) -> bool:
        found = self.keys.get(compare.key)
        if compare.what == "value":
            return found is not None and found.value == compare.equals
        known = (found.created if compare.what == "created" else found.modified) if found is not None else 0
        return known == compare.equals

    def _step(self, step: Step) -> tuple[KeyValue, ...]:
        match step:
            case Put():
                before = self.keys.get(step.key)
                if before is not None and before.lease in self.leases:
                    self.leases[before.lease].keys.discard(step.key)
                created = before.created if before is not None else self.revision
                self.keys[step.key] = KeyValue(step.key, step.value, created, self.revision, step.lease)
                if step.lease:
                    self.leases[step.lease].keys.add(step.key)
                self.used += len(step.key) + len(step.value)
                return ()
            case Delete():
                for one in self._between(step.key, step.end):
                    del self.keys[one.key]
                return ()
            case Get():
                return tuple(self._between(step.key, step.end)[: step.limit or None])

    async def grant(self, seconds: int) -> int:
        self._ask()
        id = 1_000 + self.asked
        self.leases[id] = _Lease(seconds, self.clock.monotonic() + seconds)
        return id

    async def keep_alive(self, lease: int) -> bool:
        self._ask()
        if lease not in self.leases:
            return False
        self.leases[lease].until = self.clock.monotonic() + self.leases[lease].seconds
        return True

    async def revoke(self, lease: int) -> None:
        self._ask()
        if lease in self.leases:
            self._end(lease)

    async def members(self) -> tuple[Member, ...]:
        self._ask()
        return (Member(1, "one", ("http://one:2380",), ("http://one:2379",)),)

    async def add_member(self, peer_urls: Sequence[str], *, learner: bool) -> Member:
        raise MajorityRefused("there is one member, and there will be no other", 9)

    async def promote_member(self, id: int) -> None:
        raise MajorityRefused("there is one member, and there will be no other", 9)

    async def remove_member(self, id: int) -> None:
        raise MajorityRefused("there is one member, and it stays", 9)

    async def move_leader(self, to: int) -> None:
        self._ask()

    async def status(self, endpoint: str) -> MemberStatus:
        self._ask()
        return MemberStatus(1, 1, self.revision, self.revision, "memory", self.used + self.free, self.used)

    async def compact(self, revision: int) -> None:
        self._ask()
        self.compacted = revision

    async def defragment(self, endpoint: str) -> None:
        self._ask()
        self.defragmented.append(endpoint)

    async def alarms(self) -> tuple[tuple[int, str], ...]:
        self._ask()
        return tuple(self.alarmed)

    async def disarm(self) -> None:
        self._ask()
        self.alarmed.clear()

    async def close(self) -> None:
        self.failing = True
