"""Hosts of the drill's own, and cables that are cut, deaf, slow and lossy; tried where namespaces are to be had."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from linnet.drill import stage
from linnet.drill.network import Loopback, NetworkFailed, run

_SCRIPT = """
import asyncio, json, subprocess, sys, time
from linnet.drill.network import Hosts

SERVE = "import socket; s = socket.create_server(('0.0.0.0', 9000)); print('up', flush=True)\\nwhile True: s.accept()"
ASK = '''
import socket, sys, time
began = time.monotonic()
try:
    socket.create_connection((sys.argv[1], 9000), 1.0).close()
    print(time.monotonic() - began)
except OSError:
    print(-1)
'''

async def main():
    network = Hosts()
    await network.set_up()
    one, two, three = network.hosts
    servers = [
        subprocess.Popen(host.command([sys.executable, "-c", SERVE]), stdout=subprocess.PIPE) for host in network.hosts
    ]
    for server in servers:
        server.stdout.readline()
    found = {}

    def reaches(name, host, address):
        ask = [sys.executable, "-c", ASK, address]
        said = subprocess.run(host.command(ask) if host else ask, capture_output=True, text=True).stdout
        found[name] = float(said)

    reaches("client to one", None, one.public)
    reaches("one to two", one, two.address)
    await network.cut(one)
    reaches("cut: client to one", None, one.public)
    reaches("cut: two to one", two, one.address)
    reaches("cut: two to three", two, three.address)
    await network.heal()
    await network.cut(one, clients=False)
    reaches("ring: client to one", None, one.public)
    reaches("ring: two to one", two, one.address)
    await network.heal()
    await network.deafen(one, two)
    reaches("deaf: one to two", one, two.address)
    reaches("deaf: one to three", one, three.address)
    reaches("deaf: two to three", two, three.address)
    await network.heal()
    await network.slow(one, 100, 0, 0.0)
    reaches("slow: one to two", one, two.address)
    reaches("slow: two to three", two, three.address)
    await network.heal()
    await network.slow(one, 1, 0, 1.0)
    reaches("lost: one to two", one, two.address)
    await network.heal()
    reaches("healed: one to two", one, two.address)
    reaches("healed: two to one", two, one.address)
    print(json.dumps(found))

asyncio.run(main())
"""


def test_cables_are_cut_deaf_slow_lossy_and_healed() -> None:
    chosen = stage.choose()
    if chosen.kind != "hosts":
        pytest.skip(f"no hosts of our own here: {chosen.why}")
    reaper = (sys.executable, "-m", "linnet.drill.reaper")
    # Its standard input stays open: when that closes, the reaper ends everything.
    playing = subprocess.Popen(
        [*chosen.around, *reaper, sys.executable, "-c", _SCRIPT],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert playing.stdout is not None
    found = json.loads(playing.stdout.read().splitlines()[-1])
    assert playing.wait(30) == 0
    silent = {name for name, seconds in found.items() if seconds < 0}
    assert silent == {
        "cut: client to one", "cut: two to one", "ring: two to one", "deaf: one to two", "lost: one to two"
    }  # fmt: skip
    # There and back again: 100 ms each.
    assert found["slow: one to two"] >= 0.2 > found["one to two"]


async def test_loopback_has_addresses_and_no_cables() -> None:
    network = Loopback()
    assert [host.address for host in network.hosts] == ["127.0.1.1", "127.0.1.2", "127.0.1.3"]
    assert network.hosts[0].command(["linnet"]) == ["linnet"]
    await network.set_up()
    for act in (
        network.cut(network.hosts[0]),
        network.deafen(network.hosts[0], network.hosts[1]),
        network.slow(network.hosts[0], 1, 1, 0),
    ):
        with pytest.raises(NetworkFailed, match="no cable"):
            await act
    await network.heal()


async def test_a_command_that_fails_is_told_with_its_answer() -> None:
    with pytest.raises(NetworkFailed, match="no-such-folder"):
        await run("ls /no-such-folder")
