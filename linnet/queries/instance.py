"""What an instance tells of itself."""

from typing import NamedTuple

import msgspec

from linnet.domain.errors import NotFound
from linnet.domain.times import DAY_MS
from linnet.domain.views import Text
from linnet.storage import instance
from linnet.storage.database import Database, Reader
from linnet.storage.instance import NAMES


class Rule(NamedTuple):
    """One of the rules of the house."""

    id: int
    text: str
    hint: str


class About(NamedTuple):
    """Figures, rules, and the account to write to (None where there is no owner yet)."""

    accounts: int
    statuses: int
    active_month: int
    rules: tuple[Rule, ...]
    contact_id: int | None


class Week(NamedTuple):
    """What happened in a week that begins at ``start`` (ms since 1970)."""

    start: int
    statuses: int
    logins: int
    registrations: int


WEEKS = 12

Figures = tuple[int, int, int]
"""Accounts, statuses, and accounts that posted within 30 days."""


async def figures(database: Database) -> Figures:
    """Counts every account: for whoever keeps the answer for a while."""
    return await database.read(_figures)


async def about(database: Database, kept: Figures | None = None) -> About:
    """``kept`` are figures that were counted a moment ago."""

    async def read(tx: Reader) -> About:
        accounts, statuses, active = kept or await _figures(tx)
        rules = tuple(Rule(*row) for row in await tx.all(instance.SQL.rules))
        contact = await tx.one(instance.SQL.contact)
        return About(accounts, statuses, active, rules, contact[0] if contact else None)

    return await database.read(read)


async def _figures(tx: Reader) -> Figures:
    row = await tx.one(instance.SQL.stats, month=tx.now - 30 * DAY_MS)
    return (row[0], int(row[1]), row[2]) if row is not None else (0, 0, 0)


async def activity(database: Database) -> tuple[Week, ...]:
    """The last weeks, the present one first; such as nobody counted are left out."""

    async def read(tx: Reader) -> tuple[Week, ...]:
        return tuple(Week(*row) for row in await tx.all(instance.SQL.weeks, limit=WEEKS))

    return await database.read(read)


async def texts(database: Database) -> dict[str, Text]:
    """What the operator has written, by name."""
    keys = {instance.text_key(name): name for name in NAMES}

    async def read(tx: Reader) -> dict[str, Text]:
        rows = await tx.all(instance.SQL.texts, keys=list(keys))
        return {keys[row[0]]: msgspec.json.decode(row[1], type=Text) for row in rows}

    return await database.read(read)


async def text(database: Database, name: str) -> Text:
    """Raises NotFound where the operator has written none."""
    found = await texts(database)
    if name not in found:
        raise NotFound
    return found[name]


async def rules(database: Database) -> tuple[Rule, ...]:
    async def read(tx: Reader) -> tuple[Rule, ...]:
        return tuple(Rule(*row) for row in await tx.all(instance.SQL.rules))

    return await database.read(read)
