"""Nodes of a real cluster on loopback, run by an ordinary user; none outlives whoever started it."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from linnet.drill.users import as_ordinary_user, own
from tests.support import programs
from tests.support.waiting import until

OPTIONS = 'rate_limits = "off"\nworkers = 1\n'


@dataclass(eq=False)
class Node:
    """One node: its folder and, while it runs, the process that holds all of its processes together."""

    name: str
    address: str
    folder: Path
    keeper: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where people come in."""
        return f"http://{self.address}:8000"

    @property
    def control(self) -> str:
        return f"https://{self.address}:7000"

    @property
    def said(self) -> str:
        """What it has printed."""
        return self._output.read_text("utf-8", "replace") if self._output.exists() else ""

    def log(self, child: str) -> str:
        path = self.folder / "log" / f"{child}.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    @property
    def _output(self) -> Path:
        return self.folder.with_suffix(".out")

    def start(self, *words: str) -> None:
        """``linnet cluster WORDS``, in the foreground of a process that ends all below it when we do."""
        argv = as_ordinary_user(_linnet("cluster", *words, "--data", str(self.folder)))
        with self._output.open("ab") as output:
            self.keeper = subprocess.Popen(
                [sys.executable, "-m", "linnet.drill.reaper", *argv],
                stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip

    def place(self) -> tuple[str, ...]:
        return "--name", self.name, "--address", self.address, "--bind", f"{self.address}:8000"

    async def until_said(self, text: str, seconds: float = 150.0) -> None:
        """Raises AssertionError with what was said instead."""

        def said() -> bool:
            assert text in self.said or (self.keeper is not None and self.keeper.poll() is None), self.said[-2_000:]
            return text in self.said

        try:
            await until(said, seconds)
        except TimeoutError:
            patroni = self.log("patroni")[-2_000:]
            raise AssertionError(f"{self.name} never said {text!r}: {self.said[-2_000:]}\n{patroni}") from None

    async def command(self, *words: str) -> tuple[int, str, str]:
        """``linnet cluster WORDS`` on this node: exit code, output and errors."""
        argv = as_ordinary_user(_linnet("cluster", *words, "--data", str(self.folder)))
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/"
        )
        try:
            out, errors = await asyncio.wait_for(process.communicate(), 100)
        except TimeoutError:
            process.kill()
            await process.communicate()
            raise
        return process.returncode or 0, out.decode(), errors.decode()

    async def status(self) -> dict:
        code, out, errors = await self.command("status", "--json")
        assert code == 0, errors
        return json.loads(out)

    def kill(self) -> None:
        """As a power failure would: every process of it, at once."""
        if self.keeper is not None:
            assert self.keeper.stdin is not None
            # The reaper asks the command first; so the node's processes go before it can hear of it.
            subprocess.run(["pkill", "-KILL", "-P", str(self.keeper.pid)], check=False)
            self.keeper.stdin.close()
            self.keeper.wait(60)
            self.keeper = None

    async def ended(self, seconds: float = 60.0) -> int:
        """Waits until it has ended by itself; its exit code."""
        assert self.keeper is not None
        keeper = self.keeper
        await until(lambda: keeper.poll() is not None, seconds)
        self.keeper = None
        return keeper.returncode


def _linnet(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "linnet", *words]


@contextlib.contextmanager
def nodes(network: str, count: int = 3) -> Iterator[list[Node]]:
    """Nodes n1, n2, … at ``network`` (127.0.X) .1, .2, …, none of them started; at the end nothing of them is left."""
    for program in (programs.etcd, programs.haproxy, programs.postgres_bin):
        program()
    folder = Path(tempfile.mkdtemp(prefix="linnet-nodes-"))
    folder.chmod(0o755)
    found = [Node(f"n{i}", f"{network}.{i}", folder / f"n{i}") for i in range(1, count + 1)]
    try:
        for node in found:
            node.folder.mkdir()
            (node.folder / "linnet.toml").write_text(OPTIONS)
            own(node.folder)
        yield found
    finally:
        for node in found:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Load:
    """What people saw while something was done: how often each answer came, and the longest time that one took.

    ``made`` has the ids that were given out.
    """

    answers: Counter = field(default_factory=Counter)
    made: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def unharmed(self, *among: Node) -> None:
        """Nobody met anything but 200. Raises AssertionError with what the nodes have logged."""
        if {status for _, status in self.answers} != {200}:
            logs = [f"{node.name}: {node.log('linnet')[-4_000:]}" for node in among]
            raise AssertionError("\n".join([repr(self), *logs]))


@contextlib.asynccontextmanager
async def load(*urls: str) -> AsyncIterator[Load]:
    """Reads and writes at each address, one after another, until the block ends."""
    seen, stopping = Load(), asyncio.Event()
    body = {"client_name": "load", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob"}

    async def go_on(client: aiohttp.ClientSession, method: str, url: str) -> None:
        clock = asyncio.get_running_loop().time
        while not stopping.is_set():
            began = clock()
            try:
                async with client.request(method, url, data=body if method == "POST" else None) as answer:
                    said = await answer.read()
                    if method == "POST" and answer.status == 200:
                        seen.made.append(json.loads(said)["id"])
                    seen.answers[method, answer.status] += 1
            except aiohttp.ClientError as error:
                seen.answers[method, repr(error)] += 1
            seen.slowest = max(seen.slowest, clock() - began)
            await asyncio.sleep(0.02)

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as client:
        going = [
            asyncio.create_task(go_on(client, method, url + path))
            for url in urls
            for method, path in (("GET", "/api/v2/instance"), ("POST", "/api/v1/apps"))
        ]
        try:
            yield seen
        finally:
            stopping.set()
            await asyncio.gather(*going)
