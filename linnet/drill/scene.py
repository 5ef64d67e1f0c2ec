"""What a fault has before it: the nodes, their cables, who is what, and whom it is aimed at."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from linnet.drill.network import Network
from linnet.drill.processes import Node
from linnet.drill.roles import Roles
from linnet.ports import Clock
from linnet.supervision import Tasks


class Keeper(Protocol):
    """What can be asked of the cluster as its operator asks it."""

    async def keep(self, node: Node) -> None:
        """Starts ``linnet cluster run`` on a node that has none, as its init system would."""
        ...

    async def restart(self, node: Node) -> None:
        """Ends a node in order, with all that it runs, and starts it again."""
        ...

    async def renew(self, node: Node) -> None:
        """Has a node leave, and join again with an empty folder."""
        ...

    def database(self, node: Node) -> str:
        """The address of PostgreSQL on this node."""
        ...

    async def command(self, node: Node, *words: str, timeout_s: float = 60.0) -> str:
        """What ``linnet WORDS`` prints on that node. Raises CommandFailed."""
        ...

    async def whole(self, timeout_s: float) -> Roles:
        """Waits until nothing lacks. Raises NotWhole."""
        ...


class CommandFailed(Exception):
    """A command of Linnet's ended with an error; the sentence is what it said."""


class NotWhole(Exception):
    """The cluster is not as it was, after all the time that it had; the sentence says what lacks."""


@dataclass(eq=False)
class Scene:
    """``target`` is whom the fault is aimed at, ``dead`` are nodes that it makes unreachable or ends.

    ``away`` are nodes that were drained and restarted, from when to when: clients are to ask others meanwhile.
    """

    nodes: Sequence[Node]
    network: Network
    keeper: Keeper
    clock: Clock
    roles: Roles
    target: Node
    dead: list[Node] = field(default_factory=list)
    away: list[tuple[Node, float, float]] = field(default_factory=list)
    background: Tasks = field(default_factory=Tasks)

    @property
    def others(self) -> list[Node]:
        return [node for node in self.nodes if node is not self.target]

    def named(self, name: str | None) -> Node:
        """Raises LookupError where nobody has that role now."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise LookupError("nobody has the role that this fault is aimed at")
