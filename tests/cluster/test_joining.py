"""A cluster's life with its real programs: machines come and go, under load, and nobody notices."""

import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from linnet.cluster import asking, certificates
from linnet.cluster.admission import Request
from linnet.cluster.layout import Folders, Member, Ports
from linnet.cluster.tokens import read
from linnet.domain.ids import milliseconds
from linnet.drill.users import own
from linnet.system import SteppedClock, SystemClock
from tests.support.nodes import Node, load, nodes
from tests.support.waiting import until

pytestmark = pytest.mark.alone


async def _token(node: Node) -> str:
    code, out, errors = await node.command("token", "--quiet")
    assert code == 0, errors
    return out.strip()


def _member(node: Node) -> Member:
    return Member(node.name, node.address, Ports.starting())


async def _soon(node: Node, check: Callable[[dict[str, Any]], bool]) -> None:
    """What a node tells of the cluster is as old as its last look, a second at most."""

    async def true() -> bool:
        return check((await node.status())[node.name])

    await until(true)


async def _strangers_are_refused(first: Node, second: Node, token: str) -> None:
    """With a wrong token, for a wrong cluster, or with a certificate of nobody's."""
    folders = Folders(first.folder)
    trusting = certificates.trusting(folders.ca.read_bytes())
    wrong = Request(b"x" * 20, b"c" * 20, _member(second))
    with pytest.raises(asking.Refused) as caught:
        await asking.ask(first.control, "/join", wrong.body(), trusting)
    assert caught.value.status == 403
    for path in ("/token", "/drain", "/leave", "/remove"):
        with pytest.raises(asking.Refused) as caught:
            await asking.ask(first.control, path, {}, trusting)
        assert caught.value.status == 401
    secret = str(read(token)._replace(fingerprint="00" * 32))
    code, _, errors = await second.command("join", first.control, "--token", secret, *second.place(), "--prepare-only")
    assert code != 0
    assert "was not shown the token" in errors
    code, _, errors = await second.command("join", first.control, "--token", "nonsense", *second.place())
    assert code != 0
    assert "linnet cluster token" in errors
    assert set((await first.status())["n1"]["members"]) == {"n1"}


async def _cut_off_and_joined(first: Node, second: Node, token: str) -> None:
    """A machine that dies in the middle costs nobody anything, and goes on with the same command."""
    words = ("join", first.control, "--token", token, *second.place())
    second.start(*words)
    await second.until_said("etcd has a copy")
    second.kill()
    await _soon(first, lambda status: "n2" in status["members"])
    async with load(first.url) as seen:
        status = (await first.status())["n1"]
        assert status["members"]["n2"]["state"] == "joining"
        assert (status["voters"], status["strict"]) == (["n1"], False)
        began = time.monotonic()
        second.start(*words)
        await second.until_said("n2 is a member")
        assert time.monotonic() - began < 120
    seen.unharmed(first, second)
    assert "This join was cut off before; it goes on" in second.said
    stolen = Request(read(token).secret, b"d" * 20, Member("n9", "127.0.3.9", Ports.starting()))
    context = certificates.trusting(Folders(first.folder).ca.read_bytes())
    with pytest.raises(asking.Refused) as caught:
        await asking.ask(first.control, "/join", stolen.body(), context)
    assert caught.value.status == 403


async def _switched_over(first: Node, second: Node) -> None:
    async with load(first.url, second.url) as seen:
        code, out, errors = await first.command("switchover", "--to", "n2")
        assert code == 0, errors
        assert re.search(r"n2 is the primary, after \d+\.\d s", out)
    seen.unharmed(first, second)
    code, _, errors = await first.command("switchover", "--to", "n2")
    assert code != 0
    assert "is the primary already" in errors


async def _drained_and_undrained(first: Node, second: Node) -> None:
    """The primary too: it goes elsewhere first."""
    async with load(first.url, second.url) as seen:
        code, _, errors = await first.command("drain", "--node", "n2")
        assert code == 0, errors
        drained = ("drained", "n1")
        await _soon(first, lambda status: (status["members"]["n2"]["state"], status["primary"]) == drained)
        answer = await asking.exchange(f"http://{second.address}:7006", "/readyz", None)
        assert (answer.status, answer.body) == (503, b"not ready: this node is drained\n")
        code, _, errors = await first.command("drain")
        assert "the only node" in errors
        assert code != 0
        code, _, errors = await second.command("undrain")
        assert code == 0, errors
    seen.unharmed(first, second)
    await _soon(second, lambda status: status["state"] == "ready")


def _told_of_the_clock(words: str, status: dict[str, Any]) -> bool:
    return words in status["says"].get("clock", "") if words else "clock" not in status["says"]


async def _clock_stepped(first: Node, second: Node) -> None:
    """One that jumps an hour makes no id of the coming hour, and is told of."""
    step = second.folder / "run" / SteppedClock.FILE
    for hours in (1, -1, 0):
        with step.open("r+b") as opened:
            opened.write((hours * 3_600_000).to_bytes(8, "little", signed=True))
        told = f"{abs(hours) * 3_600} s {'ahead of' if hours > 0 else 'behind'} the other's"
        async with load(second.url) as seen:
            await _soon(second, partial(_told_of_the_clock, told if hours else ""))
        seen.unharmed(second)
        made = [abs(milliseconds(int(id)) - SystemClock().now_ms()) for id in seen.made]
        assert made
        assert max(made) < 60_000


async def _left(first: Node, second: Node) -> None:
    code, _, errors = await second.command("leave")
    assert code != 0
    assert "one copy only" in errors
    async with load(first.url) as seen:
        code, out, errors = await second.command("leave", "--yes")
        assert code == 0, errors
        assert "n2 is no member any more" in out
        assert await second.ended() == 0, second.said[-3_000:]
    seen.unharmed(first, second)
    left = ({"n1"}, ["n1"], False)
    await _soon(first, lambda status: (set(status["members"]), status["voters"], status["strict"]) == left)
    code, _, errors = await second.command("run")
    assert "There is no node" in errors
    assert code != 0


@pytest.mark.drill
async def test_a_machine_joins_serves_and_leaves_and_nobody_notices():
    with nodes("127.0.3", 2) as (first, second):
        (second.folder / "run").mkdir(mode=0o700)
        (second.folder / "run" / SteppedClock.FILE).write_bytes(bytes(8))
        own(second.folder)
        began = time.monotonic()
        first.start("init", *first.place(), "--origin", first.url)
        await first.until_said("The node n1 is ready")
        assert time.monotonic() - began < 60
        ready = await asking.exchange(f"http://{first.address}:7006", "/readyz", None)
        assert ready.body.startswith(b"ready\nOne copy only")
        token = await _token(first)
        await _strangers_are_refused(first, second, token)
        await _cut_off_and_joined(first, second, token)
        await _switched_over(first, second)
        await _clock_stepped(first, second)
        await _drained_and_undrained(first, second)
        await _left(first, second)


async def test_root_and_folders_of_others_are_refused(tmp_path: Path):
    with nodes("127.0.4", 1) as (only,):
        (only.folder / "etcd" / "member").mkdir(parents=True)
        token = "linnet-join-" + "A" * 70
        code, _, errors = await only.command("join", "127.0.4.1", "--token", token, *only.place())
        assert code != 0
        assert "holds the data of a node that was" in errors
        code, _, errors = await only.command("drain")
        assert code != 0
        assert "There is no node" in errors
