"""The walk through what an account gathers: lists, hashtags that it follows or features, endorsements, suggestions."""

from linnet.actions import maintenance, texts
from linnet.storage.database import Operation
from tests.contract.cast import Cast, remote
from tests.support.walk import Walk

LIST = "/api/v1/lists/{id}"


async def lists(walk: Walk, cast: Cast) -> None:
    """Make, change, fill, read and delete lists."""
    ada, bert, carla, dora = cast.ada, cast.bert, cast.carla, cast.dora
    wanted = {"title": "Engines", "replies_policy": "none", "exclusive": True}
    engines = await walk("POST /api/v1/lists", ada, json=wanted)
    assert {name: engines[name] for name in wanted} == wanted
    plain = await walk("POST /api/v1/lists", ada, form={"title": "Plain"})
    assert (plain["replies_policy"], plain["exclusive"]) == ("list", False)
    changed = {"title": "Hills", "replies_policy": "followed", "exclusive": True}
    hills = await walk(f"PUT {LIST}", ada, plain["id"], json=changed)
    assert hills == {"id": plain["id"], **changed}
    assert (await walk(f"PUT {LIST}", ada, plain["id"], form={"exclusive": "false"}))["title"] == "Hills"
    assert [one["title"] for one in await walk("GET /api/v1/lists", ada)] == ["Engines", "Hills"]
    assert await walk(f"GET {LIST}", ada, engines["id"]) == engines
    await walk(f"GET {LIST}", bert, engines["id"], status=404)
    await _members(walk, cast, engines["id"])
    assert [one["id"] for one in await walk("GET /api/v1/accounts/{id}/lists", ada, dora.id)] == [engines["id"]]
    assert await walk("GET /api/v1/accounts/{id}/lists", bert, dora.id) == []
    await _timeline(walk, cast, engines["id"])
    assert await walk(f"DELETE {LIST}/accounts", ada, engines["id"], json={"account_ids": [str(carla.id)]}) == {}
    # All of them at once are no page, and so lead to no other.
    left = (await ada.get(f"/api/v1/lists/{engines['id']}/accounts?limit=0")).json()
    assert [one["id"] for one in left] == [str(dora.id), str(bert.id)]
    assert await walk(f"DELETE {LIST}", ada, engines["id"]) == {}
    await walk(f"GET {LIST}", ada, engines["id"], status=404)


async def _members(walk: Walk, cast: Cast, list_id: str) -> None:
    ada, members = cast.ada, (cast.bert, cast.carla, cast.dora)
    given = {"account_ids": [str(one.id) for one in members]}
    assert await walk(f"POST {LIST}/accounts", ada, list_id, json=given) == {}
    await walk.pages(f"GET {LIST}/accounts", ada, list_id, whole=[str(one.id) for one in reversed(members)])
    await walk(f"POST {LIST}/accounts", ada, list_id, json=given, status=422)
    await walk(f"POST {LIST}/accounts", ada, list_id, form={"account_ids[]": str(cast.low.id)}, status=404)
    await walk(f"POST {LIST}/accounts", cast.bert, list_id, json=given, status=404)


async def _timeline(walk: Walk, cast: Cast, list_id: str) -> None:
    name, ada = "GET /api/v1/timelines/list/{list_id}", cast.ada
    for number in range(3):
        await walk("POST /api/v1/statuses", cast.dora, json={"status": f"for a list {number}"})
    await walk.world.run_jobs()
    whole = [one["id"] for one in await walk(name, ada, list_id)]
    assert len(whole) > 4
    await walk.pages(name, ada, list_id, whole=whole)
    await walk.bounds(name, ada, list_id, whole=whole)
    apart = {str(one.id) for one in (cast.bert, cast.carla, cast.dora)}
    home = {one["account"]["id"] for one in await walk("GET /api/v1/timelines/home", ada)}
    assert home
    assert home.isdisjoint(apart)


async def tags(walk: Walk, cast: Cast) -> None:
    """Follow hashtags, and show them on the profile."""
    ada, dora = cast.ada, cast.dora
    names = ("Valves", "boilers", "gauges")
    for name in names:
        assert (await walk("POST /api/v1/tags/{name}/follow", dora, name))["following"] is True
    assert (await walk("GET /api/v1/tags/{name}", dora, "valves"))["following"] is True
    whole = [name.lower() for name in reversed(names)]
    await walk.pages("GET /api/v1/followed_tags", dora, whole=whole)
    assert [one["name"] for one in await walk("GET /api/v1/followed_tags", dora)][-1] == "Valves"
    stranger = await walk("POST /api/v1/statuses", cast.carla, json={"status": "Who makes #valves?"})
    await walk.world.run_jobs()
    assert stranger["id"] in [one["id"] for one in await walk("GET /api/v1/timelines/home", dora)]
    assert (await walk("POST /api/v1/tags/{name}/unfollow", dora, "VALVES"))["following"] is False
    assert stranger["id"] not in [one["id"] for one in await walk("GET /api/v1/timelines/home", dora)]
    await walk("POST /api/v1/tags/{name}/follow", dora, "12", status=404)
    suggested = await walk("GET /api/v1/featured_tags/suggestions", ada)
    assert "engines" in [one["name"] for one in suggested]
    shown = await walk("POST /api/v1/featured_tags", ada, json={"name": "#Engines"})
    assert int(shown["statuses_count"]) > 3
    assert shown["last_status_at"] is not None
    await walk("POST /api/v1/featured_tags", ada, json={"name": "engines"}, status=422)
    assert (await walk("POST /api/v1/tags/{id}/feature", ada, "valves"))["featuring"] is True
    listed = await walk("GET /api/v1/featured_tags", ada)
    assert [one["name"] for one in listed] == ["Engines", "valves"]
    assert await walk("GET /api/v1/accounts/{id}/featured_tags", None, ada.id) == listed
    assert (await walk("POST /api/v1/tags/{id}/unfeature", ada, "valves"))["featuring"] is False
    assert await walk("DELETE /api/v1/featured_tags/{id}", ada, shown["id"]) == {}
    assert await walk("GET /api/v1/featured_tags", ada) == []


