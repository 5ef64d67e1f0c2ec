"""The people of the walk through the client API, and what an operator has set up before they came."""

from dataclasses import dataclass
from typing import Any

from linnet.storage import accounts, emojis
from linnet.storage.statements import statement
from tests.support.client import Person, World

EMOJI = "linnet"


@dataclass(frozen=True)
class Cast:
    """``ada`` owns the server; ``bert``, ``carla`` and ``dora`` are users; ``gone`` is suspended, ``low`` limited."""

    ada: Person
    bert: Person
    carla: Person
    dora: Person
    gone: Person
    low: Person


async def assemble(world: World) -> Cast:
    """A server with rules, a custom emoji and six accounts."""
    await _furnish(world)
    ada = await world.person("ada", role="owner")
    bert, carla, dora, gone, low = await world.people("bert", "carla", "dora", "gone", "low")
    return Cast(ada, bert, carla, dora, gone, low)


async def _furnish(world: World) -> None:
    async def write(tx: Any) -> None:
        await tx.run(
            emojis.SQL.put, shortcode=EMOJI, file_key="emojis/linnet.png", static_key="emojis/linnet.png",
            category="Birds", visible_in_picker=1, now=tx.now,
        )  # fmt: skip
        await tx.run(emojis.SQL.touch, version=str(tx.ids.next()))
        rule = statement("test.rule", "insert into rules (id, position, text, hint) values (:id, 1, :text, :hint)")
        await tx.run(rule, id=tx.ids.next(), text="Be kind", hint="Even when you disagree")

    await world.database.write(write)


async def remote(world: World, domain: str, name: str = "stranger") -> int:
    """An account of another server, which wants to be found by nobody."""

    async def write(tx: Any) -> int:
        new = int(tx.ids.next())
        given = {"username": name, "username_key": name, "domain": domain, "discoverable": 0}
        await tx.run(accounts.SQL.insert, id=new, **given)
        await tx.run(accounts.SQL.insert_profile, id=new)
        return new

    return int(await world.database.write(write))


async def moderate(world: World, account_id: int, column: str) -> None:
    """Suspends (``suspended_at``) or limits (``silenced_at``) an account."""

    async def write(tx: Any) -> None:
        text = f"update accounts set {column} = :now, version = :version where id = :id"
        await tx.run(statement(f"test.{column}", text), now=tx.now, version=tx.ids.next(), id=account_id)

    await world.database.write(write)
