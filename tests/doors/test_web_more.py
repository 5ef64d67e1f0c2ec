"""Pages beside the streams: polls asked and answered, lists made and read, searches that cannot be understood."""

import re

from tests.support.client import World
from tests.support.pages import Browser, Page, person


async def posted(browser: Browser, text: str, **more: str) -> str:
    sent = await browser.send(await browser.go("/compose"), "/compose", {"status": text, **more})
    assert sent.status == 303, sent.text
    return sent.location.partition("#s")[2]


def meters(page: Page) -> list[str]:
    return [one.get("value") for one in page.all("meter")]


async def test_a_poll_is_asked_answered_and_counted(world: World):
    ada, bob, eve = await person(world, "ada"), await person(world, "bob"), await person(world, "eve")
    id = await posted(ada, "Tea?", poll_option1="yes", poll_option2="no", poll_seconds="300")
    own = await ada.go(f"/@ada/{id}")
    assert meters(own) == ["0", "0"]
    assert "0 people voted" in own.text
    page = await bob.go("/public")
    assert [one.get("type") for one in page.all("input") if one.get("name") == "choices[]"] == ["radio", "radio"]
    await bob.send(page, f"/statuses/{id}/vote", {"choices[]": "1"})
    page = await bob.go(f"/@ada/{id}")
    assert meters(page) == ["0", "1"]
    assert "your vote" in page.text
    assert "1 person voted" in page.text
    again = await bob.ask(
        "POST", f"/statuses/{id}/vote", form={"form_key": page.value("form_key"), "choices[]": "0"}
    )  # fmt: skip
    assert again.status == 409
    assert "already voted" in again.text
    nothing = await eve.send(await eve.go("/public"), f"/statuses/{id}/vote", {})
    assert nothing.status == 409
    assert meters(await Browser(world.client).go(f"/@ada/{id}")) == ["0", "1"]


async def test_several_choices_and_hidden_counts(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    id = await posted(
        ada, "Which?", poll_option1="red", poll_option2="green", poll_option3="blue", poll_multiple="1",
        poll_hide_totals="1",
    )  # fmt: skip
    page = await bob.go("/public")
    assert {one.get("type") for one in page.all("input") if one.get("name") == "choices[]"} == {"checkbox"}
    key = page.value("form_key")
    await bob.ask("POST", f"/statuses/{id}/vote", form=[("form_key", key), ("choices[]", "0"), ("choices[]", "2")])
    page = await bob.go(f"/@ada/{id}")
    assert meters(page) == []
    assert page.text.count("your vote") == 2
    assert "shown at the end" in page.text


async def test_a_poll_that_is_wrong_comes_back_with_what_was_typed(world: World):
    ada = await person(world, "ada")
    sent = await ada.send(await ada.go("/compose"), "/compose", {"status": "Tea?", "poll_option1": "yes"})
    assert sent.status == 422
    assert "more than one" in sent.text
    assert sent.value("poll_option1") == "yes"


async def test_lists_are_made_filled_read_and_deleted(world: World):
    ada, bob, eve = await person(world, "ada"), await person(world, "bob"), await person(world, "eve")
    assert "No lists yet" in (await ada.go("/lists")).text
    made = await ada.send(await ada.go("/lists"), "/lists", {"title": "Friends", "exclusive": "1"})
    place = made.location
    assert re.fullmatch(r"/lists/\d+/edit", place)
    address = place.removesuffix("/edit")
    stranger = await ada.send(await ada.go(place), f"{address}/add", {"name": "bob"})
    assert (stranger.status, "whom you follow" in stranger.text) == (422, True)
    nobody = await ada.send(await ada.go(place), f"{address}/add", {"name": "nobody"})
    assert (nobody.status, "nobody here" in nobody.text) == (422, True)
    await ada.press(await ada.go("/@bob"), "/@bob/follow")
    assert (await ada.send(await ada.go(place), f"{address}/add", {"name": "@bob"})).status == 303
    await posted(bob, "from a friend")
    await posted(eve, "from a stranger")
    await world.run_jobs()
    page = await ada.go(address)
    assert "from a friend" in page.text
    assert "from a stranger" not in page.text
    assert "from a friend" not in (await ada.go("/")).text
    saved = await ada.send(
        await ada.go(place), place, {"title": "Good friends", "replies_policy": "none"}, without=("exclusive",)
    )
    assert "Good friends" in saved.text
    assert (await eve.get(address)).status == 404
    assert (await ada.send(await ada.go(place), f"{address}/remove", {})).status == 303
    assert "Nobody yet" in (await ada.go(place)).text
    assert (await ada.send(await ada.go(place), f"{address}/delete", {})).location == "/lists"
    assert "No lists yet" in (await ada.go("/lists")).text


async def test_a_list_needs_a_name(world: World):
    ada = await person(world, "ada")
    sent = await ada.send(await ada.go("/lists"), "/lists", {"title": " "})
    assert (sent.status, "can't be blank" in sent.text.lower()) == (422, True)


async def test_a_search_that_means_nothing_says_what_would(world: World):
    ada = await person(world, "ada")
    page = await ada.get("/search?q=has:cats")
    assert page.status == 422
    assert "has: knows media" in page.text


async def test_filters_fold_up_and_leave_out(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    assert "No filters yet" in (await ada.go("/settings/filters")).text
    wrong = await ada.send(await ada.go("/settings/filters"), "/settings/filters", {"title": " ", "keywords": "film"})
    assert (wrong.status, wrong.value("keywords").strip()) == (422, "film")
    await ada.send(
        await ada.go("/settings/filters"), "/settings/filters", {"title": "Spoilers", "keywords": "film\nthe end"}
    )  # fmt: skip
    await posted(bob, "A film, and how it goes")
    await posted(bob, "A filmy thing")
    page = await ada.go("/public")
    folded, plain = page.all("article")[1], page.all("article")[0]
    assert "Filtered: Spoilers" in folded.text
    assert "Filtered" not in plain.text
    assert "Filtered" not in (await bob.go("/public")).text
    (link,) = [
        one.get("href") for one in (await ada.go("/settings/filters")).all("a") if "/filters/" in one.get("href")
    ]
    changed = {"title": "Films", "keywords": "filmy", "filter_action": "hide"}
    assert (await ada.send(await ada.go(link), link, changed, without=("in_account",))).status == 303
    assert "filmy thing" not in (await ada.go("/public")).text
    assert "how it goes" in (await ada.go("/public")).text
    assert "filmy thing" in (await ada.go("/@bob")).text
    edited = await ada.go(link)
    assert edited.value("keywords").strip() == "filmy"
    assert (await bob.get(link)).status == 404
    await ada.send(edited, f"{link}/delete", {})
    assert "filmy thing" in (await ada.go("/public")).text
