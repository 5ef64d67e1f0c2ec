"""The client API's published contract: finds what an answer breaks of it, and keeps a ledger of what was shown.

The document is Mastodon's API as OpenAPI 3.1. It is not part of the repository: it lies in the folder ``shared`` beside
the checkout, or where ``LINNET_OPENAPI`` says.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

METHODS = ("get", "post", "put", "patch", "delete")
LOCATION = Path(__file__).parents[2].parent / "shared" / "mastodon-openapi.json"
LISTS = (("/api/v1/filters", "get"),)
"""Operations that answer with a list, as the words beside them say, where the document's schema is of one item."""
APART = {"Quote": "quoted_status", "ShallowQuote": "quoted_status_id"}
"""Entities of which a field must be there that the document lets be left out: without it, nothing tells them apart."""
_COMPONENT = "#/components/schemas/"
_BASE = "urn:contract"

Schema = Mapping[str, Any]


class Operation(NamedTuple):
    """One method of one path. ``path`` has ``{names}``; ``parameters`` are names, nested ones joined by dots."""

    method: str
    path: str
    id: str
    parameters: frozenset[str]
    node: Schema

    @property
    def name(self) -> str:
        """``GET /api/v1/statuses/{id}``"""
        return f"{self.method} {self.path}"

    @property
    def shape(self) -> tuple[str, str]:
        """Equal for the same operation whatever its path parameters are called."""
        return shape(self.method, self.path)


def shape(method: str, path: str) -> tuple[str, str]:
    """``path`` with ``{id}`` or ``:id``, as the operation's place and not its words."""
    return method, re.sub(r"\{\w+\}|:\w+", "{}", path)


def load() -> "Contract":
    """Skips the test where the document is not there."""
    path = Path(os.environ.get("LINNET_OPENAPI", LOCATION))
    if not path.exists():
        pytest.skip(f"the API's document is not at {path}; LINNET_OPENAPI may say where it is")
    document = json.loads(path.read_text())
    for operation, method in LISTS:
        content = document["paths"][operation][method]["responses"]["200"]["content"]["application/json"]
        content["schema"] = {"type": "array", "items": content["schema"]}
    for name, field in APART.items():
        document["components"]["schemas"][name]["required"].append(field)
    return Contract(document)


class Contract:
    """The document, its operations by name, and validators of its schemas."""

    def __init__(self, document: Schema) -> None:
        self.document = document
        self.schemas: Schema = document["components"]["schemas"]
        found = list(self._operations())
        self.operations = {operation.name: operation for operation in found}
        self._registry: Registry[Any] = Registry().with_resource(
            _BASE, Resource.from_contents(document, default_specification=DRAFT202012)
        )
        self._validators: dict[str, Draft202012Validator] = {}

    def schema(self, operation: Operation, status: int) -> str | None:
        """Where in the document the schema of the JSON body of this answer stands; None where there is none."""
        answer = operation.node["responses"].get(str(status), {})
        if "schema" not in answer.get("content", {}).get("application/json", {}):
            return None
        return (
            f"#/paths/{operation.path.replace('/', '~1')}/{operation.method.lower()}"
            f"/responses/{status}/content/application~1json/schema"
        )

    def headers(self, operation: Operation, status: int) -> Iterator[tuple[str, Schema]]:
        """The headers that this answer should have, and their schemas."""
        for name, node in operation.node["responses"].get(str(status), {}).get("headers", {}).items():
            yield name, self.at(node["$ref"])["schema"] if "$ref" in node else node["schema"]

    def component(self, name: str) -> str:
        return _COMPONENT + name

    def at(self, pointer: str) -> Schema:
        """The schema at a place such as ``#/components/schemas/Status``."""
        node: Any = self.document
        for part in pointer.removeprefix("#/").split("/"):
            node = node[part.replace("~1", "/")]
        return node

    def problems(self, pointer: str, body: Any) -> list[str]:
        """What the body breaks of the schema at this place, one sentence each; the deepest cause of each."""
        validator = self._validators.get(pointer)
        if validator is None:
            validator = self._validators[pointer] = Draft202012Validator(
                {"$ref": _BASE + pointer}, registry=self._registry, format_checker=FORMATS
            )
        return [_told(error) for error in validator.iter_errors(body)]

    def resolved(self, schema: Schema) -> tuple[str, Schema]:
        """A schema without its references, and the name of the component that it was (or '')."""
        name = ""
        while "$ref" in schema:
            name = schema["$ref"].removeprefix(_COMPONENT)
            schema = self.schemas[name]
        return name, schema

    def fields(self, entity: str) -> set[str]:
        """The names of all its properties; those of objects without a name of their own with dots."""
        return set(self._fields(self.schemas[entity], ""))

    def _fields(self, schema: Schema, prefix: str) -> Iterator[str]:
        for name, sub in schema.get("properties", {}).items():
            yield prefix + name
            if "$ref" not in sub:
                yield from self._fields(sub, f"{prefix}{name}.")

    def _operations(self) -> Iterator[Operation]:
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    node = item[method]
                    yield Operation(method.upper(), path, node["operationId"], frozenset(self._parameters(node)), node)

    def _parameters(self, node: Schema) -> Iterator[str]:
        for parameter in node.get("parameters", ()):
            if parameter["in"] != "path":
                yield parameter["name"].removesuffix("[]")
        for content in node.get("requestBody", {}).get("content", {}).values():
            yield from self._named(content.get("schema", {}), "")

    def _named(self, schema: Schema, prefix: str) -> Iterator[str]:
        _, schema = self.resolved(schema)
        items = [schema["items"]] if "items" in schema else []
        for part in (*schema.get("oneOf", ()), *schema.get("allOf", ()), *items):
            yield from self._named(part, prefix)
        for name, sub in schema.get("properties", {}).items():
            inner = list(self._named(sub, f"{prefix}{name.removesuffix('[]')}."))
            yield from inner or [prefix + name.removesuffix("[]")]


