"""The walk through what leads elsewhere: preview cards, quotes, and what trends."""

import json
from collections.abc import Sequence
from typing import Any

from linnet.ports import Translated
from linnet.storage import jobs
from tests.contract.cast import Cast
from tests.contract.posts import upload
from tests.support import pictures
from tests.support.outside import outside_at
from tests.support.walk import Walk

V1 = "/api/v1/statuses"
PAGE = """<html lang="en"><title>Locomotives</title><meta name="description" content="All of them">
<meta property="og:image" content="/disc.png"><meta property="og:image:alt" content="A disc">
<meta property="og:site_name" content="Rails"><meta property="article:published_time" content="2026-11-01T10:00:00Z">
<link rel="alternate" type="application/json+oembed" href="/oembed"></html>"""
OEMBED = {
    "type": "video", "version": "1.0", "title": "Locomotives", "author_name": "George", "width": 320, "height": 180,
    "author_url": "https://rails.example/george", "provider_name": "Rails", "provider_url": "https://rails.example/",
    "html": '<iframe src="https://rails.example/1" width="320" height="180"></iframe>',
}  # fmt: skip


async def quotes(walk: Walk, cast: Cast) -> None:
    """Quoted, quoted again, listed, edited, narrowed, taken back."""
    ada, bert, carla = cast.ada, cast.bert, cast.carla
    rail = await walk(f"POST {V1}", ada, json={"status": "rails", "quote_approval_policy": "public"})
    again = {"status": "on rails", "quoted_status_id": rail["id"]}
    quotes = [await walk(f"POST {V1}", person, json=again) for person in (bert, carla, bert)]
    assert [one["quote"]["quoted_status"]["id"] for one in quotes] == [rail["id"]] * 3
    around = await walk(f"POST {V1}", ada, json={"status": "trains", "quoted_status_id": quotes[0]["id"]})
    assert around["quote"]["quoted_status"]["quote"] == {"state": "accepted", "quoted_status_id": rail["id"]}
    await walk.pages(f"GET {V1}/{{id}}/quotes", ada, rail["id"], whole=[one["id"] for one in reversed(quotes)])
    seen = await walk(f"GET {V1}/{{id}}", bert, rail["id"])
    assert (seen["quotes_count"], seen["quote_approval"]["current_user"]) == (3, "automatic")
    await walk(f"PUT {V1}/{{id}}", ada, rail["id"], json={"status": "new rails"})
    await walk.world.run_jobs()
    policy = f"PUT {V1}/{{id}}/interaction_policy"
    narrowed = await walk(policy, ada, rail["id"], json={"quote_approval_policy": "followers"})
    assert narrowed["quote_approval"]["automatic"] == ["followers"]
    revoke = f"POST {V1}/{{id}}/quotes/{{quoting_status_id}}/revoke"
    assert (await walk(revoke, ada, rail["id"], quotes[2]["id"]))["quote"]["state"] == "revoked"
    await walk(revoke, bert, rail["id"], quotes[0]["id"], status=404)
    await walk(f"POST {V1}", bert, json={"status": "x", "quoted_status_id": "1"}, status=404)


async def cards(walk: Walk, cast: Cast) -> None:
    """A link with everything, and what trends when several people use it."""
    bert, dora = cast.bert, cast.dora
    async with outside_at() as outside:
        outside.put("/disc.png", pictures.png(), "image/png")
        outside.put("/oembed", json.dumps(OEMBED), "application/json")
        link = outside.put("/locomotives", PAGE)
        posts = [await walk(f"POST {V1}", person, json={"status": f"{link} #rail"}) for person in (dora, bert)]
        await walk.world.run_jobs()
        posts.append(await walk(f"POST {V1}", dora, json={"status": f"again {link}"}))
    card = (await walk(f"GET {V1}/{{id}}", None, posts[0]["id"]))["card"]
    name, whole = "GET /api/v1/timelines/link", [one["id"] for one in reversed(posts)]
    await walk.pages(name, bert, whole=whole, url=link)
    await walk.bounds(name, bert, whole=whole, url=link)
    await walk(name, None, query={"url": "https://elsewhere.example/"}, status=404)
    assert (card["type"], card["title"], card["authors"][0]["name"]) == ("video", "Locomotives", "George")
    for person in (bert, cast.carla):
        await walk(f"POST {V1}/{{id}}/favourite", person, posts[0]["id"])
    await _refresh(walk)
    assert (await walk("GET /api/v1/trends/links", None, query={"limit": 5, "offset": 0}))[0]["title"] == "Locomotives"
    tags = await walk("GET /api/v1/trends/tags", bert, query={"limit": 5, "offset": 0})
    assert "rail" in [tag["name"] for tag in tags]
    statuses = await walk("GET /api/v1/trends/statuses", None, query={"limit": 5, "offset": 0})
    assert posts[0]["id"] in [one["id"] for one in statuses]
    assert len(await walk("GET /api/v1/trends/tags", None, query={"offset": len(tags)})) == 0


async def _refresh(walk: Walk) -> None:
    async def due(tx: Any) -> None:
        await jobs.add(tx, "trends.refresh", {})

    await walk.world.database.write(due)
    await walk.world.run_jobs()


class Dictionary:
    """Knows two languages, and says everything backwards."""

    configured = True
    provider = "Dictionary"

    async def languages(self) -> dict[str, tuple[str, ...]]:
        return {"de": ("en",), "en": ("de",)}

    async def translate(self, texts: Sequence[str], source: str | None, target: str) -> Translated:
        return Translated(tuple(text[::-1] if "<" not in text else text for text in texts), source or "de")

    async def close(self) -> None:
        return None


async def translated(walk: Walk, cast: Cast) -> None:
    """A status with everything that has words, in another language."""
    ada = cast.ada
    pictured = {"status": "Hallo", "spoiler_text": "Achtung", "language": "de", "media_ids": [await upload(walk, cast)]}
    asked = {"status": "Was?", "language": "de", "poll": {"options": ["ja", "nein"], "expires_in": 3600}}
    name, ids = (
        f"POST {V1}/{{id}}/translate",
        [(await walk(f"POST {V1}", ada, json=one))["id"] for one in (pictured, asked)],
    )
    found = [await walk(name, ada, id, json={"lang": "en"}) for id in ids]
    assert {(one["language"], one["detected_source_language"]) for one in found} == {("en", "de")}
    assert [option["title"] for option in found[1]["poll"]["options"]] == ["aj", "nien"]
    await walk(name, ada, ids[0], json={"lang": "fr"}, status=403)
    assert await walk("GET /api/v1/instance/translation_languages", None) == {"de": ["en"], "en": ["de"]}
    new = await walk("GET /api/v2/instance", None)
    assert new["configuration"]["translation"]["enabled"] is True


async def embedded(walk: Walk, cast: Cast) -> None:
    """What other sites are told about a status."""
    status = await walk(f"POST {V1}", cast.ada, json={"status": "to be shown elsewhere"})
    asked = {"url": status["url"], "maxwidth": 300, "maxheight": 200}
    found = await walk("GET /api/oembed", None, query=asked)
    assert found["author_url"] == status["account"]["url"]
    await walk("GET /api/oembed", None, query={"url": "https://elsewhere.example/1"}, status=404)
