"""Searching for posts with operators: what is found, by whom, and in which order; the same on both engines."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from linnet.domain.search_query import parse
from tests.support import pictures
from tests.support.client import Person, VirtualClock

DAY_S = 86_400

Find = Callable[..., Awaitable[list[str]]]


@pytest.fixture
async def town(open_any_world: Any) -> Any:
    """A server in virtual time, its people, and posts by name."""
    world = await open_any_world(clock=VirtualClock())
    anna, bert, carl = await world.people("anna", "bert", "carl")
    posts: dict[str, str] = {}

    async def post(name: str, who: Person, text: str, **more: Any) -> str:
        answer = await who.post("/api/v1/statuses", json={"status": text, **more})
        assert answer.status == 200, answer.body
        posts[name] = answer.json()["id"]
        world.clock.advance(DAY_S * 1000)
        return posts[name]

    async def found(who: Person, text: str, **more: Any) -> list[str]:
        answer = await who.get("/api/v2/search", query={"q": text, "type": "statuses", **more})
        assert answer.status == 200, answer.body
        names = {id: name for name, id in posts.items()}
        return [names.get(one["id"], "reblog") for one in answer.json()["statuses"]]

    picture = await anna.post("/api/v2/media", files={"file": ("a.png", pictures.png(), "image/png")})
    await post("picture", anna, "a linnet", media_ids=[picture.json()["id"]], language="en")
    await post("link", anna, "a linnet at https://example.org/bird", language="en")
    await post("reply", bert, "@anna what a linnet", in_reply_to_id=posts["link"], language="de")
    await post("warned", bert, "the linnet bites", spoiler_text="blood", language="en")
    await post("quiet", bert, "linnet for friends", visibility="private")
    await post("secret", bert, "@carl linnet in private", visibility="direct")
    await post("tokyo", carl, "東京都で鳥を見た", language="ja")
    await post("order", carl, "linnet a sings", language="en")
    await world.run_jobs()
    return world, (anna, bert, carl), posts, found


async def test_operators_narrow_a_search_down(town: Any):
    _world, (anna, _, _), _posts, found = town
    for text, names in {
        "linnet": ["order", "warned", "reply", "link", "picture"],
        "from:anna": ["link", "picture"],
        "from:@ANNA linnet has:media": ["picture"],
        "from:anna@linnet.test has:image": ["picture"],
        "from:nobody linnet": [],
        "from:me": ["link", "picture"],
        "linnet -from:anna": ["order", "warned", "reply"],
        "to:anna": ["reply"],
        "linnet -to:me -from:me": ["order", "warned"],
        "has:link": ["link"],
        "linnet -has:media -has:link": ["order", "warned", "reply"],
        "is:reply": ["reply"],
        "linnet -is:reply lang:en": ["order", "warned", "link", "picture"],
        "is:sensitive": ["warned"],
        "lang:ja": ["tokyo"],
        "東京": ["tokyo"],
        "linnet -lang:en": ["reply"],
        '"a linnet"': ["reply", "link", "picture"],
        'linnet -"a linnet"': ["order", "warned"],
        "linnet -what -bites": ["order", "link", "picture"],
        "-linnet": ["tokyo"],
        "in:library": ["reply", "link", "picture"],
        "in:library -from:me": ["reply"],
    }.items():
        assert await found(anna, text) == names, text


async def test_days_bound_a_search(town: Any):
    _world, (anna, _, _), posts, found = town
    days = {
        name: (await anna.get(f"/api/v1/statuses/{posts[name]}")).json()["created_at"][:10]
        for name in ("reply", "link")
    }
    assert await found(anna, f"before:{days['reply']}") == ["link", "picture"]
    assert await found(anna, f"linnet after:{days['reply']}") == ["order", "warned"]
    assert await found(anna, f"during:{days['link']}") == ["link"]
    assert await found(anna, f"after:{days['link']} before:{days['reply']}") == []


async def test_only_what_one_may_see_and_is_meant_to_find(town: Any):
    _, (anna, bert, carl), posts, found = town
    assert await found(carl, "linnet private") == ["secret"]
    assert await found(bert, "linnet from:me in:library") == ["secret", "quiet", "warned", "reply"]
    assert await found(anna, "linnet friends") == []
    assert await found(anna, "linnet private to:carl") == []
    await bert.patch("/api/v1/accounts/update_credentials", json={"indexable": False})
    assert await found(carl, "linnet") == ["order", "secret", "link", "picture"]
    await carl.post(f"/api/v1/statuses/{posts['warned']}/bookmark")
    assert await found(carl, "linnet from:bert") == ["secret", "warned"]
    assert await found(carl, "linnet from:bert in:public") == []
    await carl.post(f"/api/v1/accounts/{anna.id}/block")
    assert await found(carl, "has:media") == []


async def test_reblogs_are_found_by_what_they_show(town: Any):
    world, (anna, bert, carl), posts, found = town
    for name in ("picture", "warned"):
        await carl.post(f"/api/v1/statuses/{posts[name]}/reblog")
        world.clock.advance(1_000)
    await world.run_jobs()
    assert await found(anna, "linnet") == ["order", "warned", "reply", "link", "picture"]
    answer = await anna.get("/api/v2/search", query={"q": "linnet is:reblog from:carl", "type": "statuses"})
    assert [one["reblog"]["id"] for one in answer.json()["statuses"]] == [posts["warned"], posts["picture"]]
    assert await found(anna, "is:reblog from:carl has:media") == ["reblog"]
    assert await found(anna, "is:reblog -from:carl") == []
    assert await found(bert, "in:library has:media") == []
    assert await found(carl, "in:library has:media") == ["picture"]


async def test_pages_of_a_phrase_follow_each_other(town: Any):
    world, (anna, _, _), _posts, _found = town
    for number in range(7):
        await anna.post("/api/v1/statuses", json={"status": f"{'one two' if number % 2 else 'two one'} {number}"})
        world.clock.advance(1_000)
    await world.run_jobs()
    seen: list[str] = []
    for offset in (0, 2, 4):
        answer = await anna.get(
            "/api/v2/search", query={"q": '"one two"', "type": "statuses", "limit": 2, "offset": offset}
        )
        seen += [one["content"] for one in answer.json()["statuses"]]
    assert seen == [f"<p>one two {number}</p>" for number in (5, 3, 1)]


async def test_an_operator_that_means_nothing_is_said(town: Any):
    _, (anna, _, _), _, _ = town
    for text in ("has:cats", "before:soon", "is:good", "in:there", "lang:?"):
        answer = await anna.get("/api/v2/search", query={"q": text, "type": "statuses"})
        assert answer.status == 422, text
        assert text.partition(":")[0] + ":" in answer.json()["error"], text


async def test_any_mixture_finds_what_each_part_does(town: Any):
    """Of random operators, all together find what each of them finds, and a minus what it does not."""
    _, (anna, _, _), _posts, found = town
    chance = random.Random(7)
    parts = [
        "linnet",
        "a",
        "from:anna",
        "from:bert",
        "has:link",
        "has:media",
        "is:reply",
        "lang:en",
        '"a linnet"',
        "to:anna",
    ]
    everything = await found(anna, "-nowhere", limit=40)
    alone = {part: set(await found(anna, part, limit=40)) for part in parts}
    for _ in range(60):
        chosen = chance.sample(parts, chance.randint(1, 4))
        minus = [chance.random() < 0.4 for _ in chosen]
        text = " ".join("-" * taken + part for part, taken in zip(chosen, minus, strict=True))
        expected = [
            name for name in everything
            if all((name in alone[part]) != taken for part, taken in zip(chosen, minus, strict=True))
        ]  # fmt: skip
        assert await found(anna, text, limit=40) == expected, (text, parse(text))
