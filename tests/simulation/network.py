"""The network between hosts: it delays, loses, brings late, brings twice, and can be cut in each direction."""

from collections.abc import Callable
from typing import Any

from tests.simulation.machine import Machine, Process

OUTSIDE = 3
"""The host that all clients are on; 0 to 2 are the cluster's."""
USER_TIMEOUT = 2.0
"""What was sent over a connection through a cut reaches the other side after it, where that was short enough."""


class Network:
    """Links by (from, to). A cut one keeps what is sent over it for a while; a lossy one sends it again, later."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._dice = machine.dice
        self.cut: set[tuple[int, int]] = set()
        self.slow: dict[tuple[int, int], float] = {}
        self.lossy: dict[tuple[int, int], float] = {}

    def open(self, a: int, b: int) -> bool:
        """Whether messages go both ways."""
        return (a, b) not in self.cut and (b, a) not in self.cut

    def calm(self, a: int, b: int) -> bool:
        """Whether nothing is wrong between two hosts."""
        return self.open(a, b) and (a, b) not in self.slow and (a, b) not in self.lossy

    def delay(self, a: int, b: int) -> float:
        seconds = self._dice.uniform(0.00005, 0.0002) if a == b else self._dice.uniform(0.0002, 0.001)
        seconds += self.slow.get((a, b), 0.0) * self._dice.uniform(0.5, 1.0)
        if self._dice.random() < self.lossy.get((a, b), 0.0):
            seconds += self._dice.choice((0.2, 0.4, 0.8))
        return seconds

    def send(self, a: int, to: Process, do: Callable[..., object], *args: Any) -> None:
        """Has ``do`` run in the process ``to``, unless the message is lost on its way."""
        if (a, to.host) not in self.cut:
            to.later(self.delay(a, to.host), do, *args)
        elif self._dice.random() < 0.5:
            self._machine.later(self._dice.uniform(0.2, USER_TIMEOUT), self._send_again, a, to, do, args)

    def _send_again(self, a: int, to: Process, do: Callable[..., object], args: tuple[Any, ...]) -> None:
        if (a, to.host) not in self.cut:
            to.later(self.delay(a, to.host), do, *args)

    def isolate(self, host: int) -> None:
        """Cuts a host off from the other two; the outside reaches it still."""
        self.cut |= {(a, b) for a in range(3) for b in range(3) if a != b and host in (a, b)}

    def heal(self) -> None:
        self.cut.clear()
        self.slow.clear()
        self.lossy.clear()
