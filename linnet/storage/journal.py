"""The journal: posts that a majority of machines keeps while the database has no primary, in order, each once."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

from linnet.domain import journal as form
from linnet.domain.errors import IdTaken, Unavailable
from linnet.domain.journal import ENTRIES, Backlog, Entry
from linnet.domain.majority import (
    STEPS_MAX,
    Delete,
    Get,
    KeyValue,
    NoMajority,
    Put,
    Step,
    absent,
    after_prefix,
    present_since,
    unchanged,
)
from linnet.ports import Clock, Majority
from linnet.storage import statements
from linnet.storage.database import Writer
from linnet.telemetry import log

SQL = statements.load("journal")

T = TypeVar("T")

PREFIX = "/linnet/journal/"
KEYS = f"{PREFIX}key/"
ACCOUNTS = f"{PREFIX}account/"
PARKED = f"{PREFIX}parked/"
EPOCH = f"{PREFIX}epoch"
LOCK = f"{PREFIX}lock"

LOCK_SECONDS = 3
QUOTA_BYTES = 2 << 30
"""What etcd keeps at most, where nobody has told it otherwise."""
PUTS_PER_SECOND = 300
WAITING_MAX = 256
"""So many puts of one process are under way at once; more, and they would only wait for each other."""
READ_MAX = 1_000
"""So many entries that were read are remembered."""
_EPOCHS = 20
_FIRST = 64
_SWEPT = 1_000


class Full(Unavailable):
    """The journal takes nothing more now."""


class TooLate(Exception):
    """Somebody else holds the lock of the journal by now, and has drained under it."""


def entry_key(id: int) -> str:
    return f"{ENTRIES}{id:020d}"


def operation_key(operation: str) -> str:
    return KEYS + hashlib.sha256(operation.encode()).hexdigest()


def _account_key(account_id: int, id: int) -> str:
    return f"{ACCOUNTS}{account_id:020d}/{id:020d}"


class MajorityJournal:
    """``ports.Journal`` in a ``Majority`` whose quota is ``quota_bytes``, a quarter of which is for posts."""

    def __init__(self, majority: Majority, clock: Clock, quota_bytes: int = QUOTA_BYTES) -> None:
        self._majority = majority
        self._clock = clock
        self._bytes_max = quota_bytes // 4
        self._epoch = 0
        self._used = 0
        self._under_way = 0
        # An entry never changes: whoever reads again what waits is not the reason why more must wait.
        self._read: dict[int, Entry] = {}
        self._allowance = float(PUTS_PER_SECOND)
        self._allowed_at = clock.monotonic()
        self.count = 0
        """How many entries there were when they were last counted."""

    # -- for posting --------------------------------------------------------------------------------------------

    async def put(self, entry: Entry) -> int:
        """Accepts a post, durably: its id, or the one under which its operation was accepted before.

        Raises IdTaken, TooLarge, Full or NoMajority; after the last, it may be there, or come yet.
        """
        value = form.pack(entry)
        self._admit()
        self._under_way += 1
        try:
            return await self._put(entry, value)
        finally:
            self._under_way -= 1

    async def _put(self, entry: Entry, value: bytes) -> int:
        place, key = entry_key(entry.id), operation_key(entry.operation)
        steps = (
            Put(place, value), Put(key, str(entry.id).encode()), Put(_account_key(entry.account_id, entry.id), b"")
        )  # fmt: skip
        for _ in range(_EPOCHS):
            # What was sent long ago, and is carried out only now by a machine that hung, finds another epoch: what it
            # would put was drained meanwhile, and its key swept.
            compares = (absent(key), absent(place), unchanged(EPOCH, self._epoch))
            done = await self._majority.transact(compares, steps, (Get(key), Get(place), Get(EPOCH)))
            if done.succeeded:
                self._remember(entry)
                return entry.id
            known, taken, epoch = done.found
            if known:
                return int(known[0].value)
            if taken:
                raise IdTaken("Another post has that id")
            self._epoch = epoch[0].modified if epoch else 0
        raise NoMajority("The journal's epoch changes all the time")

    async def has(self, id: int) -> bool:
        """Whether a post waits, by the nearest member's word: what came this very moment it may not have heard of."""
        return await self._majority.get(entry_key(id), local=True) is not None

    async def by_id(self, id: int) -> Entry | None:
        """A post that waits, or None."""
        # The nearest member's yes is enough; its no may only mean that it has not heard yet.
        near = await self._majority.get(entry_key(id), local=True)
        if near is not None:
            return form.unpack(near.value)
        found = (await self._majority.transact((), (Get(entry_key(id)), Get(f"{PARKED}{id:020d}")))).found
        kept = [key for read in found for key in read]
        return form.unpack(kept[0].value) if kept else None

    async def by_operation(self, operation: str) -> int | None:
        """The id under which an operation was accepted; known for ten minutes longer than the post waits."""
        found = await self._majority.get(operation_key(operation))
        return int(found.value) if found is not None else None

    async def of_account(self, account_id: int, limit: int = 40) -> tuple[Entry, ...]:
        """What of an account waits, the newest first."""
        prefix = f"{ACCOUNTS}{account_id:020d}/"
        # Asked by every reader of an own page while there is no primary: any member's word for which there are will do,
        # and for what they are, since they never change.
        found = await self._majority.range(prefix, after_prefix(prefix), keys_only=True, local=True)
        ids = [int(key.key.rpartition("/")[2]) for key in found.keys][-limit:][::-1]
        known = {id: self._read[id] for id in ids if id in self._read}
        for local in (True, False):  # What one member has and another not yet, a majority has.
            for part in _parts([id for id in ids if id not in known], STEPS_MAX):
                read = (await self._majority.transact((), [Get(entry_key(id), local=local) for id in part])).found
                for entry in (form.unpack(key.value) for keys in read for key in keys):
                    known[entry.id] = entry
                    self._remember(entry)
        return tuple(known[id] for id in ids if id in known)

    def _remember(self, entry: Entry) -> None:
        self._read[entry.id] = entry
        while len(self._read) > READ_MAX:
            del self._read[next(iter(self._read))]

    async def oldest(self) -> int | None:
        """The id of what has waited longest, as the nearest member knows it; None where nothing waits."""
        found = await self._majority.range(ENTRIES, after_prefix(ENTRIES), limit=1, keys_only=True, local=True)
        return int(found.keys[0].key.rpartition("/")[2]) if found.keys else None

    # -- what there is ------------------------------------------------------------------------------------------

    async def backlog(self) -> Backlog:
        # The first by id need not be the first that came: what was tried at the database before keeps the id that it
        # got then, and may be put long after others.
        found = await self._majority.range(ENTRIES, after_prefix(ENTRIES), limit=_FIRST, keys_only=True)
        self.count = found.count
        return Backlog(found.count, found.revision, min((key.created for key in found.keys), default=None))

    async def wants_drainer(self) -> bool:
        """Whether there is something to drain, to try again or to sweep, and nobody at it. One small request, which
        one member answers: who is told of it late is late by as much."""
        prefixes = (ENTRIES, PARKED, KEYS)
        wanted = [(LOCK, ""), *((prefix, after_prefix(prefix)) for prefix in prefixes)]
        steps = [Get(start, end, limit=1, local=True) for start, end in wanted]
        held, *found = (await self._majority.transact((), steps)).found
        if not found[0]:
            self.count = 0  # whoever drained it counted for itself
        return not held and any(found)

    async def measure(self) -> None:
        """Learns how much of the majority's room is taken. A member that does not answer is left out."""
        used = [
            size
            for member in await self._majority.members()
            for url in member.client_urls[:1]
            if (size := await self._used_at(url)) is not None
        ]
        was_full = self.full
        self._used = max(used, default=self._used)
        if self.full and not was_full:
            log.error(
                "journal_full", bytes=self._used, most=self._bytes_max,
                done="posts are answered with 503 until the database has a primary and has taken what waits",
            )  # fmt: skip

    async def _used_at(self, url: str) -> int | None:
        try:
            return (await self._majority.status(url)).used
        except NoMajority:
            return None

    @property
    def full(self) -> bool:
        return self._used >= self._bytes_max

    def _admit(self) -> None:
        """Raises Full beyond what the majority can take without harm to those who need it for a failover."""
        if self.full:
            raise Full("Too many posts wait for the database; please try again later", retry_after=30)
        now = self._clock.monotonic()
        refilled = self._allowance + max(0.0, now - self._allowed_at) * PUTS_PER_SECOND
        self._allowance, self._allowed_at = min(float(PUTS_PER_SECOND), refilled), now
        if self._allowance < 1 or self._under_way >= WAITING_MAX:
            raise Full("Too many posts come in at once; please try again", retry_after=2)
        self._allowance -= 1

    # -- for draining: ``lock`` is the revision of the lock that the caller holds -----------------------------------

    async def first(self, limit: int) -> tuple[Entry, ...]:
        """What waits, in the order of ids."""
        found = await self._majority.range(ENTRIES, after_prefix(ENTRIES), limit=limit)
        self.count = found.count
        return tuple(form.unpack(key.value) for key in found.keys)

    async def drained(self, entries: Sequence[Entry], lock: int) -> bool:
        """Takes out what is in the database now. Their operations' keys stay. False where the lock is lost."""
        for part in _parts(entries, STEPS_MAX // 2):
            steps: list[Step] = []
            for entry in part:
                steps += (Delete(entry_key(entry.id)), Delete(_account_key(entry.account_id, entry.id)))
            if not (await self._majority.transact([present_since(LOCK, lock)], steps)).succeeded:
                return False
        return True

    async def park(self, entry: Entry, lock: int) -> bool:
        """Puts aside what the database does not take, so that it holds nothing else up. False: the lock is lost."""
        steps: list[Step] = [
            Put(f"{PARKED}{entry.id:020d}", form.pack(entry)), Delete(entry_key(entry.id)),
            Delete(_account_key(entry.account_id, entry.id)),
        ]  # fmt: skip
        return (await self._majority.transact([present_since(LOCK, lock)], steps)).succeeded

    async def parked(self) -> tuple[Entry, ...]:
        """All that was put aside, in the order of ids."""
        return tuple([form.unpack(key.value) async for keys in self._pages(PARKED, STEPS_MAX) for key in keys])

    async def unparked(self, entry: Entry, lock: int) -> bool:
        """Forgets what was put aside and has gone into the database now. False: the lock is lost."""
        steps = [Delete(f"{PARKED}{entry.id:020d}")]
        return (await self._majority.transact([present_since(LOCK, lock)], steps)).succeeded

    async def raise_epoch(self, lock: int) -> bool:
        """From now on, no put that was sent before is carried out. False where the lock is lost."""
        steps = [Put(EPOCH, str(lock).encode())]
        return (await self._majority.transact([present_since(LOCK, lock)], steps)).succeeded

    async def sweep(self, until: int, lock: int) -> int | None:
        """Deletes keys of operations that were put up to that revision: how many; None where the lock is lost."""
        swept = 0
        async for keys in self._pages(KEYS, _SWEPT, keys_only=True):
            old = [key.key for key in keys if key.modified <= until]
            for part in _parts(old, STEPS_MAX):
                steps = [Delete(key) for key in part]
                if not (await self._majority.transact([present_since(LOCK, lock)], steps)).succeeded:
                    return None
            swept += len(old)
        return swept

    async def _pages(self, prefix: str, size: int, *, keys_only: bool = False) -> AsyncIterator[Sequence[KeyValue]]:
        """All that stands under a prefix, so many at once."""
        start, full = prefix, True
        while full:
            found = await self._majority.range(start, after_prefix(prefix), limit=size, keys_only=keys_only)
            yield found.keys
            if full := len(found.keys) == size:
                start = f"{found.keys[-1].key}\x00"

    async def keys(self) -> int:
        """How many operations are remembered."""
        return (await self._majority.range(KEYS, after_prefix(KEYS), count_only=True)).count


class Lock:
    """Who drains: one process of all, for as long as it says every now and then that it is alive."""

    def __init__(self, majority: Majority, clock: Clock, name: str) -> None:
        self._majority = majority
        self._clock = clock
        self._name = name.encode()
        self._lease = 0
        self._until = 0.0
        self.revision = 0
        """Where the lock was taken: rises with every holder, so that the database can tell a late one. 0: not ours."""

    @property
    def held(self) -> bool:
        """False as soon as it may have ended, by our own clock: others take it only after that."""
        return self.revision > 0 and self._clock.monotonic() < self._until

    async def take(self) -> bool:
        """Tries once. Raises NoMajority."""
        await self.let_go()
        asked_at = self._clock.monotonic()
        self._lease = await self._majority.grant(LOCK_SECONDS)
        taken = await self._majority.transact([absent(LOCK)], [Put(LOCK, self._name, self._lease)], [Get(LOCK)])
        mine = self._mine(taken.found[0]) if not taken.succeeded else taken.revision
        if mine:
            self.revision, self._until = mine, asked_at + LOCK_SECONDS
        else:
            await self.let_go()
        return bool(mine)

    def _mine(self, found: Sequence[KeyValue]) -> int:
        """Our own put may have been carried out twice, and we were told of the second time."""
        held = found[0] if found else None
        return held.created if held is not None and (held.value, held.lease) == (self._name, self._lease) else 0

    async def keep(self) -> bool:
        """Once more alive; False where the lock is lost. Raises NoMajority."""
        asked_at, lease = self._clock.monotonic(), self._lease
        alive = self.held and await self._majority.keep_alive(lease)
        if lease != self._lease:
            return self.held  # It was let go and taken again meanwhile.
        if not alive:
            self.revision = 0
            return False
        self._until = asked_at + LOCK_SECONDS
        return True

    async def let_go(self) -> None:
        """Whoever comes next need not wait for its end."""
        lease, self._lease, self.revision = self._lease, 0, 0
        if lease:
            try:
                await self._majority.revoke(lease)
            except NoMajority as error:
                log.info("lock_left", error=str(error), done="it ends by itself within seconds")


async def fence(tx: Writer, epoch: int) -> None:
    """Opens a transaction that drains; ``epoch`` is the revision of the lock that the caller believes to hold.

    Raises TooLate.
    """
    if await tx.one(SQL.fence, epoch=epoch) is None:
        raise TooLate


def _parts(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
