"""The clients' parameters as values: forms send text, JSON sends types, and both mean the same."""

from collections.abc import Mapping
from typing import Any

from linnet.domain import ids
from linnet.domain.errors import Invalid

Params = Mapping[str, Any]

_TRUE = frozenset({"true", "1", "on", "yes", "t"})
_FALSE = frozenset({"false", "0", "off", "no", "f", ""})


def text(params: Params, name: str, default: str = "") -> str:
    """Text; a number is taken as its digits. Raises Invalid for a list or an object."""
    value = params.get(name)
    if value is None:
        return default
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise Invalid(name, "must be text")


def optional_text(params: Params, name: str) -> str | None:
    """None where it was not given, ``""`` where it was emptied."""
    return text(params, name) if params.get(name) is not None else None


def flag(params: Params, name: str, default: bool = False) -> bool:
    value = params.get(name)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    word = str(value).lower() if isinstance(value, str | int) else None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Invalid(name, "must be true or false")


def optional_flag(params: Params, name: str) -> bool | None:
    """None where it was not given."""
    return None if params.get(name) is None else flag(params, name)


def number(params: Params, name: str, default: int, most: int, least: int = 0) -> int:
    """A whole number, brought into its bounds."""
    value = params.get(name)
    if value is None or value == "":
        return default
    try:
        if isinstance(value, bool | list | dict):
            raise TypeError
        return min(most, max(least, int(value)))
    except (TypeError, ValueError, OverflowError):
        raise Invalid(name, "must be a whole number") from None


def id_(params: Params, name: str) -> int | None:
    """An id, or None where none was given. Raises Invalid for what cannot be one."""
    value = params.get(name)
    if value is None or value == "":
        return None
    found = ids.parse(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if found is None:
        raise Invalid(name, "is not an id")
    return found


def id_list(params: Params, name: str, most: int) -> tuple[int, ...]:
    """``name[]=1&name[]=2``, a JSON list, or one alone. Raises Invalid for more than ``most`` or for no ids."""
    found = []
    for item in items(params, name, most):
        value = ids.parse(str(item)) if isinstance(item, str | int) and not isinstance(item, bool) else None
        if value is None:
            raise Invalid(name, "holds something that is not an id")
        found.append(value)
    return tuple(found)


def text_list(params: Params, name: str, most: int) -> tuple[str, ...]:
    """A list of texts, or one alone."""
    found = items(params, name, most)
    if not all(isinstance(item, str) for item in found):
        raise Invalid(name, "must be a list of texts")
    return tuple(found)


def items(params: Params, name: str, most: int) -> list[Any]:
    """A list as JSON or forms write it (``a[]``, ``a[0]``), or a single value."""
    value = params.get(name)
    if value is None or value == "":
        return []
    if isinstance(value, Mapping):
        # Forms may number a list's items: a[0]=…&a[1]=….
        value = [value[key] for key in sorted(value, key=lambda key: (len(key), key))]
    found = value if isinstance(value, list) else [value]
    if len(found) > most:
        raise Invalid(name, f"takes {most} items at most", "ERR_TOO_MANY")
    return found
