"""The table of faults: each can be done and undone, says what it does, and is aimed at somebody who is there."""

import errno
import inspect
import os
from pathlib import Path
from typing import ClassVar

import pytest

from linnet.drill import harm
from linnet.drill.faults import CUT, FAULTS, KILLED, NODE, PLANNED, Fault, chosen
from linnet.drill.network import Hosts, Loopback
from linnet.drill.processes import KINDS, Node
from linnet.drill.roles import Roles
from linnet.drill.run import aimed
from linnet.drill.scene import Scene
from tests.support.client import VirtualClock
from tests.support.loopback import HastyClock

NAMES = ("one", "two", "three")
WELL = Roles("two", "three", ("one", "three"), NAMES, NAMES, 0)
EVERY = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)


@EVERY
def test_every_fault_is_done_undone_and_told(fault: Fault) -> None:
    assert inspect.iscoroutinefunction(fault.inject)
    assert inspect.iscoroutinefunction(fault.heal)
    assert len(fault.says.split()) > 2
    assert fault.lasts > 0


@EVERY
def test_every_fault_is_healed_by_somebody_or_by_the_node_itself(fault: Fault) -> None:
    # What a node does not come back from by itself: frozen, cut, full, unkept.
    lasting = {
        harm.freeze_all, harm.kill_all, harm.power_off, harm.cut, harm.cut_ring, harm.mute, harm.deafen, harm.part,
        harm.fill_disk, harm.damage_disk, harm.full_journal, harm.slow_etcd, harm.two_in_turn,
    }  # fmt: skip
    if fault.inject in lasting or fault.name.endswith(("frozen", "slow", "lossy")):
        assert fault.heal is not harm.nothing


@EVERY
def test_every_fault_is_aimed_at_a_node_that_is_what_it_says(fault: Fault) -> None:
    for turn in range(4):
        target = aimed(fault, WELL, NAMES, turn)
        assert target in NAMES
        if fault.aim in ("primary", "both"):
            assert target == WELL.primary
        if fault.aim == "replica":
            assert target != WELL.primary
        if fault.aim == "leader":
            assert target == WELL.leader
        if fault.aim == "follower":
            assert target != WELL.leader


def test_where_several_will_do_they_take_turns() -> None:
    targets = [aimed(FAULTS["worker-killed"], WELL, NAMES, turn) for turn in range(3)]
    assert sorted(map(str, targets)) == sorted(NAMES)


def test_what_is_promised_is_what_the_table_says() -> None:
    assert FAULTS["postgres-primary-killed"].pause_max == FAULTS["postgres-replica-killed"].pause_max == KILLED == 0.5
    assert FAULTS["host-both-frozen"].pause_max == FAULTS["host-primary-killed"].pause_max == NODE == 2.0
    assert FAULTS["cut-primary"].pause_max == CUT == 4.0
    assert FAULTS["switchover"].pause_max == FAULTS["rolling-restart"].pause_max == PLANNED == 0.5


def test_every_kind_of_process_is_killed_and_frozen_by_some_fault() -> None:
    for kind in KINDS:
        assert any(name.startswith(kind) and name.endswith("-killed") for name in FAULTS), kind
        assert any(name.startswith(kind) and name.endswith("-frozen") for name in FAULTS), kind


def test_faults_are_chosen_by_name_in_the_order_of_the_table() -> None:
    assert [fault.name for fault in chosen(["switchover", "nothing"])] == ["nothing", "switchover"]
    assert len(chosen([])) == len(FAULTS)
    with pytest.raises(KeyError, match="no-such"):
        chosen(["nothing", "no-such"])


def test_what_harms_cables_needs_cables() -> None:
    for name, fault in FAULTS.items():
        harms = fault.inject in {harm.cut, harm.cut_ring, harm.mute, harm.deafen, harm.part, harm.power_off}
        assert ("cables" in fault.needs) == (harms or name in ("slow", "lossy"))
    assert Hosts().cables
    assert not Loopback().cables


