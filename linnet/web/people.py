"""Accounts for a list of people: what each shows, and how the reader stands to it."""

from linnet.domain.views import AccountRow, Profile, Relationship
from linnet.http.request import Request
from linnet.queries import accounts, relations
from linnet.web.door import Door, reader


async def shown(
    door: Door, request: Request, rows: tuple[AccountRow, ...]
) -> list[tuple[Profile, Relationship | None]]:
    """Accounts for a list of people, each with how the reader stands to it."""
    wanted = [row.id for row in rows]
    found = await accounts.profiles(door.database, wanted)
    who = reader(request)
    known = await relations.relationships(door.database, who, wanted) if who and wanted else ()
    by_id = {one.id: one for one in known}
    return [(found[id], by_id.get(id)) for id in wanted if id in found]
