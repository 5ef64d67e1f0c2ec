"""Posting and answering from pages: with pictures, warnings and audiences; editing, deleting, and who may not."""

import pytest

from linnet.actions import emojis
from linnet.media.pool import ImageWorker
from tests.support import pictures
from tests.support.access import once
from tests.support.client import Files, World
from tests.support.pages import Browser, Element, Page, person


def picture(name: str = "picture1") -> Files:
    return {name: ("holiday.png", pictures.png(), "image/png")}


async def posted(browser: Browser, text: str, **values: str) -> str:
    """Posts from home; the post's id."""
    sent = await browser.send(await browser.go("/"), "/compose", {"status": text, **values})
    assert sent.status == 303, sent.text
    return sent.location.partition("#s")[2]


async def test_a_post_stands_on_home_at_once_and_in_the_public_stream(world: World):
    ada = await person(world, "ada")
    page = await ada.do("/", "/compose", {"status": "Hello, *world* & <all> of you"})
    (post,) = page.all("article")
    assert "Hello, *world* & <all> of you" in post.text
    assert post.get("id") == page.address.partition("#")[2]
    assert "Hello, *world*" in (await Browser(world.client).go("/public")).text


async def test_a_post_with_pictures_says_what_they_show(world: World):
    ada = await person(world, "ada")
    files = {**picture("picture1"), **picture("picture2")}
    described = {"description1": 'A "red" disc', "description2": "The same, <again>"}
    page = await ada.do("/", "/compose", {"status": "Look", **described}, files=files)
    shown = [one for one in page.all("img") if one.get("src").startswith("/files/media/")]
    assert [one.get("alt") for one in shown] == ['A "red" disc', "The same, <again>"]
    assert all(int(one.get("width")) > 0 and int(one.get("height")) > 0 for one in shown)
    assert all(one.get("loading") == "lazy" for one in shown)
    answer = await world.client.get(shown[0].get("src"))
    assert answer.status == 200


async def test_pictures_are_kept_while_the_words_are_put_right(world: World):
    ada = await person(world, "ada")
    page = await ada.go("/")
    long = "x" * 501
    wrong = await ada.send(page, "/compose", {"status": long, "description1": "A disc"}, files=picture())
    assert wrong.status == 422
    assert wrong.value("status") == long
    box = wrong.one("textarea", id="status")
    assert box.get("aria-invalid") == "true"
    assert "501 characters long" in wrong.one("p", id=box.get("aria-describedby").split()[0]).text
    kept = wrong.value("media_ids[]")
    assert wrong.value(f"alt[{kept}]") == "A disc"
    sent = await ada.send(wrong, "/compose", {"status": "shorter", f"alt[{kept}]": "A red disc"})
    page = await ada.go(sent.location)
    assert [one.get("alt") for one in page.all("img") if "/media/" in one.get("src")] == ["A red disc"]


async def test_a_picture_that_is_none_is_named_and_the_words_stay(world: World):
    ada = await person(world, "ada")
    files = {"picture1": ("evil.png", b"<script>alert(1)</script>", "image/png")}
    wrong = await ada.send(await ada.go("/"), "/compose", {"status": "Look"}, files=files)
    assert wrong.status == 422
    assert wrong.value("status") == "Look"
    assert wrong.one("input", id="picture-1").get("aria-invalid") == "true"
    assert wrong.one("p", id="picture1-mistake").text.startswith("This picture ")


async def test_a_warning_folds_the_post_up(world: World):
    ada = await person(world, "ada")
    page = await ada.do("/", "/compose", {"status": "the keeper did it", "spoiler_text": "The end of the film"})
    (post,) = page.all("article")
    folded = next(one for one in page.all("details") if post in one.parents and one.get("class") == "covered")
    assert "The end of the film" in folded.text
    assert "open" not in folded.attributes
    words = next(one for one in page.all("div", class_="words"))
    assert words.inside("details") is folded


