"""What may happen to a machine, a process, a disk, a clock or a cable: a table, by name.

Each fault says whom it is aimed at, how it is done and undone, and what is promised while it lasts.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from linnet.drill import harm
from linnet.drill.scene import Scene

Act = Callable[[Scene], Awaitable[None]]
Aim = Literal["primary", "replica", "leader", "follower", "both", "any"]
"""Which node: PostgreSQL's primary or a replica, etcd's leader or not; ``both`` is primary and leader in one."""
Need = Literal["cables", "disk"]

KILLED, NODE, CUT, PLANNED = 0.5, 2.0, 4.0, 0.5
"""How long, in seconds, nobody may be acknowledged at a node that is alive: PostgreSQL killed; a node killed or frozen;
cut off; planned work."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``lasts`` is how many seconds lie between inject and heal, ``pause_max`` what is promised (None: nothing),
    ``dead`` whether the aimed node is not alive meanwhile (so nobody can be acknowledged there), ``caches`` whether
    answers are compared with uncached ones afterwards."""

    name: str
    says: str
    inject: Act
    heal: Act = harm.nothing
    aim: Aim = "any"
    lasts: float = 10.0
    pause_max: float | None = NODE
    dead: bool = False
    caches: bool = False
    needs: frozenset[Need] = field(default_factory=frozenset)


def _killed(kind: str, aim: Aim, says: str, *, pause_max: float = NODE, heal: Act = harm.nothing) -> Fault:
    name = f"{kind}-{aim}-killed" if aim != "any" else f"{kind}-killed"
    return Fault(name, f"{says} is killed (kill -9)", harm.kill(*kind.split("+")), heal, aim, pause_max=pause_max)


def _frozen(kind: str, aim: Aim, says: str, seconds: float = 12.0) -> Fault:
    name = f"{kind}-{aim}-frozen" if aim != "any" else f"{kind}-frozen"
    inject = harm.freeze(*kind.split("+"))
    # Without its HAProxy, nobody is answered at a node's own address; the others go on.
    dead = kind == "haproxy"
    return Fault(name, f"{says} stops (SIGSTOP) for {seconds:.0f} s", inject, harm.thaw, aim, seconds, dead=dead)


_PROCESSES = (
    _killed("postgres", "primary", "PostgreSQL's primary", pause_max=KILLED),
    _killed("postgres", "replica", "a replica of PostgreSQL", pause_max=KILLED),
    _killed("patroni", "primary", "the primary's Patroni"),
    _killed("patroni", "replica", "a replica's Patroni"),
    _killed("postgres+patroni", "primary", "PostgreSQL's primary with its Patroni", pause_max=KILLED),
    _killed("etcd", "leader", "etcd's leader"),
    _killed("etcd", "follower", "a member of etcd that does not lead"),
    _killed("haproxy", "any", "a node's HAProxy"),
    _killed("worker", "any", "a node's worker"),
    _killed("linnet", "any", "a node's supervisor of workers"),
    _killed("node", "any", "the process that keeps a node's others running", pause_max=PLANNED, heal=harm.keep),
    _frozen("postgres", "primary", "PostgreSQL's primary", 30.0),
    _frozen("postgres", "replica", "a replica of PostgreSQL"),
    _frozen("patroni", "primary", "the primary's Patroni", 30.0),
    _frozen("etcd", "leader", "etcd's leader"),
    _frozen("etcd", "follower", "a member of etcd that does not lead"),
    _frozen("haproxy", "any", "a node's HAProxy"),
    _frozen("worker", "any", "a node's worker"),
    _frozen("linnet", "any", "a node's supervisor of workers"),
    _frozen("node", "any", "the process that keeps a node's others running"),
)

_AIMS: tuple[tuple[Aim, str], ...] = (
    ("primary", "the node with PostgreSQL's primary"),
    ("both", "the node with PostgreSQL's primary and etcd's leader"),
    ("replica", "a node with a replica"),
)
_NODES = tuple(
    Fault(
        f"host-{aim}-{word}", f"{says} {how}", inject, heal, aim, seconds, dead=True, needs=needs
    )
    for word, how, inject, heal, seconds, needs in (
        ("killed", "loses all its processes at once (kill -9)", harm.kill_all, harm.keep, 30.0, frozenset[Need]()),
        ("frozen", "freezes whole for 40 s and thaws", harm.freeze_all, harm.thaw, 40.0, frozenset[Need]()),
        ("off", "loses its power: silent at once, dead", harm.power_off, harm.power_on, 30.0,
         frozenset[Need]({"cables"})),
    )
    for aim, says in _AIMS
)  # fmt: skip

_LINKS: tuple[tuple[str, str, Act, Aim, float | None, bool], ...] = (
    ("cut-primary", "the node with the primary is cut from everybody", harm.cut, "primary", CUT, True),
    ("cut-both", "the node with primary and etcd's leader is cut from everybody", harm.cut, "both", CUT, True),
    ("cut-replica", "a node with a replica is cut from everybody", harm.cut, "replica", CUT, True),
    ("cut-ring", "the primary's node is cut from the other nodes, not from its clients", harm.cut_ring, "primary",
     CUT, True),
    ("one-way-out", "nothing that the primary's node sends reaches the others", harm.mute, "primary", CUT, True),
    ("one-way-in", "nothing that the others send reaches the primary's node", harm.deafen, "primary", CUT, True),
    ("asymmetric", "the primary's node and another one lose each other; the third has both", harm.part, "primary",
     CUT, False),
    ("slow", "the primary's node is 100 ms away", harm.slow(100, 20, 0.0), "primary", None, False),
    ("lossy", "one in twenty frames from and to the primary's node is lost", harm.slow(1, 1, 0.05), "primary",
     None, False),
)  # fmt: skip
_CABLES = tuple(
    Fault(name, says, inject, harm.mend, aim, 30.0, pause_max, dead, needs=frozenset({"cables"}))
    for name, says, inject, aim, pause_max, dead in _LINKS
)

_OTHERS = (
    Fault("nothing", "nothing happens: the load alone", harm.nothing, lasts=15.0, pause_max=KILLED),
    Fault(
        "two-nodes-in-turn", "a replica's node freezes, thaws, and the primary's node is killed",
        harm.two_in_turn, harm.keep, "replica", 25.0, dead=True,
    ),
    Fault("every-process-killed", "each process of a replica's node is killed, one after another",
          harm.kill_in_turn("worker", "linnet", "haproxy", "etcd", "patroni", "postgres", "node"), harm.keep, "replica",
          16.0),
    Fault("switchover", "the primary is handed over (linnet cluster switchover)", harm.switchover, aim="primary",
          lasts=10.0, pause_max=PLANNED),
    Fault("rolling-restart", "each node in turn is drained, restarted and taken back", harm.rolling_restart,
          lasts=1.0, pause_max=PLANNED),
    Fault("disk-full-primary", "the disk of the primary's node is full", harm.fill_disk, harm.free_disk, "primary",
          30.0, needs=frozenset({"disk"})),
    Fault("disk-full-replica", "the disk of a replica's node is full", harm.fill_disk, harm.free_disk, "replica",
          30.0, needs=frozenset({"disk"})),
    Fault("disk-damaged-primary",
          "the disk of the primary's node loses what every post needs; that machine leaves and joins with another one",
          harm.damage_disk, harm.change_disk, "primary", 20.0),
    Fault("clock-ahead", "a node's clock jumps an hour ahead and back", harm.step_clock(3_600_000),
          harm.step_clock(0), lasts=15.0, pause_max=KILLED),
    Fault("clock-behind", "a node's clock jumps an hour back and ahead", harm.step_clock(-3_600_000),
          harm.step_clock(0), lasts=15.0, pause_max=KILLED),
    Fault("caches-emptied", "every cache of every node is emptied", harm.empty_caches, pause_max=KILLED, caches=True),
    Fault("caches-rubbish", "every cache of every node is filled with rubbish", harm.spoil_caches,
          pause_max=KILLED, caches=True),
    Fault("journal-full", "the journal is full, and PostgreSQL's primary dies with its node", harm.full_journal,
          harm.empty_journal, "primary", 40.0, None, True),
    Fault("etcd-slow", "etcd's leader stops for 150 ms three times a second, and PostgreSQL's primary is killed",
          harm.slow_etcd, harm.thaw, "primary", 30.0, None),
)  # fmt: skip

FAULTS: dict[str, Fault] = {fault.name: fault for fault in (*_OTHERS[:1], *_PROCESSES, *_NODES, *_CABLES, *_OTHERS[1:])}


def chosen(names: Sequence[str]) -> list[Fault]:
    """By name, in the order of the table; all for none. Raises KeyError with the name that is not in it."""
    for name in names:
        if name not in FAULTS:
            raise KeyError(name)
    return [fault for name, fault in FAULTS.items() if not names or name in names]
