"""The rules of the house, which people are shown before they sign up."""

from linnet.domain.errors import Invalid, NotFound
from linnet.storage import instance
from linnet.storage.database import Database, Operation, Writer

LONGEST = 500


async def add(database: Database, text: str, hint: str, operation: Operation) -> int:
    """Puts a rule behind the others; its id. Raises Invalid."""
    text = text.strip()
    if not text or len(text) > LONGEST:
        raise Invalid("text", f"must have 1 to {LONGEST} characters")

    async def write(tx: Writer) -> int:
        rule_id = tx.ids.next()
        await tx.run(instance.SQL.add_rule, id=rule_id, text=text, hint=hint)
        return rule_id

    return await database.write(write, operation, returns=int)


async def remove(database: Database, rule_id: int, operation: Operation) -> None:
    """Raises NotFound."""

    async def write(tx: Writer) -> None:
        if not await tx.run(instance.SQL.remove_rule, id=rule_id):
            raise NotFound("There is no rule with this id")

    await database.write(write, operation)
