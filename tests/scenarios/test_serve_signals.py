"""What signals do to a running server: SIGHUP replaces its workers, SIGTERM drains, a killed worker is replaced."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from linnet.cluster.children import identity
from tests.support.kept import Kept, Lost
from tests.support.server import Server
from tests.support.server import until as until_now
from tests.support.waiting import until


class Load:
    """Requests without a pause, on so many kept connections; ``lost`` has what went wrong."""

    def __init__(self, server: Server, token: str, connections: int) -> None:
        self.lost: list[Lost] = []
        self.statuses: Counter[int] = Counter()
        self.connections = 0
        self.posted: list[str] = []
        self._server = server
        self._token = token
        self._ending = False
        self._clients = [asyncio.ensure_future(self._client(number)) for number in range(connections)]

    async def _client(self, number: int) -> None:
        client = Kept(self._server.port, self._token)
        turn = 0
        while not self._ending:
            turn += 1
            try:
                if turn % 5 == 0:
                    body = json.dumps({"status": f"post {turn} of {number}"}).encode()
                    reply = await client.ask("POST", "/api/v1/statuses", body)
                    if reply.status == 200:
                        self.posted.append(json.loads(reply.body)["id"])
                else:
                    reply = await client.ask("GET", "/api/v1/timelines/home?limit=5")
            except Lost as error:
                self.lost.append(error)
                await client.close()
                continue
            self.statuses[reply.status] += 1
        self.connections += client.connections
        await client.close()

    async def answered(self, more: int) -> None:
        """Waits until so many more requests have been answered."""
        goal = self.statuses.total() + more
        await until(lambda: self.statuses.total() >= goal, 30)

    async def end(self) -> None:
        self._ending = True
        await asyncio.gather(*self._clients)


@pytest.mark.parametrize("workers", [1, 2])
async def test_sighup_replaces_the_workers_and_no_request_is_lost(tmp_path: Path, workers: int) -> None:
    with Server(tmp_path / "data", "--workers", str(workers), "--rate-limits", "off") as server:
        token = server.account("alice")
        load = Load(server, token, 12)
        await load.answered(100)
        for _ in range(2):
            await until(lambda: len(server.workers()) == workers, 30)
            old = server.workers()
            server.signal(signal.SIGHUP)
            await until(partial(server.replaced, old), 60)
            await load.answered(100)
        await load.end()
        assert load.lost == []
        assert set(load.statuses) == {200}
        print(f"{load.statuses.total()} requests over {load.connections} connections, {len(load.posted)} posts")
        assert len(set(load.posted)) == len(load.posted)


async def test_sigterm_answers_what_is_under_way_and_refuses_readiness_first(tmp_path: Path) -> None:
    with Server(tmp_path / "data", "--rate-limits", "off") as server:
        token = server.account("alice")
        load = Load(server, token, 6)
        await load.answered(30)
        watcher = Kept(server.port)
        assert (await watcher.ask("GET", "/readyz")).status == 200
        server.signal(signal.SIGTERM)
        statuses = []
        while True:
            try:
                reply = await watcher.ask("GET", "/readyz")
            except Lost:
                break
            statuses.append(reply.status)
        assert 503 in statuses
        load._ending = True
        await load.end()
        # Whoever had a connection was answered and told to come again; only who then came found nobody any more.
        assert [str(lost) for lost in load.lost if lost.answered_before] == []
        await until(lambda: server.process is not None and server.process.poll() is not None, 60)
        assert server.process is not None
        assert server.process.returncode == 0
        server.process = None
        server.start()
        for status in load.posted:
            assert server.get(f"/api/v1/statuses/{status}")[0] == 200


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    with Server(tmp_path / "data", "--workers", "2") as server:
        until_now(lambda: len(server.workers()) == 2)
        victim, other = server.workers()
        os.kill(victim, signal.SIGKILL)
        until_now(lambda: len(server.workers()) == 2 and victim not in server.workers(), what="another worker")
        assert other in server.workers()
        assert server.get("/readyz")[0] == 200
        assert "worker_ended" in server.log()


def test_workers_that_still_start_are_replaced_too(tmp_path: Path) -> None:
    with Server(tmp_path / "data", "--workers", "3") as server:
        old = set(server.workers())
        server.signal(signal.SIGHUP)
        until_now(lambda: len(now := server.workers()) == 3 and not old & set(now), 90, "three new workers")
        assert server.get("/readyz")[0] == 200


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    with Server(tmp_path / "data", "--workers", "2") as server:
        until_now(lambda: len(server.workers()) == 2)
        workers = server.workers()
        os.kill(server.pid, signal.SIGKILL)
        until_now(lambda: not any(identity(pid) for pid in workers), what="the end of the workers")
        server.restart()
        assert server.get("/readyz")[0] == 200


async def test_what_a_killed_supervisor_leaves_is_answered_and_keeps_no_successor_waiting(tmp_path: Path) -> None:
    with Server(tmp_path / "data", "--workers", "2") as server:
        token = await asyncio.to_thread(server.account, "alice")
        await until(lambda: len(server.workers()) == 2)
        workers = server.workers()
        body = b'{"status": "said slowly"}'
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"POST /api/v1/statuses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n" % (token.encode(), len(body)) + body[:5]
        )
        assert (await asyncio.to_thread(server.get, "/readyz"))[0] == 200  # by then a worker has that request
        os.kill(server.pid, signal.SIGKILL)
        await asyncio.to_thread(server.process.wait, 10)  # type: ignore[union-attr]
        await asyncio.to_thread(server.start)
        assert not set(server.workers()) & set(workers)
        writer.write(body[5:])
        assert (await reader.readline()).startswith(b"HTTP/1.1 200"), server.log()
        writer.close()
        await until(lambda: not any(identity(pid) for pid in workers), 30)


def test_a_successor_waits_for_workers_that_still_have_its_port(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        (worker,) = server.workers()
        os.kill(worker, signal.SIGSTOP)
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait(10)  # type: ignore[union-attr]
        server.start(ready=False)
        until_now(lambda: f"waiting for 127.0.0.1:{server.port}" in server.log(), what="word of the port")
        assert not server.workers()
        os.kill(worker, signal.SIGCONT)
        until_now(lambda: server.replaced([worker]), what="another worker")
        server.wait_ready()


# A supervisor that gets a signal in the very moment in which its second worker has been started.
_IN_THE_MOMENT = """
import os, subprocess, sys
from linnet import __main__
from linnet.cli import serve
popen, made, number = subprocess.Popen, [], int(sys.argv.pop(1))
def start(*arguments, **options):
    made.append(popen(*arguments, **options))
    print(f"made {made[-1].pid}", file=sys.stderr, flush=True)
    if len(made) == 2:
        os.kill(os.getpid(), number)
    return made[-1]
