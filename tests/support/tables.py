"""All rows of all tables, to see that something changed nothing, or the same."""

from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from tests.storage.queries import sql

Dump = dict[str, list[tuple[Any, ...]]]

_statement = cache(sql)
_columns: WeakKeyDictionary[Any, dict[str, list[str]]] = WeakKeyDictionary()

_TIMES = {"receipts": {"seen_at"}}
"""Columns that a repetition may change: a receipt says when it was last asked for."""


async def columns(database: Any) -> dict[str, list[str]]:
    """Table -> its columns, but for those that say nothing; looked at once, since no test here changes the schema."""
    if database in _columns:
        return _columns[database]
    if database.dialect == "postgres":
        text = (
            "select table_name::text, column_name::text from information_schema.columns"
            " where table_schema = 'public' order by table_name, ordinal_position"
        )
    else:
        text = (
            "select m.name, c.name from sqlite_schema m join pragma_table_info(m.name) c"
            " where m.type = 'table' and m.name not like 'sqlite%' order by m.name, c.cid"
        )
    found: dict[str, list[str]] = {}
    for table, column in await database.read(lambda tx: tx.all(sql(text))):
        if column not in _TIMES.get(table, ()):
            found.setdefault(table, []).append(column)
    _columns[database] = found
    return found


def selects(found: dict[str, list[str]], *, without: tuple[str, ...] = ()) -> dict[str, str]:
    """Table -> the statement that reads all of it."""
    return {
        table: f"select {', '.join(names)} from {table} order by {', '.join(map(str, range(1, len(names) + 1)))}"
        for table, names in found.items()
        if table not in without
    }


async def dump(database: Any, *, without: tuple[str, ...] = ()) -> Dump:
    """Everything there is."""
    wanted = {table: _statement(text) for table, text in selects(await columns(database), without=without).items()}

    async def read(tx: Any) -> Dump:
        return {table: [tuple(row) for row in await tx.all(statement)] for table, statement in wanted.items()}

    return await database.read(read)


def differences(before: Dump, after: Dump) -> list[str]:
    """What is in one and not in the other, a sentence a row."""
    found = []
    for table in sorted(before.keys() | after.keys()):
        one, other = before.get(table, []), after.get(table, [])
        found += [f"{table} lost {row}" for row in one if row not in other]
        found += [f"{table} gained {row}" for row in other if row not in one]
        if not found and len(one) != len(other):
            found.append(f"{table} has {len(other)} rows instead of {len(one)}")
    return found
