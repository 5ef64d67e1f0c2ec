"""What is read: home, the public timeline, a post, an account, in turn, by everybody, at every endpoint."""

import re
from collections.abc import Sequence

from linnet.drill.client import Wanted
from linnet.drill.records import Person

KINDS = ("home", "public", "home", "own post", "account", "home", "post", "notifications")

_FIRST = re.compile(rb'\[\{"id":"(\d+)"')


class Readers:
    """Says what the next read is.

    A post that was just acknowledged is asked for by its author: until it is in the database, nobody else sees it.
    Others ask for what a timeline has shown.
    """

    def __init__(self, people: Sequence[Person]) -> None:
        self._people = people
        self._count = 0
        self._told: tuple[Person, str] | None = None
        self._seen = ""

    def told(self, author: Person, id: str) -> None:
        """The author was told that this post is there."""
        self._told = author, id

    def saw(self, timeline: bytes) -> None:
        """Somebody was answered this timeline: its newest post is there for everybody who may see it."""
        found = _FIRST.match(timeline)
        if found:
            self._seen = found[1].decode()

    @property
    def seen(self) -> str:
        """The newest post that a timeline has shown; '' for none yet."""
        return self._seen

    def next(self) -> tuple[str, Wanted]:
        """What kind of read it is, and the request."""
        number, self._count = self._count, self._count + 1
        reader = self._people[number % len(self._people)]
        other = self._people[(number + 1) % len(self._people)]
        kind = KINDS[(number // len(self._people)) % len(KINDS)]
        about = self._seen
        if kind == "own post" and self._told is not None:
            reader, about = self._told
        if kind.endswith("post") and not about:
            kind = "account"
        path = {
            "home": "/api/v1/timelines/home?limit=20",
            "public": "/api/v1/timelines/public?local=true&limit=20",
            "own post": f"/api/v1/statuses/{about}",
            "post": f"/api/v1/statuses/{about}",
            "account": f"/api/v1/accounts/{other.id}",
            "notifications": "/api/v1/notifications?limit=15",
        }[kind]
        return kind, Wanted("GET", path, reader.token)
