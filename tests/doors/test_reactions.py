"""Emoji reactions at the client API's door, on both engines: as Pleroma's apps and as glitch-soc's ask for them."""

from typing import Any
from urllib.parse import quote

import pytest

from linnet.actions import deletions, emojis, repairs
from linnet.domain.site import Limits, Site
from linnet.queries import wholeness
from linnet.storage.database import Operation
from tests.storage.queries import sql
from tests.support.client import ORIGIN, Person, World
from tests.support.stage import Pixels, Stage

THUMB, HEART, CAT = "\U0001f44d", "\u2764\ufe0f", ":cat:"


async def post(person: Person, text: str = "what do you say?") -> str:
    return str((await person.post("/api/v1/statuses", json={"status": text})).json()["id"])


def place(id: str, emoji: str = "") -> str:
    return f"/api/v1/pleroma/statuses/{id}/reactions" + (f"/{quote(emoji)}" if emoji else "")


async def make_cat(stage: Stage) -> None:
    parts = stage.world.parts
    await stage.do(emojis.add, parts.blobs, Pixels(), parts.ids, parts.chance, "cat", b"", None)


async def reactions(person: Person | Any, id: str) -> list[dict[str, Any]]:
    status = (await person.get(f"/api/v1/statuses/{id}")).json()
    if status["reactions"]:
        assert status["pleroma"]["emoji_reactions"] == status["reactions"]
    return status["reactions"]


async def test_both_families_say_the_same(any_world: World):
    anna, bert, carla = await any_world.people("anna", "bert", "carla")
    id = await post(anna)
    assert await reactions(bert, id) == []
    answer = await bert.put(place(id, THUMB))
    assert answer.json()["reactions"] == [{"name": THUMB, "count": 1, "me": True}]
    await bert.put(place(id, THUMB))
    await carla.post(f"/api/v1/statuses/{id}/react/{quote(THUMB)}")
    await carla.post(f"/api/v1/statuses/{id}/react/{quote(HEART)}")
    # The same heart, as another keyboard writes it.
    await bert.put(place(id, HEART[0]))
    both = [{"name": THUMB, "count": 2, "me": True}, {"name": HEART, "count": 2, "me": True}]
    assert await reactions(bert, id) == both
    assert await reactions(any_world.client, id) == [{**one, "me": False} for one in both]
    listed = (await anna.get(place(id))).json()
    assert [(one["name"], [each["acct"] for each in one["accounts"]]) for one in listed] == [
        (THUMB, ["bert", "carla"]),
        (HEART, ["carla", "bert"]),
    ]
    assert [one["name"] for one in (await anna.get(place(id, HEART[0]))).json()] == [HEART]
    await bert.delete(place(id, THUMB))
    await bert.delete(place(id, THUMB))
    await carla.post(f"/api/v1/statuses/{id}/unreact/{quote(THUMB)}")
    assert await reactions(bert, id) == [{"name": HEART, "count": 2, "me": True}]
    (listed_home,) = (await anna.get("/api/v1/timelines/home")).json()
    assert listed_home["reactions"] == [{"name": HEART, "count": 2, "me": False}]


async def test_custom_emojis_have_their_picture_as_long_as_there_is_one(any_world: World):
    anna, bert = await any_world.people("anna", "bert")
    id, stage = await post(anna), Stage(any_world)
    assert (await bert.put(place(id, CAT))).status == 422
    await make_cat(stage)
    (first,) = (await bert.put(place(id, CAT))).json()["reactions"]
    assert (first["name"], first["me"]) == ("cat", True)
    assert first["url"].startswith(ORIGIN + "/files/")
    await make_cat(stage)
    (second,) = await reactions(bert, id)
    assert second["url"] != first["url"]
    (boost,) = [(await bert.post(f"/api/v1/statuses/{id}/reblog")).json()]
    assert (boost["reblog"]["reactions"], boost["reactions"]) == ([second], [])
    await stage.do(emojis.remove, "cat")
    assert await reactions(bert, id) == [{"name": "cat", "count": 1, "me": True}]
    assert (await bert.post(f"/api/v1/statuses/{id}/unreact/cat")).json()["reactions"] == []


@pytest.mark.parametrize("name", ["a", "hello there", "<b>", "\U0001f44d\U0001f44d", "\u200d", "\U0001f44d" * 40, "%"])
async def test_what_is_no_emoji_is_refused(world: World, name: str):
    anna, bert = await world.people("anna", "bert")
    id = await post(anna)
    for method in (bert.put, bert.delete, bert.get):
        assert (await method(place(id, name))).status in (404, 422)
    assert await reactions(bert, id) == []


@pytest.mark.parametrize(
    "name",
    ["\U0001f1e9\U0001f1ea", "3\ufe0f\u20e3", "\U0001f469\U0001f3fd\u200d\U0001f680", "\u2615", "\U0001fae0",
     "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"],
)  # fmt: skip
async def test_emojis_of_many_kinds_are_taken(world: World, name: str):
    anna = await world.person("anna")
    id = await post(anna)
    assert (await anna.put(place(id, name))).json()["reactions"] == [{"name": name, "count": 1, "me": True}]


