"""Which handler answers a path: one dictionary for fixed paths, a trie of segments for the rest."""

import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from linnet.domain import errors
from linnet.http.request import BODY_MAX, UPLOAD_MAX, Request
from linnet.http.response import Response

Handler = Callable[[Request], Awaitable[Response]]

_PARAMETER = re.compile(r"(?P<prefix>[^:*]*)(?P<kind>[:*])(?P<name>[a-z_][a-z0-9_]*)(?P<suffix>[^:*]*)")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Route(NamedTuple):
    """A row of a routing table.

    ``pattern``: ``/statuses/:id`` takes one segment, ``/@:name`` and ``/:name.rss`` one with a fixed beginning or
    end, ``/media/*path`` all that follows (at least one segment). ``body_max`` bounds non-file bytes, ``upload_max``
    the files of multipart forms; with ``spool``, a folder, large ones are put there instead of into memory.
    ``options`` is handed on as ``request.options``.
    """

    method: str
    pattern: str
    handler: Handler
    options: Any = None
    body_max: int = BODY_MAX
    upload_max: int = UPLOAD_MAX
    spool: Path | None = None


class Match(NamedTuple):
    """A found route: its handler, its pattern (for metrics), the decoded path parameters, and the route itself."""

    handler: Handler
    pattern: str
    segments: dict[str, str]
    route: Route


class _Leaf(NamedTuple):
    """The routes of one shape by method, each with the names of its parameters in order."""

    routes: dict[str, tuple[Route, tuple[str, ...]]]


class _Node:
    __slots__ = ("affixed", "anything", "fixed", "leaf", "rest")

    def __init__(self) -> None:
        self.fixed: dict[str, _Node] = {}
        self.affixed: list[tuple[str, str, _Node]] = []  # (prefix, suffix, node), the longest first
        self.anything: _Node | None = None
        self.rest: _Leaf | None = None
        self.leaf: _Leaf | None = None


class Router:
    """All routes. Building it raises ValueError for two routes that answer the same, or a malformed pattern."""

    __slots__ = ("_fixed", "_root")

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        self._fixed: dict[str, dict[str, Match]] = {}
        for route in routes:
            self._add(route)

    def match(self, method: str, path: str) -> Match | frozenset[str] | None:
        """The route for a path as it was sent (escapes and all); the methods there are, if not this one; or None.

        A fixed segment wins over one with a fixed beginning, that over a parameter, that over ``*``. HEAD is answered
        by GET; one slash at the end is ignored. Raises Invalid("path", …) for broken escapes, bytes that are not
        UTF-8, NUL, and segments that would leave their place (``..`` or an escaped slash).
        """
        known = self._fixed.get(path)
        if known is not None:
            found = known.get(method) or (known.get("GET") if method == "HEAD" else None)
            if found is not None:
                return found
        return self._search(method, path)

    def _search(self, method: str, path: str) -> Match | frozenset[str] | None:
        if not path.startswith("/"):
            return None
        parts = path[1:].split("/")
        if len(parts) > 1 and not parts[-1]:
            parts.pop()
        if "%" in path or "\ufffd" in path or "\0" in path or "/." in path:
            parts = [_decode(part) for part in parts]
        straight = _straight(self._root, parts, method)
        if straight is not None:
            return straight
        allowed: set[str] = set()
        found = _walk(self._root, parts, 0, [], method, allowed)
        if found is not None or not allowed:
            return found
        if "GET" in allowed:
            allowed.add("HEAD")
        return frozenset(allowed)

    def _add(self, route: Route) -> None:
        if not route.pattern.startswith("/") or (route.pattern.endswith("/") and route.pattern != "/"):
            raise ValueError(f"{route.pattern}: a pattern begins with a slash and does not end with one")
        node, names = self._root, []
        parts = route.pattern[1:].split("/")
        leaf: _Leaf | None = None
        for index, part in enumerate(parts):
            match = _PARAMETER.fullmatch(part)
            if match is None:
                if ":" in part or "*" in part:
                    raise ValueError(f"{route.pattern}: a segment has at most one parameter")
                node = node.fixed.setdefault(part, _Node())
                continue
            names.append(match["name"])
            if match["kind"] == "*":
                if index != len(parts) - 1 or match["prefix"] or match["suffix"]:
                    raise ValueError(f"{route.pattern}: a star stands alone, in the last segment")
                leaf = node.rest = node.rest or _Leaf({})
            else:
                node = _parameter_node(node, match["prefix"], match["suffix"])
        if leaf is None:
            leaf = node.leaf = node.leaf or _Leaf({})
        if len(set(names)) != len(names):
            raise ValueError(f"{route.pattern}: two parameters have the same name")
        if route.method in leaf.routes:
            other = leaf.routes[route.method][0].pattern
            raise ValueError(f"{route.method} {route.pattern} and {other} answer the same requests")
        leaf.routes[route.method] = (route, tuple(names))
        if not names:
            match_ = Match(route.handler, route.pattern, {}, route)
            self._fixed.setdefault(route.pattern, {})[route.method] = match_


