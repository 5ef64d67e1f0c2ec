"""``linnet cluster init|run|status``: begins a cluster, runs this machine's node, and says how the whole stands."""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from linnet import telemetry
from linnet.cli.ending import CONFIGURATION, NOT_PERMITTED, NOT_THERE, TRY_AGAIN, UNAVAILABLE, Ending
from linnet.cli.printing import table
from linnet.cluster import admission, certificates, joining, programs
from linnet.cluster.asking import ask
from linnet.cluster.decide import OWN_TOPICS
from linnet.cluster.layout import (
    Folders,
    Front,
    Member,
    NodeFile,
    Ports,
    Standing,
    checked_address,
    checked_name,
    name_of_host,
)
from linnet.cluster.loop import Loop
from linnet.cluster.node import Node, begin, read_node
from linnet.cluster.patroni import STANDBYS_AWAITED
from linnet.cluster.reception import Reception
from linnet.config import OPTIONS, Config, Refused, load
from linnet.domain.errors import Conflict, Invalid, LinnetError, NotFound
from linnet.supervision import Tasks
from linnet.system import SystemChance, SystemClock, machine_clock

END_SECONDS = 5.0
"""What the watchers of a node may take to end; its children have ended by then."""


def init(config: Config, chosen: argparse.Namespace) -> int:
    """``linnet cluster init``. Raises Ending."""
    refuse_root()
    folders = prepared(config)
    with endings(), running_alone(folders):
        programs.find(folders.postgres)
        me = member(chosen)
        bind = config_bind(chosen.bind)
        origin = chosen.origin or _origin(bind, me.address, "https" if chosen.certificate else "http")
        node = NodeFile("linnet", me, bind, origin, front=front(chosen))
        begin(folders, node, SystemClock(), SystemChance())
        print(f"This machine is the first node, {me.name}: other nodes reach it at {me.address}, people at {origin}.")
        if chosen.prepare_only:
            print(f"Start it with `linnet cluster run --data {folders.data}`.")
            return 0
        return serve_node(folders, first=True)


def run(config: Config, chosen: argparse.Namespace) -> int:
    """``linnet cluster run``. Raises Ending."""
    refuse_root()
    folders = prepared(config)
    with endings(), running_alone(folders):
        return serve_node(folders, chosen.given)


def refuse_root() -> None:
    """Raises Ending: PostgreSQL does not run as root, and nothing else here needs it."""
    if os.geteuid() == 0:
        raise Ending(
            NOT_PERMITTED,
            "A node does not run as root, which PostgreSQL refuses: make an ordinary user for it "
            "(`adduser --system --group --home /var/lib/linnet linnet`) and run this as that user "
            "(`runuser -u linnet -- linnet cluster …`), or use the systemd unit.",
        )


def prepared(config: Config) -> Folders:
    """The data folder, there and ours. Raises Ending."""
    os.umask(0o027)
    telemetry.set_up_logs(config.log_level, config.log_format)
    folders = Folders(config.data)
    try:
        folders.data.mkdir(parents=True, exist_ok=True, mode=0o750)
        if folders.data.stat().st_uid not in (0, os.geteuid()):
            raise Ending(
                NOT_PERMITTED,
                f"The data folder {folders.data} belongs to another user, who could put files of their own in the "
                "place of a node's: run this as that user, or choose another folder with --data.",
            )
        folders.run.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise Ending(
            NOT_PERMITTED, f"The data folder {folders.data} cannot be prepared: {os.strerror(error.errno or 0)}."
        ) from None
    for folder in (folders.data, folders.run):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise Ending(
                NOT_PERMITTED,
                f"{folder} belongs to another user: run this as that one, or give the folder to this one "
                f"(`chown -R USER {folders.data}`).",
            )
    return folders


@contextlib.contextmanager
def endings() -> Iterator[None]:
    """What the rules refuse becomes the command's end."""
    codes: tuple[tuple[type[LinnetError], int], ...] = (
        (Invalid, CONFIGURATION), (NotFound, NOT_THERE), (Conflict, UNAVAILABLE)
    )  # fmt: skip
    try:
        yield
    except LinnetError as error:
        code = next((code for kind, code in codes if isinstance(error, kind)), TRY_AGAIN)
        raise Ending(code, f"{error}.") from None


@contextlib.contextmanager
def private(folders: Folders) -> Iterator[None]:
    """Who may read the node's key may command it; nobody else."""
    try:
        yield
    except PermissionError:
        raise Ending(
            NOT_PERMITTED, f"{folders.cluster} is readable for the node's user alone: run this as that user."
        ) from None


