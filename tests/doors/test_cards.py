"""Preview cards, through the API: fetched once for all, kept as our own, renewed, and gone when nobody shows them."""

import re
from typing import Any

import pytest

from linnet.actions import cards, maintenance
from linnet.app import keeping
from linnet.domain.times import DAY_MS
from tests.storage.queries import sql
from tests.support import pictures
from tests.support.client import Person, VirtualClock, World
from tests.support.outside import Outside

HOUR_MS = 3_600_000


def page(outside: Outside, title: str = "Engines") -> str:
    outside.put("/disc.png", pictures.png(), "image/png")
    return outside.put(
        "/engine",
        f'<html lang=en><title>{title}</title><meta property="og:image" content="/disc.png">'
        '<meta name=description content="Steam"><meta name=author content="Ada"></html>',
    )


@pytest.fixture
async def world(open_any_world: Any) -> World:
    return await open_any_world(clock=VirtualClock())


async def post(person: Person, text: str, **more: Any) -> Any:
    return (await person.post("/api/v1/statuses", json={"status": text, **more})).json()


async def shown(person: Person, status: Any) -> Any:
    return (await person.get(f"/api/v1/statuses/{status['id']}")).json()


async def found(world: World, text: str) -> list[Any]:
    return await world.database.read(lambda tx: tx.all(sql(text)))


async def settle(world: World) -> None:
    await world.run_jobs()
    world.clock.advance(HOUR_MS)
    await world.run_jobs()


async def test_a_link_has_a_card_and_all_that_link_there_share_it(world: World, outside: Outside) -> None:
    ada, bert = await world.people("ada", "bert")
    first = await post(ada, f"look: {page(outside)}")
    assert first["card"] is None
    await world.run_jobs()
    seen = await shown(bert, first)
    assert seen["edited_at"] is None
    card = seen["card"]
    assert (card["title"], card["description"], card["type"], card["language"]) == ("Engines", "Steam", "link", "en")
    assert card["authors"] == [{"name": "Ada", "url": "", "account": None}]
    assert card["provider_name"] == "outside.example"
    picture = await world.client.get(card["image"].removeprefix(world.site.origin))
    assert picture.status == 200
    assert (card["width"], card["height"]) == (300, 200)
    asked = len(outside.asked)
    second = await post(bert, f"me too {outside.site}/engine#part")
    assert second["card"] == card, "it is there at once"
    assert (await shown(ada, second))["card"] == card
    await world.run_jobs()
    assert len(outside.asked) == asked
    kinds = [row[0] for row in await found(world, "select kind from changes where kind = 'status.card'")]
    assert len(kinds) == 1


async def test_what_has_no_link_pays_nothing_and_media_have_no_card(world: World, outside: Outside) -> None:
    ada = await world.person("ada")
    files = {"file": ("disc.png", pictures.png(), "image/png")}
    disc = (await ada.post("/api/v2/media", files=files)).json()["id"]
    link = page(outside)
    await post(ada, "no link")
    await post(ada, f"pictured {link}", media_ids=[disc])
    await post(ada, f"ours {world.site.origin}/@ada")
    await world.run_jobs()
    assert outside.asked == []
    assert await found(world, "select id from preview_cards") == []


async def test_an_edit_changes_the_card_and_the_history_stays_in_order(world: World, outside: Outside) -> None:
    ada = await world.person("ada")
    status = await post(ada, f"first {page(outside)}")
    await world.run_jobs()
    other = outside.put("/other", "<title>Other</title>")
    place = f"/api/v1/statuses/{status['id']}"
    edited = (await ada.put(place, json={"status": f"second {other}"})).json()
    assert edited["card"] is None
    await world.run_jobs()
    assert (await shown(ada, status))["card"]["title"] == "Other"
    edited = (await ada.put(place, json={"status": "third"})).json()
    assert edited["card"] is None
    history = (await ada.get(f"{place}/history")).json()
    words = [re.sub("<[^>]+>", "", state["content"]).split()[0] for state in history]
    assert words == ["first", "second", "third"]


