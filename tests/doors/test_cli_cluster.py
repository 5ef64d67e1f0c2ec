"""The commands of a node: whom they refuse, and the table that says how a cluster stands."""

import argparse
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from linnet.cli import cluster, membership
from linnet.cli.arguments import parsed
from linnet.cli.ending import CONFIGURATION, NOT_PERMITTED, NOT_THERE, UNAVAILABLE, USAGE, Ending
from linnet.cluster import asking, certificates, joining
from linnet.cluster.asking import Unreachable
from linnet.cluster.joining import Joiner
from linnet.cluster.layout import Folders
from linnet.cluster.tokens import Token
from linnet.config import Config
from linnet.domain.errors import Conflict, Invalid, NotFound, Unavailable
from tests.support.client import Hurried


def chosen(**more: Any) -> argparse.Namespace:
    given = {"address": "127.0.0.1", "name": "n1", "bind": "127.0.0.1:8000", "origin": "", "ports": 7000}
    given |= {"certificate": "", "plain": "", "proxies": ""}
    return argparse.Namespace(**{**given, "prepare_only": True, "json": False, **more})


@pytest.mark.parametrize("command", [cluster.init, cluster.run])
def test_root_is_refused_with_what_to_do(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(Ending, match="make an ordinary user") as refused:
        command(Config(data=tmp_path / "data"), chosen())
    assert refused.value.code == NOT_PERMITTED
    assert not (tmp_path / "data").exists(), "and nothing of root's is left behind"


@pytest.mark.parametrize("given", ["-", "itself"])
def test_a_token_need_not_stand_where_others_see_it(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    token = Token("ab" * 32, b"s" * 20)
    joiners: list[Joiner] = []

    async def prepare(joiner: Joiner, *_: object) -> None:
        joiners.append(joiner)

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(joining, "prepare", prepare)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n" if given == "-" else ""))
    words = chosen(url="10.0.0.1", token="-" if given == "-" else str(token))
    assert membership.join(Config(data=tmp_path), words) == 0
    assert [joiner.token for joiner in joiners] == [token]
    assert str(token) not in "".join(capsys.readouterr())


def test_tokens_are_taken_back_with_a_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def ask(config: Config, chosen: argparse.Namespace, path: str, body: dict[str, Any]) -> dict[str, Any]:
        asked.append(path)
        return {"revoked": 2}

    monkeypatch.setattr(membership, "_ask", ask)
    assert membership.token(Config(), chosen(revoke=True, quiet=False, valid="24h")) == 0
    assert (asked, capsys.readouterr().out) == (["/revoke"], "2 tokens that were not used yet will let nobody in.\n")


@pytest.mark.parametrize("command", [cluster.init, cluster.run])
def test_a_folder_of_another_users_is_refused(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under /tmp, say, where anybody may have made it before."""
    if os.geteuid() == 0:
        os.chown(tmp_path, 1_001, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 1_002)
    with pytest.raises(Ending, match="belongs to another user") as refused:
        command(Config(data=tmp_path), chosen())
    assert refused.value.code == NOT_PERMITTED
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"address": "nonsense"}, "address: must be an IP address"),
        ({"name": "No Name"}, "name: must be small letters"),
        ({"bind": "here"}, "bind: it must be an address and a port"),
        ({"ports": 80}, "ports: must be a number from 1024"),
    ],
)
def test_wrong_values_are_refused_by_name(
    given: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Ending, match=says) as refused:
        cluster.init(Config(data=tmp_path), chosen(**given))
    assert refused.value.code == CONFIGURATION
    assert not (tmp_path / "cluster").exists()


@pytest.mark.parametrize("option", ["--database", "--journal", "--blobs"])
def test_what_a_node_decides_is_not_taken_in_silence(option: str) -> None:
    with pytest.raises(Ending, match=f"unrecognized arguments: {option} there") as refused:
        parsed(["cluster", "init", option, "there"])
    assert refused.value.code == USAGE


def test_what_is_prepared_only_tells_how_to_start_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cluster.init(Config(data=tmp_path), chosen(bind="0.0.0.0:8080", address="10.0.0.9")) == 0
    said = capsys.readouterr().out
    assert "people at http://10.0.0.9:8080" in said
    assert f"linnet cluster run --data {tmp_path}" in said
    assert {"node.json", "secrets.json", "ca.crt", "node.pem"} <= {
        path.name for path in (tmp_path / "cluster").iterdir()
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Invalid("name", "is wrong"), CONFIGURATION),
        (NotFound("nothing there"), NOT_THERE),
        (Conflict("not so"), UNAVAILABLE),
        (Unavailable("later"), os.EX_TEMPFAIL),
    ],
)
def test_what_the_rules_refuse_ends_the_command(error: Exception, code: int) -> None:
    with pytest.raises(Ending) as ended, cluster.endings():
        raise error
    assert ended.value.code == code


@pytest.mark.parametrize(
    ("given", "again"),
    [
        (["cluster", "run", "--log-format", "json"], ["cluster", "run", "--log-format", "json"]),
        ([], ["cluster", "run", "--data", "/var/lib/linnet"]),
    ],
)
def test_a_new_process_is_given_what_the_old_one_was(
    given: list[str], again: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Replaced(Exception):
        pass

    async def handed_over(folders: Folders, *, first: bool) -> None:
        """As after SIGHUP."""

    def replace(program: str, arguments: list[str]) -> None:
        raise Replaced(*arguments)

    monkeypatch.setattr(cluster, "_serve", handed_over)
    monkeypatch.setattr(os, "execv", replace)
    with pytest.raises(Replaced) as replaced:
        cluster.serve_node(Folders(Path("/var/lib/linnet")), given)
    assert list(replaced.value.args[4:]) == again


def test_a_time_that_is_none_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(Ending, match="--valid soon is refused: it must be a number with s, m, h or d") as refused:
        membership.token(Config(data=tmp_path), argparse.Namespace(valid="soon", quiet=False, revoke=False))
    assert refused.value.code == USAGE


def test_without_a_node_status_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(Ending, match="linnet cluster init"):
        cluster.status(Config(data=tmp_path), chosen())


def test_where_nobody_answers_status_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gathered(folders: Folders) -> dict[str, dict[str, Any]]:
        return {"n1": {"error": "https://10.0.0.1:7000 cannot be asked: Connection refused"}}

    monkeypatch.setattr(cluster, "gather", gathered)
    with pytest.raises(Ending, match=r"Connection refused\): is `linnet cluster run") as ended:
        cluster.status(Config(data=tmp_path), chosen())
    assert ended.value.code == os.EX_TEMPFAIL


def test_a_folder_of_somebody_else_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "run")
    with pytest.raises(Ending, match=r"run belongs to another user.*chown -R") as refused:
        cluster.prepared(Config(data=tmp_path))
    assert refused.value.code == NOT_PERMITTED


def one(name: str, **more: Any) -> dict[str, Any]:
    names = ("n1", "n2", "n3")
    roles = {"n1": "leader", "n2": "quorum_standby", "n3": "replica"}
    return {
        "name": name,
        "state": "ready",
        "children": {child: {"ready": True} for child in ("etcd", "patroni", "linnet", "haproxy")},
        "primary": "n1",
        "etcd_leader": "n2",
        "answering": ["n1", "n2"],
        "strict": True,
        "copies": 2,
        "may_fail": 0,
        "journal": 12,
        "disk_free_bytes": 5 << 30,
        "certificate_days": 61.2,
        "members": {member: {"state": "ready"} for member in names},
        "postgres": {
            member: {
                "role": roles[member],
                "state": "running" if member != "n3" else "starting",
                "timeline": 4,
                "lag_bytes": None if member == "n1" else 2048,
            }
            for member in names
        },
        "says": {"copies": "No machine may fail now"},
        **more,
    }


def test_the_table_says_who_is_what_and_what_may_fail(capsys: pytest.CaptureFixture[str]) -> None:
    down = {child: {"ready": child != "linnet"} for child in ("etcd", "patroni", "linnet", "haproxy")}
    cluster._tell({"n1": one("n1"), "n2": one("n2", children=down), "n3": {"error": "no answer in time"}})
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: " ".join(line.split()) for line in lines if line}
    assert rows["n1"] == "n1 ready primary 4 votes all 5.0 GiB"
    assert rows["n2"] == "n2 ready synchronous standby 2 KiB 4 leader not linnet 5.0 GiB"
    assert rows["n3"] == "n3 ready, does not answer replica (starting) 2 KiB away"
    assert "2 of 3 machines have a current copy; none may fail now." in lines
    assert "Posts that wait in the journal: 12." in lines
    assert lines[-1] == "! No machine may fail now."


def test_what_is_wrong_on_another_machine_is_told_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    whole = {"copies": "No machine may fail now"}
    ill = one("n2", says={**whole, "disk": "The disk is nearly full: 9 MiB are left", "linnet": "linnet waits: no"})
    cluster._tell({"n1": one("n1"), "n2": ill, "n3": {"error": "no answer in time"}})
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("!")]
    assert told == [
        "! No machine may fail now.", "! n2: The disk is nearly full: 9 MiB are left.", "! n2: linnet waits: no.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("roles", "strict", "more", "says"),
    [
        (("leader",), False, {}, "A write is acknowledged when n1 alone has it."),
        (("leader", "quorum_standby"), True, {}, "A write is acknowledged when 2 machines have it."),
        (("leader", "quorum_standby", "quorum_standby"), True, {}, "A write is acknowledged when 3 machines have it."),
        (("leader", "quorum_standby", "replica"), True, {}, "A write is acknowledged when 2 machines have it."),
        # Of more than three, any two of the others will do.
        (("leader", *3 * ("quorum_standby",)), True, {}, "A write is acknowledged when 3 machines have it."),
        (("leader", "replica"), True, {}, "Writes wait: no other machine follows the primary"),
        (("leader",), None, {}, "What a write waits for is not known: Patroni of n1 does not say."),
        (("replica", "replica"), True, {"primary": ""}, "Writes wait: PostgreSQL has no primary now."),
    ],
)
def test_it_says_how_many_machines_have_a_write_that_is_acknowledged(
    roles: tuple[str, ...], strict: bool | None, more: dict[str, Any], says: str
) -> None:
    postgres = {f"n{number}": {"role": role} for number, role in enumerate(roles, start=1)}
    assert cluster._acknowledged(one("n1", postgres=postgres, strict=strict, **more)).startswith(says)


def test_who_has_not_joined_is_not_counted_among_those_who_should_have_a_copy() -> None:
    members = {"n1": {"state": "ready"}, "n2": {"state": "joining"}}
    assert cluster._summary(one("n1", members=members, copies=1))[0] == (
        "1 of 1 machine has a current copy; none may fail now."
    )


class Probe:
    """A socket on a machine that no way leads out of, or one."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __enter__(self) -> "Probe":
        return self

    def __exit__(self, *_: object) -> None: ...

    def connect(self, to: object) -> None:
        if not self.address:
            raise OSError(101, "Network is unreachable")

    def getsockname(self) -> tuple[str, int]:
        return self.address, 9


def test_an_address_of_this_machine_is_found_or_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket", lambda *_: Probe("10.0.0.7"))
    assert cluster.own_address() == "10.0.0.7"
    monkeypatch.setattr("socket.socket", lambda *_: Probe(""))
    with pytest.raises(Ending, match="--address"):
        cluster.own_address()


class Starting:
    """A node at which nobody listens the first so many times that it is asked."""

    def __init__(self, refuses: int, cause: OSError) -> None:
        self.refuses, self.cause, self.asked = refuses, cause, 0

    async def lines(self, *_: object) -> AsyncIterator[str]:
        self.asked += 1
        if self.asked <= self.refuses:
            raise Unreachable("https://127.0.0.1:7000 cannot be asked: no") from self.cause
        yield "n1 takes requests again"


async def tell(node: Starting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "lines", node.lines)
    monkeypatch.setattr(certificates, "asking", lambda folders: None)
    await membership._told("https://127.0.0.1:7000", "/undrain", {}, Folders(Path("/nowhere")), Hurried())


async def test_a_node_that_is_just_being_started_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await tell(Starting(5, ConnectionRefusedError()), monkeypatch)
    assert capsys.readouterr().out == "n1 takes requests again.\n"


async def test_a_node_that_does_not_start_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unreachable, match="start the node there with `linnet cluster run`"):
        await tell(Starting(1_000, ConnectionRefusedError()), monkeypatch)


async def test_what_may_have_been_asked_is_not_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Starting(1, ConnectionResetError())
    with pytest.raises(Unreachable):
        await tell(node, monkeypatch)
    assert node.asked == 1


def test_who_may_not_read_the_nodes_key_is_told_who_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(folders: Folders) -> None:
        raise PermissionError

    monkeypatch.setattr(cluster, "read_node", closed)
    with pytest.raises(Ending, match="run this as that user") as refused:
        cluster.status(Config(data=tmp_path), chosen())
    assert refused.value.code == NOT_PERMITTED
