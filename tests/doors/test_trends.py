"""Trends, through the API: what several people use, not what one floods, nor what should not be seen."""

from typing import Any

import pytest

from linnet.actions import trends
from linnet.domain.times import DAY_MS
from linnet.storage import jobs
from tests.contract.cast import moderate
from tests.storage.queries import sql
from tests.support import pages
from tests.support.access import once
from tests.support.client import Person, VirtualClock, World
from tests.support.outside import Outside

API = "/api/v1/trends"


@pytest.fixture
async def world(open_any_world: Any) -> World:
    return await open_any_world(clock=VirtualClock())


async def refresh(world: World) -> None:
    async def due(tx: Any) -> None:
        await tx.run(sql("delete from jobs where kind = 'trends.refresh'"))
        await jobs.add(tx, "trends.refresh", {}, once="schedule:trends.refresh")

    await world.database.write(due)
    await world.run_jobs()


async def post(person: Person, text: str, **more: Any) -> Any:
    return (await person.post("/api/v1/statuses", json={"status": text, **more})).json()


async def names(world: World, kind: str, by: Person | None = None, **query: Any) -> list[str]:
    client = by or world.client
    found = (await client.get(f"{API}/{kind}", query=query)).json()
    return [one["name"] if kind == "tags" else one["title"] if kind == "links" else one["id"] for one in found]


async def test_hashtags_that_several_people_use_trend_and_one_account_floods_nothing(world: World) -> None:
    ada, bert, carla = await world.people("ada", "bert", "carla")
    for _ in range(5):
        await post(ada, "#flood")
    for person in (ada, bert):
        await post(person, "#coal", visibility="unlisted")
        await post(person, "#steam")
    for person in (ada, bert, carla):
        await post(person, "#wood")
    await refresh(world)
    assert await names(world, "tags") == ["wood", "steam"]
    assert await names(world, "tags", limit=1, offset=1) == ["steam"]
    tag = (await ada.get(API)).json()[0]
    assert (tag["name"], tag["following"], tag["history"][0]["accounts"]) == ("wood", False, "3")
    world.clock.advance(DAY_MS // 2)
    await post(carla, "#steam")
    await refresh(world)
    assert set(await names(world, "tags")) == {"wood", "steam"}
    world.clock.advance(2 * DAY_MS)
    await refresh(world)
    assert await names(world, "tags") == []


async def test_who_is_limited_or_does_not_want_to_be_found_makes_no_trend(world: World) -> None:
    ada, bert, carla = await world.people("ada", "bert", "carla")
    for person in (ada, bert, carla):
        await post(person, "#steam")
    await carla.patch("/api/v1/accounts/update_credentials", json={"discoverable": False})
    await refresh(world)
    assert await names(world, "tags") == ["steam"]
    await moderate(world, bert.id, "silenced_at")
    await refresh(world)
    assert await names(world, "tags") == []


async def test_statuses_that_others_like_trend_one_of_each_author(world: World) -> None:
    ada, bert, carla, dora = await world.people("ada", "bert", "carla", "dora")

    async def liked(status: Any, *fans: Person, by: str = "favourite") -> str:
        for fan in fans:
            await fan.post(f"/api/v1/statuses/{status['id']}/{by}")
        return str(status["id"])

    best = await liked(await post(ada, "best"), bert, carla, dora)
    await liked(await post(ada, "second of the same"), bert, carla)
    other = await liked(await post(bert, "other"), carla, dora, by="reblog")
    await liked(await post(carla, "liked by one, twice, and by oneself"), carla, bert)
    await liked(await post(dora, "covered", spoiler_text="careful"), ada, bert)
    await liked(await post(dora, "unlisted", visibility="unlisted"), ada, bert)
    await liked(await post(dora, "an answer", in_reply_to_id=best), ada, bert)
    await refresh(world)
    assert await names(world, "statuses") == [best, other]
    assert await names(world, "statuses", limit=1, offset=1) == [other]
    await dora.post(f"/api/v1/accounts/{ada.id}/block")
    assert await names(world, "statuses", dora) == [other]
    await ada.delete(f"/api/v1/statuses/{best}")
    assert await names(world, "statuses") == [other]
    world.clock.advance(4 * DAY_MS)
    await refresh(world)
    assert await names(world, "statuses") == []


async def test_links_that_several_people_share_trend(world: World, outside: Outside) -> None:
    ada, bert = await world.people("ada", "bert")
    link = outside.put("/engine", "<title>Engines</title>")
    gone = outside.put("/gone", "", status="404 Not Found")
    alone = outside.put("/alone", "<title>Alone</title>")
    for person in (ada, bert):
        await post(person, f"{link} ")
        await post(person, f"{gone} ")
        await post(ada, f"{alone} ")
    await world.run_jobs()
    await refresh(world)
    (found,) = (await world.client.get(f"{API}/links")).json()
    assert (found["title"], found["url"], len(found["history"])) == ("Engines", link, 7)
    assert {key: found["history"][0][key] for key in ("uses", "accounts")} == {"uses": "2", "accounts": "2"}


async def test_a_moderator_takes_something_out_for_good(world: World) -> None:
    ada, bert, mona = await world.people("ada", "bert", "mona")
    for person in (ada, bert):
        await post(person, "#steam #coal")
    await refresh(world)
    assert set(await names(world, "tags")) == {"steam", "coal"}
    await trends.suppress(world.database, mona.id, "tag", "steam", once(world))
    assert await names(world, "tags") == ["coal"]
    await refresh(world)
    assert await names(world, "tags") == ["coal"]
    await trends.allow(world.database, mona.id, "tag", "steam", once(world))
    await refresh(world)
    assert set(await names(world, "tags")) == {"steam", "coal"}
    log = await world.database.read(lambda tx: tx.all(sql("select action, target from moderation_log order by id")))
    assert [tuple(row) for row in log] == [("trend.suppress", "tag steam"), ("trend.allow", "tag steam")]


async def test_a_moderator_takes_it_out_on_a_page(world: World) -> None:
    ada, bert = await world.people("ada", "bert")
    status = await post(ada, "#steam <b>")
    for person in (ada, bert):
        await post(person, "#coal")
        await person.post(f"/api/v1/statuses/{status['id']}/favourite")
    carla = await world.person("carla")
    await carla.post(f"/api/v1/statuses/{status['id']}/favourite")
    await refresh(world)
    mona = await pages.person(world, "mona", role="moderator")
    page = await mona.go("/moderation")
    assert "#coal" in page.text
    assert "@ada: #steam <b>" in page.text
    given = {"kind": "tag", "subject": "coal"}
    await mona.send(page, "/moderation/trends/remove", given)
    assert await names(world, "tags") == []
    assert "#coal" not in (await mona.go("/moderation")).text
    stranger = await pages.person(world, "otto")
    answer = await stranger.ask("POST", "/moderation/trends/remove", form=given)
    assert answer.status in (403, 404)