async def test_a_card_is_fetched_again_after_weeks_and_renews_all_that_show_it(
    world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "BATCH", 2)
    ada = await world.person("ada")
    link = page(outside)
    statuses = [await post(ada, f"{number} {link}") for number in range(5)]
    await settle(world)
    first = (await shown(ada, statuses[0]))["card"]
    world.clock.advance(cards.KEPT_MS)
    await post(ada, f"again {link}")
    await settle(world)
    assert (await shown(ada, statuses[0]))["card"] == first, "nothing was new"
    world.clock.advance(cards.KEPT_MS)
    page(outside, "Better engines")
    outside.put("/disc.png", pictures.png(pictures.drawing(60, 40)), "image/png")
    await post(ada, f"again {link}")
    await settle(world)
    seen = [(await shown(ada, status))["card"] for status in statuses]
    assert {(card["title"], card["width"]) for card in seen} == {("Better engines", 60)}
    world.clock.advance(2 * DAY_MS)
    await world.run_jobs()
    old, new = (place.removeprefix(world.site.origin) for place in (first["image"], seen[0]["image"]))
    assert [(await world.client.get(place)).status for place in (old, new)] == [404, 200]


@pytest.mark.parametrize("said", ["gone", "broken", "text", "slow", "no picture"])
async def test_what_cannot_be_had_is_left_out(said: str, world: World, outside: Outside) -> None:
    ada = await world.person("ada")
    link = page(outside)
    if said == "gone":
        outside.put("/engine", "<title>a</title>", status="404 Not Found")
    elif said == "broken":
        outside.put("/engine", "<title>a</title>", status="503 Busy")
    elif said == "text":
        outside.put("/engine", "only words", "text/plain")
    elif said == "slow":
        outside.pages["/engine"] = b"no answer at all\r\n\r\n"
    else:
        outside.put("/disc.png", b"these are only words", "image/png")
    status = await post(ada, link)
    for _ in range(4):
        await settle(world)
    card = (await shown(ada, status))["card"]
    if said == "no picture":
        assert (card["title"], card["image"], card["blurhash"]) == ("Engines", None, None)
    else:
        assert card is None
    tries = len([one for one in outside.asked if one.path == "/engine"])
    assert tries == (cards.TRIES if said == "broken" else tries)
    assert await found(world, "select id from jobs where kind = 'card.fetch'") == []


async def test_a_card_that_nobody_shows_goes_with_its_picture(world: World, outside: Outside) -> None:
    ada = await world.person("ada")
    status = await post(ada, page(outside))
    kept = await post(ada, outside.put("/kept", "<title>Kept</title>"))
    await settle(world)
    image = (await shown(ada, status))["card"]["image"].removeprefix(world.site.origin)
    await ada.delete(f"/api/v1/statuses/{status['id']}")
    await world.run_jobs()
    sweep = maintenance.preview_cards

    async def turn() -> int:
        return await world.database.write(lambda tx: sweep(tx, keeping(world.parts)))

    assert await turn() == 0
    world.clock.advance(cards.UNUSED_MS + HOUR_MS)
    assert await turn() == 2
    await world.run_jobs()
    assert (await world.client.get(image)).status == 404
    assert (await shown(ada, kept))["card"]["title"] == "Kept"
    assert await turn() == 0, "what is shown is looked at again a month later"


async def test_a_film_is_shown_in_a_frame(world: World, outside: Outside) -> None:
    ada = await world.person("ada")
    outside.put("/oembed", '{"type": "video", "html": "<iframe src=https://f.example/1 width=5></iframe>", "width": 5}')
    link = outside.put(
        "/film", '<title>Film</title><link rel=alternate type="application/json+oembed" href="/oembed?url=film">'
    )
    status = await post(ada, link)
    await world.run_jobs()
    card = (await shown(ada, status))["card"]
    assert (card["type"], card["width"], card["embed_url"]) == ("video", 5, "https://f.example/1")
    assert "sandbox" in card["html"]


async def test_the_uses_of_a_link_are_counted_by_account(world: World, outside: Outside) -> None:
    ada, bert = await world.people("ada", "bert")
    link = page(outside)
    for person in (ada, ada, bert):
        await post(person, link)
    await post(bert, link, visibility="unlisted")
    uses = await found(world, "select account_id, uses from card_uses order by uses desc")
    assert [tuple(row) for row in uses] == [(ada.id, 2), (bert.id, 1)]
    assert await found(world, "select count(*) from preview_cards") == [(1,)]