async def test_each_has_so_many_and_a_post_takes_so_many(open_any_world: Any):
    world = await open_any_world(site=Site(ORIGIN, limits=Limits(reactions=2, reaction_kinds=3)))
    anna, bert, carla = await world.people("anna", "bert", "carla")
    id = await post(anna)
    for emoji in "\U0001f600\U0001f601":
        assert (await bert.put(place(id, emoji))).status == 200
    assert (await bert.put(place(id, "\U0001f602"))).status == 422
    assert (await carla.put(place(id, "\U0001f602"))).status == 200
    assert (await carla.put(place(id, "\U0001f603"))).status == 422
    assert (await carla.put(place(id, "\U0001f600"))).status == 200
    instance = (await world.client.get("/api/v2/instance")).json()
    assert instance["configuration"]["reactions"] == {"max_reactions": 2}


async def test_only_apps_that_ask_are_told(any_world: World):
    anna, bert = await any_world.people("anna", "bert")
    await make_cat(Stage(any_world))
    id = await post(anna)
    await bert.put(place(id, CAT))
    await bert.put(place(id, THUMB))
    base, kind = "/api/v1/notifications", "pleroma:emoji_reaction"
    assert (await anna.get(base)).json() == []
    assert (await anna.get(f"{base}?types[]=favourite")).json() == []
    assert (await anna.get(f"{base}/unread_count")).json()["count"] == 0
    for question in (f"types[]={kind}", f"include_types[]={kind}", f"supported_types[]={kind}"):
        (told,) = (await anna.get(f"{base}?{question}")).json()
        assert (told["type"], told["emoji"], told["status"]["id"]) == (kind, THUMB, id)
    assert (await anna.get(f"{base}?include_types[]={kind}&exclude_types[]={kind}")).json() == []
    await bert.delete(place(id, THUMB))
    (told,) = (await anna.get(f"{base}?types[]={kind}")).json()
    assert told["emoji"] == CAT
    assert told["emoji_url"].startswith(ORIGIN)
    await bert.delete(place(id, CAT))
    assert (await anna.get(f"{base}?types[]={kind}")).json() == []
    await anna.put(place(id, THUMB))
    assert (await anna.get(f"{base}?types[]={kind}")).json() == []


async def test_nobody_answers_what_is_hidden_and_the_blocked_are_not_named(any_world: World):
    anna, bert, carla = await any_world.people("anna", "bert", "carla")
    private = (await anna.post("/api/v1/statuses", json={"status": "x", "visibility": "private"})).json()["id"]
    assert (await bert.put(place(private, THUMB))).status == 404
    assert (await bert.get(place(private))).status == 404
    id = await post(anna)
    await bert.put(place(id, THUMB))
    await carla.post(f"/api/v1/accounts/{bert.id}/block")
    assert (await carla.get(place(id))).json() == []
    await anna.post(f"/api/v1/accounts/{bert.id}/block")
    assert (await bert.delete(place(id, THUMB))).status == 404


async def test_whoever_goes_takes_the_reactions_along_and_so_does_a_post(any_world: World):
    anna, bert = await any_world.people("anna", "bert")
    one, other = await post(anna), await post(anna)
    for id in (one, other):
        await bert.put(place(id, THUMB))
    await anna.put(place(one, THUMB))
    await anna.delete(f"/api/v1/statuses/{other}")
    await deletions.delete(any_world.database, None, bert.id, Operation("bye"))
    await any_world.run_jobs()
    assert await reactions(anna, one) == [{"name": THUMB, "count": 1, "me": True}]
    rows = await Stage(any_world).one("select count(*) from status_reactions")
    assert rows[0] == 1


async def test_counts_that_went_wrong_are_found_and_set_right(any_world: World):
    anna, bert = await any_world.people("anna", "bert")
    poll = {"options": ["a", "b"], "expires_in": 300}
    id = (await anna.post("/api/v1/statuses", json={"status": "x", "poll": poll})).json()["id"]
    for emoji in (HEART, THUMB):
        await bert.put(place(id, emoji))
    await bert.post(f"/api/v1/polls/{id}/votes", json={"choices": [1]})
    right = (await bert.get(f"/api/v1/statuses/{id}")).json()

    async def findings() -> list[wholeness.Finding]:
        looks = wholeness.statuses(any_world.database, any_world.parts.blobs)
        return [finding async for found, _ in looks for finding in found]

    async def damage(tx: Any) -> None:
        await tx.run(sql("update polls set voters = 7, counts = '[7,0]'"))
        await tx.run(sql("update statuses set reactions = null"))

    assert await findings() == []
    await any_world.database.write(damage)
    found = await findings()
    assert [finding.says.partition(" counts ")[2] for finding in found] == [
        "7 voters; there are 1.",
        "0 reactions; there are 2.",
    ]
    for finding in found:
        assert finding.counters is not None
        await repairs.recount(any_world.database, *finding.counters)
    assert await findings() == []
    assert (await bert.get(f"/api/v1/statuses/{id}")).json() == right
