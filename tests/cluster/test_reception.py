"""What a node answers over the wire: to those who want to join, and to commands, whoever goes on listening or not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from linnet.cluster import admission, asking, certificates, joining, membership, tokens
from linnet.cluster.admission import Request
from linnet.cluster.certificates import Pair
from linnet.cluster.control import Server
from linnet.cluster.joining import Joiner
from linnet.cluster.layout import Folders, Member, NodeFile, Ports
from linnet.cluster.node import Node, begin
from linnet.cluster.passwords import Passwords
from linnet.cluster.picture import Picture
from linnet.cluster.place import Place
from linnet.cluster.reception import Reception
from linnet.domain.errors import Conflict, NotAllowed
from linnet.storage.etcd import EtcdMajority
from linnet.supervision import Tasks
from linnet.system import SystemChance, SystemClock
from tests.support.etcd import Etcd, founded
from tests.support.waiting import until

HERE = "127.0.1.1"
ONE, TWO = (Member(name, f"127.0.1.{i}", Ports.starting()) for i, name in enumerate(("one", "two"), 1))


class Desk:
    """A node of which only the control port is there, and a real etcd behind it."""

    def __init__(self, data: Path, majority: EtcdMajority) -> None:
        self.folders = Folders(data)
        begin(self.folders, NodeFile("linnet", ONE, origin="https://social.example"), SystemClock(), SystemChance())
        (data / "secrets").mkdir()
        (data / "linnet.toml").write_text('title = "Ours"\n')
        self.file = NodeFile("linnet", ONE, origin="https://social.example")
        self.me, self.clock, self.majority, self.rest = ONE, SystemClock(), majority, None
        self.passwords = Passwords.from_json(self.folders.secrets.read_text())
        self.said: list[str] = []
        self.tasks = Tasks()
        place = Place(cast(Node, self), SystemChance(), lambda: Picture(me="one", children={}), lambda: None)
        self.server = Server(Reception(place, self.tasks).routes())

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    @property
    def url(self) -> str:
        return f"https://{HERE}:{self.server.port}"

    async def ask(self, path: str, body: dict) -> dict:
        """As a node of the cluster."""
        return await asking.ask(self.url, path, body, certificates.asking(self.folders))

    async def join(self, request: Request) -> dict:
        """As whoever knows the authority, and is nobody yet."""
        trusting = certificates.trusting(self.folders.ca.read_bytes())
        return await asking.ask(self.url, "/join", request.body(), trusting)


@pytest.fixture
async def majority(etcd: Etcd) -> AsyncIterator[EtcdMajority]:
    async with founded(etcd, ONE) as opened:
        yield opened


@pytest.fixture
async def desk(tmp_path: Path, majority: EtcdMajority) -> AsyncIterator[Desk]:
    found = Desk(tmp_path / "one", majority)
    await found.server.start(HERE, 0, certificates.serving(found.folders))
    yield found
    await found.server.close()
    await found.tasks.close()


async def test_a_token_gives_everything_that_nodes_have_in_common_once(desk: Desk):
    printed = await desk.ask("/token", {})
    token = tokens.read(printed["token"])
    assert token.fingerprint == certificates.fingerprint(desk.folders.ca.read_bytes())
    answer = await desk.join(Request(token.secret, b"c" * 20, TWO))
    assert answer["passwords"]["replicator"] == desk.passwords.replicator
    assert answer["vault_key"] == (desk.folders.data / "secrets" / "vault.key").read_text()
    assert answer["authority_key"] == desk.folders.ca_key.read_text()
    assert (answer["options"], answer["origin"]) == ('title = "Ours"\n', "https://social.example")
    assert {one["name"]: one["state"] for one in answer["members"]} == {"one": "ready", "two": "joining"}
    assert await desk.join(Request(token.secret, b"c" * 20, TWO)) | {"now_ms": 0} == answer | {"now_ms": 0}
    with pytest.raises(asking.Refused) as caught:
        await desk.join(Request(token.secret, b"d" * 20, TWO))
    assert caught.value.status == 403
    assert str(token) not in " ".join(desk.said)


async def test_a_token_that_was_lost_is_taken_back(desk: Desk):
    token = tokens.read((await desk.ask("/token", {}))["token"])
    assert await desk.ask("/revoke", {}) == {"revoked": 1}
    with pytest.raises(asking.Refused, match="token is not good"):
        await desk.join(Request(token.secret, b"c" * 20, TWO))


async def test_strangers_are_told_nothing_and_change_nothing(desk: Desk, majority: EtcdMajority):
    trusting = certificates.trusting(desk.folders.ca.read_bytes())
    for path in ("/token", "/revoke", "/switchover", "/drain", "/undrain", "/leave", "/remove"):
        with pytest.raises(asking.Refused) as caught:
            await asking.ask(desk.url, path, {}, trusting)
        assert caught.value.status == 401
    for body in ({}, {"secret": "00" * 20, "claim": "00" * 20, "member": {"name": "x" * 60_000}}):
        with pytest.raises(asking.Refused) as caught:
            await asking.ask(desk.url, "/join", body, trusting)
        assert caught.value.status == 422
    assert set(await admission.members(majority)) == {"one"}


async def test_the_secret_is_shown_to_nobody_but_whom_the_token_names(desk: Desk, tmp_path: Path):
    token = tokens.read((await desk.ask("/token", {}))["token"])
    joiner = Joiner(desk.url, token._replace(fingerprint="00" * 32), Folders(tmp_path / "two"), TWO, "")
    with pytest.raises(NotAllowed, match="not shown the token"):
        await joining.prepare(joiner, SystemClock(), SystemChance(), lambda said: None)
    assert not joiner.folders.node.exists()
    # One that copies the public certificate of the authority, and has no key of it, is found out by TLS.
    forger = Desk(tmp_path / "forger", desk.majority)
    await forger.server.start(HERE, 0, certificates.serving(forger.folders))
    forger.folders.ca.write_bytes(desk.folders.ca.read_bytes())
    try:
        joiner = Joiner(forger.url, token, Folders(tmp_path / "three"), TWO, "")
        with pytest.raises(asking.Unreachable, match="not of this cluster"):
            await joining.prepare(joiner, SystemClock(), SystemChance(), lambda said: None)
    finally:
        await forger.server.close()
    assert forger.said == []


async def test_an_authority_behind_the_right_one_is_not_believed(desk: Desk, tmp_path: Path):
    """Whoever stands in between hands on what is public, with its own authority behind it, and answers by that."""
    ours = _padded()
    forger = Desk(tmp_path / "forger", desk.majority)
    await forger.server.start(HERE, 0, certificates.serving(forger.folders))
    forger.folders.ca.write_bytes(ours.certificate + forger.folders.ca.read_bytes())
    token = tokens.Token(certificates.fingerprint(ours.certificate), b"s" * 20)
    try:
        joiner = Joiner(forger.url, token, Folders(tmp_path / "two"), TWO, "")
        with pytest.raises(NotAllowed, match="not shown the token"):
            await joining.prepare(joiner, SystemClock(), SystemChance(), lambda said: None)
    finally:
        await forger.server.close()


def _padded() -> Pair:
    """An authority whose certificate's base64 ends with "=", where lenient readers stop reading."""
    while True:
        made = certificates.make_authority("linnet", SystemClock().now_ms())
        if b"=" in made.certificate:
            return made


