"""Everything that a node's children are told, from what the node knows (pure): their files, and how each is run."""

import json
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from linnet.cluster import etcd_member, haproxy, patroni
from linnet.cluster.layout import (
    DRAINED,
    LEAVING,
    READY,
    Binaries,
    Folders,
    Member,
    NodeFile,
    Program,
    Standing,
    belonging,
    initial_cluster,
)
from linnet.cluster.passwords import Passwords
from linnet.cluster.patroni import Machine, Postgres
from linnet.cluster.picture import CHILDREN, ETCD, HAPROXY, LINNET, PATRONI

ENDING = (LINNET, HAPROXY, PATRONI, ETCD)
"""In the order in which they are ended: first nobody is let in any more, at last the majority is left."""

FIRST_SQL = "first.sql"
PG_CTL = "pg_ctl"
EXECUTABLE = frozenset({PG_CTL})
BUCKET_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION")
"""With a bucket in linnet.toml, its key is given to the node."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What configurations are made of. ``options`` is what the operator wrote into DIR/linnet.toml."""

    node: NodeFile
    standings: tuple[Standing, ...]
    folders: Folders
    passwords: Passwords
    binaries: Binaries
    machine: Machine
    python: str
    options: Mapping[str, Any]
    noexec: bool = False
    """Whether no program may be run that lies in DIR/run."""

    @property
    def me(self) -> Member:
        return self.node.me

    @property
    def state(self) -> str:
        """This node's own. One that was struck off while it was dead, and comes back, is as one that leaves."""
        return next((one.state for one in self.standings if one.name == self.me.name), LEAVING)

    @property
    def everybody(self) -> tuple[Member, ...]:
        """Also those who have not joined yet, and this node."""
        listed = tuple(one.member for one in self.standings)
        return listed if self.me in listed else (*listed, self.me)

    @property
    def members(self) -> tuple[Member, ...]:
        """Those whose etcd and PostgreSQL are to be asked: all who have joined; at the very first, this node alone."""
        return belonging(self.standings) or (self.me,)


def files(known: Knowledge) -> dict[str, str]:
    """File names in DIR/run and what stands in them."""
    me, folders = known.me, known.folders
    beginning = known.node.initial_cluster or initial_cluster([me])
    programs = known.binaries.postgres
    scripts = {} if known.noexec else {PG_CTL: patroni.pg_ctl(programs, str(folders.postgres))}
    postgres = Postgres(programs, str(folders.run / FIRST_SQL), str(folders.run / PG_CTL) if scripts else "")
    return {
        **scripts,
        folders.configuration(ETCD).name: etcd_member.render(
            me, folders, known.node.cluster, beginning=known.node.beginning, initial_cluster=beginning
        ),
        FIRST_SQL: patroni.first_sql(known.passwords),
        folders.configuration(PATRONI).name: patroni.render(
            me, known.members, folders, known.passwords, postgres, known.machine, state=known.state
        ),
        folders.configuration(LINNET).name: toml(linnet_options(known)),
        folders.configuration(HAPROXY).name: ingress(known),
    }


def linnet_options(known: Knowledge) -> dict[str, Any]:
    """The operator's options, and over them what the cluster demands."""
    me, folders = known.me, known.folders
    # This node's own first: it is asked as long as it answers, and no two nodes wait for the same one.
    nearest = sorted(known.members, key=lambda one: one.name != me.name)
    etcd = ",".join(one.at(one.ports.etcd) for one in nearest)
    options = {key.replace("-", "_"): value for key, value in known.options.items()}
    options.setdefault("blobs", "database")
    options |= {
        # Those who are joining, too: whoever becomes the primary has long been known to every Linnet then.
        "database": patroni.database_url(known.everybody, folders, known.passwords),
        "journal": f"etcd://{etcd}?ca={folders.ca}&cert={folders.certificate}&key={folders.key}"
        f"&quota={etcd_member.QUOTA_BYTES}",
        "bind": me.here(me.ports.linnet),
        "streaming_bind": me.here(me.ports.streaming),
        "trusted_proxies": ["127.0.0.0/8", "::1"],
    }
    if known.node.origin:
        options["origin"] = known.node.origin
    return options


def toml(options: Mapping[str, Any]) -> str:
    """A flat TOML file: what JSON writes for texts, numbers, switches and lists of texts is TOML as well."""
    lines = ["# Written by the node, of linnet.toml in the data folder and of what the cluster demands."]
    lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in sorted(options.items())]
    return "\n".join(lines) + "\n"


def ingress(known: Knowledge) -> str:
    me, folders = known.me, known.folders
    here = haproxy.Ingress(
        name=me.name,
        public=known.node.bind,
        inner=me.at(me.ports.inner),
        local=me.here(me.ports.linnet),
        streaming=me.here(me.ports.streaming),
        authority=str(folders.ca),
        identity=str(folders.pem),
        socket=str(folders.run / "haproxy.sock"),
        certificate=known.node.front.certificate,
        plain=known.node.front.plain,
        forwarded_from=known.node.front.proxies,
        workers=int(known.options.get("workers") or 1),
    )
    nodes = [
        haproxy.Peer(one.name, one.member.address, one.member.ports.inner, one.state == DRAINED)
        for one in known.standings
        if one.state in (READY, DRAINED) or one.name == me.name
    ]
    return haproxy.render(here, nodes or [haproxy.Peer(me.name, me.address, me.ports.inner)])


def programs(known: Knowledge) -> dict[str, Program]:
    """How each child is run. No secret stands here."""
    folders = known.folders
    interpreter = (known.python, "-P", "-m")
    return {
        ETCD: Program(ETCD, (known.binaries.etcd, "--config-file", str(folders.configuration(ETCD)))),
        PATRONI: Program(
            PATRONI,
            (*interpreter, "linnet.cluster.patroni_program", str(folders.configuration(PATRONI))),
            patience=40.0,
        ),
        LINNET: Program(
            LINNET,
            (
                *(*interpreter, "linnet", "serve"),
                *("--data", str(folders.data), "--config", str(folders.configuration(LINNET))),
            ),
            patience=40.0,
            inherits=BUCKET_VARIABLES,
        ),
        HAPROXY: Program(HAPROXY, (known.binaries.haproxy, "-W", "-f", str(folders.configuration(HAPROXY)))),
    }


RELOADING: Mapping[str, int] = {PATRONI: signal.SIGHUP, LINNET: signal.SIGHUP, HAPROXY: signal.SIGUSR2}
"""What makes each child read its files again; etcd reads certificates at each handshake, and knows its members."""


def touched(changed: Sequence[str], folders: Folders) -> tuple[str, ...]:
    """The children whose file is among those that changed, by its name."""
    return tuple(child for child in CHILDREN if folders.configuration(child).name in changed and child in RELOADING)
