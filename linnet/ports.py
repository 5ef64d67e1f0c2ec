"""What the outside world must offer to the rules: time, chance, files and mail, as Protocols only."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from linnet.domain.journal import Entry
from linnet.domain.majority import Compare, KeyValue, Member, MemberStatus, Outcome, Range, Step
from linnet.domain.push import Receiver


class Clock(Protocol):
    """The time. Tests hand in a virtual one."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an unspecified start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class Chance(Protocol):
    """Randomness. ``secret`` is fit for tokens; ``fraction`` is for jitter only."""

    def secret(self, size: int) -> bytes: ...

    def fraction(self) -> float:
        """A number in [0, 1)."""
        ...


class Ids(Protocol):
    """Makes 64-bit, time-ordered ids: 41 bits of ms since 2006-01-01, 6 bits node, 4 bits worker, 12 bits sequence."""

    def next(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Message:
    """One e-mail, text only."""

    to: str
    subject: str
    text: str


class Mail(Protocol):
    """Sends e-mail. ``configured`` is False where the operator gave no SMTP server."""

    @property
    def configured(self) -> bool: ...

    async def send(self, message: Message) -> None: ...


@dataclass(frozen=True, slots=True)
class RemoteRequest:
    """What is asked of another server. ``seconds`` are for all of it: name, connection, redirects and answer.

    Redirects are followed for GET and HEAD only, ``redirects`` of them at most; with 0, the answer is the redirect.
    An answer of more than ``bytes_max`` bytes is an error, unless its ``beginning`` is enough.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    bytes_max: int = 1 << 20
    seconds: float = 10.0
    redirects: int = 3
    beginning: bool = False


@dataclass(frozen=True, slots=True)
class RemoteAnswer:
    """What another server said. ``url`` is what answered, behind the redirects; names of ``headers`` are lower-case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def passing(self) -> bool:
        """Whether the same request may be answered better later: it is busy or broken, and has not refused."""
        return self.status in (408, 425, 429) or self.status >= 500


class RemoteServers(Protocol):
    """Asks other servers, where strangers name the address: guarded, bounded, without cookies."""

    async def ask(self, request: RemoteRequest) -> RemoteAnswer:
        """Raises RemoteFailed where there is no answer; an answer with an error's status is an answer."""
        ...

    async def close(self) -> None:
        """Ends the connections that are kept."""
        ...


@dataclass(frozen=True, slots=True)
class Translated:
    """Texts in another language, in the order in which they were handed in, and the language that they were in."""

    texts: tuple[str, ...]
    source: str


class Translator(Protocol):
    """Translates. ``configured`` is False where the operator has chosen no service; ``provider`` is its name."""

    @property
    def configured(self) -> bool: ...

    @property
    def provider(self) -> str: ...

    async def languages(self) -> Mapping[str, Sequence[str]]:
        """Each language (ISO 639-1) that can be translated from -> those it can be translated into. Raises
        Unavailable."""
        ...

    async def translate(self, texts: Sequence[str], source: str | None, target: str) -> Translated:
        """HTML in, HTML out, which is not to be trusted; ``source`` None is found out. Raises Unavailable."""
        ...

    async def close(self) -> None: ...


class Passwords(Protocol):
    """Keeps passwords as hashes that are slow to guess from (argon2id), computed off the event loop, few at once."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, stored: str | None, password: str) -> bool:
        """``stored`` is None for a name that does not exist: takes as long as for one that does, and is False."""
        ...

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with weaker parameters than are used now."""
        ...


class Vault(Protocol):
    """Keeps what must be read again, under a key that is not in the database. ``purpose`` keeps uses apart."""

    def encrypt(self, text: str, purpose: str) -> str: ...

    def decrypt(self, sealed: str, purpose: str) -> str:
        """Raises ValueError where it was not sealed by this key for this purpose."""
        ...

    def sign(self, text: str, purpose: str) -> str: ...

    @property
    def push_key(self) -> str:
        """This server's public key for Web Push (VAPID, RFC 8292), in base64url."""
        ...

    def is_push_key(self, key: bytes) -> bool:
        """Whether these bytes are a receiver's public key: a point of P-256, uncompressed."""
        ...

    def seal_push(self, text: bytes, to: Receiver, contact: str, now_ms: int) -> tuple[Mapping[str, str], bytes]:
        """The headers and the body of a message that only ``to`` can read, with the proof that it comes from here.

        ``contact`` is the e-mail address that a push service may complain to.
        """
        ...


class Throttle(Protocol):
    """Bounds how often something may be tried. The limits have names (``sign_in_address``, …)."""

    def spend(self, limit_name: str, key: str) -> None:
        """Counts one; raises TooMany beyond the limit."""
        ...


@dataclass(frozen=True, slots=True)
class Guards:
    """What stands between a stranger and an account."""

    chance: Chance
    passwords: Passwords
    vault: Vault
    throttle: Throttle


class Blobs(Protocol):
    """Keeps files (pictures, films) under keys such as ``media/12/34/original.jpg``."""

    async def put(self, key: str, data: bytes) -> None:
        """Returns only when the file will outlive a power failure."""
        ...

    async def put_file(self, key: str, file: BinaryIO) -> None:
        """The same with all that stands in an open file."""
        ...

    async def get(self, key: str) -> bytes | None: ...

    async def fetch(self, key: str) -> BinaryIO | None:
        """The file, open on this machine and at its beginning, to be closed by whoever asked; None for none."""
        ...

    async def delete(self, key: str) -> None: ...

    async def open(self, key: str) -> tuple[Path | None, int] | None:
        """Where a file can be read (None: only by ``stream``) and how many bytes it has; None where there is none."""
        ...

    def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to ``end`` (exclusive); where ``open`` names a path, it costs less there."""
        ...

    def keys(self) -> AsyncIterator[str]: ...

    @property
    def scratch(self) -> Path:
        """A folder on this machine for files that are being worked on; nothing in it outlives its use."""
        ...

    async def sweep_temporary(self, older_than_s: float) -> int:
        """Removes what writes that were cut off have left behind; how many files that were."""
        ...


PictureKind = Literal["attachment", "thumbnail", "avatar", "header", "emoji"]


class PictureSize(Protocol):
    """One size of a picture: pixels, "WxH", width / height."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def size(self) -> str: ...

    @property
    def aspect(self) -> float: ...


class Picture(Protocol):
    """A picture made safe. ``files`` maps file names (``original.jpeg``, ``small.webp``, ``static.png``) to bytes.

    ``mime`` is that of ``original``, ``meta`` has an entry for each file under its stem, ``name(stem)`` is the full
    file name or None where there is none. A ``gifv`` is an animated picture that became a film, with its ``measures``.
    """

    @property
    def type(self) -> Literal["image", "gifv"]: ...

    @property
    def measures(self) -> "Measures | None": ...

    @property
    def files(self) -> Mapping[str, bytes]: ...

    @property
    def mime(self) -> str: ...

    @property
    def meta(self) -> Mapping[str, PictureSize]: ...

    @property
    def blurhash(self) -> str | None: ...

    def name(self, stem: str) -> str | None: ...


class Measures(Protocol):
    """Of a film or a sound: seconds, bits a second, pixels, frames a second as a fraction (``30000/1001``)."""

    @property
    def duration(self) -> float: ...

    @property
    def bitrate(self) -> int: ...

    @property
    def width(self) -> int | None: ...

    @property
    def height(self) -> int | None: ...

    @property
    def frame_rate(self) -> str | None: ...


class Recording(Protocol):
    """A film or a sound that was made anew. ``preview`` has ``small`` alone."""

    @property
    def type(self) -> Literal["video", "gifv", "audio"]: ...

    @property
    def mime(self) -> str: ...

    @property
    def extension(self) -> str: ...

    @property
    def measures(self) -> Measures: ...

    @property
    def preview(self) -> Picture | None: ...


class Recordings(Protocol):
    """Makes films and sounds of strangers anew, where that can do no harm."""

    def guess(self, head: bytes) -> Literal["video", "audio"] | None:
        """What a file that begins so seems to be; None for what is no recording."""
        ...

    async def process(self, source: BinaryIO, target: BinaryIO) -> Recording:
        """Reads one open file of this machine and writes another.

        Raises ``Invalid("file", …)`` for what cannot be played, ``Unavailable`` while another one is in work.
        """
        ...


class Images(Protocol):
    """Decodes pictures that strangers made, where that can do no harm."""

    async def process(self, data: bytes, kind: PictureKind) -> Picture:
        """Raises ``Invalid("file", …)`` for what is no picture, ``Unavailable`` where too many wait."""
        ...


class Majority(Protocol):
    """What most machines of a cluster have agreed on, durably: etcd, with the part of its meaning that we need.

    Every method raises NoMajority where no answer came in time: then it may have been done, or be done yet.
    MajorityRefused is an answer, MajorityFull one to a put beyond the quota.
    """

    async def get(self, key: str, *, local: bool = False) -> KeyValue | None:
        """The newest value, or None. ``local`` takes any member's word for it, which may be an old one."""
        ...

    async def range(
        self,
        key: str,
        end: str,
        *,
        limit: int = 0,
        keys_only: bool = False,
        count_only: bool = False,
        local: bool = False,
    ) -> Range:
        """What stands from ``key`` up to and without ``end``, in order of keys. A ``limit`` of 0 is none."""
        ...

    async def transact(
        self,
        compares: Sequence[Compare],
        then: Sequence[Step],
        otherwise: Sequence[Step] = (),
        *,
        repeatable: bool = True,
    ) -> Outcome:
        """Runs ``then`` where every comparison holds, else ``otherwise``: all at once, at one revision.

        A ``repeatable`` one is sent to another member where the first is slow, and so may be run twice, the second time
        after its own effects; the answer may be that of either.
        """
        ...

    async def grant(self, seconds: int) -> int:
        """A new lease: its id. Keys that are put under it go when it has not been kept alive for so long."""
        ...

    async def keep_alive(self, lease: int) -> bool:
        """False where the lease is gone."""
        ...

    async def revoke(self, lease: int) -> None:
        """Ends a lease and deletes its keys; one that is gone already is fine."""
        ...

    async def members(self) -> tuple[Member, ...]: ...

    async def add_member(self, peer_urls: Sequence[str], *, learner: bool) -> Member: ...

    async def promote_member(self, id: int) -> None:
        """Gives a learner its vote; refused until it has caught up."""
        ...

    async def remove_member(self, id: int) -> None:
        """One that is not there (any more) is fine."""
        ...

    async def move_leader(self, to: int) -> None:
        """Hands leadership to that member."""
        ...

    async def status(self, endpoint: str) -> MemberStatus:
        """What the member with this client URL says of itself."""
        ...

    async def compact(self, revision: int) -> None:
        """Forgets what keys were before that revision."""
        ...

    async def defragment(self, endpoint: str) -> None:
        """Gives the room that compaction has freed back, on one member, which answers nothing meanwhile."""
        ...

    async def alarms(self) -> tuple[tuple[int, str], ...]:
        """Each alarm as (member, ``NOSPACE`` or ``CORRUPT``)."""
        ...

    async def disarm(self) -> None:
        """Ends every alarm about space."""
        ...

    async def close(self) -> None:
        """Ends the connections that are kept."""
        ...


class Journal(Protocol):
    """Keeps posts, durably, that the database cannot take now. Each method raises NoMajority."""

    async def put(self, entry: Entry) -> int:
        """Accepts a post: its id, or the one under which its operation was accepted before, on whichever node.

        Raises IdTaken (mint another one), TooLarge (it must wait for the database), or Unavailable where there is no
        room.
        """
        ...

    async def has(self, id: int) -> bool:
        """Whether a post waits, by the nearest member's word: what came this very moment it may not have heard of."""
        ...

    async def by_id(self, id: int) -> Entry | None:
        """A post that waits, or None."""
        ...

    async def oldest(self) -> int | None:
        """The id of what has waited longest, as the nearest machine knows it; None where nothing waits."""
        ...

    async def by_operation(self, operation: str) -> int | None:
        """The id under which an operation was accepted: while it waits, and at least ten minutes longer."""
        ...

    async def of_account(self, account_id: int, limit: int = 40) -> tuple[Entry, ...]:
        """What of an account waits, the newest first."""
        ...
