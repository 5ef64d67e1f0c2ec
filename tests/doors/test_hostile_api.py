"""Every route of the client API under hostile requests: its own error form, never a 500, nothing stored by halves.

The requests are made from the table of routes, so that a new route is attacked the day it is added.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from linnet.actions import drafts, lists, media, oauth, scheduled, suspensions
from linnet.client_api.door import ANY_TOKEN, ANYBODY, EVEN_BARRED, OPTIONAL, UNASKED
from linnet.domain.errors import Invalid
from linnet.domain.lists import ListChanges
from linnet.domain.polls import PollDraft
from linnet.domain.secrets import fingerprint
from linnet.domain.statuses import Draft
from linnet.http.request import BODY_MAX
from linnet.routes import ROUTES, Client
from tests.storage.queries import sql
from tests.support import openapi
from tests.support.asgi import Answer, ask
from tests.support.client import World, make_token
from tests.support.stage import Pixel, Stage
from tests.support.tables import Dump, differences, dump

REFUSED = range(400, 500)
JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


def told(answer: Answer) -> bool:
    """Is this the API's own error form?"""
    if not (answer.header("content-type") or "").startswith(JSON_TYPE):
        return False
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and isinstance(body.get("error"), str) and bool(body["error"])


class Attack:
    """Sends requests and keeps a list of what was wrong with their answers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stage = Stage(world)
        self.problems: list[str] = []
        self.list = self.draft = self.scheduled = 0
        self.sent = 0
        self._commits = 0
        self._before: Dump = {}
        self._seen_at = -1
        world.database.on_commit(self._committed)

    def _committed(self) -> None:
        self._commits += 1

    async def prepare(self) -> None:
        """Somebody to speak for, somebody else, and something of either's."""
        self.me = await self.stage.user()
        self.other = await self.stage.user()
        self.token = await make_token(self.world.database, self.me, "read write follow push profile")
        for account in (self.me, self.other):
            await self.stage.status(account, in_reply_to_id=await self.stage.status(account))
        self.foreign = await self.stage.status(self.other, visibility=3)
        self.mine = await self.stage.status(self.me)
        self.poll = await self.stage.status(self.other, poll=PollDraft(("one", "other"), 3600))
        await self.refresh()

    async def refresh(self) -> None:
        """What earlier requests may have used up."""
        stage = self.stage
        if await stage.one("select 1 from statuses where id = :id", id=self.mine) is None:
            self.mine = await stage.status(self.me)
        if await stage.one("select 1 from lists where id = :id", id=self.list) is None:
            self.list = int(await stage.do(lists.create, self.me, ListChanges("Those")))
        if await stage.one("select 1 from drafts where id = :id", id=self.draft) is None:
            self.draft = int(await stage.do(drafts.save, stage.site, self.me, Draft("a draft")))
        if await stage.one("select 1 from drafts where id = :id", id=self.scheduled) is None:
            later = int(self.world.clock.now_ms()) + 3_600_000
            self.scheduled = int(await stage.do(scheduled.schedule, stage.site, self.me, Draft("later"), later))
        parts = self.world.parts
        given = (parts.blobs, parts.ids, parts.chance, self.me, Pixel(), "a point", None)
        self.upload = int(await stage.do(media.upload, *given))
        self._seen_at = -1

    def path(self, route: Client, **places: Any) -> str:
        """The route's path with something real in each place, or with what is given."""
        real = {"account_id": self.other, "hashtag": "tag", "name": "tag", "emoji": "\U0001f44d", "id": 1}
        real["group_key"] = "ungrouped-1"
        for noun, value in self._things():
            if f"{noun}:id" in route.pattern:
                real["id"] = value
        parts = [
            quote(str((real | places).get(part[1:], 1)), safe="%") if part.startswith(":") else part
            for part in route.pattern.split("/")
        ]
        return "/".join(parts)

    def _things(self) -> tuple[tuple[str, int], ...]:
        mine = (("/statuses/", self.mine), ("/media/", self.upload), ("/lists/", self.list))
        waiting = (("/drafts/", self.draft), ("/scheduled_statuses/", self.scheduled), ("/polls/", self.poll))
        return (*mine, *waiting, ("/accounts/", self.other))

    async def send(
        self, route: Client, target: str | bytes = "", *, token: str | None = "", kind: str = "", body: bytes = b"",
        wants: range | tuple[int, ...] | None = None, what: str = "",
    ) -> Answer:  # fmt: skip
        """``token`` "" is a good one, None none; ``wants`` are the statuses that are right."""
        headers = [] if token is None else [("authorization", f"Bearer {token or self.token}")]
        if kind:
            headers.append(("content-type", kind))
        if body:
            headers.append(("content-length", str(len(body))))
        if self._seen_at != self._commits:
            self._before = await dump(self.world.database, without=("receipts",))
            self._seen_at = self._commits
        answer = await ask(self.world.application, route.method, target or self.path(route), headers, body)
        self.sent += 1
        about = f"{route.method} {route.pattern} ({what}) answers {answer.status} {answer.body[:200]!r}"
        if answer.status >= 500:
            self.problems.append(about)
        elif answer.status >= 400:
            self.problems += [f"{about}, which is not the error form"] * (not told(answer))
            await self._unchanged(about)
        if wants is not None and answer.status not in wants:
            self.problems.append(f"{about} instead of {wants}")
        return answer

    async def _unchanged(self, about: str) -> None:
        if self._seen_at != self._commits:
            after = await dump(self.world.database, without=("receipts",))
            self.problems += [f"{about}, and {words}" for words in differences(self._before, after)[:3]]
            self._before, self._seen_at = after, self._commits

    async def finish(self) -> None:
        """Everything can still be read; fails with what was wrong, one sentence for each route and status."""
        for route in ROUTES:
            if route.method == "GET" and ":" not in route.pattern:
                await self.send(route, what="afterwards")
        kinds: dict[str, str] = {}
        for problem in self.problems:
            rest = problem.partition(" (")[2]
            kinds.setdefault(rest.partition(" b'")[0], problem)
        assert not self.problems, f"{len(self.problems)} of {self.sent}:\n" + "\n".join(list(kinds.values())[:25])


