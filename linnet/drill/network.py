"""Three hosts on one machine, and what may happen to their cables.

``Hosts`` gives each a network namespace with two interfaces: one to the clients, one to the other nodes. Frames are
lost in silence, as a broken switch loses them: a port is taken out of its bridge, or a neighbour is given an address
that nobody has. Nothing but iproute2 is needed. ``Loopback`` has three addresses and no cables.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

NAMES = ("one", "two", "three")
_NOWHERE = "02:00:00:00:de:ad"


@dataclass(frozen=True, slots=True)
class Host:
    """A machine for one node. ``public`` is where clients find it, ``address`` where the other nodes do."""

    name: str
    number: int
    public: str
    address: str
    around: tuple[str, ...] = ()

    def command(self, argv: Sequence[str]) -> list[str]:
        """``argv``, to be run on this host."""
        return [*self.around, *argv]


class Network(Protocol):
    """``cables`` is False where no link can be harmed; then only ``hosts`` is of use."""

    cables: bool
    hosts: tuple[Host, ...]

    async def set_up(self) -> None: ...

    async def cut(self, host: Host, *, clients: bool = True) -> None:
        """From the other nodes, and from the clients, too, unless told otherwise. Nobody is told."""
        ...

    async def deafen(self, speaker: Host, listener: Host) -> None:
        """What ``speaker`` sends does not reach ``listener`` any more; the other way is as it was."""
        ...

    async def slow(self, host: Host, delay_ms: int, jitter_ms: int, loss: float) -> None:
        """Between this node and the others, both ways."""
        ...

    async def heal(self) -> None:
        """All links as they were."""
        ...


class Loopback:
    """127.0.1.1, .2 and .3 of this machine."""

    cables = False

    def __init__(self) -> None:
        self.hosts = tuple(Host(name, i, f"127.0.1.{i}", f"127.0.1.{i}") for i, name in enumerate(NAMES, start=1))

    async def set_up(self) -> None:
        return

    async def cut(self, host: Host, *, clients: bool = True) -> None:
        raise NetworkFailed("addresses of loopback have no cable")

    async def deafen(self, speaker: Host, listener: Host) -> None:
        raise NetworkFailed("addresses of loopback have no cable")

    async def slow(self, host: Host, delay_ms: int, jitter_ms: int, loss: float) -> None:
        raise NetworkFailed("addresses of loopback have no cable")

    async def heal(self) -> None:
        return


class Hosts:
    """Network namespaces on two bridges: ``lan`` (10.77.0.0/24, where the drill is, too) and ``ring`` (10.77.1.0/24).

    They are inside of the drill's own namespace and end with it.
    """

    cables = True

    def __init__(self) -> None:
        self.hosts = tuple(
            Host(name, i, f"10.77.0.1{i}", f"10.77.1.1{i}", ("ip", "netns", "exec", name))
            for i, name in enumerate(NAMES, start=1)
        )
        self._deaf: list[tuple[Host, Host]] = []
        self._relays: list[tuple[Host, asyncio.subprocess.Process]] = []

    async def set_up(self) -> None:
        """Raises NetworkFailed."""
        await run("mount -t tmpfs run /run")
        await run("mkdir /run/netns")
        await _ip("link set lo up")
        for bridge, address in (("lan", "10.77.0.1/24"), ("ring", "10.77.1.1/24")):
            await _ip(f"link add {bridge} type bridge")
            await _ip(f"addr add {address} dev {bridge}")
            await _ip(f"link set {bridge} up")
        for host in self.hosts:
            await _ip(f"netns add {host.name}")
            await _ip(f"-n {host.name} link set lo up")
            for bridge, inside, address in (("lan", "e0", host.public), ("ring", "e1", host.address)):
                port = _port(bridge, host)
                await _ip(f"link add {port} type veth peer name {inside} netns {host.name}")
                await _ip(f"link set {port} master {bridge} up")
                await _ip(f"-n {host.name} addr add {address}/24 dev {inside}")
                await _ip(f"-n {host.name} link set {inside} up")

    async def cut(self, host: Host, *, clients: bool = True) -> None:
        await _ip(f"link set {_port('ring', host)} nomaster")
        if clients:
            await _ip(f"link set {_port('lan', host)} nomaster")

    async def deafen(self, speaker: Host, listener: Host) -> None:
        self._deaf.append((speaker, listener))
        await _ip(f"-n {speaker.name} neigh replace {listener.address} lladdr {_NOWHERE} dev e1 nud permanent")

    async def slow(self, host: Host, delay_ms: int, jitter_ms: int, loss: float) -> None:
        near, far = f"near{host.number}", f"far{host.number}"
        await _ip(f"link add {near} type veth peer name {far}")
        await _ip(f"link set {near} up")
        await _ip(f"link set {far} master ring up")
        await _ip(f"link set {_port('ring', host)} nomaster")
        relay = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "linnet.drill.relay", _port("ring", host), near),
            *(str(delay_ms), str(jitter_ms), str(loss)),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._relays.append((host, relay))
        assert relay.stdout is not None
        if not await asyncio.wait_for(relay.stdout.readline(), 20):
            raise NetworkFailed("the slow cable could not be laid")

    async def heal(self) -> None:
        for host, relay in self._relays:
            with contextlib.suppress(ProcessLookupError):
                relay.kill()
            await relay.wait()
            await _ip(f"link del near{host.number}")
        self._relays.clear()
        for speaker, listener in self._deaf:
            await _ip(f"-n {speaker.name} neigh del {listener.address} dev e1")
        self._deaf.clear()
        for host in self.hosts:
            for bridge in ("lan", "ring"):
                await _ip(f"link set {_port(bridge, host)} master {bridge}")


class NetworkFailed(Exception):
    """A host or a link could not be made; the sentence has the command and its answer."""


def _port(bridge: str, host: Host) -> str:
    """The bridge's end of a host's cable."""
    return f"{bridge}{host.number}"


async def _ip(words: str) -> None:
    await run(f"ip {words}")


async def run(command: str) -> None:
    """Raises NetworkFailed where it ends with an error."""
    done = await asyncio.create_subprocess_exec(
        *command.split(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await done.communicate()
    if done.returncode:
        raise NetworkFailed(f"{command}: {said.decode(errors='replace').strip()}")
