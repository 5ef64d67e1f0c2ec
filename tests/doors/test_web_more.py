"""Pages beside the streams: polls asked and answered, lists made and read, searches that cannot be understood."""

import re

from linnet.domain import times
from tests.support import pictures
from tests.support.client import VirtualClock, World, WorldOpener
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


async def test_a_draft_is_kept_changed_and_posted_once(world: World):
    ada = await person(world, "ada")
    files = {"picture1": ("a.png", pictures.png(), "image/png")}
    kept = await ada.send(
        await ada.go("/compose"), "/compose", {"status": "half a", "do": "draft", "description1": "Red"}, files=files
    )  # fmt: skip
    assert kept.location == "/drafts"
    page = await ada.go("/drafts")
    assert "half a" in page.text
    assert "1 attachment" in page.text
    assert "half a" not in (await ada.go("/public")).text
    (link,) = [one.get("href") for one in page.all("a") if "/drafts/" in one.get("href")]
    box = await ada.go(link)
    assert box.value("status").strip() == "half a"
    await ada.send(box, "/compose", {"status": "half a thought", "do": "draft"})
    assert (await ada.go("/drafts")).text.count("half a thought") == 1
    box = await ada.go(link)
    first, second = [await ada.send(box, "/compose", {"status": "a whole thought"}) for _ in range(2)]
    assert second.status == 303, second.text
    assert first.location == second.location
    stream = await ada.go("/public")
    assert stream.text.count("a whole thought") == 1
    assert [one.get("alt") for one in stream.all("img") if one.get("src").startswith("/files/media/")] == ["Red"]
    assert "Nothing is waiting" in (await ada.go("/drafts")).text


async def test_a_post_with_a_time_waits_for_it(open_sqlite_world: WorldOpener):
    world = await open_sqlite_world(clock=VirtualClock())
    ada = await person(world, "ada")
    soon = times.iso(world.clock.now_ms() + 60_000)[:16]
    wrong = await ada.send(await ada.go("/compose"), "/compose", {"status": "later", "scheduled_at": soon})
    assert (wrong.status, "5 minutes" in wrong.text) == (422, True)
    assert wrong.value("status").strip() == "later"
    at = times.iso(world.clock.now_ms() + 3_600_000)[:16]
    for text in ("later", "never"):
        sent = await ada.send(await ada.go("/compose"), "/compose", {"status": text, "scheduled_at": at})
        assert sent.location == "/drafts"
    page = await ada.go("/drafts")
    assert page.text.count("Do not post") == 2
    form = next(one for one in page.forms() if one.action.endswith("/cancel"))
    await ada.send(page, form.action, {})
    left = "later" if "later" in (await ada.go("/drafts")).text else "never"
    world.clock.advance(3_600_000)
    await world.run_jobs()
    assert [one.text.count(left) for one in (await ada.go("/public")).all("article")] == [1]
    assert "Nothing is waiting" in (await ada.go("/drafts")).text


async def test_markdown_and_posts_for_this_server_only(world: World):
    ada = await person(world, "ada")
    await ada.send(
        await ada.go("/compose"), "/compose",
        {"status": "so *very* good", "content_type": "text/markdown", "local_only": "1"},
    )  # fmt: skip
    assert [one.text for one in (await ada.go("/public")).all("em")] == ["very"]


async def test_messages_stand_by_whom_they_are_with(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    assert "No messages yet" in (await bob.go("/conversations")).text
    await bob.press(await bob.go("/@ada"), "/@ada/follow")
    id = await posted(ada, "@bob between us", visibility="direct")
    await world.run_jobs()
    page = await bob.go("/conversations")
    assert "between us" in page.text
    assert "new" in [one.text for one in page.all("b") if one.get("class") == "badge"]
    read = next(form.action for form in page.forms() if form.action.endswith("/read"))
    opened = await bob.send(page, read, {})
    assert opened.location == f"/@ada/{id}"
    page = await bob.go("/conversations")
    assert "new" not in [one.text for one in page.all("b") if one.get("class") == "badge"]
    assert (
        await ada.ask("POST", read, form={"form_key": (await ada.go("/conversations")).value("form_key")})
    ).status == 404
    gone = next(form.action for form in page.forms() if form.action.endswith("/delete"))
    await bob.send(page, gone, {})
    assert "No messages yet" in (await bob.go("/conversations")).text
    assert "between us" in (await ada.go("/conversations")).text