async def test_a_private_post_is_not_there_for_others(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    private = await posted(ada, "for friends", visibility="private")
    direct = await posted(ada, "for nobody", visibility="direct")
    for id in (private, direct):
        assert (await ada.get(f"/@ada/{id}")).status == 200
        assert (await bob.get(f"/@ada/{id}")).status == 404
        assert (await Browser(world.client).get(f"/@ada/{id}")).status == 404
        assert (await bob.get(f"/@ada/{id}/favourites")).status == 404
        assert (await bob.get(f"/@ada/{id}/history")).status == 404
    assert "for friends" not in (await bob.go("/@ada")).text
    assert "noindex" in [one.get("content") for one in (await ada.go(f"/@ada/{private}")).all("meta")]
    assert "og:description" not in (await ada.go(f"/@ada/{private}")).html


async def test_an_answer_names_whom_it_answers_and_is_seen_by_no_more_people(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    await world.person("carla")
    first = await posted(ada, "@carla what of this", visibility="unlisted")
    page = await bob.go(f"/@ada/{first}")
    assert page.value("status") == "@ada @carla "
    assert page.value("visibility") == "unlisted"
    sent = await bob.send(page, "/compose", {"status": "@ada I like it"})
    assert sent.location.startswith(f"/@ada/{first}#s")
    thread = await ada.go(f"/@ada/{first}")
    assert "I like it" in thread.text
    answer = sent.location.partition("#s")[2]
    assert "what of this" in (await ada.go(f"/@bob/{answer}")).text


async def test_a_stranger_is_asked_to_sign_in_to_answer(world: World):
    ada = await person(world, "ada")
    page = await Browser(world.client).go(f"/@ada/{await posted(ada, 'hello')}")
    assert not [form for form in page.forms() if form.action == "/compose"]
    assert any(
        one.get("href").startswith("/sign-in?back=/%40ada") or "back=" in one.get("href") for one in page.all("a")
    )


async def test_editing_keeps_what_it_said_before(world: World):
    ada = await person(world, "ada")
    id = await posted(ada, "The frist version")
    page = await ada.go(f"/statuses/{id}/edit")
    assert page.value("status") == "The frist version"
    empty = await ada.send(page, f"/statuses/{id}/edit", {"status": " "})
    assert empty.status == 422
    sent = await ada.send(page, f"/statuses/{id}/edit", {"status": "The first version"})
    thread = await ada.go(sent.location)
    assert "The first version" in thread.text
    assert "Edited" in thread.text
    history = await Browser(world.client).go(f"/@ada/{id}/history")
    assert [("frist" in one.text, "first version" in one.text) for one in history.all("article")] == [
        (False, True),
        (True, False),
    ]


async def test_editing_changes_what_a_picture_is_said_to_show_and_leaves_one_out(world: World):
    ada = await person(world, "ada")
    sent = await ada.send(await ada.go("/"), "/compose", {"status": "Look", "description1": "A disk"}, files=picture())
    id = sent.location.partition("#s")[2]
    page = await ada.go(f"/statuses/{id}/edit")
    media = page.value("media_ids[]")
    sent = await ada.send(page, f"/statuses/{id}/edit", {f"alt[{media}]": "A disc"})
    thread = await ada.go(sent.location)
    assert [one.get("alt") for one in thread.all("img") if "/media/" in one.get("src")] == ["A disc"]
    page = await ada.go(f"/statuses/{id}/edit")
    sent = await ada.send(page, f"/statuses/{id}/edit", {"drop[]": media})
    assert not [one for one in (await ada.go(sent.location)).all("img") if "/media/" in one.get("src")]


async def test_deleting_asks_first(world: World):
    ada = await person(world, "ada")
    id = await posted(ada, "a mistake")
    page = await ada.go(f"/statuses/{id}/delete")
    assert "a mistake" in page.text
    assert (await ada.get(f"/@ada/{id}")).status == 200
    sent = await ada.send(page, f"/statuses/{id}/delete")
    assert sent.location == "/@ada"
    assert (await ada.get(f"/@ada/{id}")).status == 404


@pytest.mark.parametrize("what", ["edit", "delete"])
async def test_nobody_changes_the_posts_of_others(world: World, what: str):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    id = await posted(ada, "mine")
    assert (await bob.get(f"/statuses/{id}/{what}")).status == 404
    key = (await bob.go("/")).value("form_key")
    form = {"form_key": key, "status": "changed"}
    assert (await bob.ask("POST", f"/statuses/{id}/{what}", form=form)).status == 404
    assert "mine" in (await ada.go(f"/@ada/{id}")).text


async def test_a_moderator_deletes_and_that_is_written_down(world: World):
    bob, ada = await person(world, "bob"), await person(world, "ada", role="moderator")
    id = await posted(bob, "spam")
    sent = await ada.send(await ada.go(f"/statuses/{id}/delete"), f"/statuses/{id}/delete")
    assert sent.location == "/moderation"
    assert (await bob.get(f"/@bob/{id}")).status == 404


MARKS = [("favourite", "unfavourite"), ("reblog", "unreblog"), ("bookmark", "unbookmark"), ("mute", "unmute")]


@pytest.mark.parametrize(("mark", "unmark"), MARKS)
async def test_marks_are_made_and_taken_back_and_the_reader_keeps_their_place(world: World, mark: str, unmark: str):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    id = await posted(ada, "hello")
    page = await bob.go("/public")
    sent = await bob.press(page, f"/statuses/{id}/{mark}")
    assert (sent.status, sent.location) == (303, f"/public#s{id}")
    page = await bob.go("/public")
    assert page.has_button(f"/statuses/{id}/{unmark}")
    if mark != "mute":
        assert page.one("button", formaction=f"/statuses/{id}/{unmark}").get("aria-pressed") == "true"
    await bob.press(page, f"/statuses/{id}/{unmark}")
    assert (await bob.go("/public")).has_button(f"/statuses/{id}/{mark}")


async def test_what_is_marked_is_listed(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    id = await posted(ada, "worth keeping")
    for mark in ("favourite", "bookmark", "reblog"):
        await bob.press(await bob.go("/public"), f"/statuses/{id}/{mark}")
    assert "worth keeping" in (await bob.go("/favourites")).text
    assert "worth keeping" in (await bob.go("/bookmarks")).text
    assert "bob" in (await ada.go(f"/@ada/{id}/favourites")).text
    assert "bob" in (await ada.go(f"/@ada/{id}/boosts")).text
    assert "bob boosted" in (await bob.go("/@bob")).text


async def test_pins_stand_first_on_the_profile(world: World):
    ada = await person(world, "ada")
    first = await posted(ada, "the first")
    await posted(ada, "the second")
    await ada.press(await ada.go("/@ada"), f"/statuses/{first}/pin")
    page = await ada.go("/@ada")
    assert "Pinned" in page.all("article")[0].text
    assert "the first" in page.all("article")[0].text
    await ada.press(page, f"/statuses/{first}/unpin")
    assert "Pinned" not in (await ada.go("/@ada")).text


async def test_marks_that_there_are_not_change_nothing(world: World):
    ada = await person(world, "ada")
    id = await posted(ada, "hello")
    key = (await ada.go("/")).value("form_key")
    assert (await ada.ask("POST", f"/statuses/{id}/explode", form={"form_key": key})).status == 404
    assert (await ada.ask("POST", "/statuses/abc/favourite", form={"form_key": key})).status == 404
    assert (await ada.ask("POST", "/statuses/1/favourite", form={"form_key": key})).status == 404
    assert (await ada.get(f"/statuses/{id}/favourite")).status == 405


async def test_a_private_post_cannot_be_boosted(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    id = await posted(ada, "@bob between us", visibility="direct")
    page = await bob.go(f"/@ada/{id}")
    assert not page.has_button(f"/statuses/{id}/reblog")
    sent = await bob.ask("POST", f"/statuses/{id}/reblog", form={"form_key": page.value("form_key")})
    assert sent.status == 403
    assert "cannot be boosted" in sent.text


async def test_long_lists_have_pages_that_lead_on_and_back(world: World):
    ada = await person(world, "ada")
    for number in range(45):
        await posted(ada, f"number {number}.")
    seen: list[str] = []
    older: list[Element] = []
    page = await ada.go("/@ada")
    for _ in range(3):
        seen += [one.text.partition("number ")[2].partition(".")[0] for one in page.all("article")]
        older = [one for one in page.all("a") if one.get("rel") == "next"]
        if older:
            page = await ada.go(older[0].get("href"))
    assert seen == [str(number) for number in reversed(range(45))]
    assert not older
    newer = page.one("a", rel="prev")
    assert len((await ada.go(newer.get("href"))).all("article")) == 20


async def test_the_address_of_a_post_is_one(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    id = await posted(ada, "hello")
    wrong = await bob.get(f"/@bob/{id}")
    assert (wrong.status, wrong.location) == (303, f"/@ada/{id}")
    page = await bob.go(f"/@ada/{id}")
    assert page.one("link", rel="canonical").get("href") == f"http://linnet.test/@ada/{id}"
    described: Page = await Browser(world.client).go(f"/@ada/{id}")
    assert described.one("meta", property="og:description").get("content") == "hello"


async def test_custom_emojis_are_pictures_in_words_and_names_and_nowhere_else(world: World):
    ada = await person(world, "ada")
    parts = world.parts
    images = ImageWorker(world.tasks)
    address = ""
    for data in (pictures.png(), pictures.png(pictures.drawing(80, 80))):
        await emojis.add(
            world.database, parts.blobs, images, parts.ids, parts.chance, "linnet", data, None, once(world)
        )
        await ada.send(await ada.go("/settings"), "/settings", {"display_name": "Ada :linnet:"})
        id = await posted(ada, "Look :linnet: <b> :nothing: https://a.example/?x=:linnet:&y=1 #x")
        address = f"/@ada/{id}"
        page = await ada.go(address)
        shown = page.all("img", class_="emoji")
        assert [one.get("alt") for one in shown] == [":linnet:"] * len(shown)
        words = next(one for one in page.all("div", class_="words"))
        assert len([one for one in shown if words in one.parents]) >= 1
        assert ":nothing:" in words.text
        assert any(one.get("href") == "https://a.example/?x=:linnet:&y=1" for one in page.all("a"))
        assert (await world.client.get(shown[0].get("src"))).status == 200
    await emojis.remove(world.database, "linnet", once(world))
    page = await ada.go(address)
    assert page.all("img", class_="emoji") == []
    assert "Look :linnet:" in page.text
    await images.close()