class Ledger:
    """Which properties of which entities were seen with a real value: not null, empty, false or zero."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.seen: defaultdict[str, set[str]] = defaultdict(set)
        self.words: defaultdict[str, set[str]] = defaultdict(set)
        self.beyond: defaultdict[str, set[str]] = defaultdict(set)

    def note(self, pointer: str, body: Any) -> None:
        """Takes note of a body that is valid by the schema at this place."""
        self._note({"$ref": pointer}, body, "", "")

    def missing(self, entity: str) -> set[str]:
        """The fields that were never seen with a real value."""
        return self.contract.fields(entity) - self.seen[entity]

    def _note(self, schema: Schema, value: Any, entity: str, prefix: str) -> None:
        while "$ref" in schema:
            pointer = schema["$ref"]
            if pointer.startswith(_COMPONENT):
                entity, prefix = pointer.removeprefix(_COMPONENT), ""
            schema = self.contract.at(pointer)
        if "enum" in schema and isinstance(value, str):
            self.words[entity].add(value)
        if isinstance(value, list):
            for item in value:
                self._note(schema.get("items", {}), item, entity, prefix)
        elif isinstance(value, dict):
            self._note_object(schema, value, entity, prefix)

    def _note_object(self, schema: Schema, value: dict[str, Any], entity: str, prefix: str) -> None:
        for part in schema.get("oneOf", ()):
            if "$ref" in part and not self.contract.problems(part["$ref"], value):
                self._note(part, value, entity, prefix)
        named = schema.get("properties", {})
        rest = schema.get("additionalProperties", True)
        for name, item in value.items():
            if name in named:
                if item:
                    self.seen[entity].add(prefix + name)
                self._note(named[name], item, entity, f"{prefix}{name}.")
            elif isinstance(rest, dict):
                self._note(rest, item, entity, prefix)
            elif named:
                self.beyond[entity].add(prefix + name)


def _told(error: Any) -> str:
    """Of a union the branch that came closest tells more than the union."""
    while error.context:
        closest = max(error.context, key=lambda one: (len(one.absolute_path), one.validator != "type"))
        if len(closest.absolute_path) <= len(error.absolute_path) and closest.validator == "type":
            break
        error = closest
    return f"{error.json_path}: {error.message[:300]}"


FORMATS = FormatChecker(formats=())


def _format(name: str, pattern: str = "", check: Any = None) -> None:
    def holds(value: object) -> bool:
        if not isinstance(value, str):
            return True
        if pattern and not re.fullmatch(pattern, value):
            return False
        return check is None or bool(check(value))

    FORMATS.checks(name, raises=ValueError)(holds)


def _is_address(value: str) -> bool:
    parts = urlsplit(value)
    return value.isascii() and " " not in value and bool(parts.scheme) and bool(parts.netloc or parts.path)


_format("date-time", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", datetime.fromisoformat)
_format("date", r"\d{4}-\d\d-\d\d", date.fromisoformat)
_format("uri", r"[a-z][a-z0-9+.-]*:\S+", _is_address)
_format("email", r"[^@\s]+@[^@\s]+")
_format("iso-639-1", r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