@pytest.fixture
async def attack(any_world: World) -> Attack:
    made = Attack(any_world)
    await made.prepare()
    return made


def scoped() -> Iterator[Client]:
    """Routes that ask for a scope, of whoever sends a token or of everybody."""
    yield from (route for route in ROUTES if route.scope not in (ANYBODY, ANY_TOKEN, EVEN_BARRED, UNASKED))


def closed() -> Iterator[Client]:
    """Routes that nobody is let into without a token."""
    yield from (
        route for route in ROUTES if route.scope not in (ANYBODY, UNASKED) and not route.scope.startswith(OPTIONAL)
    )


# -- who may ----------------------------------------------------------------------------------------------------------


async def test_nobody_gets_in_without_the_right_token(attack: Attack):
    world = attack.world
    app_only = await make_token(world.database, None, "read write follow push profile")
    revoked = await make_token(world.database, attack.me)
    view, _ = await attack.stage.app()
    await world.database.write(
        lambda tx: tx.run(
            sql("update tokens set app_id = :app where hash = :hash"), app=view.id, hash=fingerprint(revoked)
        )
    )
    await attack.stage.do(oauth.revoke, view, revoked)
    banned = await attack.stage.user()
    suspended = await make_token(world.database, banned, "read write follow push profile")
    await attack.stage.do(suspensions.suspend, None, banned)
    for route in closed():
        for token in (None, "garbage", "x" * 5_000, revoked, "\xff\xfe", "'; drop table tokens; --"):
            await attack.send(route, token=token, wants=(401,), what=f"token {str(token)[:20]!r}")
    for route in scoped():
        if not route.scope.startswith(OPTIONAL):
            await attack.send(route, token=app_only, wants=(401, 403, 422), what="an app's own token")
        await attack.send(route, token=suspended, wants=(401, 403), what="a suspended account")
    for route in ROUTES:
        if route.scope != UNASKED:
            await attack.send(route, token="garbage", wants=(401,), what="a wrong token")
    await attack.finish()