async def test_a_disk_that_is_not_the_nodes_own_is_never_filled(tmp_path: Path) -> None:
    node = Node(Loopback().hosts[0], tmp_path)
    scene = Scene([node], Loopback(), None, None, WELL, node)  # type: ignore[arg-type]  # neither is asked
    with pytest.raises(LookupError, match="no disk of its own"):
        await harm.fill_disk(scene)
    assert not list(tmp_path.iterdir())


async def test_a_disk_is_filled_though_the_node_goes_on_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocate, room = os.posix_fallocate, 3 * harm.FILL_BYTES + 100_000

    def writing(descriptor: int, offset: int, size: int) -> None:
        nonlocal room
        room -= 1_000  # what the node has written meanwhile
        if offset + size > room:
            raise OSError(errno.ENOSPC, "No space left on device")
        allocate(descriptor, offset, size)

    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path)
    monkeypatch.setattr(os, "posix_fallocate", writing)
    node = Node(Loopback().hosts[0], tmp_path)
    scene = Scene([node], Loopback(), None, HastyClock(), WELL, node)  # type: ignore[arg-type]  # it is not asked
    await harm.fill_disk(scene)
    assert 0 <= room - (tmp_path / harm.FILL).stat().st_size < 2 * harm.LEFT_BYTES
    assert (tmp_path / harm.FILL).stat().st_size >= 3 * harm.FILL_BYTES
    await harm.free_disk(scene)
    assert not list(tmp_path.iterdir())


async def test_a_machine_with_another_disk_is_asked_for_nothing_meanwhile() -> None:
    """Its place while it leaves and joins anew stands in the record, as that of one that is restarted."""
    clock = VirtualClock()
    node = Node(Loopback().hosts[0], Path("/nowhere"))

    class Operator:
        renewed: ClassVar[list[Node]] = []

        async def renew(self, node: Node) -> None:
            self.renewed.append(node)
            clock.advance(30_000)

    scene = Scene([node], Loopback(), Operator(), clock, WELL, node)  # type: ignore[arg-type]  # no more is asked
    began = clock.monotonic()
    await harm.change_disk(scene)
    assert Operator.renewed == [node]
    assert scene.away == [(node, began, began + 30.0)]


def test_nobody_with_the_role_is_said_and_not_guessed() -> None:
    node = Node(Loopback().hosts[0], Path("/nowhere"))
    scene = Scene([node], Loopback(), None, None, WELL, node)  # type: ignore[arg-type]  # neither is asked
    assert scene.named("one") is node
    with pytest.raises(LookupError, match="nobody has the role"):
        scene.named(None)


def test_a_cluster_is_whole_only_where_nothing_lacks() -> None:
    assert WELL.whole(3)
    assert WELL.lacking(3) == "nothing lacks"
    for lacking, says in (
        (WELL._replace(primary=None), "no primary"),
        (WELL._replace(leader=None), "no leader of etcd"),
        (WELL._replace(streaming=("one",)), "1 of 2 replicas follow"),
        (WELL._replace(voters=("one", "two")), "2 of 3 members of etcd answer"),
        (WELL._replace(serving=("one",)), "1 of 3 nodes serve"),
        (WELL._replace(waiting=7), "7 posts wait in the journal"),
    ):
        assert not lacking.whole(3)
        assert lacking.lacking(3) == says


def test_processes_that_are_not_there_are_nobodys(tmp_path: Path) -> None:
    node = Node(Loopback().hosts[0], tmp_path)
    assert {kind: node.pids(kind) for kind in KINDS} == {kind: [] for kind in KINDS}
    (tmp_path / "run" / "children").mkdir(parents=True)
    (tmp_path / "postgres").mkdir()
    # Records of somebody else: an old pid that is another process now (ourselves, by another start time), garbage.
    (tmp_path / "run" / "children" / "etcd.json").write_text(f"{os.getpid()} (etcd) S {'1 ' * 30}\n[]\n")
    (tmp_path / "run" / "children" / "patroni.json").write_text("nonsense")
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n/elsewhere\n")
    assert {kind: node.pids(kind) for kind in KINDS} == {kind: [] for kind in KINDS}