serve.subprocess.Popen = start
sys.exit(__main__.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_moment_of_a_workers_start_reaches_that_one_too(number: signal.Signals, tmp_path: Path) -> None:
    class InTheMoment(Server):
        def command(self, *words: str) -> list[str]:
            _, _, _, *rest = super().command(*words)
            return [sys.executable, "-c", _IN_THE_MOMENT, str(int(number)), *rest]

    with contextlib.ExitStack() as ending:
        server = InTheMoment(tmp_path / "data", "--workers", "2")
        ending.callback(server.stop)
        # Told to end while it starts, it may never become ready.
        server.start(ready=number == signal.SIGHUP)
        assert server.process is not None
        if number == signal.SIGTERM:
            assert server.process.wait(60) == 0, server.log()
            assert server.log().count("made ") == 2, server.log()
            return
        until_now(lambda: server.log().count("made ") >= 2, what="the second worker")
        old = [int(pid) for pid in re.findall(r"^made (\d+)", server.log(), re.M)[:2]]
        until_now(lambda: server.replaced(old), 60, "two new workers")


async def test_a_request_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        token = await asyncio.to_thread(server.account, "alice")
        body = json.dumps({"status": "said slowly"}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"POST /api/v1/statuses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n" % (token.encode(), len(body)) + body[:5]
        )
        await writer.drain()
        await until(lambda: b"linnet_requests_in_flight" in server.get("/metrics")[1], 10)
        server.signal(signal.SIGTERM)
        await until(lambda: server.get("/readyz")[0] == 503, 20)
        writer.write(body[5:])
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer.lower()
        writer.close()
        assert await asyncio.to_thread(server.stop) == 0


async def test_a_request_that_never_ends_does_not_keep_the_server(tmp_path: Path) -> None:
    with Server(tmp_path / "data", "--drain", "1s") as server:
        token = await asyncio.to_thread(server.account, "alice")
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"POST /api/v1/statuses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %b\r\nContent-Length: 100\r\n\r\n{" % token.encode()
        )
        await writer.drain()
        assert await asyncio.to_thread(server.get, "/healthz") == (200, b"ok\n")
        assert await asyncio.to_thread(server.stop) == 0
        assert "drain_timeout" in server.log()
        writer.close()


def test_sighup_brings_a_new_configuration_and_a_wrong_one_replaces_nobody(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        settings = server.data_dir / "linnet.toml"

        def title() -> str:
            return str(json.loads(server.get("/api/v2/instance")[1])["title"])

        assert title() == "Linnet"
        settings.write_text('title = "Perch"\n')
        old = server.workers()
        server.signal(signal.SIGHUP)
        until_now(lambda: server.replaced(old), 60, "new workers")
        assert title() == "Perch"
        settings.write_text("titel = 1\n")
        old = server.workers()
        server.signal(signal.SIGHUP)
        until_now(lambda: "replacement_failed" in server.log(), 60, "the refusal")
        assert "titel is not an option of Linnet; did you mean title?" in server.log()
        assert server.workers() == old
        assert title() == "Perch"
        settings.write_text('title = "Branch"\n')
        server.signal(signal.SIGHUP)
        until_now(lambda: server.replaced(old), 60, "new workers")
        assert title() == "Branch"


def test_a_failed_fsync_ends_the_process(tmp_path: Path) -> None:
    command = "from linnet.cli.opening import end_process; end_process('the disk refused')"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == os.EX_IOERR
    assert "the disk refused" in done.stdout + done.stderr
