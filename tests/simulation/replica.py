"""A copy of the database as SQLite in memory: what PostgreSQL's log says, applied up to some record."""

import re
import sys
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import apsw
import msgspec

from linnet.storage.statements import Row, Statement, Statements, moved

Command = tuple[str, Any, bool]
"""A statement in SQLite's words, its values, and whether it is to be run once for each row of them."""

AS_POSTGRES = ("changes.read", "changes.oldest", "changes.prune")
"""Run as PostgreSQL's text has them: their rules are about its transactions. All others run as SQLite's twin."""

_WALFILE = "('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int"
_WRITES = re.compile(
    r"^\s*(insert|update|delete|with\b.*\b(insert into|update|delete from))\b", re.IGNORECASE | re.DOTALL
)
_LIST = re.compile(r"(?:(= any)|<> all)\(\$(\d+)(?:::\w+\[\])?\)")
_LITERAL = re.compile(r"'([^']*)'|\b(\d+)\b")
_PLACE = re.compile(r"\$(\d+)")
_translated: dict[str, tuple[str, bool]] = {}


def translate(sql: str) -> tuple[str, bool]:
    """PostgreSQL's text in SQLite's words, and whether it writes."""
    found = _translated.get(sql)
    if found is None:
        found = _twins(len(sys.modules)).get(sql) or _in_words(sql)
        _translated[sql] = found
    return found


def without_literals(sql: str) -> tuple[str, tuple[Any, ...]]:
    """A statement that is written out with its values, as one with places: so that it is prepared once."""
    values: list[Any] = []

    def place(match: re.Match[str]) -> str:
        values.append(match[1] if match[1] is not None else int(match[2]))
        return f"${len(values)}"

    head, word, rest = sql.partition(" values ")
    inner, end, tail = rest.partition(")")
    return head + word + _LITERAL.sub(place, inner) + end + tail, tuple(values)


def apart(sql: str, args: Sequence[Any]) -> list[tuple[str, Sequence[Any]]]:
    """The statements that ``linnet.storage.statements.together`` has made one of, each with its own places."""
    found: list[tuple[str, Sequence[Any]]] = []
    for text in _parts(sql):
        used = [int(number) for number in _PLACE.findall(text)]
        first, last = min(used, default=1), max(used, default=0)
        found.append((moved(text, 1 - first), args[first - 1 : last]))
    return found


@lru_cache
def _parts(sql: str) -> list[str]:
    """What stands in the outer brackets, and what follows them."""
    parts: list[str] = []
    depth = begun = 0
    for at, letter in enumerate(sql):
        if letter == "(":
            depth += 1
            begun = begun if depth > 1 else at + 1
        elif letter == ")":
            depth -= 1
            if not depth:
                parts.append(sql[begun:at])
                if not sql.startswith(", later_", at + 1):
                    return [*parts, sql[at + 2 :]]
    raise ValueError(sql)


@lru_cache(1)
def _twins(_modules: int) -> dict[str, tuple[str, bool]]:
    """The statements that have a text of their own for each engine."""
    found = {}
    for name, module in list(sys.modules.items()):
        if not name.startswith("linnet.storage."):
            continue
        for statements in [value for value in vars(module).values() if isinstance(value, Statements)]:
            for each in statements.names():
                statement: Statement = getattr(statements, each)
                twins = [statement, *([statement.ascending] if statement.ascending is not None else [])]
                for twin in twins:
                    if statement.name not in AS_POSTGRES:
                        found[twin.postgres] = (_own(twin.sqlite), bool(_WRITES.match(twin.sqlite)))
    return found


def _in_words(sql: str) -> tuple[str, bool]:
    text = sql.replace(_WALFILE, "linnet_timeline()")
    text = text.replace("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", "linnet_xmin()")
    text = _LIST.sub(lambda match: f"{'in' if match[1] else 'not in'} (select value from json_each(?{match[2]}))", text)
    text = re.sub(r"::\w+", "", re.sub(r"\$(\d+)", r"?\1", text))
    text = re.sub(r"\bfor (key share|update|share|no key update)( of \w+)?( skip locked)?\s*$", "", text.strip())
    return _own(text), bool(_WRITES.match(text))


def _own(text: str) -> str:
    """A row of the log of changes says which transaction wrote it: columns that PostgreSQL fills by itself."""
    head = "insert into changes ("
    if not text.startswith(head):
        return text
    columns, _, values = text[len(head) :].partition(" values (")
    return f"{head}timeline, transaction_id, {columns} values (linnet_timeline(), linnet_xid(), {values}"


def places(args: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(msgspec.json.encode(value).decode() if isinstance(value, list) else value for value in args)


class Record:
    """A transaction in the log; ``commands`` is None for one that was undone. A record is itself on every copy."""

    __slots__ = ("commands", "timeline", "xid")

    def __init__(self, timeline: int, xid: int, commands: list[Command] | None) -> None:
        self.timeline = timeline
        self.xid = xid
        self.commands = commands


class Transactions:
    """Which numbers of transactions were seen in a log, and which of those below the highest have not ended in it."""

    def __init__(self) -> None:
        self.highest = 0
        self.open: set[int] = set()

    def ended(self, xid: int) -> None:
        self.began(xid)
        self.open.discard(xid)

    def began(self, xid: int) -> None:
        if xid > self.highest:
            self.open.update(range(self.highest + 1, xid + 1))
            self.highest = xid

    @property
    def xmin(self) -> int:
        """The lowest one that may still be open."""
        return min(self.open, default=self.highest + 1)


class Replica:
    """A SQLite in memory. It is opened once, and emptied for each world by undoing all that was done to it."""

    def __init__(self, snapshot: bytes) -> None:
        self.connection = apsw.Connection(":memory:", statementcachesize=500)
        self.connection.deserialize("main", snapshot)
        self.connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        self.connection.pragma("foreign_keys", False)
        self.connection.pragma("temp_store", 2)
        self.timeline = self.xid = self.xmin = 0
        self.standby = False
        for name in ("timeline", "xid", "xmin"):
            self.connection.create_scalar_function(f"linnet_{name}", partial(getattr, self, name), 0)
        self.connection.create_scalar_function("pg_is_in_recovery", partial(getattr, self, "standby"), 0)
        self.reset()

    def reset(self) -> None:
        """As on the first day."""
        if self.connection.in_transaction:
            self.connection.execute("rollback")
        self.connection.execute("begin")
        self.applied = 0
        self.transactions = Transactions()
        self._last: Record | None = None

    def follow(self, log: list[Record], upto: int) -> None:
        """Becomes what the log says up to (and without) that index, whatever it was before."""
        if self.applied and (self.applied > upto or log[self.applied - 1] is not self._last):
            self.reset()
        for record in log[self.applied : upto]:
            self.transactions.ended(record.xid)
            if record.commands is not None:
                self.timeline, self.xid = record.timeline, record.xid
                for sql, values, many in record.commands:
                    self.run(sql, values, many)
            self._last = record
        self.applied = upto

    def took(self, record: Record) -> None:
        """What it did itself is in the log now."""
        self.transactions.ended(record.xid)
        self.applied += 1
        self._last = record

    def run(self, sql: str, values: Any, many: bool) -> list[Row]:
        if many:
            self.connection.executemany(sql, values)
            return []
        return self.connection.execute(sql, values).fetchall()
