"""What is read: home, the public timeline, a post, an account, in turn, by everybody, at every endpoint."""

from collections.abc import Sequence

from linnet.drill.client import Wanted
from linnet.drill.records import Person

KINDS = ("home", "public", "home", "status", "account", "home", "status", "notifications")


class Readers:
    """Says what the next read is."""

    def __init__(self, people: Sequence[Person]) -> None:
        self._people = people
        self._count = 0
        self.newest = ""
        """The id of a post that somebody was told of; before there is one, accounts are read instead."""

    def next(self) -> tuple[str, Wanted]:
        """What kind of read it is, and the request."""
        number, self._count = self._count, self._count + 1
        reader = self._people[number % len(self._people)]
        other = self._people[(number + 1) % len(self._people)]
        kind = KINDS[(number // len(self._people)) % len(KINDS)]
        if kind == "status" and not self.newest:
            kind = "account"
        path = {
            "home": "/api/v1/timelines/home?limit=20",
            "public": "/api/v1/timelines/public?local=true&limit=20",
            "status": f"/api/v1/statuses/{self.newest}",
            "account": f"/api/v1/accounts/{other.id}",
            "notifications": "/api/v1/notifications?limit=15",
        }[kind]
        return kind, Wanted("GET", path, reader.token)
