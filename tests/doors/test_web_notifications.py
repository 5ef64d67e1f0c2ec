"""Notifications on pages: what stands together, who waits, and the settings that make them wait."""

from tests.doors.test_web_people import say
from tests.support.client import World
from tests.support.pages import person


def words(element) -> str:
    return " ".join(element.text.split())


async def test_what_many_did_is_one_line(world: World):
    ada = await person(world, "ada")
    id = await say(ada, "fresh bread")
    for number, name in enumerate(("bob", "cy", "dan", "eve", "fay"), start=1):
        other = await person(world, name)
        await other.press(await other.go("/public"), f"/statuses/{id}/favourite")
        (news,) = (await ada.go("/notifications")).all("article")
        said = {
            1: "bob favourited your post",
            2: "cy and bob favourited your post",
            3: "dan, cy and 1 other favourited your post",
            5: "fay, eve and 3 others favourited your post",
        }
        assert said.get(number, "favourited your post") in words(news)


async def test_pages_of_notifications_lead_on(world: World):
    ada, bob = await person(world, "ada"), await person(world, "bob")
    for number in range(35):
        await say(bob, f"@ada number {number:02}")
    page = await ada.go("/notifications")
    assert len(page.all("article")) == 30
    older = next(one.get("href") for one in page.all("a") if "older=" in one.get("href"))
    page = await ada.go(older)
    assert len(page.all("article")) == 5
    newer = next(one.get("href") for one in page.all("a") if "newer=" in one.get("href"))
    assert "number 34" in (await ada.go(newer)).text


async def test_strangers_wait_where_one_wants_it(world: World):
    ada, bob, cy = [await person(world, name) for name in ("ada", "bob", "cy")]
    page = await ada.go("/settings/notifications")
    assert page.value("for_not_following") == "accept"
    assert page.value("for_private_mentions") == "filter"
    await ada.send(page, "/settings/notifications", {"for_not_following": "filter"})
    assert (await ada.go("/settings/notifications")).value("for_not_following") == "filter"
    await say(bob, "@ada is there bread")
    await say(cy, "@ada buy my bread")
    page = await ada.go("/notifications")
    assert "2 people wait to be let through" in page.text
    assert page.all("article") == []
    page = await ada.go("/notifications/requests")
    assert "is there bread" in page.text
    actions = [button.get("formaction") for button in page.all("button") if "/requests/" in button.get("formaction")]
    assert [action.rpartition("/")[2] for action in actions] == ["accept", "dismiss"] * 2
    assert (await ada.press(page, actions[2])).location == "/notifications/requests"
    assert (await ada.press(await ada.go("/notifications/requests"), actions[1])).location == "/notifications/requests"
    await world.run_jobs()
    assert "Nobody waits" in (await ada.go("/notifications/requests")).text
    page = await ada.go("/notifications")
    assert "is there bread" in page.text
    assert "buy my bread" not in page.text
    assert "wait to be let through" not in page.text


async def test_a_choice_that_is_none_is_told(world: World):
    ada = await person(world, "ada")
    page = await ada.go("/settings/notifications")
    answered = await ada.send(page, "/settings/notifications", {"for_new_accounts": "perhaps"})
    assert answered.status == 422
    assert "Must be chosen" in answered.text