async def test_every_scope_is_asked_for(attack: Attack):
    """A token of all other scopes does not open the route; one of that scope alone does."""
    words = ("accounts", "blocks", "bookmarks", "favourites", "filters", "follows", "lists", "mutes", "search",
             "notifications", "statuses", "media", "reports", "conversations")  # fmt: skip
    all_scopes = {f"{verb}:{noun}" for verb in ("read", "write") for noun in words} | {"push", "profile"}
    tokens: dict[frozenset[str], str] = {}

    async def token(scopes: set[str]) -> str:
        key = frozenset(scopes)
        if key not in tokens:
            tokens[key] = await make_token(attack.world.database, attack.me, " ".join(sorted(scopes)))
        return tokens[key]

    for route in scoped():
        asked = set(route.scope.removeprefix(OPTIONAL).split("|"))
        assert asked <= all_scopes, route
        assert (route.method == "GET") == all(scope.startswith(("read", "profile")) for scope in asked) or (
            route.pattern
            in (
                "/oauth/userinfo",
                "/api/v1/media/:id",
                "/api/v1/suggestions/:account_id",
                "/api/v1/statuses/:id/translate",
            )
            or route.pattern.endswith(("/:group_key/accounts", "/push/subscription"))
        ), f"{route.method} {route.pattern} asks for {route.scope}"
        # `follow` is a scope of old clients, and is more than one of today's.
        others = all_scopes - asked
        await attack.send(route, token=await token(others), wants=(403,), what="all other scopes")
        if all(scope.startswith("write") for scope in asked):
            await attack.send(route, token=await token({"read"}), wants=(403,), what="read only")
        else:
            if not any(scope.startswith("write") for scope in asked):
                await attack.send(route, token=await token({"write"}), wants=(403,), what="write only")
            for scope in asked:
                answer = await attack.send(route, token=await token({scope}), what="its scope alone")
                assert answer.status not in (401, 403), route
    await attack.finish()


# -- places, bodies, parameters ---------------------------------------------------------------------------------------

PLACES = (
    "0", "-1", "99", str(2**63 - 1), str(2**63), str(2**70), "9" * 400, "1e9", "1.0", "0x1f", "abc",
    "%D9%A1%D9%A2", "1%20", "%27%20or%201=1%20--", "%3Cscript%3E", "null", "[]", "1,2",
)  # fmt: skip

UNREADABLE = ("%00", "%ff%fe", "%2e%2e")


async def test_a_place_that_names_nothing_is_not_found(attack: Attack):
    for route in ROUTES:
        for name in [part[1:] for part in route.pattern.split("/") if part.startswith(":")]:
            wants = (404,) if name in ("id", "account_id") else (200, 404, 422)
            for value in PLACES:
                await attack.send(route, attack.path(route, **{name: value}), wants=wants, what=f"{name} {value[:20]}")
            for value in UNREADABLE:
                await attack.send(route, attack.path(route, **{name: value}), wants=(404, 422), what=f"{name} {value}")
        if "/statuses/:id" in route.pattern:
            target = attack.path(route, id=attack.foreign)
            await attack.send(route, target, wants=(404,), what="somebody else's direct status")
            await attack.send(route, target, token=None, wants=(401, 404), what="a direct status, nobody")
    await attack.finish()


