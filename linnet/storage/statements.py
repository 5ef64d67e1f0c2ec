"""Reads the named SQL statements of a noun and turns each, once, into the form of either engine's driver."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import msgspec

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_FRAGMENT_NAME = re.compile(r"^-- fragment: (\w+)$", re.MULTILINE)
_FRAGMENT = re.compile(r"\{(\w+)(?:\(([\w.]+)\))?\}")
_COMMENT = re.compile(r"--[^\n]*")
# One pass over strings (kept), in-lists, paging and parameters; `::` casts never match because of the look-behind.
_TOKEN = re.compile(r"'[^']*'|(?P<not>\bnot )?\bin \(:(?P<list>\w+)\.\.\.\)|(?<!:):(?P<param>[a-z_]\w*)")
_PLACE = re.compile(r"\$(\d+)")
_PAGED = re.compile(r":page\((?P<column>[\w.]+)\)")

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One named statement.

    ``sqlite`` and ``postgres`` hold the text for each driver, ``params`` the names in the order of their places,
    ``lists`` those that are lists. ``ascending`` is the twin of a paged statement that reads in the other direction.
    """

    name: str
    sqlite: str
    postgres: str
    params: tuple[str, ...]
    lists: frozenset[str]
    ascending: "Statement | None" = None

    def postgres_places(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the statement's places; a missing one is a KeyError."""
        if not self.lists:
            return [values[name] for name in self.params]
        return [list(values[name]) if name in self.lists else values[name] for name in self.params]

    def sqlite_places(self, values: Mapping[str, Any]) -> list[Any]:
        """Like ``postgres_places``; SQLite takes a list as JSON text."""
        if not self.lists:
            return [values[name] for name in self.params]
        return [
            msgspec.json.encode(list(values[name])).decode() if name in self.lists else values[name]
            for name in self.params
        ]


class Statements:
    """The statements of one noun, as attributes."""

    def __init__(self, noun: str, found: Mapping[str, Statement]) -> None:
        self._noun = noun
        self._found = dict(found)
        self.__dict__.update(found)

    def __getattr__(self, name: str) -> Statement:
        raise AttributeError(f"no statement {name!r} in {self._noun}.sql")

    def names(self) -> tuple[str, ...]:
        return tuple(self._found)


def _translate(text: str) -> tuple[str, str, tuple[str, ...], frozenset[str]]:
    params: list[str] = []
    lists: set[str] = set()

    def place(name: str) -> int:
        if name not in params:
            params.append(name)
        return params.index(name) + 1

    def sqlite(match: re.Match[str]) -> str:
        if match["list"]:
            lists.add(match["list"])
            negated = match["not"] or ""
            return f"{negated}in (select value from json_each(?{place(match['list'])}))"
        return f"?{place(match['param'])}" if match["param"] else match[0]

    def postgres(match: re.Match[str]) -> str:
        if match["list"]:
            return ("<> all(" if match["not"] else "= any(") + f"${place(match['list'])})"
        return f"${place(match['param'])}" if match["param"] else match[0]

    return _TOKEN.sub(sqlite, text), _TOKEN.sub(postgres, text), tuple(params), frozenset(lists)


def _paged(text: str, *, ascending: bool) -> str:
    direction = "asc" if ascending else "desc"

    def expand(match: re.Match[str]) -> str:
        column = match["column"]
        return f"{column} < :max_id and {column} > :min_id order by {column} {direction} limit :limit"

    return _PAGED.sub(expand, text)


def statement(name: str, text: str, postgres_text: str | None = None) -> Statement:
    """One statement of its own. ``postgres_text`` where that engine needs another one."""

    def build(ascending: bool, twin: Statement | None) -> Statement:
        sqlite, _, params, lists = _translate(_paged(text, ascending=ascending))
        _, postgres, postgres_params, _ = _translate(_paged(postgres_text or text, ascending=ascending))
        if set(postgres_params) != set(params):
            raise ValueError(f"{name}: the engines' texts take different parameters")
        if postgres_params != params:
            # The places must agree, because both engines are handed the values in one order.
            for old, new in enumerate(postgres_params, 1):
                postgres = re.sub(rf"\${old}\b", f"$<{params.index(new) + 1}>", postgres)
            postgres = re.sub(r"\$<(\d+)>", r"$\1", postgres)
        return Statement(name, sqlite, postgres, params, lists, twin)

    twin = build(True, None) if ":page(" in text else None
    return build(False, twin)


def moved(postgres: str, by: int) -> str:
    """The text with the numbers of its places moved."""
    return _PLACE.sub(lambda match: f"${int(match[1]) + by}", postgres)


@lru_cache(maxsize=256)
def together(several: tuple[Statement, ...]) -> str:
    """PostgreSQL's text for statements that do not see each other's rows, as one; its places are theirs in order."""
    parts: list[str] = []
    before = 0
    for each in several:
        parts.append(moved(each.postgres, before))
        before += len(each.params)
    *first, last = parts
    named = ", ".join(f"later_{number} as ({part})" for number, part in enumerate(first))
    return f"with {named} {last}" if first else last


def parse(text: str, heading: re.Pattern[str] = _NAME) -> dict[str, str]:
    """Name -> text of each ``-- name: x`` block; comments are left out. Raises ValueError for a name used twice."""
    pieces = heading.split(text)
    found: dict[str, str] = {}
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        if name in found:
            raise ValueError(f"the statement {name!r} is there twice")
        found[name] = " ".join(_COMMENT.sub("", body).split()).rstrip(";")
    return found


def load(noun: str) -> Statements:
    """Reads ``<noun>.sql`` and, for the statements that must differ, ``<noun>.postgres.sql``.

    In the text: ``:name`` is a parameter, ``in (:names...)`` and ``not in (:names...)`` take a list, ``:page(column)``
    expands into the bounds, order and limit of a page (parameters ``max_id``, ``min_id``, ``limit``), and ``{name}``
    into that fragment of ``fragments.sql``; ``{name(column)}`` asks it of the reader in that column instead of
    ``:reader``.
    """
    folder = files("linnet.storage")
    fragments: dict[str, str] = {}
    for name, text in parse((folder / "fragments.sql").read_text("utf-8"), _FRAGMENT_NAME).items():
        fragments[name] = _FRAGMENT.sub(lambda match: fragments[match[1]], text)

    def fragment(match: re.Match[str]) -> str:
        text = fragments[match[1]]
        return text.replace(":reader", match[2]) if match[2] else text

    def expanded(name: str) -> dict[str, str]:
        found = parse((folder / name).read_text("utf-8"))
        return {key: _FRAGMENT.sub(fragment, text) for key, text in found.items()}

    shared = expanded(f"{noun}.sql")
    special = folder / f"{noun}.postgres.sql"
    postgres = expanded(special.name) if special.is_file() else {}
    unknown = postgres.keys() - shared.keys()
    if unknown:
        raise ValueError(f"{noun}.postgres.sql names statements that {noun}.sql has not: {sorted(unknown)}")
    return Statements(
        noun, {name: statement(f"{noun}.{name}", text, postgres.get(name, text)) for name, text in shared.items()}
    )
