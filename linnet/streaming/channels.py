"""Which streams there are, what may be heard on each, and how an event is written down; pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from linnet.domain import ids
from linnet.domain import text as words
from linnet.domain.audience import Facts
from linnet.domain.errors import Invalid, LinnetError, NotFound
from linnet.domain.visibility import Visibility

PREFIX = "/api/v1/streaming"
TAG_CHARS = 200

PLAIN = ("user", "user:notification", "public", "public:local", "public:remote", "direct")
MEDIA = ("public:media", "public:local:media", "public:remote:media")
TAGGED = ("hashtag", "hashtag:local")
NAMES = (*PLAIN, *MEDIA, *TAGGED, "list")

RESET = "stream.reset"
"""Ours: what came before cannot be told any more, or not all of it; whoever hears this asks for everything anew."""
BEGUN = "stream.begun"
"""Ours: from this position on everything is told. Only to WebSockets that asked for positions."""


class Place(Protocol):
    """A position in the log of changes, which only the log itself understands; ``str`` is what clients keep."""

    def __gt__(self, other: Any, /) -> bool: ...


class Channel(NamedTuple):
    """A stream as Mastodon names it. ``about`` is the hashtag's key or the list's id, '' for the others."""

    name: str
    about: str = ""

    @property
    def scope(self) -> str:
        """What a token must hold to listen."""
        return "read:notifications" if self.name == "user:notification" else "read:statuses"

    @property
    def public(self) -> bool:
        """Whether strangers are heard there."""
        return self.name.startswith(("public", "hashtag"))


USER = Channel("user")
NOTIFICATIONS = Channel("user:notification")
DIRECT = Channel("direct")
LIST = "list"


class Asked(NamedTuple):
    """A channel, and its name as whoever asked for it wrote it, which each message repeats."""

    channel: Channel
    label: tuple[str, ...]


HOME = Asked(USER, ("user",))


def asked(name: str, params: Mapping[str, Any]) -> Asked:
    """The stream that ``name`` and the parameters ``tag``, ``list`` and ``only_media`` mean.

    Raises NotFound for an unknown stream, Invalid where a parameter is missing.
    """
    if name not in NAMES:
        raise NotFound("Unknown stream type")
    if name in TAGGED:
        tag = params.get("tag")
        if not isinstance(tag, str) or not tag or len(tag) > TAG_CHARS or not tag.isprintable():
            raise Invalid("tag", "must be a hashtag")
        return Asked(Channel(name, words.hashtag_key(tag.removeprefix("#"))), (name, tag))
    if name == "list":
        wanted = params.get("list")
        list_id = ids.parse(str(wanted)) if isinstance(wanted, str | int) and len(str(wanted)) < 30 else None
        if list_id is None:
            raise Invalid("list", "must be the id of a list")
        return Asked(Channel(name, str(list_id)), (name, str(list_id)))
    if name.startswith("public") and name not in MEDIA and params.get("only_media") in ("true", "1", "on", True):
        name = f"{name}:media"
    return Asked(Channel(name), (name,))


def of_path(path: str) -> str | None:
    """``/api/v1/streaming/public/local`` -> ``public:local``; None for a path that names no stream."""
    name = path.removeprefix(f"{PREFIX}/").rstrip("/").replace("/", ":")
    return name if name in NAMES and name not in MEDIA else None


def public(facts: Facts) -> tuple[Channel, ...]:
    """Where everybody may hear of a status: reblogs nowhere, replies to others only under their hashtags."""
    if facts.visibility != Visibility.PUBLIC or facts.reblog_of_id is not None:
        return ()
    found = [Channel("hashtag", tag) for tag in facts.tags]
    if facts.local:
        found += [Channel("hashtag:local", tag) for tag in facts.tags]
    if not facts.answers_another:
        names = ["public", "public:local" if facts.local else "public:remote"]
        if facts.has_media:
            names += [f"{name}:media" for name in names]
        found += [Channel(name) for name in names]
    return tuple(found)


class Event:
    """Something that happened, at a position of the log. ``payload`` is JSON, or None where the name says it all.

    What is written for one socket is kept for the next: thousands are sent the same bytes.
    """

    __slots__ = ("_written", "name", "payload", "position")

    def __init__(self, name: str, payload: bytes | None, position: Place) -> None:
        self.name = name
        self.payload = payload
        self.position = position
        self._written: dict[tuple[str, ...], bytes] = {}

    def as_server_sent(self) -> bytes:
        """As HTML has it ("Server-sent events"); clients of Mastodon expect ``undefined`` for no payload."""
        found = self._written.get(())
        if found is None:
            data = b"undefined" if self.payload is None else self.payload
            found = b"event: %b\nid: %b\ndata: %b\n\n" % (self.name.encode(), str(self.position).encode(), data)
            self._written[()] = found
        return found

    def as_message(self, label: tuple[str, ...]) -> bytes:
        """As a message of a WebSocket: Mastodon's, and the position."""
        found = self._written.get(label)
        if found is None:
            message: dict[str, Any] = {"stream": label, "event": self.name}
            if self.payload is not None:
                message["payload"] = self.payload.decode()
            found = self._written[label] = msgspec.json.encode({**message, "position": str(self.position)})
        return found


class Request(NamedTuple):
    """A message from a WebSocket: ``type`` is ``subscribe`` or ``unsubscribe``."""

    type: str
    asked: Asked
    position: str | None


def request(text: str | bytes) -> Request:
    """Raises Invalid or NotFound for what is none."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid("message", "is not JSON") from None
    if not isinstance(found, dict) or found.get("type") not in ("subscribe", "unsubscribe"):
        raise Invalid("type", "must be subscribe or unsubscribe")
    name, position = found.get("stream"), found.get("position")
    if not isinstance(name, str):
        raise Invalid("stream", "must name a stream")
    if position is not None and not isinstance(position, str):
        raise Invalid("position", "must be text")
    return Request(found["type"], asked(name, found), position)


def refusal(error: LinnetError) -> bytes:
    """What a WebSocket is told of a message that asked for something impossible."""
    return msgspec.json.encode({"error": str(error), "status": 404 if isinstance(error, NotFound) else 400})
