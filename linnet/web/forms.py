"""What somebody typed into a form, and what is wrong with it: so that a page can show both again."""

from collections.abc import Mapping
from typing import Any

from linnet.domain.errors import Invalid, Invalids, LinnetError

# What rules call by another name than forms do.
_NAMES = {
    "text": "status", "media_ids": "picture1", "poll[options]": "poll_option1", "poll[expires_in]": "poll_seconds",
}  # fmt: skip


class Errors(dict[str, str]):
    """By field; '' where there is none, so that a page can simply ask."""

    def __missing__(self, field: str) -> str:
        return ""


class Form:
    """``values`` by field; ``errors`` by field, ``base`` for what belongs to none; ``done`` says that it worked."""

    def __init__(self, values: Mapping[str, Any] | None = None, done: str = "") -> None:
        self.values = dict(values or {})
        self.errors = Errors()
        self.done = done
        self.attached: tuple[Any, ...] = ()

    def value(self, name: str) -> str:
        """As text for an input; '' for what is no text."""
        found = self.values.get(name, "")
        return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""

    def on(self, name: str) -> bool:
        """Whether a checkbox is ticked."""
        return self.values.get(name) in (True, 1, "1", "on", "true")

    def fail(self, error: LinnetError, *fields: str) -> "Form":
        """Notes what is wrong beside the field that it is about; ``fields`` are those that the form has."""
        found = error.all if isinstance(error, Invalids) else (error,)
        for one in found:
            field = one.field if isinstance(one, Invalid) else "base"
            if field not in fields:
                field = _NAMES.get(field, field)
            if field in fields:
                self.errors.setdefault(field, _sentence(one))
            else:
                self.errors.setdefault("base", _sentence(one, field if field != "base" else ""))
        return self


def _sentence(error: LinnetError, field: str = "") -> str:
    words = error.why if isinstance(error, Invalid) else str(error)
    if field:
        words = f"{field.replace('_', ' ')} {words}"
    return (words[:1].upper() + words[1:]).rstrip(".") + "."


def text(params: Mapping[str, Any], name: str, most: int = 10_000) -> str:
    """A field's text; '' where it is missing. Raises Invalid for a list, an object or a file."""
    value = params.get(name, "")
    if not isinstance(value, str):
        raise Invalid(name, "must be text")
    if len(value) > most:
        raise Invalid(name, f"is too long (maximum is {most} characters)", "ERR_TOO_LONG")
    return value


def ticked(params: Mapping[str, Any], name: str) -> bool:
    return params.get(name) in ("1", "on", "true")


def many(params: Mapping[str, Any], name: str) -> list[str]:
    """The texts of fields called ``name[]``."""
    value = params.get(name, [])
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
