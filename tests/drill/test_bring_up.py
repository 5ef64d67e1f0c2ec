"""What an operator does, the drill does by commands; what does not come about is told and not waited for for ever."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from linnet.drill import roles
from linnet.drill.bring_up import Cluster
from linnet.drill.network import Loopback
from linnet.drill.processes import Node
from linnet.drill.roles import Roles
from linnet.drill.scene import CommandFailed, NotWhole
from linnet.system import SystemClock


def cluster(folder: Path) -> Cluster:
    return Cluster(folder, Loopback(), SystemClock(), lambda _: None)


async def test_a_command_that_fails_is_told_with_what_it_said() -> None:
    with TemporaryDirectory(prefix="linnet-test-") as place:
        Path(place).chmod(0o755)
        one = cluster(Path(place))
        with pytest.raises(CommandFailed, match=r"linnet cluster status ended with \d+: linnet: "):
            await one.command(one.nodes[0], "cluster", "status")


async def test_a_command_that_hangs_is_given_up(tmp_path: Path) -> None:
    one = cluster(tmp_path)
    with pytest.raises(CommandFailed, match="did not end within 0 s"):
        await one.command(one.nodes[0], "cluster", "status", timeout_s=0.0)


async def test_what_is_not_there_is_not_whole(tmp_path: Path) -> None:
    with pytest.raises(NotWhole, match="no primary, no leader of etcd, 0 of 2 replicas follow"):
        await cluster(tmp_path).whole(0.0)


async def test_a_node_that_joins_anew_begins_with_nothing_and_its_logs_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = cluster(tmp_path / "cluster")
    node = one.nodes[1]
    for folder in (node.folders.logs, node.folders.postgres / "base"):
        folder.mkdir(parents=True)
    (node.folders.logs / "postgres.log").write_text("invalid page")
    (node.folder / "node.json").write_text("as it was")
    (tmp_path / "cluster" / f"{node.name}.log").write_text("leaving")
    asked: list[str] = []

    async def command(on: Node, *words: str, timeout_s: float = 60.0) -> str:
        asked.append(f"{on.name}: {' '.join(words)}")
        return "linnet-token"

    def start(on: Node, *words: str) -> None:
        there = sorted(path.name for path in on.folder.iterdir())
        asked.append(f"{on.name}: {words[0]} with {', '.join(there)}")

    monkeypatch.setattr(one, "command", command)
    monkeypatch.setattr(one, "_start", start)
    monkeypatch.setattr(roles, "seen", lambda nodes: _whole())
    await one.renew(node)
    first = one.nodes[0].name
    assert asked == [
        f"{node.name}: cluster leave", f"{first}: cluster token", f"{node.name}: join with linnet.toml, run",
    ]  # fmt: skip
    one.keep_logs(tmp_path / "logs")
    (kept,) = (tmp_path / "logs").iterdir()
    assert (kept / "postgres.log").read_text() == "invalid page"


async def _whole() -> Roles:
    names = ("one", "two", "three")
    return Roles("one", "one", ("two", "three"), names, names, 0)


async def test_the_end_takes_the_folders_away_and_keeps_the_logs(tmp_path: Path) -> None:
    one = cluster(tmp_path / "cluster")
    first = one.nodes[0]
    first.folders.logs.mkdir(parents=True)
    (first.folders.logs / "etcd.log").write_text("a word of etcd's")
    (tmp_path / "cluster" / f"{first.name}.log").write_text("a word of the node's")
    one.keep_logs(tmp_path / "logs")
    await one.end()
    assert not (tmp_path / "cluster").exists()
    kept = {path.name: path.read_text() for path in (tmp_path / "logs" / first.name).iterdir()}
    assert kept == {"etcd.log": "a word of etcd's", "node.log": "a word of the node's"}
