"""What goes wrong: each fault begins, lasts for a while, and is over. ``FAULTS`` names those that are thrown dice for
together; a full disk came later, and comes besides."""

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from tests.simulation.network import OUTSIDE

if TYPE_CHECKING:
    from tests.simulation.postgres import Server
    from tests.simulation.world import World

Fault = Callable[["World", float], Coroutine[Any, Any, None]]
"""Does it, waits so many seconds, and ends it. What it leaves behind, ``World.heal`` repairs."""


async def node_killed(world: "World", seconds: float) -> None:
    host = world.dice.randrange(3)
    world.nodes[host].crash()
    await world.sleep(seconds / 2)
    world.boot(host)


async def node_frozen(world: "World", seconds: float) -> None:
    """Longer than a lease lasts: others take its jobs over, and it does not know when it is thawed."""
    node = world.nodes[world.dice.randrange(3)]
    node.process.freeze()
    await world.sleep(seconds)
    node.process.thaw()


async def primary_killed(world: "World", seconds: float) -> None:
    """It is back before another one is elected, or not."""
    primary = world.cluster.primary
    if primary.up:
        primary.crash()
        await world.sleep(seconds * world.dice.random())
        world.cluster.restart(primary.host)


async def primary_frozen(world: "World", seconds: float) -> None:
    """When it is thawed, it takes itself for the primary still."""
    process = world.cluster.primary.process
    process.freeze()
    await world.sleep(seconds)
    process.thaw()


async def primary_flaps(world: "World", seconds: float) -> None:
    """Cut off with commits that nobody else has, killed and up again, it shows them; then it is gone for good."""
    primary = world.cluster.primary
    _sever(world)
    await world.sleep(world.dice.uniform(0.1, 0.5))
    if world.cluster.primary is primary and primary.up and primary.process.running:
        primary.crash()
        world.cluster.restart(primary.host)
        await world.sleep(world.dice.uniform(0.2, 0.7))
        if world.dice.random() < 0.8:
            primary.crash()
    world.network.heal()
    world.cluster.severed = False
    await _gone(world, primary, seconds)


def _sever(world: "World") -> None:
    """From now on, no standby gets what the primary commits; who asks it does not notice, or is cut off, too."""
    if world.dice.random() < 0.7:
        world.cluster.severed = True
    else:
        world.network.isolate(world.cluster.leader)
    if world.dice.random() < 0.8:
        world.people.quarrel()


async def _gone(world: "World", primary: "Server", seconds: float) -> None:
    """A primary that was killed is back when another one is elected, mostly: what it had alone is lost then."""
    await world.sleep(seconds)
    if world.dice.random() < 0.8:
        for _ in range(60):
            if primary.up or world.cluster.primary is not primary:
                break
            await world.sleep(0.05)
    world.cluster.restart(primary.host)


async def drain_interrupted(world: "World", seconds: float) -> None:
    """As soon as posts that have waited are brought in, commits hang, and then all who took part in it are gone."""
    primary = world.cluster.primary
    if primary.up:
        primary.crash()
    host = await _drainer(world)
    leader = world.cluster.leader
    if host in (None, leader) or world.dice.random() < 0.5:
        world.cluster.severed = True
    else:
        world.network.cut |= {(host, leader), (leader, host)}
    await world.sleep(world.dice.choice((0.01, 0.05, 0.2, 0.5)))
    if host is not None and world.dice.random() < 0.8:
        world.nodes[host].crash()
    if world.dice.random() < 0.8 and world.cluster.primary.up:
        world.cluster.primary.crash()
    world.network.heal()
    world.cluster.severed = False
    await world.sleep(seconds)
    for each in range(3):
        world.cluster.restart(each)
        world.boot(each)


async def _drainer(world: "World") -> int | None:
    """The host that takes the journal's lock next."""
    for _ in range(4_000):
        await world.sleep(0.001)
        holding = [node.host for node in world.nodes if node.ready and node.drains]
        if holding and world.cluster.primary.primary and world.cluster.primary.up:
            return holding[0]
    return None


async def waits_cancelled(world: "World", seconds: float) -> None:
    """Commits are told with a warning that they may be here alone; then the primary is gone."""
    primary = world.cluster.primary
    _sever(world)
    for _ in range(3):
        await world.sleep(world.dice.uniform(0.05, 0.2))
        if primary.process.running:
            primary.cancel_waits()
    if world.dice.random() < 0.8 and primary.up:
        primary.crash()
    world.network.heal()
    world.cluster.severed = False
    await _gone(world, primary, seconds)


async def standby_frozen(world: "World", seconds: float) -> None:
    process = world.cluster.servers[(world.cluster.leader + world.dice.choice((1, 2))) % 3].process
    process.freeze()
    await world.sleep(seconds)
    process.thaw()


async def host_lost(world: "World", seconds: float) -> None:
    """Its power is gone, and nobody is told."""
    await _lost(world, world.dice.randrange(3), seconds)


async def leaders_lost(world: "World", seconds: float) -> None:
    """The host with the primary, and with etcd's leader."""
    world.etcd.lead(world.cluster.leader)
    await _lost(world, world.cluster.leader, seconds)


