"""PostgreSQL as a cluster has it: several hosts over TLS, passwords that never travel, and hosts that swallow all."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from linnet.domain.errors import Unavailable
from linnet.storage import changes, names, schema
from linnet.storage.postgres_connection import LockedOut, NotDone, connect
from linnet.system import SystemClock
from tests.scenarios.test_serve_proxies import make_certificate
from tests.storage.queries import sql
from tests.support import postgres
from tests.support.databases import open_postgres
from tests.support.programs import postgres_bin
from tests.support.waiting import until

COUNT = sql("select count(*) from changes")
PASSWORD = "p%40ss, and=more"


class Secured(NamedTuple):
    """A server that takes only TLS and SCRAM."""

    server: postgres.Server
    authority: Path

    def url(self, *hosts: str, password: str = PASSWORD, more: str = "") -> str:
        given = password.replace("%", "%25").replace(",", "%2C").replace("=", "%3D").replace(" ", "%20")
        places = ",".join(hosts or (f"127.0.0.1:{self.server.port}",))
        tls = f"sslmode=verify-ca&sslrootcert={self.authority}"
        return f"postgresql://linnet:{given}@{places}/linnet?{tls}{more}"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = make_certificate(folder)
    server = postgres.new_server("tls")
    try:
        for source, name in ((certificate, "server.crt"), (key, "server.key")):
            target = server.data / name
            shutil.copyfile(source, target)
            target.chmod(0o600)
            os.chown(target, server.data.stat().st_uid, server.data.stat().st_gid)
        with (server.data / "postgresql.conf").open("a") as settings:
            settings.write("\nssl = on\npassword_encryption = 'scram-sha-256'\n")
        # The local socket is the test's own way in.
        (server.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.0/8 scram-sha-256\n")
        server.start()
        for sql in (f"create role linnet login password '{PASSWORD}'", "create database linnet owner linnet"):
            subprocess.run(
                [postgres_bin() / "psql", "-h", server.folder, "-p", str(server.port), "-U", "postgres", "-qc", sql],
                check=True, timeout=20,
            )  # fmt: skip
        yield Secured(server, certificate)
    finally:
        server.remove()


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """A host whose kernel takes connections, and where nobody ever answers."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        yield f"127.0.0.1:{hole.getsockname()[1]}"


async def test_several_hosts_over_tls_with_a_password_that_does_not_travel(secured: Secured):
    with black_hole() as hole, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        hosts = (hole, f"127.0.0.1:{closed.getsockname()[1]}", f"127.0.0.1:{secured.server.port}")
        database = open_postgres(secured.url(*hosts))
        try:
            await schema.migrate(database, SystemClock())
            await database.write(lambda tx: changes.append(tx, "happened", 1, 1))
            row = await database.read(lambda tx: tx.one(COUNT))
            assert row is not None
            assert row[0] == 1
        finally:
            await database.close()
    connection = await connect(secured.url(), 5)
    how = await connection.rows("select ssl, version from pg_stat_ssl where pid = pg_backend_pid()", (), 2)
    connection.terminate()
    assert (how[0][0], how[0][1]) == (True, "TLSv1.3")


async def test_who_is_not_known_is_not_spoken_to(secured: Secured, tmp_path: Path):
    with pytest.raises(LockedOut, match="password"):
        await connect(secured.url(password="wrong"), 5)
    other, _ = make_certificate(tmp_path)
    stranger = secured._replace(authority=other)
    with pytest.raises(NotDone, match="certificate verify failed"):
        await connect(stranger.url(), 5)
    with pytest.raises(LockedOut):
        await connect(secured.url().replace("verify-ca", "disable"), 5)
    database = open_postgres(secured.url(password="wrong"))
    with pytest.raises(Unavailable, match="does not let us in"):
        await database.write(lambda tx: changes.append(tx, "happened", 1, 1))
    await database.close()


async def test_a_resolver_that_hangs_holds_up_one_thread_and_no_other_host(secured: Secured, monkeypatch):
    real, hanging, asked = socket.getaddrinfo, threading.Event(), []

    def hangs(host, *rest, **more):
        if host == "n1.example":
            asked.append(host)
            hanging.wait(30)
            raise OSError("at last")
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    database = open_postgres(secured.url("n1.example:5432", f"localhost:{secured.server.port}"))
    try:
        for _ in range(12):
            with pytest.raises(NotDone):
                await connect(secured.url("n1.example:5432"), 0.01)
        started = time.monotonic()
        await schema.migrate(database, SystemClock())
        await database.read(lambda tx: tx.one(COUNT))
        # What runs on the loop's own threads is not held up, either.
        assert await asyncio.to_thread(lambda: "done") == "done"
        assert time.monotonic() - started < 5
        assert asked == ["n1.example"]
    finally:
        hanging.set()
        await database.close()
    await until(names._under_way["n1.example"].done)
    with pytest.raises(NotDone, match="at last"):
        await connect(secured.url("n1.example:5432"), 5)


async def test_addresses_and_sockets_are_not_looked_up(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("asked"))
    for host in ("127.0.0.1", "::1", "/run/postgresql", ""):
        await names.look_up(host)


async def test_who_waits_for_a_frozen_primary_does_not_wait_when_there_is_another_one():
    slow = sql("select pg_sleep(:seconds)")
    add = sql("insert into heartbeats (place, beats) values (7, 1)")
    with postgres.running_server("primary") as primary:
        await schema.migrate(open_postgres(primary.url()), SystemClock())
        standby = primary.standby()
        try:
            hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
            database = open_postgres(f"postgresql://postgres@{hosts}/postgres")
            told: list[str] = []
            database.on_broken(told.append)
            begun = asyncio.Event()
            attempts = 0

            async def slowly(tx):
                nonlocal attempts
                attempts += 1
                await tx.run(add)
                begun.set()
                await tx.one(slow, seconds=60 if attempts == 1 else 0)
                return attempts

            writing = asyncio.ensure_future(database.write(slowly, heavy=True))
            await asyncio.wait_for(begun.wait(), 20)
            primary.signal_all(signal.SIGSTOP)
            standby.promote()
            database.doubt()
            count = sql("select count(*) from heartbeats where place = 7")
            async with asyncio.timeout(20):
                await database.write(lambda tx: tx.run(sql("insert into heartbeats (place, beats) values (8, 1)")))
                assert await writing == 2
            assert any("has become the primary" in why for why in told), told
            assert await database.read(lambda tx: tx.all(count), steady=True) == [(1,)]
            await database.close()
        finally:
            standby.remove()
