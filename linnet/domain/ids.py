"""The layout of our ids: 41 bits of ms since 2006-01-01, 6 bits node, 4 bits worker, 12 bits sequence."""

EPOCH_MS = 1_136_073_600_000
"""2006-01-01T00:00:00Z in ms since 1970."""

NODE_MAX = 62
WORKER_MAX = 15
SEQUENCE_MAX = 4095
IMPORT_NODE = 63
"""Imported posts carry ids of their original time under this node number, which no node is given."""


def place(node: int, worker: int) -> int:
    """The bits of a node (0–62, or 63 for imports) and a worker (0–15), as ``pack`` wants them."""
    if not 0 <= node <= IMPORT_NODE or not 0 <= worker <= WORKER_MAX:
        raise ValueError(f"node {node} or worker {worker} does not fit into an id")
    return node << 16 | worker << 12


def place_of(value: int) -> int:
    """Which node and worker of it made the id, as one number from 0 to 1023."""
    return value >> 12 & 0x3FF


def pack(now_ms: int, low: int, sequence: int) -> int:
    """``now_ms`` in ms since 1970; ``low`` from ``place``."""
    return max(0, now_ms - EPOCH_MS) << 22 | low | sequence


def milliseconds(value: int) -> int:
    """When the id was made, in ms since 1970."""
    return (value >> 22) + EPOCH_MS


def first_at(now_ms: int) -> int:
    """The lowest id of that millisecond: for comparing ids with times."""
    return pack(now_ms, 0, 0)


def imported(at_ms: int) -> tuple[int, int]:
    """The first and the last id that an imported post of that millisecond can have."""
    return pack(at_ms, place(IMPORT_NODE, 0), 0), pack(at_ms, place(IMPORT_NODE, WORKER_MAX), SEQUENCE_MAX)


def parse(text: str) -> int | None:
    """The id that a client sent as a decimal string, or None where it is not one."""
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    value = int(text)
    return value if value < 2**63 else None
