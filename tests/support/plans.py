"""How each engine would run a statement: which large tables it would read from one end to the other."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import apsw
import asyncpg

from linnet.storage import statements
from linnet.storage.statements import Statement
from tests.support.crowd import SMALL

_SOURCE = re.compile(r"\b(?:from|join|update|into)\s+(\w+)(?:\s+(?:as\s+)?(\w+))?")
_SQLITE_SCAN = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")


def every_statement() -> Iterator[Statement]:
    """All named statements of all nouns, paged ones in both directions."""
    for path in sorted(files("linnet.storage").iterdir(), key=lambda path: path.name):
        noun, _, rest = path.name.partition(".")
        if rest != "sql" or noun == "fragments":
            continue
        loaded = statements.load(noun)
        for name in loaded.names():
            found: Statement = getattr(loaded, name)
            yield found
            if found.ascending is not None:
                yield found.ascending


def sqlite_scans(connection: apsw.Connection, statement: Statement) -> set[str]:
    """The large tables that SQLite would read whole; one that is read along an index up to a limit is not."""
    tables = {row[0] for row in connection.execute("select name from sqlite_schema where type = 'table'")}
    aliases = {alias or name: name for name, alias in _SOURCE.findall(statement.sqlite) if name in tables}
    aliases |= {name: name for name in aliases.values()}
    bindings = ["[]" if name in statement.lists else None for name in statement.params]
    plan = [detail for *_, detail in connection.execute(f"explain query plan {statement.sqlite}", bindings)]
    # Along an index, or along the ids, a limit ends the reading; unless all is sorted first.
    limited = " limit " in statement.sqlite and not any("TEMP B-TREE" in detail for detail in plan)
    few = {
        row[0] for row in connection.execute("select name from sqlite_schema where sql like 'create index% where %'")
    }
    found = set()
    for detail in plan:
        match = _SQLITE_SCAN.match(detail)
        if match is None or "VIRTUAL TABLE" in detail or match[2] in few:
            continue
        table = aliases.get(match[1], "")
        if table and table not in SMALL and not (limited and (match[2] or " order by " in statement.sqlite)):
            found.add(table)
    return found


async def postgres_scans(connection: asyncpg.Connection, statement: Statement) -> set[str]:
    """The same for PostgreSQL, planned for no particular values."""
    await connection.execute(f"prepare asked as {statement.postgres}")
    try:
        values = f"({', '.join('null' for _ in statement.params)})" if statement.params else ""
        plan = json.loads(await connection.fetchval(f"explain (format json) execute asked{values}"))
    finally:
        await connection.execute("deallocate asked")
    partial = await connection.fetch("select indexrelid::regclass::text from pg_index where indpred is not null")
    return set(_whole(plan[0]["Plan"], frozenset(row[0] for row in partial), limited=False)) - SMALL


def _whole(node: dict[str, Any], partial: frozenset[str], *, limited: bool) -> Iterator[str]:
    kind = node["Node Type"]
    # An index over few of the rows may be read whole.
    whole = kind.startswith("Index") and "Index Cond" not in node and node.get("Index Name") not in partial
    if kind == "Seq Scan" or (whole and not limited):
        yield node["Relation Name"]
    # A sort reads all that is beneath it, whatever the limit above it.
    limited = (limited or kind == "Limit") and kind not in {"Sort", "Aggregate", "Hash", "WindowAgg"}
    for below in node.get("Plans", ()):
        yield from _whole(below, partial, limited=limited)
