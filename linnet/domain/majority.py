"""What a majority of machines keeps together: keys with revisions, transactions over them, leases and members."""

from dataclasses import dataclass, field
from typing import Literal

from linnet.domain.errors import LinnetError, Unavailable


class NoMajority(Unavailable):
    """No answer came in time, or no majority is there. Whether what was asked for was done is unknown."""


class MajorityRefused(LinnetError):
    """The majority answered, and did not do it. ``code`` is gRPC's (5: not there, 6: there already, 9: not now …)."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class MajorityFull(Unavailable):
    """The majority's quota of bytes is used up: it takes no puts until somebody compacts, defragments and disarms."""


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key as it stood. ``created`` and ``modified`` are revisions: the first put of this life, and the last one."""

    key: str
    value: bytes
    created: int
    modified: int
    lease: int = 0


@dataclass(frozen=True, slots=True)
class Range:
    """Keys as they stood at ``revision``, in order. ``count`` is how many there are, beyond any limit."""

    keys: tuple[KeyValue, ...]
    count: int
    revision: int


@dataclass(frozen=True, slots=True)
class Compare:
    """A condition of a transaction: what is known of the key is just that. A key that is absent has revisions 0."""

    key: str
    what: Literal["created", "modified", "value"]
    equals: int | bytes


@dataclass(frozen=True, slots=True)
class Put:
    """Sets a key, which ends with its lease where it has one."""

    key: str
    value: bytes
    lease: int = 0


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletes one key, or all from ``key`` up to and without ``end``."""

    key: str
    end: str = ""


@dataclass(frozen=True, slots=True)
class Get:
    """Reads one key, or at most ``limit`` (0: all) from ``key`` up to and without ``end``.

    Where all that a transaction does is ``local``, the member that is asked answers by itself: cheap, and perhaps late.
    """

    key: str
    end: str = ""
    limit: int = 0
    local: bool = False


Step = Put | Delete | Get

STEPS_MAX = 128
"""So many steps a transaction may have."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a transaction. ``found`` has what each step of the branch that was run read (a Get), else ()."""

    succeeded: bool
    revision: int
    found: tuple[tuple[KeyValue, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """One machine of the majority. ``name`` is '' until it has started for the first time; a learner has no vote."""

    id: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    learner: bool = False


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """What one member says of itself. ``leader`` is 0 where it knows of none; sizes are in bytes.

    ``now_ms`` is its machine's time, to the second.
    """

    id: int
    leader: int
    revision: int
    applied: int
    version: str
    size: int
    used: int
    learner: bool = False
    errors: tuple[str, ...] = field(default=())
    now_ms: int | None = None


def absent(key: str) -> Compare:
    return Compare(key, "created", 0)


def present_since(key: str, created: int) -> Compare:
    """The key was put first at that revision, and has been there ever since."""
    return Compare(key, "created", created)


def unchanged(key: str, modified: int) -> Compare:
    """The key was put last at that revision (0: is absent)."""
    return Compare(key, "modified", modified)


def after_prefix(prefix: str) -> str:
    """The end of a range of all keys that begin with ``prefix``, which is ASCII."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
