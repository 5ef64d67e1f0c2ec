"""What open streams are told, rendered as everywhere else in the client API; ``app`` hands it to the streaming door."""

from collections.abc import Sequence

import msgspec

from linnet.client_api import announcements, conversations, notifications
from linnet.client_api.door import Door
from linnet.domain.errors import NotFound
from linnet.domain.views import NOBODY, Identity
from linnet.queries import announcements as announcement_queries
from linnet.queries import conversations as conversation_queries
from linnet.queries import notifications as notification_queries
from linnet.queries.statuses import Listed


class Telling:
    """JSON for one reader, of what was there a moment ago."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def prepare(self, places: Sequence[Listed]) -> None:
        await self._door.rendering.prepare(places)

    async def status(self, place: Listed, reader: Identity) -> bytes | None:
        """None where it is gone."""
        bodies = await self._door.rendering.statuses((place,), reader)
        return bodies[0] if bodies else None

    async def notification(self, id: int, reader: Identity) -> bytes | None:
        """None where it is gone, or may not be told any more."""
        try:
            told = await notification_queries.one(self._door.database, reader.account_id, id)
        except NotFound:
            return None
        bodies = await notifications.rendered(self._door, (told,), reader)
        return bodies[0] if bodies else None

    async def announcement(self, id: int) -> bytes | None:
        """As everybody sees it who has not read it; None where it does not stand (any more)."""
        found = await announcement_queries.standing(self._door.database, NOBODY)
        bodies = await announcements.rendered(self._door, [told for told in found if told.announcement.id == id])
        return msgspec.json.encode(bodies[0]) if bodies else None

    async def reaction(self, id: int, account_id: int) -> bytes | None:
        """What the account has given an announcement last, and how often it was given; None for nothing."""
        found = await announcement_queries.given_last(self._door.database, id, account_id)
        if found is None:
            return None
        return msgspec.json.encode({"name": found.name, "count": found.times, "announcement_id": str(id)})

    async def conversation(self, id: int, reader: Identity) -> bytes | None:
        """None where it was put away meanwhile."""
        try:
            found = await conversation_queries.one(self._door.database, reader.account_id, id)
        except NotFound:
            return None
        return (await conversations.rendered(self._door, (found,), reader))[0]
