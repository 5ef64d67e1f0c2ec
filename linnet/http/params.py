"""Query strings, forms and JSON bodies become plain dictionaries, nested as Rack nests them; all of it is bounded."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from linnet.domain import errors

KEYS_MAX = 1000
DEPTH_MAX = 8

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NESTED = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])+)")
_INTEGER_MAX = (1 << 63) - 1
_SCALARS = (str, int, float, bool, type(None))


def parse_query(raw: bytes, field: str) -> dict[str, Any]:
    """``a=1&b[]=2&c[d]=3`` -> ``{"a": "1", "b": ["2"], "c": {"d": "3"}}``; a repeated plain key: the last one wins.

    ``field`` is who is blamed where no key can be named. Raises Invalid (escapes, UTF-8, NUL, one key used as two
    kinds) and TooLarge (more than 1000 keys or 8 levels).
    """
    return nest(parse_pairs(raw, field)) if raw else {}


def parse_pairs(raw: bytes, field: str) -> list[tuple[str, str]]:
    """The flat pairs of an application/x-www-form-urlencoded text, decoded."""
    if raw.count(b"&") >= KEYS_MAX:
        raise errors.TooLarge(f"More than {KEYS_MAX} parameters")
    pairs = []
    for part in raw.split(b"&"):
        if part:
            key, _, value = part.partition(b"=")
            name = _unescape(key, field)
            pairs.append((name, _unescape(value, name)))
    return pairs


def _unescape(raw: bytes, field: str) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        if _BROKEN_ESCAPE.search(raw):
            raise errors.Invalid(field, "has a broken percent-escape")
        raw = unquote_to_bytes(raw)
    return decode_text(raw, field)


def decode_text(raw: bytes, field: str) -> str:
    """Strict UTF-8 without NUL (databases refuse it), or Invalid naming ``field``."""
    if b"\0" in raw:
        raise errors.Invalid(field, "has a NUL character")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise errors.Invalid(field, "is not valid UTF-8") from error


def nest(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Brackets in keys become nesting, as in Rack: ``a[]`` lists, ``a[b]`` and ``a[0]`` dictionaries with text keys.

    ``a[][x]=1&a[][y]=2&a[][x]=3`` -> ``{"a": [{"x": "1", "y": "2"}, {"x": "3"}]}``. A key whose brackets do not
    close is taken as it stands. Using one name as two kinds (``a=1&a[b]=2``) is Invalid.
    """
    root: dict[str, Any] = {}
    for count, (key, value) in enumerate(pairs):
        if count >= KEYS_MAX:
            raise errors.TooLarge(f"More than {KEYS_MAX} parameters")
        match = _NESTED.fullmatch(key) if "[" in key else None
        if match is None:
            _put(root, key, [], value, key)
            continue
        name, brackets = match.groups()
        rest = brackets[1:-1].split("][")
        if len(rest) >= DEPTH_MAX:
            raise errors.TooLarge(f"{name}: nested more than {DEPTH_MAX} levels deep")
        _put(root, name, rest, value, name)
    return root


def _put(holder: dict[str, Any], name: str, rest: list[str], value: Any, field: str) -> None:
    if not rest:
        if isinstance(holder.get(name), dict | list):
            raise _two_kinds(field)
        holder[name] = value
    elif rest[0] == "":
        items = holder.setdefault(name, [])
        if not isinstance(items, list):
            raise _two_kinds(field)
        _append(items, rest[1:], value, field)
    else:
        child = holder.setdefault(name, {})
        if not isinstance(child, dict):
            raise _two_kinds(field)
        _put(child, rest[0], rest[1:], value, field)


def _append(items: list[Any], rest: list[str], value: Any, field: str) -> None:
    if items and isinstance(items[-1], dict) is not bool(rest):
        raise _two_kinds(field)
    if not rest:
        items.append(value)
    elif rest[0] == "":
        raise errors.Invalid(field, "is a list directly inside a list")
    else:
        # The same key again begins the next element: that is how a form says "another one".
        if not items or _has(items[-1], rest):
            items.append({})
        _put(items[-1], rest[0], rest[1:], value, field)


def _has(holder: Any, path: list[str]) -> bool:
    for part in path:
        if part == "" or not isinstance(holder, dict) or part not in holder:
            return False
        holder = holder[part]
    return True


def _two_kinds(field: str) -> errors.Invalid:
    return errors.Invalid(field, "is given both as a single value and as a list or an object")


def parse_json(raw: bytes) -> dict[str, Any]:
    """A JSON object as it is; an empty body is an empty object.

    Raises Invalid("body", …) for anything that is not one JSON object, Invalid naming the top-level key for NUL or
    an integer beyond 64 bits inside it, TooLarge beyond 1000 keys and elements or 8 levels.
    """
    if not raw.strip():
        return {}
    try:
        value = msgspec.json.decode(raw)
    except (ValueError, RecursionError) as error:  # msgspec's own errors and UnicodeDecodeError are ValueErrors
        raise errors.Invalid("body", "is not valid JSON") from error
    if not isinstance(value, dict):
        raise errors.Invalid("body", "is not a JSON object")
    _check_json(value)
    return value


def _check_json(root: dict[str, Any]) -> None:
    """Walks the containers without recursion; each waits with its depth and the top-level key it stands under."""
    waiting: list[tuple[Any, int, str]] = [(root, 1, "")]
    count = 0
    while waiting:
        container, depth, field = waiting.pop()
        if depth > DEPTH_MAX:
            raise errors.TooLarge(f"{field}: nested more than {DEPTH_MAX} levels deep")
        count += len(container)
        if count > KEYS_MAX:
            raise errors.TooLarge(f"More than {KEYS_MAX} values")
        for key, value in container.items() if isinstance(container, dict) else enumerate(container):
            name = field or str(key)
            if isinstance(key, str) and "\0" in key:
                raise errors.Invalid(field or "body", "has a NUL character in a key")
            if isinstance(value, _SCALARS):
                _check_scalar(value, name)
            else:
                waiting.append((value, depth + 1, name))


def _check_scalar(value: Any, field: str) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise errors.Invalid(field, "has a NUL character")
    elif isinstance(value, int) and not -_INTEGER_MAX - 1 <= value <= _INTEGER_MAX:
        raise errors.Invalid(field, "is a number beyond 64 bits")
