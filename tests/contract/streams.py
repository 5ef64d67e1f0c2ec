"""The walk's chapter on streaming: each stream is opened, tells of something, and what it tells is as published."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.contract.cast import Cast
from tests.support.openapi import Contract
from tests.support.streams import events
from tests.support.walk import Walk

BASE = "/api/v1/streaming"


def served(contract: Contract) -> set[str]:
    """The operations of the streaming door, whose addresses are one row of the router."""
    return {operation.name for operation in contract.operations.values() if operation.path.startswith(f"{BASE}/")}


async def streams(walk: Walk, cast: Cast) -> None:
    anna, bela = cast.ada, cast.bert
    made = await anna.post("/api/v1/lists", json={"title": "heard"})
    number = made.json()["id"]
    await anna.post(f"/api/v1/lists/{number}/accounts", json={"account_ids": [str(anna.id)]})

    assert (await bela.post(f"/api/v1/accounts/{anna.id}/follow")).status == 200

    async def post(text: str, **more: Any) -> dict[str, Any]:
        answer = await anna.post("/api/v1/statuses", json={"status": text, **more})
        assert answer.status == 200, answer.body
        shown: dict[str, Any] = (await anna.get(f"/api/v1/statuses/{answer.json()['id']}")).json()
        return shown

    async def a_post() -> dict[str, Any]:
        return await post("heard by all #heard")

    async def a_letter() -> dict[str, Any]:
        await post(f"@{bela.name} in confidence", visibility="direct")
        found: dict[str, Any] = (await anna.get("/api/v1/conversations")).json()[0]
        return found

    async def a_favourite() -> dict[str, Any]:
        status = await post("praise this")
        assert (await bela.post(f"/api/v1/statuses/{status['id']}/favourite")).status == 200
        found: dict[str, Any] = (await anna.get("/api/v1/notifications")).json()[0]
        return found

    async def hears(path: str, query: str, act: Callable[[], Awaitable[dict[str, Any]]], event: str) -> None:
        async with events(walk.world.application, f"{BASE}/{path}{query}", anna.token) as stream:
            told, heard = await act(), await stream.next()
        assert (heard["event"], heard["data"]) == (event, told)
        name = f"GET {BASE}/{path}"
        walk.walked.add(name)
        walk.used[name] |= {part.partition("=")[0] for part in query.removeprefix("?").split("&") if part}
        walk.answers += 1

    await hears("user", "", a_post, "update")
    await hears("user/notification", "", a_favourite, "notification")
    await hears("public/local", "?only_media=false", a_post, "update")
    await hears("public", "?only_media=false", a_post, "update")
    await hears("hashtag", "?tag=heard", a_post, "update")
    await hears("hashtag/local", "?tag=Heard", a_post, "update")
    await hears("list", f"?list={number}", a_post, "update")
    await hears("direct", "", a_letter, "conversation")
    answer = await walk.world.client.get(f"{BASE}/health")
    assert (answer.status, answer.body) == (200, b"OK")
    walk.walked.add(f"GET {BASE}/health")
    async with events(walk.world.application, f"{BASE}/public/remote?only_media=true", anna.token) as stream:
        assert stream.status == 200
    walk.walked.add(f"GET {BASE}/public/remote")
    walk.used[f"GET {BASE}/public/remote"].add("only_media")
    assert (await anna.delete(f"/api/v1/lists/{number}")).status == 200
