"""The loop of a node over children that only seem to be ones: it starts, restarts, adopts, tells and ends them."""

import asyncio
import contextlib
import json
import os
import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from linnet.cli import cluster as cli
from linnet.cli.cluster import gather
from linnet.cluster import certificates, configuration, decide, programs, watching
from linnet.cluster.asking import Refused, Unreachable, ask
from linnet.cluster.children import identity
from linnet.cluster.layout import Binaries, Folders, Member, NodeFile, Ports, Program, Standing
from linnet.cluster.loop import Loop
from linnet.cluster.node import Node, begin, certificate_addresses, read_node
from linnet.cluster.picture import CHILDREN, EtcdSeen, Picture, PostgresSeen
from linnet.domain.errors import Conflict, Invalid, NotFound
from linnet.domain.journal import FAILING, PLANNED
from linnet.domain.majority import Delete, MajorityFull, Put
from linnet.storage.etcd import EtcdMajority, endpoints
from linnet.storage.journal import Lock
from linnet.supervision import Tasks
from linnet.system import SystemChance, SystemClock
from tests.support.client import Hurried, VirtualClock
from tests.support.etcd import running_etcd, url_of
from tests.support.majority import MemoryMajority
from tests.support.waiting import until

# Says so when it is told to read its files again, and ends when it is asked to.
SEEMING = "trap 'echo read again' HUP USR2; trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done"
CHANCE, CLOCK = SystemChance(), SystemClock()
DAYS = 86_400_000


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Of a node that has been begun, where each program only seems to be one."""
    monkeypatch.setattr(programs, "find", lambda data: Binaries("/bin/sh", "/bin/sh", "/bin"))
    seeming = {name: Program(name, ("/bin/sh", "-c", SEEMING), patience=5.0) for name in CHILDREN}
    monkeypatch.setattr(configuration, "programs", lambda known: seeming)
    monkeypatch.setattr(decide, "LISTENS_AFTER_S", 0.2)
    made = Folders(tmp_path / "data")
    begin(made, node_file(), CLOCK, CHANCE)
    return made


def node_file(**more: Any) -> NodeFile:
    address = f"127.{100 + os.getpid() % 100}.{os.getpid() // 100 % 256}.7"
    return NodeFile("linnet", Member("n1", address, Ports.starting()), **more)


@contextlib.asynccontextmanager
async def running(folders: Folders) -> AsyncIterator[Loop]:
    tasks, node = Tasks(), Node(folders, CLOCK)
    loop = Loop(node, tasks)
    run = asyncio.get_running_loop().create_task(loop.run())
    try:
        yield loop
    finally:
        loop.stop()
        async with asyncio.timeout(20):
            await run
            await tasks.close()
        await node.close()


def pid(loop: Loop, name: str) -> int:
    child = loop.node.children.get(name)
    return 0 if child is None else child.who.pid


async def test_it_starts_what_it_can_and_starts_anew_what_ends(folders: Folders) -> None:
    async with running(folders) as loop:
        await until(lambda: pid(loop, "etcd") and pid(loop, "haproxy"))
        assert not pid(loop, "patroni"), "it waits for a majority"
        first = pid(loop, "haproxy")
        await until(lambda: "up" in loop.node.children.log("haproxy").read_text())
        os.kill(first, signal.SIGKILL)
        await until(lambda: pid(loop, "haproxy") not in (0, first))
        assert loop.picture().children["haproxy"].failures == 1
        left = [pid(loop, "etcd"), pid(loop, "haproxy")]
    assert not [one for one in left if identity(one) is not None]
    assert not list(folders.children.glob("*.json"))


async def test_whoever_comes_after_takes_the_children_over(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linnet.cluster.loop.LISTENS_AFTER_S", 0.0)
    (folders.data / "secrets").mkdir()
    (folders.data / "secrets" / "node").touch()
    async with running(folders) as loop:
        await until(lambda: "up" in _log(loop, "etcd") and "up" in _log(loop, "linnet"))
        before = (pid(loop, "etcd"), pid(loop, "linnet"))
        await until(lambda: sum(record.read_text().count("\n") == 3 for record in folders.children.glob("*.json")) == 3)
        loop.hand_over()
    async with running(folders) as loop:
        await until(lambda: pid(loop, "etcd") and pid(loop, "linnet") and "read again" in _log(loop, "linnet"))
        assert (pid(loop, "etcd"), pid(loop, "linnet")) == before
        assert "read again" not in _log(loop, "etcd")


async def test_files_that_change_are_written_and_read_again(folders: Folders) -> None:
    async with running(folders) as loop:
        await until(lambda: "up" in _log(loop, "haproxy"))
        written = (folders.run / "haproxy.cfg").read_text()
        (folders.run / "haproxy.cfg").write_text("something else")
        await until(lambda: (folders.run / "haproxy.cfg").read_text() == written)
        await until(lambda: "read again" in _log(loop, "haproxy"))
        assert "read again" not in _log(loop, "etcd")


async def test_what_a_killed_node_did_not_tell_its_successor_does(folders: Folders) -> None:
    """The file was written, and the node died before it told the child."""
    async with running(folders) as loop:
        await until(lambda: "up" in _log(loop, "haproxy"))
        await until(lambda: sum(record.read_text().count("\n") == 3 for record in folders.children.glob("*.json")) == 2)
        loop.hand_over()
    folders.stale.write_text("haproxy")
    async with running(folders) as loop:
        await until(lambda: "read again" in _log(loop, "haproxy"))
        assert "read again" not in _log(loop, "etcd")
        assert loop.node.stale() == set()


async def test_a_certificate_that_nears_its_end_is_renewed_and_read_again(folders: Folders) -> None:
    me = node_file().me
    authority = certificates.Pair(folders.ca.read_bytes(), (folders.cluster / "ca.key").read_bytes())
    old = certificates.issue(authority, me.name, certificate_addresses(me), CLOCK.now_ms() - 70 * DAYS)
    certificates.keep(folders, authority, old)
    async with running(folders) as loop:
        await until(lambda: (days := loop.picture().certificate_days) is not None and days > 89)
        await until(lambda: "read again" in _log(loop, "haproxy"))
        assert folders.certificate.read_bytes() != old.certificate
        assert await _serves_with(loop, folders)
        assert await _shown_by(loop, folders) == ssl.PEM_cert_to_DER_cert(folders.certificate.read_text("ascii"))


async def _shown_by(loop: Loop, folders: Folders) -> bytes:
    """The certificate that the control port shows."""
    me = loop.node.me
    _, writer = await asyncio.open_connection(me.address, me.ports.control, ssl=certificates.asking(folders))
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return shown


async def _serves_with(loop: Loop, folders: Folders) -> bool:
    """Whether the control port is asked and answers with the certificates that are there now."""
    with contextlib.suppress(Unreachable):
        return bool(await ask(loop.node.me.control_url, "/status", None, certificates.asking(folders)))
    return False


async def test_a_disk_that_takes_nothing_ends_no_loop(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(folders) as loop:
        await until(lambda: pid(loop, "haproxy"))

        monkeypatch.setattr(loop.node, "write_configuration", _full)
        first = pid(loop, "haproxy")
        (folders.run / "haproxy.cfg").unlink()
        os.kill(first, signal.SIGKILL)
        await until(lambda: pid(loop, "haproxy") not in (0, first))
        assert not (folders.run / "haproxy.cfg").exists()


async def test_what_is_to_be_run_can_be_run_and_is_mended_where_it_cannot(folders: Folders) -> None:
    async with running(folders) as loop:
        await until(lambda: pid(loop, "haproxy"))
        script = folders.run / "pg_ctl"
        assert script.stat().st_mode & 0o777 == 0o700
        assert (folders.run / "patroni.yml").stat().st_mode & 0o777 == 0o600
        script.chmod(0o600)
        await until(lambda: os.access(script, os.X_OK))


async def test_it_says_how_it_stands(folders: Folders) -> None:
    async with running(folders) as loop:
        await until(lambda: _serves_with(loop, folders))
        said = await ask(loop.node.me.control_url, "/status", None, certificates.asking(folders))
        assert said["name"] == "n1"
        assert said["children"]["patroni"]["alive"] is False
        assert said["may_fail"] == 0
        assert "One copy only" in said["says"]["copies"]
        with pytest.raises(Refused):
            await ask(loop.node.me.control_url, "/nothing", None, certificates.asking(folders))


def _log(loop: Loop, name: str) -> str:
    log = loop.node.children.log(name)
    return log.read_text() if log.exists() else ""


def test_a_node_that_was_begun_is_begun_again_the_same(folders: Folders) -> None:
    before = {path: path.read_bytes() for path in folders.cluster.iterdir()}
    begin(folders, node_file(), CLOCK, CHANCE)
    assert {path: path.read_bytes() for path in folders.cluster.iterdir()} == before
    assert all(path.stat().st_mode & 0o077 == 0 for path in before)
    with pytest.raises(Conflict, match="belongs to the node n1"):
        begin(folders, NodeFile("linnet", Member("n2", "10.0.0.2", Ports.starting())), CLOCK, CHANCE)
    with pytest.raises(Conflict, match=r"stand in .*node\.json: change them there"):
        begin(folders, node_file(origin="https://another.example"), CLOCK, CHANCE)
    assert {path: path.read_bytes() for path in folders.cluster.iterdir()} == before


def test_the_folder_of_a_server_that_is_no_node_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "linnet.db").touch()
    with pytest.raises(Conflict, match="SQLite database"):
        begin(Folders(tmp_path), node_file(), CLOCK, CHANCE)
    assert [path.name for path in tmp_path.iterdir()] == ["linnet.db"]


@pytest.mark.parametrize("left", ["etcd/member", "postgres", "cluster/voted"])
def test_what_a_node_left_behind_is_not_made_another_one(tmp_path: Path, left: str) -> None:
    """As after `leave`: with another list of members, old data would be run on as if they were new."""
    (tmp_path / left).mkdir(parents=True)
    with pytest.raises(Conflict, match="a node that was: delete it"):
        begin(Folders(tmp_path), node_file(), CLOCK, CHANCE)
    assert not Folders(tmp_path).node.exists()


def test_where_there_is_no_node_or_a_wrong_file_it_says_so(folders: Folders, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="linnet cluster init"):
        read_node(Folders(tmp_path / "nothing"))
    (folders.data / "linnet.toml").write_text("title = ")
    with pytest.raises(Invalid, match=r"linnet\.toml"):
        Node(folders, CLOCK)


async def test_a_node_that_answers_with_an_error_hides_nobody(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(url: str, *given: Any) -> dict[str, Any]:
        raise Refused("this should not have happened", 500)

    monkeypatch.setattr(cli, "ask", broken)
    assert await gather(folders) == {"n1": {"error": "this should not have happened"}}


async def test_an_etcd_that_lost_its_files_is_not_started(folders: Folders) -> None:
    folders.voted.touch()
    async with running(folders) as loop:
        await until(lambda: pid(loop, "haproxy"))
        assert not pid(loop, "etcd")
        (folders.etcd / "member").mkdir()
        await until(lambda: pid(loop, "etcd"))


def test_what_a_predecessor_noted_is_not_said_for_ever(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    folders.notes.write_text("No machine may fail now")
    loop = Loop(Node(folders, CLOCK), Tasks())
    monkeypatch.setattr("linnet.cluster.loop.write", _full)
    with pytest.raises(OSError, match="No space"):
        loop._say({})
    monkeypatch.undo()
    loop._say({})
    assert folders.notes.read_text() == ""


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("members", "failing", "planned"), [(2, False, True), (1, False, False), (2, True, False)])
async def test_the_end_of_a_primary_is_announced_where_another_may_follow(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, members: int, failing: bool, planned: bool
) -> None:
    node = Node(folders, Hurried())
    loop = Loop(node, Tasks())
    majority = MemoryMajority(node.clock)
    majority.failing = failing
    monkeypatch.setattr(node, "majority", majority)
    seen = Picture(
        me="n1",
        children={},
        standings=tuple(Standing(Member(f"n{i}", f"10.0.0.{i}", Ports.starting())) for i in range(1, members + 1)),
        etcd=EtcdSeen(healthy=True),
        postgres=(PostgresSeen("n1", "leader", "running"),),
    )
    monkeypatch.setattr(loop, "picture", lambda: seen)
    async with contextlib.AsyncExitStack() as ending:
        await loop._announce_end(ending)
        assert (PLANNED in majority.keys) is planned
    assert PLANNED not in majority.keys


async def test_what_is_used_for_a_moment_is_not_what_is_lacking(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [100]
    monkeypatch.setattr(watching, "free_bytes", lambda _: free[0])
    watch = watching.Watch(Node(folders, CLOCK), lambda: None)
    for free[0], seen in [(100, 100), (3, 100), (90, 100), *[(3, 100)] * 2, (3, 90), (3, 90), (3, 3), (80, 80)]:
        await watch._disk()
        assert watch.seen.disk_free == seen


async def test_a_disk_that_is_said_to_fail_is_not_taken_for_well_at_once(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = VirtualClock()
    node = Node(folders, clock)
    majority = MemoryMajority(clock)
    monkeypatch.setattr(node, "majority", majority)
    loop = Loop(node, Tasks())
    mine = node.me.at(node.me.ports.postgres)
    for said in (b"", json.dumps({"host": "10.9.9.9:1", "why": ""}).encode(), b"{}"):
        await majority.transact([], [Put(FAILING, said)])
        await loop._watch._failing()
        assert not loop.picture().disk_fails
    await majority.transact([], [Put(FAILING, json.dumps({"host": mine, "why": "invalid page", "more": 1}).encode())])
    await loop._watch._failing()
    assert loop.status()["disk_fails"]
    assert loop.status()["says"]["disk"].startswith("The disk fails")
    await majority.transact([], [Delete(FAILING)])
    clock.advance(86_399_000)
    await loop._watch._failing()
    assert loop.picture().disk_fails
    clock.advance(2_000)
    assert not loop.picture().disk_fails


async def test_one_change_is_made_at_a_time_by_whomever(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop(Node(folders, CLOCK), Tasks())
    loop.place.begin("drain")
    with pytest.raises(Conflict, match="busy: drain"):
        await loop._make_way()
    loop.place.doing = ""
    with pytest.raises(Conflict, match="has more room"):
        await loop._make_way()
    loop.place.begin("drain")


async def test_an_etcd_that_was_full_takes_locks_again(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(folders, CLOCK)
    loop = Loop(node, Tasks())
    with running_etcd(1, "--quota-backend-bytes", str(1 << 20)) as (one,):
        majority = EtcdMajority(endpoints(url_of([one])))
        monkeypatch.setattr(node, "majority", majority)

        async def fill() -> None:
            for _ in range(400):
                await majority.transact([], [Put("/linnet/large", bytes(64_000))])

        try:
            with pytest.raises(MajorityFull):
                await fill()
            with pytest.raises(MajorityFull):
                await Lock(majority, CLOCK, "drainer").take()
            await loop._make_room()
            assert await Lock(majority, CLOCK, "drainer").take()
        finally:
            await majority.close()
