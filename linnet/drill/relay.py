"""A slow and lossy cable: hands frames from one network interface to another, late and not all of them.

Run as ``python -m linnet.drill.relay INTERFACE INTERFACE DELAY_MS JITTER_MS LOSS``, LOSS in [0, 1]. Linux has this as
``tc netem``, which many kernels are built without; raw sockets are in all of them.
"""

import heapq
import select
import socket
import sys
import time

from linnet.system import SystemChance

_ALL_PROTOCOLS = 0x0003
_SOL_PACKET, _VNET_HEADER, _IGNORE_OUTGOING = 263, 15, 23
_FRAME_MAX = 1 << 17


def opened(interface: str) -> socket.socket:
    """A raw socket on the interface. Each frame comes and goes with its offload header: it may be larger than a packet,
    and its checksum may still have to be made."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
    raw.setsockopt(_SOL_PACKET, _VNET_HEADER, 1)
    raw.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    raw.bind((interface, 0))
    raw.setblocking(False)
    return raw


def main(arguments: list[str]) -> None:
    """Until it is killed."""
    ends = opened(arguments[0]), opened(arguments[1])
    delay, jitter, loss = int(arguments[2]) / 1000, int(arguments[3]) / 1000, float(arguments[4])
    chance = SystemChance()
    waiting: list[tuple[float, int, int, bytes]] = []
    count = 0
    print("ready", flush=True)  # noqa: T201 - whoever started us waits for it
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, to, frame = heapq.heappop(waiting)
            _send(ends[to], frame)
        patience = max(0.0, waiting[0][0] - now) if waiting else None
        for ready in select.select(ends, [], [], patience)[0]:
            frame = ready.recv(_FRAME_MAX)
            if chance.fraction() >= loss:
                count += 1
                due = time.monotonic() + delay + jitter * chance.fraction()
                heapq.heappush(waiting, (due, count, 1 - ends.index(ready), frame))


def _send(to: socket.socket, frame: bytes) -> None:
    try:
        to.send(frame)
    except OSError:
        return  # a full or vanished cable loses frames, and so do we


if __name__ == "__main__":
    main(sys.argv[1:])
