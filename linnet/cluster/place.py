"""What the work on members has at hand on its node: the node itself, fresh looks at the cluster, and its end."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass

from linnet.cluster import asking, certificates
from linnet.cluster.layout import Folders, Member
from linnet.cluster.node import Node
from linnet.cluster.patroni_rest import PatroniRest
from linnet.cluster.picture import Picture
from linnet.domain.errors import Conflict, Unavailable
from linnet.ports import Chance, Clock, Majority


@dataclass
class Place:
    """One node at work. ``look`` gives the latest picture; ``end`` ends the node, when it is no member any more."""

    node: Node
    chance: Chance
    look: Callable[[], Picture]
    end: Callable[[], None]
    doing: str = ""
    """The change that is being made; one at a time."""

    def begin(self, what: str) -> None:
        """Whoever begins one sets ``doing`` back when it is done. Raises Conflict while another one is being made."""
        if self.doing:
            raise Conflict(f"This node is busy: {self.doing}; try again when that is done")
        self.doing = what

    @property
    def me(self) -> Member:
        return self.node.me

    @property
    def folders(self) -> Folders:
        return self.node.folders

    @property
    def clock(self) -> Clock:
        return self.node.clock

    @property
    def majority(self) -> Majority:
        return self.node.majority

    @property
    def patroni(self) -> PatroniRest:
        return self.node.rest

    @property
    def context(self) -> ssl.SSLContext:
        """For asking other nodes, with the certificate that there is now."""
        return certificates.asking(self.folders)

    async def serves(self, member: Member) -> bool:
        """Whether a node's HAProxy and the Linnet behind it take requests, as its neighbours ask."""
        try:
            answer = await asking.exchange(member.url(member.ports.inner), "/readyz", self.context, seconds=2.0)
        except Unavailable:
            return False
        return answer.status == 200
