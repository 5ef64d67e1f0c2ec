"""How each fault is done and undone."""

import asyncio
import errno
import os
import signal
from collections.abc import Awaitable, Callable

from linnet.drill import damage, filler
from linnet.drill.processes import Node
from linnet.drill.scene import Scene
from linnet.system import SteppedClock

Act = Callable[[Scene], Awaitable[None]]
FILL = "full-disk"
FILL_BYTES, LEFT_BYTES = 16 << 20, 4_096
FILL_PAUSE_SECONDS = 0.02
BETWEEN_NODES_SECONDS = 10.0
BETWEEN_PROCESSES_SECONDS = 2.0
PULSE_SECONDS = 0.15
LITTER = "drill-caches"
"""A file in a node's DIR/run: without it, nobody can fill caches with rubbish."""
REST_SECONDS = 0.18


async def nothing(scene: Scene) -> None:
    """Who heals by himself needs nobody."""


async def _sent(node: Node, number: int, *kinds: str, all_of_it: bool = False) -> list[int]:
    """To look for processes takes a moment, in which the load goes on: what it measures is not to be our own pause."""
    return await asyncio.to_thread(node.send, number, *kinds, all_of_it=all_of_it)


# -- processes --------------------------------------------------------------------------------------------------------


def kill(*kinds: str) -> Act:
    async def act(scene: Scene) -> None:
        if not await _sent(scene.target, signal.SIGKILL, *kinds):
            raise LookupError(f"{scene.target.name} has no {' or '.join(kinds)} that could be killed")

    return act


def freeze(*kinds: str) -> Act:
    async def act(scene: Scene) -> None:
        if not await _sent(scene.target, signal.SIGSTOP, *kinds):
            raise LookupError(f"{scene.target.name} has no {' or '.join(kinds)} that could be stopped")

    return act


async def kill_all(scene: Scene) -> None:
    await _sent(scene.target, signal.SIGKILL, all_of_it=True)


async def freeze_all(scene: Scene) -> None:
    await _sent(scene.target, signal.SIGSTOP, all_of_it=True)


async def thaw(scene: Scene) -> None:
    await scene.background.close()
    for node in scene.nodes:
        node.thaw()


async def keep(scene: Scene) -> None:
    for node in scene.dead or [scene.target]:
        await scene.keeper.keep(node)


def kill_in_turn(*kinds: str) -> Act:
    async def act(scene: Scene) -> None:
        for kind in kinds:
            await kill(kind)(scene)
            await scene.clock.sleep(BETWEEN_PROCESSES_SECONDS)

    return act


async def two_in_turn(scene: Scene) -> None:
    """The second one fails when the first is only just back."""
    await freeze_all(scene)
    await scene.clock.sleep(15.0)
    scene.target.thaw()
    await scene.clock.sleep(BETWEEN_NODES_SECONDS)
    scene.target = scene.named(scene.roles.primary)
    scene.dead.append(scene.target)
    await kill_all(scene)


# -- cables -----------------------------------------------------------------------------------------------------------


async def power_off(scene: Scene) -> None:
    """Nobody says good-bye: the cables are silent before the kernel could close a connection."""
    await scene.network.cut(scene.target.host)
    await kill_all(scene)


async def power_on(scene: Scene) -> None:
    await scene.network.heal()
    await keep(scene)


async def cut(scene: Scene) -> None:
    await scene.network.cut(scene.target.host)


async def cut_ring(scene: Scene) -> None:
    await scene.network.cut(scene.target.host, clients=False)


async def mute(scene: Scene) -> None:
    for other in scene.others:
        await scene.network.deafen(scene.target.host, other.host)


async def deafen(scene: Scene) -> None:
    for other in scene.others:
        await scene.network.deafen(other.host, scene.target.host)


async def part(scene: Scene) -> None:
    other = scene.others[0]
    await scene.network.deafen(scene.target.host, other.host)
    await scene.network.deafen(other.host, scene.target.host)


