"""The walk along closed doors: who may not come in, or asks too much, is told so in the published form."""

from collections.abc import Iterator
from typing import Any

from linnet.client_api.door import OPTIONAL, UNASKED, UNSCOPED
from linnet.routes import ROUTES, Client
from linnet.web import routes
from tests.contract.cast import Cast
from tests.contract.posts import upload
from tests.support.client import make_token
from tests.support.openapi import Contract, Operation, shape
from tests.support.walk import Walk


def served(contract: Contract) -> Iterator[tuple[Operation, Client]]:
    """The document's operations that have a route, with it."""
    rows = {shape(row.method, row.pattern): row for row in ROUTES}
    for operation in contract.operations.values():
        if operation.shape in rows:
            yield operation, rows[operation.shape]


def shown(contract: Contract) -> Iterator[Operation]:
    """The document's operations that are pages."""
    pages = {shape(row.method, row.pattern) for row in routes.PAGES}
    return (operation for operation in contract.operations.values() if operation.shape in pages)


def _places(operation: Operation, value: str) -> list[str]:
    return [value] * operation.path.count("{")


async def closed(walk: Walk, cast: Cast) -> None:
    """Without a token, with one that is none, with one for something else; and ids that name nothing."""
    pushing = await make_token(walk.world.database, cast.ada.id, "push")
    reading = await make_token(walk.world.database, cast.ada.id, "read:mutes")
    for operation, row in served(walk.contract):
        elsewhere = reading if row.scope == "push" else pushing
        places = _places(operation, "1")
        needs_token = row.scope not in ("", UNASKED) and not row.scope.startswith(OPTIONAL)
        if needs_token:
            await walk(operation.name, None, *places, status=401)
        if row.scope != UNASKED:
            await walk(operation.name, "no-such-token", *places, status=401)
        if row.scope not in UNSCOPED:
            await walk(operation.name, elsewhere, *places, status=403)
        elif row.scope in ("*",):
            await walk(operation.name, elsewhere, *places, json={}, status=403)
        # Any word names a hashtag.
        if places and "/tags/" not in operation.path and "{hashtag}" not in operation.path:
            for nothing in ("1", "nonsense"):
                await walk(operation.name, cast.ada, *_places(operation, nothing), json=_least(operation), status=404)


def _least(operation: Operation) -> dict[str, str] | None:
    """A body that is good in itself where the operation takes one, so that only the id is wrong."""
    for name, value in (("keyword", "x"), ("status_id", "1")):
        if name in operation.parameters:
            return {name: value}
    return {"status": "x"} if operation.method == "PUT" and "status" in operation.parameters else None


WRONG: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    ("GET /api/v1/accounts", (), {"query": {"id[]": "nonsense"}}),
    ("GET /api/v1/accounts/search", (), {"query": {"q": ""}}),
    ("GET /api/v1/accounts/relationships", (), {"query": {"id[]": "nonsense"}}),
    ("GET /api/v1/accounts/familiar_followers", (), {"query": {"id[]": "nonsense"}}),
    ("GET /api/v1/accounts/{id}/statuses", ("bert",), {"query": {"pinned": "perhaps"}}),
    ("GET /api/v1/directory", (), {"query": {"offset": "far"}}),
    ("GET /api/v1/notifications", (), {"query": {"account_id": "nonsense"}}),
    ("GET /api/v1/statuses", (), {"query": {"id[]": ["1"] * 50}}),
    ("GET /api/v1/timelines/public", (), {"query": {"only_media": "perhaps"}}),
    ("GET /api/v1/timelines/tag/{hashtag}", ("engines",), {"query": {"any[]": list("abcdefgh")}}),
    ("GET /api/v2/search", (), {"query": {"q": "x", "type": "birds"}}),
    ("PATCH /api/v1/accounts/update_credentials", (), {"json": {"locked": "perhaps"}}),
    ("PATCH /api/v1/accounts/update_credentials", (), {"files": {"avatar": ("a.png", b"words", "image/png")}}),
    ("PATCH /api/v1/profile", (), {"json": {"source": {"privacy": "secret"}}}),
    ("POST /api/v1/accounts/{id}/follow", ("bert",), {"json": {"languages": ["<b>"]}}),
    ("POST /api/v1/accounts/{id}/mute", ("bert",), {"json": {"duration": "long"}}),
    ("POST /api/v1/accounts/{id}/note", ("bert",), {"json": {"comment": ["a"]}}),
    ("POST /api/v1/apps", (), {"json": {"client_name": "x", "redirect_uris": "javascript:alert(1)"}}),
    ("POST /api/v1/markers", (), {"json": {"home": {}}}),
    ("POST /api/v1/accounts/{id}/endorse", ("ada",), {}),
    ("POST /api/v1/domain_blocks", (), {"json": {"domain": "no domain"}}),
    ("POST /api/v1/featured_tags", (), {"json": {"name": "two words"}}),
    ("POST /api/v1/lists", (), {"json": {"title": " "}}),
    ("POST /api/v1/lists", (), {"json": {"title": "Those", "replies_policy": "perhaps"}}),
    ("POST /api/v1/statuses", (), {"json": {"status": "x", "visibility": "secret"}}),
    ("POST /api/v1/statuses", (), {"json": {"status": "x", "poll": {"options": ["a", "b"], "expires_in": 60}}}),
    ("POST /api/v1/statuses/{id}/reblog", ("status",), {"json": {"visibility": "secret"}}),
    ("PUT /api/v1/statuses/{id}", ("status",), {"json": {"status": "", "media_ids": []}}),
    ("PUT /api/v1/media/{id}", ("media",), {"json": {"focus": "left"}}),
    ("DELETE /api/v1/media/{id}", ("media",), {}),
)
"""What cannot be understood, or cannot be done, in each operation that takes anything; all by ``ada``."""


async def wrong(walk: Walk, cast: Cast) -> None:
    """Wrong values, each told in the published form of a 422."""
    post = {"status": "with a picture", "media_ids": [await upload(walk, cast)]}
    status = await walk("POST /api/v1/statuses", cast.ada, json=post)
    names = {"ada": cast.ada.id, "bert": cast.bert.id, "status": status["id"], "engines": "engines"}
    names["media"] = post["media_ids"][0]
    for name, places, options in WRONG:
        said = await walk(name, cast.ada, *[names[place] for place in places], status=422, **options)
        assert said["error"]
    shown = await walk("GET /api/v1/statuses/{id}", cast.ada, status["id"])
    assert shown == status


async def scopes(walk: Walk, cast: Cast) -> None:
    """A token with just the published scope opens the door, whatever the operation then says of an empty request."""
    for operation, row in served(walk.contract):
        published = [scope for way in operation.node.get("security", ()) for scope in way.get("OAuth2", ())]
        for scope in published:
            token = await make_token(walk.world.database, cast.bert.id, scope)
            answer = await walk.world.client.ask(operation.method, _nowhere(operation), token=token)
            outside = answer.status == 403 and "scope" in answer.json()["error"]
            assert not outside, f"{operation.name} refuses {scope}, asks for {row.scope}"


def _nowhere(operation: Operation) -> str:
    return "/".join("1" if part.startswith("{") else part for part in operation.path.split("/"))


async def counted(walk: Walk, cast: Cast) -> None:
    """Registering apps is limited: where too much was asked, the answer says until when."""
    app_ = {"client_name": "Again", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob"}
    for _ in range(5):
        await walk("POST /api/v1/apps", None, form=app_)
    await walk("POST /api/v1/apps", None, form=app_, status=429)
    assert int(walk.header("retry-after")) > 0
