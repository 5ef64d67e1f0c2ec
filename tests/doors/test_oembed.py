"""Embedding: what other sites are told about a status, and the frame that shows it."""

import re
from html import unescape
from typing import Any

import pytest

from tests.support.client import Person, World


async def post(person: Person, **draft: Any) -> Any:
    return (await person.post("/api/v1/statuses", json=draft)).json()


async def test_a_status_is_embedded_and_its_frame_shows_it(world: World) -> None:
    ada, bert = await world.people("ada", "bert")
    status = await post(ada, status="Hello <b> & #world")
    await bert.post(f"/api/v1/statuses/{status['id']}/favourite")
    answer = await world.client.get("/api/oembed", query={"url": status["url"], "maxwidth": 300, "maxheight": 200})
    found = answer.json()
    assert (found["type"], found["version"], found["width"], found["height"]) == ("rich", "1.0", 300, "200")
    assert (found["author_name"], found["author_url"]) == ("ada", f"{world.site.origin}/@ada")
    match = re.fullmatch(r'<iframe src="([^"]+)" [^<>]*width="300" height="200"></iframe>', found["html"])
    assert match
    frame = await world.client.get(unescape(match[1]).removeprefix(world.site.origin))
    text = frame.body.decode()
    assert frame.status == 200
    assert "Hello &lt;b&gt; &amp; " in text
    assert "1 favourite" in text
    assert "<form" not in text
    assert "<button" not in text
    assert (frame.header("x-frame-options"), frame.header("set-cookie")) == (None, None)
    assert "frame-ancestors *" in (frame.header("content-security-policy") or "")
    page = await world.client.get(f"/@ada/{status['id']}")
    link = re.search(r'type="application/json\+oembed" href="([^"]+)"', page.body.decode())
    assert link
    again = await world.client.get(unescape(link[1]).removeprefix(world.site.origin))
    assert again.json()["author_name"] == "ada"
    assert page.header("x-frame-options") == "DENY"


@pytest.mark.parametrize("visibility", ["private", "direct"])
async def test_what_is_not_for_everybody_is_not_embedded_not_even_for_its_author(world: World, visibility: str) -> None:
    ada = await world.person("ada")
    status = await post(ada, status="hush", visibility=visibility)
    assert (await ada.get("/api/oembed", query={"url": status["url"]})).status == 404
    assert (await world.client.get(f"/@ada/{status['id']}/embed")).status == 404


async def test_addresses_that_name_no_status_of_ours(world: World) -> None:
    ada, bert = await world.people("ada", "bert")
    status = await post(ada, status="hello")
    reblog = (await bert.post(f"/api/v1/statuses/{status['id']}/reblog")).json()
    other = status["url"].replace(world.site.origin, "https://elsewhere.example")
    for url in (
        other,
        f"{world.site.origin}/",
        f"{world.site.origin}/@ada/x",
        "",
        f"{world.site.origin}/@bert/{reblog['id']}",
    ):
        assert (await world.client.get("/api/oembed", query={"url": url})).status == 404
    assert (await world.client.get("/api/oembed", query={"url": status["url"], "maxwidth": "wide"})).status == 422
    assert (await world.client.get(f"/@bert/{status['id']}/embed")).status == 404
    assert (await world.client.get(f"/@bert/{reblog['id']}/embed")).status == 404