DEEP = 5_000
BODIES: dict[str, tuple[str, bytes]] = {
    "half an object": (JSON_TYPE, b'{"status": "a"'),
    "a list": (JSON_TYPE, b'["status"]'),
    "a text": (JSON_TYPE, b'"status"'),
    "a number": (JSON_TYPE, b"1"),
    "null": (JSON_TYPE, b"null"),
    "deep lists": (JSON_TYPE, b'{"status": ' + b"[" * DEEP + b"]" * DEEP + b"}"),
    "deep objects": (JSON_TYPE, b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "broken UTF-8": (JSON_TYPE, b'{"status": "\xff\xfe"}'),
    "a lone surrogate": (JSON_TYPE, b'{"status": "\\ud800", "note": "\\udfff"}'),
    "a NUL": (JSON_TYPE, b'{"status": "a\\u0000b"}'),
    "a NUL in a key": (JSON_TYPE, b'{"a\\u0000b": 1}'),
    "a huge number": (JSON_TYPE, b'{"status": 1e400}'),
    "many digits": (JSON_TYPE, b'{"status": ' + b"9" * 10_000 + b"}"),
    "no number": (JSON_TYPE, b'{"status": NaN}'),
    "ten thousand items": (JSON_TYPE, json.dumps({"media_ids": ["1"] * 10_000}).encode()),
    "ten thousand keys": (JSON_TYPE, json.dumps({f"k{n}": 1 for n in range(10_000)}).encode()),
    "too many bytes": (JSON_TYPE, b'{"status": "' + b"x" * (BODY_MAX + 1) + b'"}'),
    "JSON as a form": (FORM_TYPE, b'{"status": "\x00"}'),
    "a broken escape": (FORM_TYPE, b"status=%zz"),
    "half an escape": (FORM_TYPE, b"status=a%4"),
    "an escaped NUL": (FORM_TYPE, b"status=a%00b"),
    "bytes that are no text": (FORM_TYPE, b"status=%ff%fe"),
    "two kinds of one key": (FORM_TYPE, b"status=a&status[b]=c"),
    "deep brackets": (FORM_TYPE, b"status" + b"[a]" * 100 + b"=1"),
    "ten thousand pairs": (FORM_TYPE, b"media_ids[]=1&" * 10_000),
    "text": ("text/plain", b"status=a"),
    "XML": ("application/xml", b"<status>a</status>"),
    "another character set": (f"{JSON_TYPE}; charset=utf-16", b'{"status": "a"}'),
    "a type that is none": ("///;;;==", b"status=a"),
    "a form without an edge": ("multipart/form-data", b"--x\r\n\r\n"),
    "a form of another edge": (
        "multipart/form-data; boundary=y",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n--x--",
    ),
    "half a form": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="status"\r\n\r\nab',
    ),
    "a part without a name": ("multipart/form-data; boundary=x", b"--x\r\n\r\nab\r\n--x--"),
    "a part of garbage": ("multipart/form-data; boundary=x", b"--x\r\n\x00\xff: \xfe\r\n\r\nab\r\n--x--"),
}
LENIENT = {"JSON as a form", "a lone surrogate"}
"""They may mean something: only the form of the answer is asked for."""


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_body_that_is_none_is_refused(attack: Attack):
    """Read before any engine is asked, so one is enough."""
    for route in ROUTES:
        if route.method in ("POST", "PUT", "PATCH"):
            for what, (kind, body) in BODIES.items():
                reads = route.pattern in READING
                if not reads and len(body) > 10_000:
                    continue
                wants = REFUSED if reads and what not in LENIENT else None
                await attack.send(route, kind=kind, body=body, wants=wants, what=what)
            await attack.refresh()
    await attack.finish()


READING = {
    route.pattern for route in ROUTES
    if route.pattern in ("/api/v1/statuses", "/api/v1/statuses/:id", "/api/v1/apps", "/oauth/token", "/api/v1/accounts",
                         "/api/v1/media", "/api/v2/media", "/api/v1/accounts/update_credentials", "/api/v1/profile",
                         "/api/v1/markers", "/api/v1/accounts/:id/note", "/api/v1/accounts/:id/mute")
}  # fmt: skip
"""Routes that cannot do without their body: what is none is refused there. Others may never look at it."""

VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 2**63 - 1, -(2**63), "", " ", "0", "-1", str(2**64), "abc", [], [[]], [None], {}, {"a": {}},
    ["x"] * 200, "a\u202eb", "' or 1=1; drop table statuses; --", "<script>alert(1)</script>", "%s %n {0}", "\ufeff",
    "x" * 100_000, "👩‍👩‍👧" * 3_000, "#" * 5_000, "@a " * 5_000, "https://" * 5_000, "\n" * 5_000, "\u0301" * 5_000,
)  # fmt: skip

