"""Two nodes' HAProxy before real servers, and clients that ask one endpoint and, where that fails, the other one."""

import asyncio
import contextlib
import itertools
import os
import secrets
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from linnet.cluster.haproxy import Ingress, Peer, render
from tests.support import programs
from tests.support.ports import free_port
from tests.support.server import Server, until
from tests.support.streams import event_of
from tests.support.waiting import until as until_async

PATIENCE = aiohttp.ClientTimeout(total=60, sock_connect=2)


class Haproxy:
    """One node's HAProxy, in master-worker mode as a node runs it."""

    def __init__(self, folder: Path, here: Ingress) -> None:
        self.here = here
        self.file = folder / f"{here.name}.cfg"
        self.log = folder / f"{here.name}.haproxy.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.here.certificate else 'http'}://{self.here.public}"

    def start(self, nodes: Sequence[Peer]) -> None:
        self.file.write_text(render(self.here, nodes))
        subprocess.run([programs.haproxy(), "-c", "-q", "-f", self.file], check=True, timeout=20)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [programs.haproxy(), "-W", "-f", self.file], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        until(lambda: self.numbers("reads"), what=f"HAProxy: {self.log.read_text()}")

    def reload(self, nodes: Sequence[Peer]) -> None:
        """Returns when another worker answers."""
        assert self.process is not None
        old = self.workers()
        self.file.write_text(render(self.here, nodes))
        self.process.send_signal(signal.SIGUSR2)
        until(lambda: set(self.workers()) - set(old) and self.numbers("reads"), what="a new worker of HAProxy")

    def workers(self) -> list[int]:
        assert self.process is not None
        pid = self.process.pid
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def ask(self, command: str) -> str:
        """A command on its own socket."""
        with socket.socket(socket.AF_UNIX) as line, contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            line.settimeout(5)
            line.connect(self.here.socket)
            line.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: line.recv(65536), b"")).decode()
        return ""

    def numbers(self, backend: str, what: str = "status") -> dict[str, str]:
        """Server -> ``status`` (UP, DOWN, DRAIN …), or another column of its numbers, like ``stot``."""
        head, *lines = self.ask("show stat").removeprefix("# ").splitlines() or [""]
        rows = [dict(zip(head.split(","), line.split(","), strict=True)) for line in lines if line]
        mine = [row for row in rows if row["pxname"] == backend and row["svname"] not in ("BACKEND", "itself")]
        return {row["svname"]: row[what] for row in mine}

    def kill(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGCONT)
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
            self.process = None


