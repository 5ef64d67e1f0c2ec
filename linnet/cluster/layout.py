"""Where everything of a node is: its name, addresses, ports and folders, and those of its peers (pure)."""

import ipaddress
import json
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

from linnet.domain.errors import Invalid

BASE_PORT = 7_000
PUBLIC_BIND = "0.0.0.0:8000"
NAME_MAX = 40
PREFIX = "/linnet/"
"""All keys of ours in etcd begin so."""
MEMBERS = f"{PREFIX}members/"


@dataclass(frozen=True, slots=True)
class Ports:
    """What listens where on a node's address."""

    control: int
    etcd: int
    etcd_peer: int
    patroni: int
    postgres: int
    inner: int
    linnet: int
    streaming: int

    @classmethod
    def starting(cls, base: int = BASE_PORT) -> "Ports":
        """Eight in a row."""
        if not 1_024 <= base <= 65_535 - len(fields(cls)):
            raise Invalid("ports", f"must be a number from 1024 to {65_535 - len(fields(cls))}")
        return cls(*range(base, base + len(fields(cls))))


def listed(words: Sequence[str]) -> str:
    """``one, two and three``"""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def _at(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@dataclass(frozen=True, slots=True)
class Member:
    """A node as its peers know it. ``name`` is fit for etcd, Patroni and PostgreSQL alike."""

    name: str
    address: str
    ports: Ports

    def url(self, port: int) -> str:
        return f"https://{self.at(port)}"

    def at(self, port: int) -> str:
        """``ADDRESS:PORT``, with brackets around IPv6."""
        return _at(self.address, port)

    def here(self, port: int) -> str:
        """The same on this machine alone."""
        return _at(self.local_address, port)

    @property
    def control_url(self) -> str:
        return self.url(self.ports.control)

    @property
    def etcd_url(self) -> str:
        return self.url(self.ports.etcd)

    @property
    def etcd_peer_url(self) -> str:
        return self.url(self.ports.etcd_peer)

    @property
    def patroni_url(self) -> str:
        return self.url(self.ports.patroni)

    @property
    def local_address(self) -> str:
        """Where Linnet itself listens: only this machine reaches it."""
        loopback = ipaddress.ip_address(self.address).is_loopback
        return self.address if loopback else "::1" if ":" in self.address else "127.0.0.1"

    def public(self) -> dict[str, Any]:
        """What stands under ``members/`` in etcd."""
        return {"name": self.name, "address": self.address, "ports": asdict(self.ports)}


@dataclass(frozen=True, slots=True)
class Front:
    """How people come in at this node.

    ``certificate`` is a PEM file (chain and key) that its public port speaks TLS with, or '' for plain HTTP; ``plain``
    an ADDRESS:PORT that only leads there, or ''. ``proxies`` are those of the operator's own in front, who are believed
    about who asks.
    """

    certificate: str = ""
    plain: str = ""
    proxies: tuple[str, ...] = ()


PLAIN = Front()


@dataclass(frozen=True, slots=True)
class NodeFile:
    """DIR/cluster/node.json. ``bind`` is the public ADDRESS:PORT, ``origin`` what people's browsers show ('' unset).

    ``beginning`` is how etcd starts the first time: ``new``, or ``existing`` with ``initial_cluster`` as the members
    said it at the join.
    """

    cluster: str
    me: Member
    bind: str = PUBLIC_BIND
    origin: str = ""
    beginning: str = "new"
    initial_cluster: str = ""
    front: Front = PLAIN

    def to_json(self) -> str:
        values = {"cluster": self.cluster, **self.me.public(), "bind": self.bind, "origin": self.origin}
        values |= {"beginning": self.beginning, "initial_cluster": self.initial_cluster, **asdict(self.front)}
        return json.dumps(values, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "NodeFile":
        """Raises Invalid."""
        try:
            values = json.loads(text)
            return cls(
                cluster=str(values["cluster"]),
                me=member(values),
                bind=str(values.get("bind", PUBLIC_BIND)),
                origin=str(values.get("origin", "")),
                beginning=str(values.get("beginning", "new")),
                initial_cluster=str(values.get("initial_cluster", "")),
                front=Front(
                    str(values.get("certificate", "")), str(values.get("plain", "")),
                    tuple(map(str, values.get("proxies", ()))),
                ),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Invalid("node", f"is not as this version writes it ({error!r})") from None


State = Literal["joining", "ready", "drained", "leaving"]
JOINING: Final = "joining"
READY: Final = "ready"
DRAINED: Final = "drained"
LEAVING: Final = "leaving"
STATES: tuple[State, ...] = (JOINING, READY, DRAINED, LEAVING)


@dataclass(frozen=True, slots=True)
class Standing:
    """A member and how it stands: what is under ``members/`` in etcd. One that is joining counts for nothing yet."""

    member: Member
    state: State = READY

    @property
    def name(self) -> str:
        return self.member.name

    def to_json(self) -> str:
        return json.dumps({**self.member.public(), "state": self.state})

    @classmethod
    def of(cls, member: Member, state: str) -> "Standing":
        """Raises ValueError for a word that is no state."""
        return cls(member, STATES[STATES.index(state)])

    @classmethod
    def from_json(cls, text: str | bytes) -> "Standing":
        """Raises Invalid."""
        try:
            values = json.loads(text)
            return cls.of(member(values), values.get("state", READY))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Invalid("member", f"is not as this version writes it ({error!r})") from None


def belonging(standings: Iterable[Standing]) -> tuple[Member, ...]:
    """Those who have joined."""
    return tuple(one.member for one in standings if one.state != JOINING)


def member(values: Mapping[str, Any]) -> Member:
    """A member of its public part. Raises Invalid, KeyError or TypeError for what is none."""
    ports = Ports(**{entry.name: int(values["ports"][entry.name]) for entry in fields(Ports)})
    if not all(0 < port < 65_536 for port in asdict(ports).values()):
        raise Invalid("ports", "must be numbers from 1 to 65535")
    return Member(checked_name(str(values["name"])), checked_address(str(values["address"])), ports)


def checked_name(name: str) -> str:
    """A node's name: small letters, digits and dashes, as a host name has. Raises Invalid."""
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789-")
    if not 1 <= len(name) <= NAME_MAX or not set(name) <= allowed or name.startswith("-") or name.endswith("-"):
        raise Invalid("name", f"must be small letters, digits and dashes, {NAME_MAX} at most (got {name[:80]!r})")
    return name


def name_of_host(host: str) -> str:
    """A node's name made of a host's name, which may have dots and capitals."""
    first = host.partition(".")[0].lower()
    made = "".join(c if c.isascii() and c.isalnum() else "-" for c in first).strip("-")[:NAME_MAX].strip("-")
    return made or "node"


def checked_address(address: str) -> str:
    """The IP address by which other nodes reach this one. Raises Invalid."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        raise Invalid("address", f"must be an IP address of this machine (got {address[:80]!r})") from None
    # A zone ("fe80::1%eth0") is one machine's own word for a card, and may hold whatever ends a host name in a URL.
    if found.is_unspecified or found.is_multicast or "%" in address:
        raise Invalid("address", "must be one address that the other nodes reach this machine at")
    return str(found)


@dataclass(frozen=True, slots=True)
class Folders:
    """The data folder of a node. What is secret is readable for its user alone."""

    data: Path

    @property
    def cluster(self) -> Path:
        return self.data / "cluster"

    @property
    def node(self) -> Path:
        return self.cluster / "node.json"

    @property
    def secrets(self) -> Path:
        return self.cluster / "secrets.json"

    @property
    def members(self) -> Path:
        """The members as they were last seen: a node must find its peers before etcd answers."""
        return self.cluster / "members.json"

    @property
    def ca(self) -> Path:
        return self.cluster / "ca.crt"

    @property
    def ca_key(self) -> Path:
        """What signs certificates: every node has it, and renews its own."""
        return self.cluster / "ca.key"

    @property
    def certificate(self) -> Path:
        return self.cluster / "node.crt"

    @property
    def key(self) -> Path:
        return self.cluster / "node.key"

    @property
    def pem(self) -> Path:
        """Certificate and key in one file, as HAProxy wants them."""
        return self.cluster / "node.pem"

    @property
    def etcd(self) -> Path:
        return self.data / "etcd"

    @property
    def voted(self) -> Path:
        """Is there as soon as this node's etcd has had a voice: from then on it may not begin without its files."""
        return self.cluster / "voted"

    @property
    def postgres(self) -> Path:
        return self.data / "postgres"

    @property
    def run(self) -> Path:
        return self.data / "run"

    @property
    def children(self) -> Path:
        return self.run / "children"

    @property
    def stale(self) -> Path:
        """Who has not read its files since they changed."""
        return self.run / "stale"

    @property
    def lock(self) -> Path:
        return self.run / "node.lock"

    @property
    def drained(self) -> Path:
        """While it is there, this node's Linnet says that it is not ready: nobody is to be sent here."""
        return self.run / "drained"

    @property
    def notes(self) -> Path:
        """What this node's Linnet says beside being ready, a sentence a line."""
        return self.run / "notes"

    @property
    def logs(self) -> Path:
        return self.data / "log"

    def configuration(self, child: str) -> Path:
        """The file that a child is started with."""
        names = {"etcd": "etcd.json", "patroni": "patroni.yml", "haproxy": "haproxy.cfg", "linnet": "linnet.toml"}
        return self.run / names[child]

    def made(self) -> Iterable[Path]:
        """Every folder that a node makes itself, parents first."""
        return (self.data, self.cluster, self.run, self.children, self.logs, self.etcd)


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. ``arguments`` hold no secret: everybody on the machine may read them.

    ``patience`` is how many seconds it may take to end after it was asked, ``asked`` the signal that asks it.
    ``inherits`` names variables that are handed on from the node's own environment.
    """

    name: str
    arguments: tuple[str, ...]
    patience: float = 10.0
    environment: Mapping[str, str] = field(default_factory=dict)
    asked: int = signal.SIGTERM
    inherits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where the programs are that a node runs: paths. ``postgres`` is the folder with PostgreSQL's."""

    etcd: str
    haproxy: str
    postgres: str


def initial_cluster(members: Iterable[Member]) -> str:
    """``n1=https://…:7002,n2=…``, as etcd wants it."""
    return ",".join(f"{one.name}={one.etcd_peer_url}" for one in sorted(members, key=lambda one: one.name))