VALID: Mapping[tuple[str, str], dict[str, Any]] = {
    ("POST", "/api/v1/statuses"): {"status": "hello"},
    ("PUT", "/api/v1/statuses/:id"): {"status": "hello"},
    ("POST", "/api/v1/apps"): {"client_name": "App", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob"},
    ("POST", "/api/v1/accounts"): {
        "username": "eve", "email": "eve@example.org", "password": "a long enough secret", "agreement": True,
    },
    ("POST", "/oauth/token"): {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"},
    ("POST", "/api/v1/markers"): {"home": {"last_read_id": "1"}},
    ("GET", "/api/v2/search"): {"q": "tag"},
    ("GET", "/api/v1/accounts/search"): {"q": "tag"},
}  # fmt: skip
"""With the rest in order, the one parameter that is wrong is what is looked at."""

COMMON = ("limit", "max_id", "min_id", "since_id", "offset", "id", "id[]")


@cache
def described() -> Mapping[tuple[str, str], frozenset[str]]:
    """The parameters of each operation by the API's document; nothing where that is not there."""
    if not openapi.LOCATION.exists():
        return {}
    return {operation.shape: operation.parameters for operation in openapi.load().operations.values()}


def parameters(route: Client) -> list[str]:
    """The names that the route takes, by the document or at least by this file."""
    names = set(VALID.get((route.method, route.pattern), ())) | (set(COMMON) if route.method == "GET" else set())
    names |= described().get(openapi.shape(route.method, route.pattern), frozenset())
    return sorted(name for name in names if "-" not in name)


def nested(name: str, value: Any) -> dict[str, Any]:
    """``a.b`` -> ``{"a": {"b": value}}``"""
    first, _, rest = name.partition(".")
    return {first: nested(rest, value) if rest else value}


async def test_a_parameter_of_another_kind_does_no_harm(attack: Attack):
    """Each route sees some of the values, and each value many routes."""
    few = 5 if attack.world.database.dialect == "postgres" else 3
    for number, route in enumerate(ROUTES):
        valid = VALID.get((route.method, route.pattern), {})
        for place, name in enumerate(parameters(route)):
            every = few if route.method != "GET" else 7
            for value in itertools.islice(VALUES, (number + place) % every, None, every):
                what = f"{name}={str(value)[:30]!r}"
                if route.method == "GET":
                    plain = value if isinstance(value, str) else json.dumps(value)
                    query = urlencode({**valid, name.replace(".", "["): plain[:3_000]})
                    await attack.send(route, f"{attack.path(route)}?{query}", what=what)
                elif route.method != "DELETE":
                    body = json.dumps({**valid, **nested(name, value)}).encode()
                    await attack.send(route, kind=JSON_TYPE, body=body, what=what)
        await attack.refresh()
    await attack.finish()


@pytest.mark.parametrize(
    "size", ["0", "-1", "99999999999999999999", "abc", "1e3", "", "%00", "%D9%A1", "1000000", "[]"]
)
async def test_an_absurd_page_is_a_page(attack: Attack, size: str):
    for route in ROUTES:
        if route.method == "GET" and route.pattern not in ("/api/v1/accounts/lookup",):
            answer = await attack.send(route, f"{attack.path(route)}?limit={size}&q=tag", what=f"limit={size}")
            fixed = route.pattern == "/api/v1/instance/languages"
            if answer.status == 200 and isinstance(answer.json(), list) and not fixed:
                assert len(answer.json()) <= 80
    await attack.finish()


async def test_what_must_be_short_is_short(attack: Attack):
    stage = attack.stage
    long = "en" + "-abcdefgh" * 1_000
    status, other = await stage.status(attack.me, media_ids=(attack.upload,)), await stage.status(attack.me)
    words = [{"id": str(attack.upload), "description": "x" * 2_000}]
    for number, form in (
        (status, {"status": "a", "media_attributes": words}),
        (status, {"status": "a", "language": long}),
        (other, {"status": "a", "media_attributes": [{"id": str(attack.upload), "description": "of another status"}]}),
    ):
        route = next(one for one in ROUTES if (one.method, one.pattern) == ("PUT", "/api/v1/statuses/:id"))
        target, body = attack.path(route, id=number), json.dumps(form).encode()
        await attack.send(route, target, kind=JSON_TYPE, body=body, wants=(422,), what=f"{list(form)[1]}")
    await attack.finish()


async def test_the_measure_tells_damage(attack: Attack, monkeypatch: pytest.MonkeyPatch):
    route = next(one for one in ROUTES if (one.method, one.pattern) == ("POST", "/api/v1/statuses"))

    async def half(door: Any, request: Any, status_id: int) -> Any:
        raise Invalid("status", "was stored all the same")

    async def broken(door: Any, request: Any, status_id: int) -> Any:
        raise KeyError(status_id)

    for planted, sentence in ((half, "and accounts lost"), (broken, "answers 500")):
        monkeypatch.setattr("linnet.client_api.statuses.one", planted)
        await attack.send(route, kind=FORM_TYPE, body=b"status=hello")
        assert sentence in " ".join(attack.problems)
        attack.problems.clear()


def test_the_routes_are_those_of_the_application():
    """What is attacked here is what is served: nothing is routed past the table."""
    assert len(ROUTES) > 80
    assert {route.pattern for route in ROUTES} >= {pattern for _, pattern in VALID}
