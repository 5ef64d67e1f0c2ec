"""Walks through the client API of one server, and checks every answer against the published contract."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.support.asgi import Answer
from tests.support.client import Person, World
from tests.support.openapi import FORMATS, Contract, Ledger, Operation

_LINK = re.compile(r'<([^>]+)>; rel="(\w+)"')


class Walk:
    """``await walk("GET /api/v1/statuses/{id}", anna, id)``: the JSON body, once it was found to be as published.

    ``by`` is a person, a token, or None for nobody; what follows fills the path's ``{names}`` in order. What an answer
    breaks of its schema is kept in ``problems`` and does not end the walk; an unexpected status does.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.world: World
        self.ledger = Ledger(contract)
        self.problems: dict[str, None] = {}
        self.walked: set[str] = set()
        self.used: defaultdict[str, set[str]] = defaultdict(set)
        self.answers = 0
        self.answer: Answer | None = None

    async def __call__(
        self, name: str, by: Person | str | None = None, *places: Any, status: int = 200, **options: Any
    ) -> Any:
        operation = self.contract.operations[name]
        target = _filled(operation, places)
        token = by.token if isinstance(by, Person) else by
        self.answer = answer = await self.world.client.ask(operation.method, target, token=token, **options)
        self.answers += 1
        assert answer.status == status, f"{name} answered {answer.status}, not {status}: {answer.body[:500]!r}"
        if status < 300:
            self.walked.add(name)
            self.used[name].update(_parameters(target, options))
        return self._body(operation, answer)

    async def page(self, name: str, *, status: int, **options: Any) -> Answer:
        """An operation that answers people, with a page or by sending them on; the document has no schema for it."""
        operation = self.contract.operations[name]
        answer = await self.world.client.ask(operation.method, operation.path, **options)
        self.answers += 1
        assert answer.status == status, f"{name} answered {answer.status}, not {status}: {answer.body[:500]!r}"
        self.used[name].update(_parameters(operation.path, options))
        if status == 200:
            assert (answer.header("content-type") or "").startswith("text/html")
            assert self.contract.schema(operation, status) is None
            self.walked.add(name)
        return answer

    def problem(self, operation: Operation, words: str) -> None:
        self.problems[f"{operation.name}: {words}"] = None

    def header(self, name: str) -> str:
        """A header of the last answer; '' where there was none."""
        assert self.answer is not None
        return self.answer.header(name) or ""

    def links(self) -> dict[str, str]:
        """``next`` and ``prev`` of the last answer, as it gave them."""
        return {rel: address for address, rel in _LINK.findall(self.header("link"))}

    async def follow(self, name: str, by: Person | str | None, address: str) -> Any:
        """Goes to an address of a ``Link`` header, as a client would."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}" == self.world.site.origin
        operation = self.contract.operations[name]
        pattern = re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(operation.path))
        match = re.fullmatch(pattern, parts.path)
        assert match, f"{address} is not a page of {name}"
        return await self(name, by, *match.groups(), query=dict(parse_qsl(parts.query)))

    async def pages(
        self, name: str, by: Person | str | None, *places: Any, whole: Sequence[str], size: int = 2, **query: Any
    ) -> None:
        """Follows ``next`` to the end and ``prev`` back again; both must meet ``whole`` (ids, first to last)."""
        assert len(whole) > size, f"{len(whole)} items of {name} make no second page"
        page = await self(name, by, *places, query={**query, "limit": size})
        found = _ids(page)
        places_back = ""
        while "next" in self.links():
            address = self.links()["next"]
            for key, value in query.items():
                assert urlencode({key: value}) in address, f"{address} forgot {key}"
            page = await self.follow(name, by, address)
            found += _ids(page)
            if page:
                places_back = self.links()["prev"]
        assert found == list(whole), f"{name}: pages by next are {found}, not {list(whole)}"
        if "since_id" in self.contract.operations[name].parameters:
            since = dict(parse_qsl(urlsplit(places_back).query))["min_id"]
            latest = await self(name, by, *places, query={**query, "limit": size, "since_id": since})
            assert _ids(latest) == list(whole[:size]), f"{name}: since_id is not the lower bound of the first page"
        page = await self.follow(name, by, places_back)
        back: list[str] = []
        while page:
            back = _ids(page) + back
            page = await self.follow(name, by, self.links()["prev"])
        assert back == list(whole)[: len(back)], f"{name}: pages by prev are {back}, not the start of {list(whole)}"
        assert len(back) >= len(whole) - size, f"{name}: prev led back over {len(back)} of {len(whole)} items only"

    async def bounds(
        self, name: str, by: Person | str | None, *places: Any, whole: Sequence[str], **query: Any
    ) -> None:
        """``max_id``, ``since_id`` and ``min_id`` by the ids of the items themselves (ids, the newest first)."""
        newest, second, *_, oldest = whole
        after = await self(name, by, *places, query={**query, "max_id": second})
        assert _ids(after) == list(whole)[2:], f"{name}: max_id"
        since = await self(name, by, *places, query={**query, "since_id": oldest, "limit": 1})
        assert _ids(since) == [newest], f"{name}: since_id"
        if "min_id" in self.contract.operations[name].parameters:
            least = await self(name, by, *places, query={**query, "min_id": oldest, "limit": 1})
            assert _ids(least) == [whole[-2]], f"{name}: min_id"

    def _body(self, operation: Operation, answer: Answer) -> Any:
        kind = answer.header("content-type") or ""
        if not answer.body or not kind.startswith("application/json"):
            self.problem(operation, f"{answer.status} is {kind or 'nothing'} and not JSON")
            return None
        body = answer.json()
        self._check_headers(operation, answer, body)
        pointer = self.contract.schema(operation, answer.status)
        if pointer is None and answer.status >= 400:
            pointer = self.contract.component("Error")
        if pointer is None:
            return body
        broken = self.contract.problems(pointer, body)
        for words in broken:
            self.problem(operation, f"{answer.status}: {words}")
        if not broken:
            self.ledger.note(pointer, body)
        return body

    def _check_headers(self, operation: Operation, answer: Answer, body: Any) -> None:
        for name, schema in self.contract.headers(operation, answer.status):
            value = answer.header(name)
            if name == "Link":
                # Search names the header, too, but is paged by offset: Mastodon sends none there.
                if body and isinstance(body, list) and not self.links():
                    self.problem(operation, "a page that is not empty has no Link header")
            elif value is None:
                # The other one, Mastodon-Async-Refresh, is only sent while something is being fetched from elsewhere.
                if name.startswith("X-RateLimit"):
                    self.problem(operation, f"{answer.status} has no {name}")
            elif schema["type"] == "integer" and not value.isdecimal():
                self.problem(operation, f"{answer.status}: {name} is no number but {value}")
            elif "format" in schema and not FORMATS.conforms(value, schema["format"]):
                self.problem(operation, f"{answer.status}: {name} is no {schema['format']} but {value}")


def _filled(operation: Operation, places: Sequence[Any]) -> str:
    rest = iter(places)
    path = re.sub(r"\{\w+\}", lambda _: str(next(rest)), operation.path)
    assert next(rest, None) is None, f"{operation.name} has fewer places than {places}"
    return path


def _ids(items: Sequence[Mapping[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def _parameters(target: str, options: Mapping[str, Any]) -> set[str]:
    """The names of all that was sent, nested ones joined by dots, without the numbers of lists."""
    found = {*_names(options.get("json"), ""), *options.get("headers", {}), *options.get("files", {})}
    for form in (options.get("form"), options.get("query"), dict(parse_qsl(urlsplit(target).query))):
        pairs = form.items() if isinstance(form, Mapping) else form or ()
        found |= {
            ".".join(part for part in re.split(r"[\[\].]+", key) if part and not part.isdigit()) for key, _ in pairs
        }
    return found


def _names(value: Any, prefix: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _names(item, f"{prefix}.{key}".strip(".") if not str(key).isdigit() else prefix)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for item in value:
            yield from _names(item, prefix)
    elif prefix:
        yield prefix