async def test_a_change_goes_to_its_end_though_nobody_listens_and_no_other_begins(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    going, done = asyncio.Event(), asyncio.Event()

    async def drain(place: Any) -> AsyncIterator[str]:
        yield "begun"
        await going.wait()
        yield "ended"
        done.set()

    async def undrain(place: Any) -> AsyncIterator[str]:
        yield "nothing to do"
        raise Conflict("one cannot be undrained")

    monkeypatch.setattr(membership, "drain", drain)
    monkeypatch.setattr(membership, "undrain", undrain)
    context = certificates.asking(desk.folders)
    listening = asking.lines(desk.url, "/drain", {}, context)
    assert await anext(listening) == "begun"
    with pytest.raises(asking.Refused, match="busy: drain"):
        await _heard(desk, "/undrain")
    await listening.aclose()  # type: ignore[attr-defined]
    going.set()
    await done.wait()
    await until(lambda: "ended" in desk.said)
    with pytest.raises(asking.Refused, match="cannot be undrained"):
        await _heard(desk, "/undrain")
    assert desk.said == ["begun", "ended", "nothing to do", "undrain was not done: one cannot be undrained"]


async def _heard(desk: Desk, path: str) -> list[str]:
    return [line async for line in asking.lines(desk.url, path, {}, certificates.asking(desk.folders))]


@pytest.mark.parametrize(("path", "body"), [("/switchover", {"to": 5}), ("/remove", {"name": "x" * 41})])
async def test_names_of_commands_are_looked_at(desk: Desk, path: str, body: dict):
    with pytest.raises(asking.Refused) as caught:
        await asking.ask(desk.url, path, body, certificates.asking(desk.folders))
    assert caught.value.status == 422
