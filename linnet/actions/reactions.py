"""Answering a status with an emoji, and taking that back."""

from linnet.actions.interactions import target
from linnet.domain import reactions as rules
from linnet.domain.errors import Invalid
from linnet.domain.notifications import REACTION
from linnet.domain.site import Site
from linnet.storage import changes, emojis, notifications, reactions
from linnet.storage.database import Database, Operation, Writer


async def react(database: Database, site: Site, actor: int, status_id: int, name: str, operation: Operation) -> int:
    """The id of the status. ``name`` is an emoji or the shortcode of a custom one. Raises NotFound or Invalid."""
    given = rules.parse(name)

    async def write(tx: Writer) -> int:
        found = await target(tx, status_id, actor)
        known = await reactions.taken(tx, found.id)
        emoji = rules.spelling(given, known)
        shortcode = rules.shortcode(emoji)
        if shortcode is not None and not await tx.all(emojis.SQL.named, codes=[shortcode]):
            raise Invalid("name", "is not a custom emoji of this server", "ERR_INCLUSION")
        own = [row[0] for row in await tx.all(reactions.SQL.own, status_id=found.id, account_id=actor)]
        if emoji in own:
            return found.id
        if len(own) >= site.limits.reactions:
            raise Invalid("name", f"is one too many: {site.limits.reactions} fit", "ERR_TOO_MANY")
        if len(known) >= site.limits.reaction_kinds and all(one.emoji != emoji for one in known):
            raise Invalid("name", "is one too many: this post has no room for other emojis", "ERR_TOO_MANY")
        await reactions.add(tx, found.id, actor, emoji, known)
        await notifications.add(tx, REACTION, found.account_id, actor, found.id, found.thread_id)
        await changes.append(tx, "status.reacted", actor, found.id)
        return found.id

    return await database.write(write, operation, returns=int)


async def unreact(database: Database, actor: int, status_id: int, name: str, operation: Operation) -> int:
    """The id of the status. Raises NotFound, or Invalid for what is no emoji."""
    given = rules.parse(name)

    async def write(tx: Writer) -> int:
        found = await target(tx, status_id, actor)
        known = await reactions.taken(tx, found.id)
        if await reactions.remove(tx, found.id, actor, rules.spelling(given, known), known):
            if not await tx.all(reactions.SQL.own, status_id=found.id, account_id=actor):
                await notifications.remove(tx, REACTION, found.account_id, actor, found.id)
            await changes.append(tx, "status.unreacted", actor, found.id)
        return found.id

    return await database.write(write, operation, returns=int)
