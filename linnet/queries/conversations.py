"""An account's conversations, and the direct statuses that they hold."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from linnet.domain.errors import NotFound
from linnet.domain.paging import Page
from linnet.domain.views import AccountRow
from linnet.queries.statuses import Listed, listed, visible, without_reblogs
from linnet.storage import accounts, conversations
from linnet.storage.database import Database, Reader
from linnet.storage.statements import Row

SQL = conversations.SQL

_ids = msgspec.json.Decoder(tuple[int, ...])


class Conversation(NamedTuple):
    """With whom one speaks: the others, or oneself where nobody else is there. ``cursor`` is what pages go by."""

    id: int
    people: tuple[AccountRow, ...]
    status: Listed | None
    unread: bool
    cursor: int


async def page(database: Database, reader: int, page: Page) -> tuple[Conversation, ...]:
    """By their latest status, the newest first; nobody whom the reader keeps away has the last word in them."""

    async def read(tx: Reader) -> tuple[Conversation, ...]:
        return await _whole(tx, await tx.page(SQL.page, page, reader=reader, now=tx.now), reader)

    return await database.read(read)


async def one(database: Database, reader: int, id: int) -> Conversation:
    """Raises NotFound."""

    async def read(tx: Reader) -> tuple[Conversation, ...]:
        row = await tx.one(SQL.one, id=id, reader=reader)
        return await _whole(tx, [row], reader) if row else ()

    found = await database.read(read)
    if not found:
        raise NotFound
    return found[0]


async def _whole(tx: Reader, rows: Sequence[Row], reader: int) -> tuple[Conversation, ...]:
    people = {row[0]: _ids.decode(row[1]) for row in rows}
    known = await accounts.rows(tx, {reader}.union(*people.values())) if rows else {}
    entries = await visible(tx, {row[2] for row in rows}, reader) if rows else ()
    places = {place.row.id: place for place in await listed(tx, entries, reader)}

    def with_whom(id: int) -> tuple[AccountRow, ...]:
        others = tuple(known[person] for person in people[id] if person in known)
        return others or tuple(known[person] for person in (reader,) if person in known)

    return tuple(
        Conversation(id, with_whom(id), places.get(latest), bool(unread), latest) for id, _, latest, unread in rows
    )


async def timeline(database: Database, reader: int, page: Page) -> tuple[Listed, ...]:
    """The direct statuses that the reader's conversations hold, newest first."""

    async def read(tx: Reader) -> tuple[Listed, ...]:
        return without_reblogs(await tx.page(SQL.timeline, page, reader=reader, now=tx.now))

    return await database.read(read)