@contextlib.contextmanager
def running_alone(folders: Folders) -> Iterator[None]:
    """One node process a data folder: two would start everything twice. Raises Ending."""
    descriptor = os.open(folders.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise Ending(
            UNAVAILABLE, f"A node runs on {folders.data} already: `linnet cluster status` says how it stands."
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)


def member(chosen: argparse.Namespace) -> Member:
    """This machine, as the flags of `init` and `join` say or as it is found out. Raises Invalid."""
    address = checked_address(chosen.address) if chosen.address else own_address()
    name = checked_name(chosen.name) if chosen.name else name_of_host(socket.gethostname())
    return Member(name, address, Ports.starting(chosen.ports))


def own_address() -> str:
    """The address that this machine speaks to others from. Nothing is sent. Raises Ending."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            raise Ending(
                CONFIGURATION,
                "This machine has no address that leads to others; say with --address at which one they reach it "
                "(127.0.0.1, if there will never be others).",
            ) from None


def config_bind(value: str) -> str:
    """ADDRESS:PORT in the form that HAProxy takes. Raises Invalid."""
    try:
        return str(OPTIONS["bind"].metadata["parse"](value))
    except ValueError as error:
        raise Invalid("bind", str(error)) from None


def front(chosen: argparse.Namespace) -> Front:
    """How people come in, as the flags of `init` and `join` say. Raises Invalid."""
    certificate = Path(chosen.certificate).absolute() if chosen.certificate else None
    if certificate is not None and not os.access(certificate, os.R_OK):
        raise Invalid("certificate", f"{certificate} cannot be read by this user")
    try:
        proxies = OPTIONS["trusted-proxies"].metadata["parse"](chosen.proxies or "")
    except ValueError as error:
        raise Invalid("proxies", str(error)) from None
    return Front(str(certificate or ""), config_bind(chosen.plain) if chosen.plain else "", proxies)


def _origin(bind: str, address: str, scheme: str) -> str:
    """Where people reach a cluster that was given no name: fit for trying it out."""
    host, _, port = bind.rpartition(":")
    shown = host if host not in ("0.0.0.0", "[::]") else f"[{address}]" if ":" in address else address
    usual = {"http": "80", "https": "443"}[scheme]
    return f"{scheme}://{shown}" + ("" if port == usual else f":{port}")


# -- running ----------------------------------------------------------------------------------------------------------


def serve_node(folders: Folders, given: Sequence[str] = (), *, first: bool = False) -> int:
    """In the foreground, until SIGTERM. After SIGHUP this process becomes a new one, which takes the children over.

    ``given`` is what `linnet` was given where that was `cluster run`: then it is given again.
    """
    code = asyncio.run(_serve(folders, first=first))
    if code is None:
        sys.stderr.flush()
        again = given or ("cluster", "run", "--data", str(folders.data))
        os.execv(sys.executable, [sys.executable, "-P", "-m", "linnet", *again])
    return code


def _begin_anew(loop: Loop, folders: Folders) -> None:
    """Nothing of a wrong linnet.toml goes any further: who does not understand it could not start again."""
    try:
        load({"data": str(folders.data)}, {}, of_node=True)
    except Refused as refusal:
        telemetry.log.error(
            "node", about="linnet.toml", says=f"{refusal}. Nothing was changed; correct it, and reload again"
        )
    else:
        loop.hand_over()


async def _serve(folders: Folders, *, first: bool) -> int | None:
    """The exit code; None to begin anew with what is installed and configured now. Raises Ending."""
    tasks = Tasks()
    try:
        node = Node(folders, machine_clock(folders.run))
    except OSError as error:
        raise Ending(UNAVAILABLE, f"The node cannot run: {error}.") from error

    def ready() -> None:
        tasks.start("welcome", _welcome(node, first=first))

    loop = Loop(node, tasks, ready)
    running = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, loop.stop)
    running.add_signal_handler(signal.SIGHUP, _begin_anew, loop, folders)
    # Of its predecessor's last moments and our first: told to begin anew by default, a process ends.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGHUP,))
    try:
        if joining.begun(folders):
            tasks.start("joining", joining.finish(loop.place, _progress))
        willing = await loop.run(Reception(loop.place, tasks).routes())
        if willing is None:
            signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))
    except OSError as error:
        raise Ending(UNAVAILABLE, f"The node cannot run: {error}.") from error
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):  # beyond it, what has not heard is cancelled once more
                await tasks.close()
        await node.close()
    return None if willing is None else 0 if willing else 1


def _progress(sentence: str) -> None:
    print(f"{sentence}.", flush=True)


async def _welcome(node: Node, *, first: bool) -> None:
    """Once, when people can be served; after `linnet cluster init` with what comes next."""
    print(f"The node {node.me.name} is ready: {node.file.origin or node.file.bind} (data in {node.folders.data})")
    if first:
        for line in _owners_link(node.children.log("linnet")):
            print(line)
        authority = certificates.fingerprint(node.folders.ca.read_bytes())
        token = await admission.invite(node.majority, authority, SystemChance(), node.clock)
        print("To add a machine, within 24 hours, run there as an ordinary user:")
        print(f"  linnet cluster join {node.me.control_url} --token {token}")
    sys.stdout.flush()


def _owners_link(log: Path) -> list[str]:
    """What Linnet said at its first start: who may become the owner."""
    with contextlib.suppress(OSError):
        found = re.findall(r"^(Nobody owns this server yet.*)\n(.*token=.*)$", log.read_text("utf-8"), re.MULTILINE)
        return list(found[-1]) if found else []
    return []


# -- status -----------------------------------------------------------------------------------------------------------


def status(config: Config, chosen: argparse.Namespace) -> int:
    """``linnet cluster status``. Raises Ending."""
    folders = Folders(config.data)
    with endings(), private(folders):
        found = asyncio.run(gather(folders))
    if not any("error" not in one for one in found.values()):
        why = next(iter(found.values()))["error"]
        raise Ending(TRY_AGAIN, f"No node answers ({why}): is `linnet cluster run --data {config.data}` running?")
    if chosen.json:
        print(json.dumps(found, indent=2))
    else:
        _tell(found)
    return 0


async def gather(folders: Folders) -> dict[str, dict[str, Any]]:
    """What each node says of itself and the others, by name; ``error`` for one that does not answer."""
    node = read_node(folders)
    context = certificates.asking(folders)
    members: dict[str, str] = {node.me.name: node.me.control_url}
    with contextlib.suppress(OSError, Invalid):
        for line in folders.members.read_text("utf-8").splitlines():
            one = Standing.from_json(line)
            members[one.name] = one.member.control_url

    async def of(url: str) -> dict[str, Any]:
        try:
            return await ask(url, "/status", None, context, 5.0)
        except LinnetError as error:
            return {"error": str(error)}

    answers = await asyncio.gather(*map(of, members.values()))
    return dict(zip(members, answers, strict=True))


def _tell(found: dict[str, dict[str, Any]]) -> None:
    seen = next(one for one in found.values() if "error" not in one)
    rows = [_row(name, one, seen) for name, one in sorted(found.items())]
    table(("node", "state", "database", "lag", "timeline", "etcd", "running", "disk free"), rows)
    print("", *_summary(seen), *(f"! {sentence}." for sentence in _wrong(found, seen)), sep="\n")


def _wrong(found: dict[str, dict[str, Any]], seen: dict[str, Any]) -> Iterator[str]:
    """What is not as it should be: the whole as one node sees it, and what each says of its own machine."""
    yield from (sentence for topic, sentence in seen["says"].items() if topic not in OWN_TOPICS)
    for name, one in sorted(found.items()):
        own = one.get("says", {})
        yield from (f"{name}: {own[topic]}" for topic in OWN_TOPICS if topic in own)


def _row(name: str, one: dict[str, Any], seen: dict[str, Any]) -> tuple[str, ...]:
    listed = seen["members"].get(name, {})
    sql = seen["postgres"].get(name, {})
    role = {"leader": "primary", "quorum_standby": "synchronous standby", "sync_standby": "synchronous standby"}
    database = role.get(sql.get("role", ""), sql.get("role") or "none")
    if sql and sql.get("state") not in ("running", "streaming"):
        database += f" ({sql.get('state')})"
    etcd = "leader" if seen["etcd_leader"] == name else "votes" if name in seen["answering"] else "away"
    if "error" in one:
        return name, f"{listed.get('state', '?')}, does not answer", database, _lag(sql), "", etcd, "", ""
    down = [child for child, about in one["children"].items() if not about["ready"]]
    running = "all" if not down else f"not {', '.join(down)}"
    free = one["disk_free_bytes"]
    disk = "" if free is None else f"{free / (1 << 30):.1f} GiB"
    return name, one["state"] or "?", database, _lag(sql), str(sql.get("timeline") or ""), etcd, running, disk


def _lag(sql: dict[str, Any]) -> str:
    lag = sql.get("lag_bytes")
    return "" if lag is None else f"{lag / 1024:.0f} KiB"


def _summary(seen: dict[str, Any]) -> list[str]:
    joined = [name for name, one in seen["members"].items() if one["state"] != "joining"]
    copies, may_fail, journal = seen["copies"], seen["may_fail"], seen["journal"]
    have = "machines have" if len(joined) > 1 else "machine has"
    fail = f"any {may_fail} machines" if may_fail > 1 else "any one machine" if may_fail else "none"
    lines = [
        f"{copies} of {len(joined)} {have} a current copy; {fail} may fail now.",
        _acknowledged(seen),
        f"Posts that wait in the journal: {'unknown' if journal is None else journal}.",
    ]
    if seen["certificate_days"] is not None:
        days = f"{seen['certificate_days']:.0f} days left"
        lines.append(f"The certificate of {seen['name']} renews itself; {days}.")
    return lines


def _acknowledged(seen: dict[str, Any]) -> str:
    """How many machines have a write before anybody is told that it is done."""
    if not seen["primary"]:
        return "Writes wait: PostgreSQL has no primary now. Posts go into the journal."
    roles = [one["role"] for one in seen["postgres"].values()]
    awaited = min(STANDBYS_AWAITED, sum(role in ("quorum_standby", "sync_standby") for role in roles))
    if awaited:
        return f"A write is acknowledged when {1 + awaited} machines have it."
    if seen["strict"] is None:
        return f"What a write waits for is not known: Patroni of {seen['name']} does not say."
    if seen["strict"]:
        return "Writes wait: no other machine follows the primary, and none is acknowledged by one machine alone."
    return f"A write is acknowledged when {seen['primary']} alone has it."
