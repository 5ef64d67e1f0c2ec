"""What etcd's JSON gateway is told and answers, and what that means."""

import base64
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from linnet.domain.majority import (
    Compare,
    Delete,
    Get,
    KeyValue,
    MajorityFull,
    MajorityRefused,
    Member,
    NoMajority,
    Put,
    Step,
)

NOT_THERE, _FULL, _UNKNOWN = 5, 8, 2
# gRPC's codes of what another member, or the same one a moment later, may well answer: unknown, cancelled, too late,
# aborted, internal, unavailable.
_PASSING = frozenset((1, 2, 4, 10, 13, 14))
# Some refusals come with a passing code, and only their words tell that they are final.
_FINAL_WORDS = ("etcdserver: requested lease not found", "etcdserver: member not found", "etcdserver: learner")


class Key(msgspec.Struct):
    key: bytes = b""
    value: bytes = b""
    create_revision: int = 0
    mod_revision: int = 0
    lease: int = 0


class Header(msgspec.Struct):
    revision: int = 0
    member_id: int = 0


class Found(msgspec.Struct):
    header: Header = msgspec.field(default_factory=Header)
    kvs: list[Key] = []
    count: int = 0


class Response(msgspec.Struct):
    response_range: Found | None = None


class Transaction(msgspec.Struct):
    header: Header
    succeeded: bool = False
    responses: list[Response] = []


class Lease(msgspec.Struct):
    ID: int = 0
    TTL: int = 0


class KeptAlive(msgspec.Struct):
    result: Lease = msgspec.field(default_factory=Lease)


class Listed(msgspec.Struct):
    ID: int
    name: str = ""
    peerURLs: list[str] = []
    clientURLs: list[str] = []
    isLearner: bool = False


class Members(msgspec.Struct):
    members: list[Listed]


class Added(msgspec.Struct):
    member: Listed


class Status(msgspec.Struct):
    header: Header
    version: str
    dbSize: int = 0
    dbSizeInUse: int = 0
    leader: int = 0
    raftAppliedIndex: int = 0
    isLearner: bool = False
    errors: list[str] = []
    now_ms: int | None = None


class Alarm(msgspec.Struct):
    memberID: int = 0
    alarm: str = ""


class Alarms(msgspec.Struct):
    alarms: list[Alarm] = []


class Anything(msgspec.Struct):
    """An answer of which nothing matters but that it came."""


class Failure(msgspec.Struct):
    """``error`` and ``message`` say the same; of a stream, it stands one level lower."""

    error: Any = ""
    message: str = ""
    code: int = _UNKNOWN


def meaning(failure: Failure, url: str) -> Exception:
    if isinstance(failure.error, dict):
        failure = Failure(message=str(failure.error.get("message", "")), code=int(failure.error.get("grpc_code", 2)))
    words = failure.message or str(failure.error)
    if failure.code == _FULL and "space" in words:
        return MajorityFull("etcd is full: nothing was stored", retry_after=60)
    if failure.code in (*_PASSING, _FULL) and not words.startswith(_FINAL_WORDS):
        return NoMajority(f"{url}: {words}")
    return MajorityRefused(words, failure.code)


def time_of(date: str) -> int | None:
    """The middle of the second that an HTTP Date names."""
    try:
        return int(parsedate_to_datetime(date).timestamp() * 1000) + 500
    except ValueError:
        return None


def b64(text: str | bytes) -> str:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def key_value(found: Key) -> KeyValue:
    return KeyValue(found.key.decode(), found.value, found.create_revision, found.mod_revision, found.lease)


def member(found: Listed) -> Member:
    return Member(found.ID, found.name, tuple(found.peerURLs), tuple(found.clientURLs), found.isLearner)


def compared(compare: Compare) -> dict[str, Any]:
    target, name = {
        "created": ("CREATE", "create_revision"),
        "modified": ("MOD", "mod_revision"),
        "value": ("VALUE", "value"),
    }[compare.what]
    known = b64(compare.equals) if isinstance(compare.equals, bytes) else compare.equals
    return {"key": b64(compare.key), "target": target, name: known, "result": "EQUAL"}


def step(step: Step) -> dict[str, Any]:
    match step:
        case Put():
            return {"request_put": {"key": b64(step.key), "value": b64(step.value), "lease": step.lease}}
        case Delete():
            return {"request_delete_range": {"key": b64(step.key), "range_end": b64(step.end)}}
        case Get():
            asked = {
                "key": b64(step.key), "range_end": b64(step.end), "limit": step.limit, "serializable": step.local
            }  # fmt: skip
            return {"request_range": asked}
