"""What a drill writes down while it runs: plain values, one line of JSON each, that anybody can read again afterwards.

Times are seconds of this machine's monotonic clock, the same for all of its processes.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec


class Person(msgspec.Struct, frozen=True):
    """Somebody who posts and reads: an account, and a token with which it may do everything."""

    id: str
    name: str
    token: str


class Plan(msgspec.Struct, frozen=True, tag="plan", tag_field="is"):
    """A post that is about to be sent. ``text`` has the key in it, so that it is found wherever it is shown."""

    at: float
    key: str
    author: str
    kind: str
    text: str
    warning: str = ""
    visibility: str = "public"
    answers: str | None = None
    mentions: str | None = None
    options: tuple[str, ...] = ()
    media: tuple[str, ...] = ()


class Attempt(msgspec.Struct, frozen=True, tag="attempt", tag_field="is"):
    """One request for a post, and how it ended: ``acknowledged`` (``id`` is the post's), or why not.

    ``status`` is 0 where there was no answer at all.
    """

    began: float
    ended: float
    key: str
    endpoint: str
    status: int
    id: str | None = None
    why: str = ""


class Failure(msgspec.Struct, frozen=True, tag="failure", tag_field="is"):
    """A post or a read that came to nothing for the client, after all it could do."""

    at: float
    key: str
    endpoint: str
    why: str


class Read(msgspec.Struct, frozen=True, tag="read", tag_field="is", array_like=True):
    """One read, from its first request to its answer or its end. ``endpoint`` is whoever answered last."""

    began: float
    ended: float
    what: str
    endpoint: str
    attempts: int
    status: int
    why: str = ""

    @property
    def served(self) -> bool:
        return not self.why


class Deed(msgspec.Struct, frozen=True, tag="deed", tag_field="is"):
    """A write that is no post, from its first request to its answer or its end: ``person`` favourites a post."""

    began: float
    ended: float
    person: str
    about: str
    endpoint: str
    attempts: int
    status: int
    why: str = ""

    @property
    def done(self) -> bool:
        return not self.why


class Heard(msgspec.Struct, frozen=True, tag="heard", tag_field="is"):
    """An event that a stream told: ``about`` is the post's id (of a notification: of the post that it is about)."""

    at: float
    listener: str
    event: str
    about: str
    position: str
    endpoint: str


class Mark(msgspec.Struct, frozen=True, tag="mark", tag_field="is"):
    """A fault: what it is called, from when to when, and what is allowed while it lasts.

    ``endpoints`` are those of nodes that are not alive meanwhile: nobody can be acknowledged there. ``pause_max`` is
    how long at most, in seconds, no post may be acknowledged at a node that is alive. ``says`` is for people.
    ``absence``: nothing but that nodes were away, as they should be, while something else went on.
    """

    name: str
    began: float
    ended: float
    endpoints: tuple[str, ...] = ()
    pause_max: float | None = None
    says: str = ""
    absence: bool = False


class Sample(msgspec.Struct, frozen=True, tag="sample", tag_field="is"):
    """The machine at a moment: the part of its processors' time that was used since the last one, in [0, 1]; and how
    late, in seconds, the drill itself came to look (what it measures is not better than that)."""

    at: float
    cpu: float
    late: float


Record = Plan | Attempt | Failure | Read | Deed | Heard | Mark | Sample


class Evidence(msgspec.Struct):
    """All that a run wrote down. ``began`` and ``ended`` are when posts and reads were asked for, ``rate`` and
    ``reads`` how many of them a second; ``began_ms`` is Unix time. ``listeners``: whose home each stream tells of.
    ``not_begun`` requests were due while too many waited for an answer; ``speed`` is the machine's, before them."""

    began: float
    ended: float
    run: str
    endpoints: tuple[str, ...]
    people: tuple[Person, ...]
    rate: float = 0.0
    reads: float = 0.0
    began_ms: int = 0
    speed: float = 0.0
    listeners: dict[str, str] = {}
    not_begun: int = 0
    records: list[Record] = []

    def of(self, kind: type[Any]) -> list[Any]:
        """The records of one kind, in the order in which they were written."""
        return [record for record in self.records if type(record) is kind]

    def acknowledged(self) -> dict[str, str]:
        """Key -> id, as the client was told first."""
        told: dict[str, str] = {}
        for attempt in self.of(Attempt):
            if attempt.id is not None:
                told.setdefault(attempt.key, attempt.id)
        return told


_DECODER = msgspec.json.Decoder(Plan | Attempt | Failure | Deed | Heard | Mark | Sample)
_READ = msgspec.json.Decoder(Read)


def lines(records: Iterable[Record]) -> bytes:
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


def parsed(text: bytes) -> list[Record]:
    """The records of a file. A last line that was cut off is left out: nobody was acknowledged by it."""
    found: list[Record] = []
    for line in _whole(text.split(b"\n")):
        found.append(_READ.decode(line) if line.startswith(b"[") else _DECODER.decode(line))
    return found


def _whole(parts: Sequence[bytes]) -> Iterable[bytes]:
    return filter(None, parts[:-1])
