"""How often one may ask: counted by token, account and address, told in headers, and ended with a 429."""

from typing import Any

from tests.support.asgi import Answer
from tests.support.client import VirtualClock, World, make_token


async def limited(opened: Any) -> World:
    world: World = await opened(clock=VirtualClock(), rate_limits=True)
    return world


def left(answer: Answer) -> tuple[int, int]:
    return int(answer.header("x-ratelimit-limit") or -1), int(answer.header("x-ratelimit-remaining") or -1)


async def test_strangers_are_counted_by_their_address(open_sqlite_world: Any) -> None:
    world = await limited(open_sqlite_world)
    first = await world.client.get("/api/v1/timelines/public")
    assert left(first) == (300, 299)
    assert (first.header("x-ratelimit-reset") or "").endswith("Z")
    # Errors count, and say what is left.
    assert left(await world.client.get("/api/v1/statuses/1")) == (300, 298)
    assert left(await world.client.get("/api/v1/timelines/home")) == (300, 297)
    assert left(await world.client.get("/api/v1/timelines/home", token="guess")) == (300, 296)
    last = [await world.client.get("/api/v1/timelines/public") for _ in range(296)][-1]
    assert (last.status, left(last)) == (200, (300, 0))
    refused = await world.client.get("/api/v1/timelines/public")
    assert refused.status == 429
    assert refused.json() == {"error": "Too many requests"}
    assert 0 < int(refused.header("retry-after") or 0) <= 300
    assert left(refused) == (300, 0)
    alice = await world.person("alice")
    assert (await alice.get("/api/v1/timelines/home")).status == 200
    world.clock.advance(300_000)
    assert (await world.client.get("/api/v1/timelines/public")).status == 200


async def test_a_token_has_its_bound_and_an_account_a_wider_one(open_sqlite_world: Any) -> None:
    world = await limited(open_sqlite_world)
    alice = await world.person("alice")
    tokens = [alice.token, *[await make_token(world.database, alice.id) for _ in range(5)]]
    for token in tokens[:5]:
        answer = [await world.client.get("/api/v1/timelines/home", token=token) for _ in range(300)][-1]
        assert (answer.status, left(answer)) == (200, (300, 0))
    refused = await world.client.get("/api/v1/timelines/home", token=tokens[0])
    assert refused.status == 429
    # 1500 by five tokens: the sixth, never used, is of the same account.
    sixth = await world.client.get("/api/v1/timelines/home", token=tokens[5])
    assert (sixth.status, left(sixth)) == (429, (1500, 0))


async def test_a_route_may_have_a_limit_of_its_own(open_sqlite_world: Any) -> None:
    world = await limited(open_sqlite_world)
    alice = await world.person("alice")
    for number in range(30):
        status = (await alice.post("/api/v1/statuses", form={"status": f"no {number}"})).json()["id"]
        answer = await alice.delete(f"/api/v1/statuses/{status}")
        assert (answer.status, left(answer)) == (200, (30, 29 - number))
    status = (await alice.post("/api/v1/statuses", form={"status": "kept"})).json()["id"]
    assert (await alice.delete(f"/api/v1/statuses/{status}")).status == 429
    assert (await alice.get(f"/api/v1/statuses/{status}")).status == 200


async def test_paging_is_bounded_separately(open_sqlite_world: Any) -> None:
    world = await limited(open_sqlite_world)
    alice = await world.person("alice")
    tokens = [alice.token, await make_token(world.database, alice.id)]
    path = "/api/v1/timelines/home?max_id=9"
    answer = [await world.client.get(path, token=tokens[number % 2]) for number in range(300)][-1]
    assert (answer.status, left(answer)) == (200, (300, 0))
    assert (await world.client.get("/api/v1/timelines/home?max_id=9", token=tokens[0])).status == 429
    assert (await world.client.get("/api/v1/timelines/home", token=tokens[0])).status == 200


async def test_registering_apps_and_asking_for_tokens(open_sqlite_world: Any) -> None:
    world = await limited(open_sqlite_world)
    app = {"client_name": "A", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob"}
    found = [(await world.client.post("/api/v1/apps", form=app)).status for _ in range(6)]
    assert found == [200] * 5 + [429]


async def test_turned_off_nothing_is_counted(world: World) -> None:
    found = {(await world.client.get("/api/v1/timelines/public")).status for _ in range(310)}
    assert found == {200}
