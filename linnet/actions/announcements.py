"""What the operator announces, and what people do about it."""

import msgspec

from linnet.actions.statuses import as_json, render_text
from linnet.domain import announcements as rules
from linnet.domain.announcements import Announcement, Draft
from linnet.domain.errors import Invalid, NotFound
from linnet.domain.site import Site
from linnet.domain.views import NOBODY
from linnet.storage import announcements, changes, emojis
from linnet.storage.database import Database, Operation, Writer

SQL = announcements.SQL
SOON_MS = 60_000
"""What comes by itself within this is left to come: of two who publish it at once, the clocks may differ."""


async def create(database: Database, site: Site, draft: Draft, operation: Operation) -> int:
    """The new announcement's id. Raises Invalid."""
    checked = rules.check(draft)

    async def write(tx: Writer) -> int:
        new = tx.ids.next()
        html, mentioned, tags = await render_text(tx, site, checked.text)
        linked = rules.linked(checked.text, site)
        there = {row[0] for row in await tx.all(SQL.there, ids=[one.id for one in linked])}
        await tx.run(
            SQL.insert, id=new, text=checked.text, html=html, mentions=as_json(mentioned), tags=as_json(tags),
            statuses=msgspec.json.encode([one for one in linked if one.id in there]).decode(),
            all_day=int(checked.all_day), starts_at=checked.starts_at, ends_at=checked.ends_at,
            published_at=checked.publish_at, now=tx.now,
        )  # fmt: skip
        if checked.publish_at is not None and checked.publish_at <= tx.now:
            await changes.append(tx, "announcement.published", NOBODY, new)
        return new

    return await database.write(write, operation, returns=int)


async def publish(database: Database, announcement_id: int, operation: Operation) -> None:
    """Shows one that was kept back, or was to come later. Raises NotFound."""

    async def write(tx: Writer) -> None:
        if await tx.one(SQL.one, id=announcement_id) is None:
            raise NotFound("There is no announcement with this id")
        if await tx.run(SQL.publish, id=announcement_id, now=tx.now, soon=tx.now + SOON_MS):
            await changes.append(tx, "announcement.published", NOBODY, announcement_id)

    await database.write(write, operation, returns=None)


async def delete(database: Database, announcement_id: int, operation: Operation) -> None:
    """Raises NotFound."""

    async def write(tx: Writer) -> None:
        if not await tx.run(SQL.delete, id=announcement_id):
            raise NotFound("There is no announcement with this id")
        await tx.run(SQL.delete_reads, id=announcement_id)
        await tx.run(SQL.delete_reactions, id=announcement_id)
        await changes.append(tx, "announcement.deleted", NOBODY, announcement_id)

    await database.write(write, operation, returns=None)


async def dismiss(database: Database, actor: int, announcement_id: int, operation: Operation) -> None:
    """Marks it as read. Raises NotFound."""

    async def write(tx: Writer) -> None:
        await _standing(tx, announcement_id)
        await tx.run(SQL.read, id=announcement_id, account_id=actor)

    await database.write(write, operation, returns=None)


async def react(database: Database, actor: int, announcement_id: int, name: str, operation: Operation) -> None:
    """Raises NotFound, or Invalid for what is no emoji, or one too many."""
    rules.check_reaction(name)

    async def write(tx: Writer) -> None:
        await _standing(tx, announcement_id)
        if rules.custom(name) and not await tx.all(emojis.SQL.named, codes=(name,)):
            raise Invalid("name", "is not a recognized emoji", "ERR_UNSUPPORTED")
        # Whoever reacts to the same announcement waits here, so that nobody passes the limit unseen.
        await tx.run(SQL.touch, id=announcement_id)
        given = {row[0] for row in await tx.all(SQL.given, id=announcement_id)}
        if name not in given and len(given) >= rules.REACTIONS_MAX:
            raise Invalid("name", "is one too many: the limit of different reactions is reached", "ERR_TOO_MANY")
        if await tx.run(SQL.react, id=announcement_id, name=name, account_id=actor, reaction_id=tx.ids.next()):
            await changes.append(tx, "announcement.reaction", actor, announcement_id)

    await database.write(write, operation, returns=None)


async def unreact(database: Database, actor: int, announcement_id: int, name: str, operation: Operation) -> None:
    """Raises NotFound, also where the reaction was not given."""

    async def write(tx: Writer) -> None:
        await _standing(tx, announcement_id)
        if not await tx.run(SQL.unreact, id=announcement_id, name=name, account_id=actor):
            raise NotFound
        await changes.append(tx, "announcement.reaction", actor, announcement_id)

    await database.write(write, operation, returns=None)


async def _standing(tx: Writer, announcement_id: int) -> Announcement:
    row = await tx.one(SQL.one, id=announcement_id)
    found = announcements.as_announcement(row) if row else None
    if found is None or not found.stands(tx.now):
        raise NotFound
    return found