class Clients:
    """Posters, readers and listeners, each of whom tries a second endpoint once; posters without ``keys`` do not.

    ``failed`` says in words what was not answered.
    """

    def __init__(self, endpoints: Sequence[str], tokens: Sequence[str], *, keys: bool = True) -> None:
        self.endpoints = endpoints
        self._keys = keys
        self._headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
        self.failed: list[str] = []
        self.posted: dict[str, str] = {}
        self.read = 0
        self.retried: Counter[str] = Counter()
        self.heard: list[list[str]] = []
        self.listening = 0
        self.streams_broken = 0
        self.slowest_s = 0.0
        self.name = secrets.token_hex(4)
        self._ending = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @contextlib.asynccontextmanager
    async def running(self, *, posters: int = 3, readers: int = 3, listeners: int = 2) -> AsyncIterator["Clients"]:
        async with aiohttp.ClientSession(timeout=PATIENCE, connector=aiohttp.TCPConnector(limit=100)) as session:
            work = [self._poster(session, number) for number in range(posters)]
            work += [self._reader(session, number) for number in range(readers)]
            listens = [asyncio.create_task(self._listener(session, number)) for number in range(listeners)]
            try:
                await until_async(lambda: self.listening >= listeners, 30)
                self._tasks = [asyncio.create_task(one) for one in work]
                yield self
                self._ending.set()
                await asyncio.gather(*self._tasks)
                await until_async(lambda: all(set(heard) == set(self.posted) for heard in self.heard), 40)
            finally:
                for task in (*self._tasks, *listens):
                    task.cancel()
                await asyncio.gather(*self._tasks, *listens, return_exceptions=True)

    async def more(self, posts: int) -> None:
        """Returns when so many more were acknowledged, and twice as many reads."""
        wanted, reads = len(self.posted) + posts, self.read + posts
        await until_async(lambda: self.failed or (len(self.posted) >= wanted and self.read >= reads), 60)

    async def _ask(self, session: aiohttp.ClientSession, place: int, method: str, path: str, **about: Any) -> Any:
        """The answer's JSON, or None where neither endpoint had one."""
        why = []
        began = time.monotonic()
        # What has no key of its own is asked once: only HAProxy may try again.
        for turn in (0, 1) if self._keys or method == "GET" else (0,):
            try:
                url = self.endpoints[(place + turn) % len(self.endpoints)] + path
                async with session.request(method, url, **about) as answer:
                    if answer.status < 500:
                        assert answer.status == 200, (answer.status, await answer.text())
                        found = await answer.json()
                        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
                        return found
                    why.append(f"{answer.status} {await answer.text()}")
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                why.append(repr(error))
            self.retried[f"{method} {why[-1][:60]}"] += 1
        self.failed.append(f"{method} {path}: {why}")
        return None

    async def _poster(self, session: aiohttp.ClientSession, number: int) -> None:
        for count in itertools.count():
            if self._ending.is_set() or self.failed:
                return
            text = f"{self.name}: {number} says {count}"
            # By their tokens all nodes are asked.
            headers = self._headers[(number + count) % len(self._headers)]
            if self._keys:
                headers = headers | {"Idempotency-Key": text}
            made = await self._ask(
                session, number + count, "POST", "/api/v1/statuses", json={"status": text}, headers=headers
            )
            if made is not None:
                self.posted[made["id"]] = text

    async def _reader(self, session: aiohttp.ClientSession, number: int) -> None:
        for count in itertools.count():
            if self._ending.is_set() or self.failed:
                return
            path = ("/api/v1/timelines/home", "/api/v1/instance")[count % 2]
            found = await self._ask(
                session, number + count, "GET", path, headers=self._headers[(number + count // 2) % len(self._headers)]
            )
            self.read += found is not None

    async def _listener(self, session: aiohttp.ClientSession, number: int) -> None:
        heard: list[str] = []
        self.heard.append(heard)
        position, place = "", number
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                url = self.endpoints[place % len(self.endpoints)] + "/api/v1/streaming/user"
                timeout = aiohttp.ClientTimeout(total=None, sock_connect=2, sock_read=20)
                headers = self._headers[number % len(self._headers)] | ({"Last-Event-ID": position} if position else {})
                params = {} if position else {"position": ""}
                async with session.get(url, headers=headers, params=params, timeout=timeout) as answer:
                    block = ""
                    async for line in answer.content:
                        block += line.decode()
                        if line == b"\n":
                            event = event_of(block.strip())
                            block = ""
                            position = event.get("id", position)
                            if event.get("event") == "stream.begun":
                                self.listening += 1
                            elif event.get("event") == "update":
                                heard.append(event["data"]["id"])
                            assert event.get("event") != "stream.reset"
            self.streams_broken += 1
            place += 1
            await asyncio.sleep(0.02)


class Node:
    """A server, and the HAProxy beside it."""

    def __init__(self, folder: Path, number: int, certificate: Path, identity: Path, *options: str) -> None:
        self.name = f"n{number}"
        self.address = f"127.0.1.{number}"
        streaming = f"{self.address}:{free_port()}"
        self.server = Server(
            folder / self.name, "--streaming-bind", streaming, "--trusted-proxies", "127.0.0.0/8", "--rate-limits",
            "off", "--workers", "1", *options,
        )  # fmt: skip
        self.peer = Peer(self.name, self.address, free_port())
        (folder / f"{self.name}.run").mkdir()
        self.haproxy = Haproxy(
            folder,
            Ingress(
                self.name, f"{self.address}:{free_port()}", f"{self.address}:{self.peer.port}",
                f"127.0.0.1:{self.server.port}", streaming, str(certificate), str(identity),
                str(folder / f"{self.name}.run" / "s"),
            ),
        )  # fmt: skip