async def people(walk: Walk, cast: Cast) -> None:
    """Endorse accounts, decline suggestions, block servers."""
    ada, bert, carla, dora = cast.ada, cast.bert, cast.carla, cast.dora
    one = "/api/v1/accounts/{id}"
    for place, person in (("endorse", bert), ("pin", carla), ("endorse", dora)):
        assert (await walk(f"POST {one}/{place}", ada, person.id))["endorsed"] is True
    await walk(f"POST {one}/endorse", ada, cast.low.id, status=422)
    whole = [str(person.id) for person in (dora, carla, bert)]
    await walk.pages("GET /api/v1/endorsements", ada, whole=whole)
    await walk.pages(f"GET {one}/endorsements", bert, ada.id, whole=whole)
    for place, person in (("unendorse", dora), ("unpin", carla)):
        assert (await walk(f"POST {one}/{place}", ada, person.id))["endorsed"] is False
    assert [found["id"] for found in await walk("GET /api/v1/endorsements", ada)] == [str(bert.id)]
    near = await walk("GET /api/v2/suggestions", dora, query={"limit": 5})
    assert str(bert.id) in [one["account"]["id"] for one in near if one["sources"] == ["friends_of_friends"]]
    first = near[0]["account"]["id"]
    assert [found["id"] for found in await walk("GET /api/v1/suggestions", dora, query={"limit": 1})] == [first]
    assert await walk("DELETE /api/v1/suggestions/{account_id}", dora, first) == {}
    assert first not in [found["id"] for found in await walk("GET /api/v1/suggestions", dora)]
    await _servers(walk, cast)


async def _servers(walk: Walk, cast: Cast) -> None:
    name, ada = "/api/v1/domain_blocks", cast.ada
    domains = ("far.example", "farther.example", "xn--bcher-kva.example")
    for domain in ("Far.example", "farther.example.", "b\u00fccher.example"):
        assert await walk(f"POST {name}", ada, form={"domain": domain}) == {}
    assert await walk(f"GET {name}", ada) == list(reversed(domains))
    latest = await walk(f"GET {name}", ada, query={"limit": 2})
    rest = await walk.follow(f"GET {name}", ada, walk.links()["next"])
    assert [*latest, *rest] == list(reversed(domains))
    assert await walk.follow(f"GET {name}", ada, walk.links()["prev"]) == latest
    newer = await walk(f"GET {name}", ada, query={"since_id": 1, "limit": 1})
    assert newer == latest[:1]
    assert await walk(f"DELETE {name}", ada, json={"domain": "far.example"}) == {}
    assert len(await walk(f"GET {name}", ada)) == 2
    stranger = await remote(walk.world, "farther.example")
    stands = await walk("GET /api/v1/accounts/relationships", ada, query={"id[]": [stranger, cast.bert.id]})
    assert [one["domain_blocking"] for one in stands] == [True, False]


async def about(walk: Walk, cast: Cast) -> None:
    """What an instance tells of its weeks, and what its operator has written."""
    at, database = "GET /api/v1/instance/{}", walk.world.database
    for name in ("extended_description", "privacy_policy", "terms_of_service"):
        await walk(at.format(name), None, status=404)
        await texts.put(database, name, f"The *{name}*", Operation(name))
        assert f"<em>{name}</em>" in (await walk(at.format(name), None))["content"]
    terms = await walk(at.format("terms_of_service"), None)
    assert await walk(at.format("terms_of_service/{date}"), None, terms["effective_date"]) == terms
    await walk(at.format("terms_of_service/{date}"), None, "2001-01-01", status=404)
    assert await walk(at.format("activity"), None) == []
    keeping = maintenance.Keeping(*[0] * len(maintenance.Keeping.__dataclass_fields__))
    await database.write(lambda tx: maintenance.weeks(tx, keeping))
    (week,) = await walk(at.format("activity"), None)
    assert int(week["statuses"]) > 10
    assert int(week["registrations"]) >= 6
    assert int(week["week"]) % 604_800 == 4 * 86_400