async def _lost(world: "World", host: int, seconds: float) -> None:
    world.cluster.hosts_up[host] = False
    world.nodes[host].crash()
    world.etcd.members[host].crash()
    if world.cluster.servers[host].up:
        world.cluster.servers[host].crash(silent=True)
    await world.sleep(seconds)
    world.revive(host)


async def leaders_frozen(world: "World", seconds: float) -> None:
    """All of the host with the primary and etcd's leader; what was sent to them meanwhile is done at the thaw."""
    host = world.cluster.leader
    world.etcd.lead(host)
    processes = world.processes(host)
    for process in processes:
        process.freeze()
    await world.sleep(seconds)
    world.dice.shuffle(processes)
    for process in processes:
        process.thaw()


async def etcd_frozen(world: "World", seconds: float) -> None:
    process = world.etcd.members[world.etcd.leader].process
    process.freeze()
    await world.sleep(seconds)
    process.thaw()


async def etcd_killed(world: "World", seconds: float) -> None:
    member = world.etcd.members[world.dice.randrange(3)]
    member.crash()
    await world.sleep(seconds)
    member.start()


async def host_isolated(world: "World", seconds: float) -> None:
    world.network.isolate(world.dice.choice((world.cluster.leader, world.dice.randrange(3))))
    await world.sleep(seconds)
    world.network.heal()


async def one_way(world: "World", seconds: float) -> None:
    a, b = world.dice.sample(range(3), 2)
    world.network.cut.add((a, b))
    await world.sleep(seconds)
    world.network.heal()


async def slow_links(world: "World", seconds: float) -> None:
    for pair in _pairs(world):
        world.network.slow[pair] = world.dice.choice((0.02, 0.1, 0.5))
    await world.sleep(seconds)
    world.network.heal()


async def lossy_links(world: "World", seconds: float) -> None:
    for pair in _pairs(world):
        world.network.lossy[pair] = world.dice.uniform(0.05, 0.4)
    await world.sleep(seconds)
    world.network.heal()


async def clients_cut(world: "World", seconds: float) -> None:
    """Requests arrive and their answers do not, or the other way round."""
    host = world.dice.randrange(3)
    world.network.cut.add(world.dice.choice(((OUTSIDE, host), (host, OUTSIDE))))
    await world.sleep(seconds / 2)
    world.network.heal()


def _pairs(world: "World") -> list[tuple[int, int]]:
    pairs = [(a, b) for a in range(4) for b in range(4) if a != b]
    return world.dice.sample(pairs, 5)


async def clock_steps(world: "World", seconds: float) -> None:
    clock = world.clocks[world.dice.randrange(3)]
    clock.offset_ms += world.dice.choice((-4_000, -500, 500, 4_000))
    await world.sleep(seconds)


async def clock_drifts(world: "World", seconds: float) -> None:
    world.clocks[world.dice.randrange(3)].drift = world.dice.uniform(-0.02, 0.02)
    await world.sleep(seconds)


async def switchover(world: "World", seconds: float) -> None:
    world.cluster.switch_over()
    await world.sleep(seconds)


async def disk_full(world: "World", seconds: float) -> None:
    """It commits what finds room in what it has, and answers all else that there is none."""
    primary = world.cluster.primary
    primary.no_room = world.disk_dice
    await world.sleep(seconds)
    primary.no_room = None


async def caches_emptied(world: "World", seconds: float) -> None:
    for node in world.nodes:
        node.forget()
    await world.sleep(seconds)


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        node_killed, node_frozen, primary_killed, primary_frozen, primary_flaps, waits_cancelled,
        drain_interrupted, standby_frozen,
        host_lost, leaders_lost, leaders_frozen, etcd_frozen, etcd_killed, host_isolated, one_way, slow_links,
        lossy_links, clients_cut, clock_steps, clock_drifts, switchover, caches_emptied,
    )
}  # fmt: skip


SHOWN_AND_LOST = (primary_flaps, waits_cancelled)
"""What undoes that somebody has seen: the hardest to stand, and so now and then what a world ends with."""


FULL_DISKS = 0.2
"""In so many worlds, a disk is full besides."""


async def trouble(world: "World") -> AsyncIterator[str]:
    """One fault after another, now and then two at once; the name of each as it begins."""
    if world.disk_dice.random() < FULL_DISKS:
        yield _begun(world, disk_full, world.disk_dice.choice((1.0, 4.0, 9.0)))
    times = world.dice.randint(1, 4)
    for _ in range(times):
        for name in world.dice.sample(sorted(FAULTS), 2 if world.dice.random() < 0.25 else 1):
            yield _begun(world, FAULTS[name])
        await world.sleep(world.dice.uniform(0.5, 3.0))
    if times > 1 and world.dice.random() < 0.3:
        yield _begun(world, world.dice.choice(SHOWN_AND_LOST))
        await world.sleep(world.dice.uniform(0.5, 3.0))


def _begun(world: "World", fault: Fault, seconds: float | None = None) -> str:
    if seconds is None:
        seconds = world.dice.choice((0.3, 1.0, 2.5, 4.0))
    world.begin(fault(world, seconds))
    return f"{fault.__name__} for {seconds} s"
