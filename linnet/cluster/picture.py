"""What a node sees, frozen for one look (pure): its children, etcd, PostgreSQL's members, its peers, disk and time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from linnet.cluster.layout import JOINING, Standing

ETCD, PATRONI, LINNET, HAPROXY = "etcd", "patroni", "linnet", "haproxy"
CHILDREN = (ETCD, PATRONI, LINNET, HAPROXY)
"""In the order in which they are started."""

DISK_LOW_BYTES = 1 << 30
DISK_FULL_BYTES = 256 << 20
"""With less than that a node should not have the primary: at a hundred posts a second, it lasts for some minutes."""
DISK_FAILS_S = 86_400.0
"""For so long after its disk has failed it, a machine is given no primary: where what is damaged was copied to all,
each has it once in that time, and not again and again."""


@dataclass(frozen=True, slots=True)
class ChildSeen:
    """One child. ``ready`` is its own word for it; ``failures`` counts ends that nobody asked for, in a row.

    ``since_s`` is for how long it has been running, or has not; ``words`` are the last of its log.
    """

    name: str
    alive: bool = False
    ready: bool = False
    since_s: float = 0.0
    failures: int = 0
    code: int | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class PostgresSeen:
    """A PostgreSQL as Patroni knows it: ``leader``, ``quorum_standby`` or ``replica``; what it lags by, where known."""

    name: str
    role: str
    state: str
    timeline: int = 0
    lag_bytes: int | None = None

    @property
    def primary(self) -> bool:
        return self.role == "leader" and self.state == "running"

    @property
    def streams(self) -> bool:
        return self.role != "leader" and self.state == "streaming"


@dataclass(frozen=True, slots=True)
class EtcdSeen:
    """``healthy`` is that there is a majority with a leader. Names of members; ``answering`` are those that do."""

    healthy: bool = False
    leader: str = ""
    voters: tuple[str, ...] = ()
    answering: tuple[str, ...] = ()
    full: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is decided on. Times are in seconds, ``None`` is what could not be seen.

    ``changed`` names the files in DIR/run that are not as they should be, ``stale`` the children that have not read
    theirs since; ``busy`` is what is being done already, ``rested_s`` how long ago each rare thing was done last.
    ``begun`` is that this node began the cluster, ``announced`` that members are known, ``etcd_lost`` that the files of
    this node's etcd are gone, ``has_data`` that PostgreSQL has its files, ``served`` that Linnet has run here before;
    ``disk_failed_s`` is how long ago PostgreSQL was said not to be able to read or write what is on this disk;
    ``clock_apart_ms`` is how far this machine's clock is ahead of the others', ``compared`` that they have been
    compared at all; ``looking_s`` is for how long this process has looked.
    """

    me: str
    children: Mapping[str, ChildSeen]
    standings: tuple[Standing, ...] = ()
    etcd: EtcdSeen = field(default_factory=EtcdSeen)
    postgres: tuple[PostgresSeen, ...] = ()
    strict: bool | None = None
    begun: bool = False
    announced: bool = True
    etcd_lost: bool = False
    has_data: bool = False
    served: bool = False
    changed: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    disk_free_bytes: int | None = None
    disk_failed_s: float = inf
    certificate_days: float | None = None
    journal: int | None = None
    clock_apart_ms: int = 0
    compared: bool = True
    looking_s: float = inf
    busy: frozenset[str] = frozenset()
    rested_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def disk_fails(self) -> bool:
        """Whether PostgreSQL here is no good primary, where there is another one."""
        return self.disk_failed_s < DISK_FAILS_S

    @property
    def primary(self) -> str:
        """The name of the member whose PostgreSQL takes writes; '' for none."""
        found = [one for one in self.postgres if one.primary]
        return max(found, key=lambda one: one.timeline).name if found else ""

    @property
    def standing(self) -> str:
        """This node's own state; '' where it is not known yet."""
        return next((one.state for one in self.standings if one.name == self.me), "")

    @property
    def states(self) -> dict[str, str]:
        """How each member stands, by its name."""
        return {one.name: one.state for one in self.standings}

    @property
    def counted(self) -> tuple[str, ...]:
        """The names of all who have joined."""
        return tuple(one.name for one in self.standings if one.state != JOINING)

    @property
    def copies(self) -> int:
        """How many machines have every acknowledged write, or soon will: the primary and what streams from it."""
        # Patroni goes on naming who has left for a while.
        counted = self.counted
        return sum((one.primary or one.streams) for one in self.postgres if one.name in counted or not counted)
