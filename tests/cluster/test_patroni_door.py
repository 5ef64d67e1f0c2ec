"""Patroni's own door, as it is told to open it: whom it answers, and that a few who say nothing do not close it."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from patroni.api import RestApiServer  # type: ignore[import-untyped]

from linnet.cluster import asking, certificates, passwords, patroni, patroni_program
from linnet.cluster.layout import Folders, Member, Ports
from linnet.cluster.patroni import Machine, Postgres
from linnet.system import SystemChance, SystemClock
from tests.support.ports import free_port

HERE = "127.0.0.1"


class Door:
    """Patroni's server alone: of a Patroni that is well, and of nothing behind it."""

    def __init__(self, data: Path) -> None:
        self.folders = Folders(data)
        self.folders.cluster.mkdir(parents=True)
        now = SystemClock().now_ms()
        self.authority = certificates.make_authority("linnet", now)
        certificates.keep(self.folders, self.authority, certificates.issue(self.authority, "one", (HERE,), now))
        self.port = free_port()
        ports = Ports(1, 2, 3, self.port, 5, 6, 7, 8)
        told = patroni.render(
            Member("one", HERE, ports), (), self.folders, passwords.make(SystemChance()), Postgres("/bin", "first.sql"),
            Machine(1 << 30, 2),
        )  # fmt: skip
        rest = json.loads(told)["restapi"]
        self.server = RestApiServer(MagicMock(), {**rest, "auth": ":".join(rest["authentication"].values())})

    async def ask(self, context: ssl.SSLContext) -> int:
        return (await asking.exchange(f"https://{HERE}:{self.port}", "/liveness", context, seconds=3.0)).status


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    found = Door(tmp_path)
    found.server.start()
    yield found
    await asyncio.to_thread(found.server.shutdown)
    found.server.server_close()


async def test_nodes_alone_are_answered(door: Door):
    assert await door.ask(certificates.asking(door.folders)) == 200
    with pytest.raises(asking.Unreachable):
        await door.ask(certificates.trusting(door.authority.certificate))


async def test_some_who_say_nothing_keep_nobody_waiting(door: Door):
    """Each has one of its threads until it goes."""
    held = [socket.create_connection((HERE, door.port)) for _ in range(12)]
    try:
        assert await door.ask(certificates.asking(door.folders)) == 200
    finally:
        for one in held:
            one.close()


async def test_whoever_says_nothing_is_let_go(door: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(RestApiServer, "process_request_thread", RestApiServer.process_request_thread)
    monkeypatch.setattr(patroni_program, "SILENT_SECONDS", 0.2)
    patroni_program.let_go()
    held = [socket.create_connection((HERE, door.port)) for _ in range(100)]
    try:
        assert await door.ask(certificates.asking(door.folders)) == 200
    finally:
        for one in held:
            one.close()