def _parameter_node(node: _Node, prefix: str, suffix: str) -> _Node:
    if not prefix and not suffix:
        node.anything = node.anything or _Node()
        return node.anything
    for known_prefix, known_suffix, known in node.affixed:
        if (known_prefix, known_suffix) == (prefix, suffix):
            return known
    fresh = _Node()
    node.affixed.append((prefix, suffix, fresh))
    node.affixed.sort(key=lambda item: -len(item[0]) - len(item[1]))
    return fresh


def _straight(node: _Node, parts: list[str], method: str) -> Match | None:
    """The most preferred way through the trie only, which is where nearly all requests go; ``_walk`` tries all."""
    values: list[str] = []
    for part in parts:
        child = node.fixed.get(part)
        if child is None:
            child = node.anything
            if child is None or node.affixed or not part:
                return None
            values.append(part)
        node = child
    leaf = node.leaf
    found = leaf.routes.get(method) if leaf is not None else None
    if found is None:
        return None
    route, names = found
    return Match(route.handler, route.pattern, dict(zip(names, values, strict=True)), route)


def _walk(node: _Node, parts: list[str], at: int, values: list[str], method: str, allowed: set[str]) -> Match | None:
    """Depth first in order of preference, and back again: the trie is small, so the search is."""
    if at == len(parts):
        return _at_leaf(node.leaf, values, method, allowed)
    part = parts[at]
    child = node.fixed.get(part)
    found = _walk(child, parts, at + 1, values, method, allowed) if child is not None else None
    if found is None and part:
        for prefix, suffix, child in node.affixed:
            if len(part) > len(prefix) + len(suffix) and part.startswith(prefix) and part.endswith(suffix):
                inner = part[len(prefix) : len(part) - len(suffix)]
                found = _walk(child, parts, at + 1, [*values, inner], method, allowed)
                if found is not None:
                    return found
        if node.anything is not None:
            found = _walk(node.anything, parts, at + 1, [*values, part], method, allowed)
        if found is None and node.rest is not None:
            found = _at_leaf(node.rest, [*values, "/".join(parts[at:])], method, allowed)
    return found


def _at_leaf(leaf: _Leaf | None, values: list[str], method: str, allowed: set[str]) -> Match | None:
    if leaf is None:
        return None
    found = leaf.routes.get(method) or (leaf.routes.get("GET") if method == "HEAD" else None)
    if found is None:
        allowed.update(leaf.routes)
        return None
    route, names = found
    return Match(route.handler, route.pattern, dict(zip(names, values, strict=True)), route)


def _decode(part: str) -> str:
    if _BROKEN_ESCAPE.search(part):
        raise errors.Invalid("path", "has a broken percent-escape")
    try:
        text = unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError as error:
        raise errors.Invalid("path", "is not valid UTF-8") from error
    if text in {".", ".."} or "/" in text or "\0" in text or "\ufffd" in text:
        raise errors.Invalid("path", "has a segment that cannot be one")
    return text