def slow(delay_ms: int, jitter_ms: int, loss: float) -> Act:
    async def act(scene: Scene) -> None:
        await scene.network.slow(scene.target.host, delay_ms, jitter_ms, loss)

    return act


async def mend(scene: Scene) -> None:
    await scene.network.heal()


# -- disks and clocks -------------------------------------------------------------------------------------------------


async def fill_disk(scene: Scene) -> None:
    """Raises LookupError where the folder has no small disk of its own: nobody else's is filled.

    In pieces: a disk in memory is filled by the processor, and nobody else would have it meanwhile, the load included.
    """
    folder = scene.target.folder
    if not folder.is_mount():
        raise LookupError(f"{folder} has no disk of its own that could be filled")
    with (folder / FILL).open("wb") as opened:
        size, piece = 0, FILL_BYTES
        while piece >= LEFT_BYTES:
            try:
                await asyncio.to_thread(os.posix_fallocate, opened.fileno(), size, piece)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                piece //= 2
            else:
                size += piece
                await scene.clock.sleep(FILL_PAUSE_SECONDS)


async def free_disk(scene: Scene) -> None:
    """In pieces, too, for the same reason."""
    path = scene.target.folder / FILL
    if path.exists():
        for size in range(path.stat().st_size - FILL_BYTES, 0, -FILL_BYTES):
            await asyncio.to_thread(os.truncate, path, size)
            await scene.clock.sleep(FILL_PAUSE_SECONDS)
        path.unlink()


async def damage_disk(scene: Scene) -> None:
    await damage.lose(scene.keeper.database(scene.target), scene.target.folders.postgres)


async def change_disk(scene: Scene) -> None:
    """As the operators' book says: the machine leaves, and joins anew with an empty folder."""
    began = scene.clock.monotonic()
    await scene.keeper.renew(scene.target)
    scene.away.append((scene.target, began, scene.clock.monotonic()))


def step_clock(ms: int) -> Act:
    async def act(scene: Scene) -> None:
        with (scene.target.folders.run / SteppedClock.FILE).open("r+b") as opened:
            opened.write(ms.to_bytes(8, "little", signed=True))

    return act


# -- planned work -----------------------------------------------------------------------------------------------------


async def switchover(scene: Scene) -> None:
    await scene.keeper.command(scene.target, "cluster", "switchover")


async def rolling_restart(scene: Scene) -> None:
    for node in scene.nodes:
        await scene.keeper.command(node, "cluster", "drain", timeout_s=120.0)
        began = scene.clock.monotonic()
        await scene.keeper.restart(node)
        await scene.keeper.command(node, "cluster", "undrain", timeout_s=120.0)
        scene.away.append((node, began, scene.clock.monotonic()))
        await scene.keeper.whole(120.0)


# -- caches and etcd --------------------------------------------------------------------------------------------------


async def empty_caches(scene: Scene) -> None:
    for node in scene.nodes:
        node.send(signal.SIGUSR1, "linnet")


async def spoil_caches(scene: Scene) -> None:
    for node in scene.nodes:
        (node.folders.run / LITTER).touch()
        node.send(signal.SIGUSR2, "linnet")


async def full_journal(scene: Scene) -> None:
    """As full as its bound allows, then the primary's node dies: its posts have nowhere to go but to wait."""
    await filler.fill(scene.named(scene.roles.leader))
    await kill_all(scene)


async def empty_journal(scene: Scene) -> None:
    await filler.empty([node for node in scene.nodes if node is not scene.target])
    await keep(scene)


async def slow_etcd(scene: Scene) -> None:
    leader = scene.named(scene.roles.leader)

    async def pulse() -> None:
        leader.send(signal.SIGSTOP, "etcd")
        await scene.clock.sleep(PULSE_SECONDS)
        leader.thaw()
        await scene.clock.sleep(REST_SECONDS)

    scene.background.start("slow-etcd", scene.background.forever("slow-etcd", pulse))
    await scene.clock.sleep(3.0)
    await kill("postgres")(scene)
